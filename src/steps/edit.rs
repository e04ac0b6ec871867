//! Editing raw service specs: only what must be, everything else byte for byte as it was.

use serde_json::{Value, json};

/// A placement constraint that no node satisfies.
const NOWHERE: &str = "node.id == countersign-holds-this-service-back";

/// A service's name.
pub fn name(service: &Value) -> &str {
    service.pointer("/Spec/Name").and_then(Value::as_str).unwrap_or_default()
}

/// Whether a service's task template names a network.
pub fn is_on(service: &Value, network: &str) -> bool {
    let networks = service.pointer("/Spec/TaskTemplate/Networks").and_then(Value::as_array);
    networks.into_iter().flatten().any(|entry| target(entry) == network)
}

fn target(entry: &Value) -> &str {
    entry.get("Target").and_then(Value::as_str).unwrap_or_default()
}

/// The spec with the network's entry taken out, no tasks wanted, and failures pausing instead of rolling back.
pub fn drained(spec: &Value, network: &str) -> Value {
    let mut spec = spec.clone();
    if let Some(entries) = spec.pointer_mut("/TaskTemplate/Networks").and_then(Value::as_array_mut) {
        entries.retain(|entry| target(entry) != network);
    }
    if let Some(replicas) = spec.pointer_mut("/Mode/Replicated/Replicas") {
        *replicas = json!(0);
    } else {
        let template = &mut spec["TaskTemplate"];
        if template.get("Placement").is_none_or(Value::is_null) {
            template["Placement"] = json!({});
        }
        match template.pointer_mut("/Placement/Constraints").and_then(Value::as_array_mut) {
            Some(constraints) => constraints.push(json!(NOWHERE)),
            None => template["Placement"]["Constraints"] = json!([NOWHERE]),
        }
    }
    pausing(&mut spec);
    spec
}

/// The captured spec on the new network: only `Target` differs.
pub fn moved(spec: &Value, old: &str, new: &str) -> Value {
    let mut spec = spec.clone();
    for entry in spec.pointer_mut("/TaskTemplate/Networks").and_then(Value::as_array_mut).into_iter().flatten() {
        if target(entry) == old {
            entry["Target"] = json!(new);
        }
    }
    spec
}

/// The same, with failures pausing: a rollback would name the network that is gone.
pub fn moved_pausing(spec: &Value, old: &str, new: &str) -> Value {
    let mut spec = moved(spec, old, new);
    pausing(&mut spec);
    spec
}

fn pausing(spec: &mut Value) {
    if spec.get("UpdateConfig").is_none_or(Value::is_null) {
        spec["UpdateConfig"] = json!({});
    }
    spec["UpdateConfig"]["FailureAction"] = json!("pause");
}

/// The request that creates the network again, with another subnet and everything else as it was.
pub fn network_request(old: &Value, subnet: &str) -> Value {
    let mut options = old.get("Options").cloned().unwrap_or_else(|| json!({}));
    if let Some(options) = options.as_object_mut() {
        // The engine hands these numbers out itself.
        options.remove("com.docker.network.driver.overlay.vxlanid_list");
    }
    json!({
        "Name": old["Name"],
        "Driver": "overlay",
        "Attachable": old.get("Attachable").cloned().unwrap_or(json!(false)),
        "Internal": old.get("Internal").cloned().unwrap_or(json!(false)),
        "EnableIPv6": old.get("EnableIPv6").cloned().unwrap_or(json!(false)),
        "Labels": old.get("Labels").cloned().unwrap_or_else(|| json!({})),
        "Options": options,
        "IPAM": { "Driver": "default", "Config": [{ "Subnet": subnet }] },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Value {
        json!({
            "Name": "app",
            "TaskTemplate": { "Networks": [{ "Target": "old", "Aliases": ["app"] }, { "Target": "internal" }], "Unknown": 7 },
            "Mode": { "Replicated": { "Replicas": 3 } },
            "UpdateConfig": { "FailureAction": "rollback", "Order": "start-first" },
        })
    }

    #[test]
    fn moving_changes_the_target_and_nothing_else() {
        let moved = moved(&spec(), "old", "new");
        assert_eq!(super::moved(&moved, "new", "old"), spec());
        assert_eq!(moved["TaskTemplate"]["Networks"][0], json!({ "Target": "new", "Aliases": ["app"] }));
    }

    #[test]
    fn draining_takes_out_one_entry_and_wants_no_task() {
        let drained = drained(&spec(), "old");
        assert_eq!(drained["TaskTemplate"]["Networks"], json!([{ "Target": "internal" }]));
        assert_eq!(drained["Mode"]["Replicated"]["Replicas"], 0);
        assert_eq!(drained["UpdateConfig"], json!({ "FailureAction": "pause", "Order": "start-first" }));
        let global = json!({ "TaskTemplate": { "Networks": [{ "Target": "old" }] }, "Mode": { "Global": {} } });
        assert_eq!(super::drained(&global, "old")["TaskTemplate"]["Placement"]["Constraints"], json!([NOWHERE]));
    }
}
