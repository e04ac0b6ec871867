//! `docker.network`: a network as it is, and who is on it.

use serde_json::Value;

use super::fields::{aliases_on, is_live, list, named, service_name, service_targets, short, subnets, text};
use crate::model::contract::Params;
use crate::probes::seen::{Seen, texts};

/// Judges one network.
///
/// `networks` are all networks as the engine inspects them, `services` and `tasks` all of the swarm (tasks of plain
/// attached containers included).
pub fn judge(params: &Params, networks: &[Value], services: &[Value], tasks: &[Value]) -> Seen {
    let Some(name) = params.text("network") else { return Seen::unknown("docker.network was given no network") };
    let found = named(networks, name);
    let network = match found[..] {
        [network] => network,
        [] => return Seen::failed(format!("no network is called {name}: create it, or correct the contract")),
        _ => {
            let ids: Vec<_> = found.iter().map(|network| short(text(network, &["Id"]))).collect();
            return Seen::failed(format!(
                "{} networks are called {name} ({}): remove the stale one by its id",
                ids.len(),
                ids.join(", ")
            ));
        }
    };
    let id = text(network, &["Id"]);
    let on_it = joined(services, id, name);
    let subnet = subnets(network).join(", ");
    let attachable = network.get("Attachable").and_then(Value::as_bool).unwrap_or(false);
    let live: Vec<_> = tasks.iter().filter(|task| is_live(task) && attached(task, id)).collect();
    let wrong = complaints(params, network, &subnet, attachable, &on_it);
    let head = format!("network {name} ({}) {} with {} services", short(id), or_none(&subnet), on_it.len());
    let seen = if wrong.is_empty() {
        Seen::held(head)
    } else {
        Seen::failed(format!("{head}: {}; look with `docker network inspect {name}`", wrong.join("; ")))
    };
    let plain = live.iter().filter(|task| text(task, &["ServiceID"]).is_empty()).count();
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    seen.fact("id", id)
        .fact("created", text(network, &["Created"]))
        .fact("driver", text(network, &["Driver"]))
        .fact("scope", text(network, &["Scope"]))
        .fact("subnet", subnet)
        .fact("attachable", attachable)
        .fact("services", texts(&on_it))
        .fact("aliases", aliases(services, id, name))
        .reading("live_tasks", count(live.len()))
        .reading("attached_containers", count(plain))
        .reading(
            "endpoints_on_this_node",
            count(network.get("Containers").and_then(Value::as_object).map_or(0, |c| c.len())),
        )
        .raw(raw(network, &on_it))
}

fn joined<'a>(services: &'a [Value], id: &str, name: &str) -> Vec<&'a str> {
    let mut on_it: Vec<_> = services
        .iter()
        .filter(|service| service_targets(service).iter().any(|target| *target == id || *target == name))
        .map(service_name)
        .collect();
    on_it.sort_unstable();
    on_it
}

/// Service to the names that it has on the network beside its own.
fn aliases(services: &[Value], id: &str, name: &str) -> toml::Table {
    let of = |service| {
        let names: Vec<&str> = [id, name].iter().flat_map(|target| aliases_on(service, target)).collect();
        (!names.is_empty()).then(|| (service_name(service).to_owned(), texts(names)))
    };
    services.iter().filter_map(of).collect()
}

fn attached(task: &Value, id: &str) -> bool {
    list(task, &["NetworksAttachments"]).iter().any(|attachment| text(attachment, &["Network", "ID"]) == id)
}

fn complaints(params: &Params, network: &Value, subnet: &str, attachable: bool, on_it: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    let driver = text(network, &["Driver"]);
    if driver.is_empty() || subnet.is_empty() {
        wrong.push("the engine never allocated it: wanted a driver and a subnet".to_owned());
    }
    let mut compare = |what: &str, found: &str| {
        if let Some(wanted) = params.text(what)
            && wanted != found
        {
            wrong.push(format!("{what} is {}, wanted {wanted}", or_none(found)));
        }
    };
    compare("network_id", text(network, &["Id"]));
    compare("subnet", subnet);
    compare("driver", driver);
    if params.0.contains_key("attachable") && params.flag("attachable") != attachable {
        wrong.push(format!("attachable is {attachable}, wanted {}", params.flag("attachable")));
    }
    if params.0.contains_key("services") {
        let wanted = params.list("services");
        let missing: Vec<_> = wanted.iter().filter(|name| !on_it.contains(&name.as_str())).cloned().collect();
        let others: Vec<_> = on_it.iter().filter(|name| !wanted.iter().any(|want| want == *name)).copied().collect();
        if !missing.is_empty() {
            wrong.push(format!("not on it: {}", missing.join(", ")));
        }
        if !others.is_empty() && !params.flag("others") {
            wrong.push(format!("on it beside those wanted: {}", others.join(", ")));
        }
    }
    wrong
}

/// The network's own JSON without labels and peers, which say nothing about it that counts, and who is on it.
fn raw(network: &Value, on_it: &[&str]) -> String {
    let mut kept = serde_json::Map::new();
    for key in [
        "Name",
        "Id",
        "Created",
        "Scope",
        "Driver",
        "EnableIPv6",
        "IPAM",
        "Internal",
        "Attachable",
        "Ingress",
        "Options",
    ] {
        if let Some(value) = network.get(key) {
            kept.insert(key.to_owned(), value.clone());
        }
    }
    let text = serde_json::to_string_pretty(&Value::Object(kept)).unwrap_or_default();
    format!("{text}\nservices: {}\n", on_it.join(", "))
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    /// A minimal answer in the engine's form.
    fn network(id: &str, driver: &str, config: Value) -> Value {
        json!({"Name": "proxy", "Id": id, "Created": "2026-06-13T05:38:02.5Z", "Driver": driver, "Scope": "swarm",
               "Attachable": true, "IPAM": {"Config": config}, "Containers": {}})
    }

    fn service(name: &str, target: &str) -> Value {
        json!({"Spec": {"Name": name, "TaskTemplate": {"Networks": [{"Target": target}]}}})
    }

    fn params(extra: &[(&str, Param)]) -> Params {
        let mut params = Params([("network".to_owned(), Param::Text("proxy".into()))].into());
        params.0.extend(extra.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
        params
    }

    #[test]
    fn held_and_every_way_to_fail() {
        let good = network("n1", "overlay", json!([{"Subnet": "10.10.0.0/16", "Gateway": "10.10.0.1"}]));
        let dead = network("n2", "", Value::Null);
        let services = [service("b_app", "n1"), service("a_app", "n1"), service("c_app", "other")];
        let list = |names: &[&str]| Param::List(names.iter().map(|n| (*n).to_owned()).collect());
        let subnet = |text: &str| ("subnet", Param::Text(text.into()));
        let table: &[(&[Value], &[(&str, Param)], Outcome, &str)] = &[
            (std::slice::from_ref(&good), &[], Outcome::Held, "10.10.0.0/16 with 2 services"),
            (
                std::slice::from_ref(&good),
                &[subnet("10.10.0.0/16"), ("attachable", Param::Flag(true))],
                Outcome::Held,
                "",
            ),
            (std::slice::from_ref(&good), &[subnet("10.0.1.0/24")], Outcome::Failed, "wanted 10.0.1.0/24"),
            (std::slice::from_ref(&good), &[("attachable", Param::Flag(false))], Outcome::Failed, "attachable is true"),
            (
                std::slice::from_ref(&good),
                &[("network_id", Param::Text("n".into()))],
                Outcome::Failed,
                "network_id is n1, wanted n",
            ),
            (std::slice::from_ref(&good), &[("services", list(&["a_app", "b_app"]))], Outcome::Held, ""),
            (
                std::slice::from_ref(&good),
                &[("services", list(&["a_app"]))],
                Outcome::Failed,
                "beside those wanted: b_app",
            ),
            (
                std::slice::from_ref(&good),
                &[("services", list(&["a_app"])), ("others", Param::Flag(true))],
                Outcome::Held,
                "",
            ),
            (
                std::slice::from_ref(&good),
                &[("services", list(&["a_app", "b_app", "z"]))],
                Outcome::Failed,
                "not on it: z",
            ),
            (std::slice::from_ref(&dead), &[], Outcome::Failed, "never allocated"),
            (&[good.clone(), dead.clone()], &[], Outcome::Failed, "2 networks are called"),
            (&[], &[], Outcome::Failed, "no network is called proxy"),
        ];
        for (networks, extra, outcome, word) in table {
            let seen = judge(&params(extra), networks, &services, &[]);
            assert_eq!(seen.outcome, *outcome, "{}", seen.says);
            assert!(seen.says.contains(word), "{}", seen.says);
        }
    }

    #[test]
    fn what_moves_is_a_reading() {
        let good = network("n1", "overlay", json!([{"Subnet": "10.10.0.0/16"}]));
        let task = |state: &str, service: &str| json!({"ServiceID": service, "Status": {"State": state}, "NetworksAttachments": [{"Network": {"ID": "n1"}}]});
        let tasks = [task("running", "s"), task("new", ""), task("shutdown", "s")];
        let services = [service("a_app", "n1")];
        let quiet = judge(&params(&[]), std::slice::from_ref(&good), &services, &[]);
        let busy = judge(&params(&[]), std::slice::from_ref(&good), &services, &tasks);
        assert_eq!(quiet.facts, busy.facts);
        assert_eq!(busy.readings["live_tasks"].as_integer(), Some(2), "terminal tasks hold nothing");
        assert_eq!(busy.readings["attached_containers"].as_integer(), Some(1));
    }
}
