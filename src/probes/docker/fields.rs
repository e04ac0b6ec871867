//! Reading the engine's JSON: small views on networks, services and tasks that take nothing for granted.

use serde_json::Value;

/// The text at a path of keys; empty when there is none.
pub fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a path of keys; empty when there is none.
pub fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The value at a path of keys.
pub fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |inner, key| inner.get(key))
}

/// A service's name.
pub fn service_name(service: &Value) -> &str {
    text(service, &["Spec", "Name"])
}

/// What a service's spec names as its networks: ids, or names in old specs.
pub fn service_targets(service: &Value) -> Vec<&str> {
    let task = list(service, &["Spec", "TaskTemplate", "Networks"]);
    let legacy = list(service, &["Spec", "Networks"]);
    let named = if task.is_empty() { legacy } else { task };
    named.iter().map(|network| text(network, &["Target"])).filter(|target| !target.is_empty()).collect()
}

/// The names that a service has on the network of this id or name, beside its own.
pub fn aliases_on<'a>(service: &'a Value, target: &str) -> Vec<&'a str> {
    let both = [["Spec", "TaskTemplate", "Networks"].as_slice(), ["Spec", "Networks"].as_slice()];
    let entries = both.iter().flat_map(|path| list(service, path)).filter(|entry| text(entry, &["Target"]) == target);
    entries.flat_map(|entry| list(entry, &["Aliases"])).filter_map(Value::as_str).collect()
}

/// The subnets that a network has, in its own order.
pub fn subnets(network: &Value) -> Vec<&str> {
    let config = list(network, &["IPAM", "Config"]).iter();
    config.map(|pool| text(pool, &["Subnet"])).filter(|subnet| !subnet.is_empty()).collect()
}

/// The networks of this exact name.
pub fn named<'a>(networks: &'a [Value], name: &str) -> Vec<&'a Value> {
    networks.iter().filter(|network| text(network, &["Name"]) == name).collect()
}

/// Whether a task still holds its addresses: its state is running or one before it.
pub fn is_live(task: &Value) -> bool {
    matches!(
        text(task, &["Status", "State"]),
        "new" | "allocated" | "pending" | "assigned" | "accepted" | "preparing" | "ready" | "starting" | "running"
    )
}

/// The update of a service that has not come to its end, as in `updating` or `rollback_paused`.
pub fn update_in_flight(service: &Value) -> Option<&str> {
    let state = text(service, &["UpdateStatus", "State"]);
    (!matches!(state, "" | "completed" | "rollback_completed")).then_some(state)
}

/// The id of the manager that leads, by a list of nodes.
pub fn leader(nodes: &[Value]) -> Option<&str> {
    let leads = |node: &&Value| at(node, &["ManagerStatus", "Leader"]).and_then(Value::as_bool) == Some(true);
    nodes.iter().find(leads).map(|node| text(node, &["ID"])).filter(|id| !id.is_empty())
}

/// Who leads, for a text: its host name and id, where this engine's node does not.
pub fn other_leader(nodes: &[Value], own: &str) -> Option<String> {
    let Some(leader) = leader(nodes) else { return Some("no node that is known".to_owned()) };
    let name = nodes.iter().find(|node| text(node, &["ID"]) == leader);
    let name = name.map_or("", |node| text(node, &["Description", "Hostname"]));
    (leader != own).then(|| format!("node {name} ({leader})").replace("node  ", "node "))
}

/// The first 12 characters of an id: what people see.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// An aligned table of plain text; the first row is its head.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let line: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
