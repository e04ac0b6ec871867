//! Editing raw service specs: only what must be, everything else byte for byte as it was.
//!
//! Every edit is relative to the spec as it is now, so that what somebody else changed meanwhile stays changed: taking our own
//! edits back gives the captured spec exactly when nobody else was there.

use serde_json::{Value, json};

/// A placement constraint that no node satisfies.
pub const NOWHERE: &str = "node.id == countersign-holds-this-service-back";

const NETWORKS: &str = "/TaskTemplate/Networks";

/// The network an entry names.
pub fn target(entry: &Value) -> &str {
    entry.get("Target").and_then(Value::as_str).unwrap_or_default()
}

/// The entries of a spec's task template.
pub fn entries(spec: &Value) -> &[Value] {
    spec.pointer(NETWORKS).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a spec's task template names a network.
pub fn is_on(spec: &Value, network: &str) -> bool {
    entries(spec).iter().any(|entry| target(entry) == network)
}

/// Whether it runs to an end instead of going on: each update would run it again.
pub fn is_job(spec: &Value) -> bool {
    let mode = spec.get("Mode");
    mode.is_some_and(|mode| mode.get("ReplicatedJob").is_some() || mode.get("GlobalJob").is_some())
}

/// How many tasks a replicated service wants; `None` for any other mode.
pub fn replicas(spec: &Value) -> Option<u64> {
    let replicated = spec.pointer("/Mode/Replicated")?;
    // The engine's default where the spec leaves it out.
    Some(replicated.get("Replicas").and_then(Value::as_u64).unwrap_or(1))
}

/// The spec with the network's entry taken out, no tasks wanted, and failures pausing instead of rolling back.
pub fn drained(spec: &Value, network: &str) -> Value {
    let mut spec = spec.clone();
    if let Some(entries) = spec.pointer_mut(NETWORKS).and_then(Value::as_array_mut) {
        entries.retain(|entry| target(entry) != network);
    }
    if let Some(replicated) = spec.pointer_mut("/Mode/Replicated") {
        *replicated = json!({ "Replicas": 0 });
    } else {
        hold_back(&mut spec);
    }
    pause(&mut spec);
    spec
}

fn hold_back(spec: &mut Value) {
    let template = &mut spec["TaskTemplate"];
    if !template.get("Placement").is_some_and(Value::is_object) {
        template["Placement"] = json!({});
    }
    match template.pointer_mut("/Placement/Constraints").and_then(Value::as_array_mut) {
        Some(constraints) if constraints.iter().any(|constraint| constraint == NOWHERE) => {}
        Some(constraints) => constraints.push(json!(NOWHERE)),
        None => template["Placement"]["Constraints"] = json!([NOWHERE]),
    }
}

/// The service on network `to`, running as captured; failures still pause. `ours` are the networks that its entry may name now:
/// the old, the holding and the new one.
pub fn moved(now: &Value, captured: &Value, ours: &[&str], to: &str) -> Value {
    let mut spec = now.clone();
    let was_drained = !place(&mut spec, captured, ours, to);
    if was_drained {
        // Somebody who wants tasks again meanwhile gets as many as they said.
        if let Some(wanted) = captured.pointer("/Mode/Replicated")
            && replicas(&spec) == Some(0)
        {
            spec["Mode"]["Replicated"] = wanted.clone();
        }
        let_go(&mut spec, captured);
    }
    pause(&mut spec);
    spec
}

/// The service on network `to` as well, with the same aliases and options, right after the one of `from` that it is on; failures
/// pause. `None` where it is on both, or on none of them.
pub fn bridged(now: &Value, from: &[&str], to: &str) -> Option<Value> {
    let at = entries(now).iter().position(|entry| from.contains(&target(entry)))?;
    if is_on(now, to) {
        return None;
    }
    let mut spec = now.clone();
    let networks = spec.pointer_mut(NETWORKS).and_then(Value::as_array_mut)?;
    let mut second = networks[at].clone();
    second["Target"] = json!(to);
    networks.insert(at + 1, second);
    pause(&mut spec);
    Some(spec)
}

/// Puts the network's entry in its place; whether there was one.
fn place(spec: &mut Value, captured: &Value, ours: &[&str], to: &str) -> bool {
    let is_ours = |entry: &Value| ours.contains(&target(entry)) || target(entry) == to;
    let at = entries(captured).iter().position(is_ours).unwrap_or(0);
    let Some(mut entry) = entries(captured).get(at).cloned() else { return true };
    if !spec["TaskTemplate"]["Networks"].is_array() {
        spec["TaskTemplate"]["Networks"] = json!([]);
    }
    let Some(now) = spec.pointer_mut(NETWORKS).and_then(Value::as_array_mut) else { return false };
    let found = now.iter().position(is_ours);
    if let Some(found) = found {
        now[found]["Target"] = json!(to);
        let mut number = 0;
        now.retain(|entry| {
            number += 1;
            number <= found + 1 || !is_ours(entry)
        });
    } else {
        entry["Target"] = json!(to);
        now.insert(at.min(now.len()), entry);
    }
    found.is_some()
}

/// Takes the constraint back, and what was made to hold it.
fn let_go(spec: &mut Value, captured: &Value) {
    let Some(placement) = spec.pointer_mut("/TaskTemplate/Placement").and_then(Value::as_object_mut) else { return };
    let before = captured.pointer("/TaskTemplate/Placement");
    if let Some(constraints) = placement.get_mut("Constraints").and_then(Value::as_array_mut) {
        constraints.retain(|constraint| constraint != NOWHERE);
        if constraints.is_empty() && before.and_then(|placement| placement.get("Constraints")).is_none() {
            placement.remove("Constraints");
        }
    }
    if placement.is_empty()
        && before.is_none()
        && let Some(template) = spec.get_mut("TaskTemplate").and_then(Value::as_object_mut)
    {
        template.remove("Placement");
    }
}

/// Makes a failed update pause. A rollback would go back to a spec that names a network that is gone. Jobs have no updates.
fn pause(spec: &mut Value) {
    if is_job(spec) {
        return;
    }
    if !spec.get("UpdateConfig").is_some_and(Value::is_object) {
        // Without a word the engine updates one task at a time; an empty object would mean all at once.
        spec["UpdateConfig"] = json!({ "Parallelism": 1 });
    }
    spec["UpdateConfig"]["FailureAction"] = json!("pause");
}

/// The spec with the failure action as captured, unless somebody else changed it meanwhile.
pub fn ended(now: &Value, captured: &Value) -> Value {
    let mut spec = now.clone();
    if is_job(now) || now.pointer("/UpdateConfig/FailureAction").and_then(Value::as_str) != Some("pause") {
        return spec;
    }
    let Some(object) = spec.as_object_mut() else { return spec };
    match captured.get("UpdateConfig") {
        Some(before) if before.is_object() => {
            if let Some(update) = object.get_mut("UpdateConfig").and_then(Value::as_object_mut) {
                match before.get("FailureAction") {
                    Some(action) => drop(update.insert("FailureAction".into(), action.clone())),
                    None => drop(update.remove("FailureAction")),
                }
            }
        }
        _ if object.get("UpdateConfig").is_some_and(is_only_pause) => drop(object.remove("UpdateConfig")),
        // Somebody else said how it is to be updated meanwhile.
        _ => {
            if let Some(update) = object.get_mut("UpdateConfig").and_then(Value::as_object_mut) {
                update.remove("FailureAction");
            }
        }
    }
    spec
}

/// Whether it is what [`pause`] makes where there was nothing, with what the engine fills in.
fn is_only_pause(update: &Value) -> bool {
    let is_default = |(key, value): (&String, &Value)| match key.as_str() {
        "Parallelism" => *value == json!(1),
        "FailureAction" => value == "pause",
        "Order" => value == "stop-first",
        _ => value.as_f64() == Some(0.0),
    };
    update.as_object().is_some_and(|update| update.iter().all(is_default))
}

/// The captured spec on another network and nothing else: what a service ends as when nobody else touched it.
pub fn wanted(captured: &Value, old: &str, new: &str) -> Value {
    let mut spec = captured.clone();
    for entry in spec.pointer_mut(NETWORKS).and_then(Value::as_array_mut).into_iter().flatten() {
        if target(entry) == old {
            entry["Target"] = json!(new);
        }
    }
    spec
}

/// The request that creates the network again under a name, with another IPv4 subnet (or one that the engine picks) and everything
/// else as it was, its IPv6 subnets too.
pub fn network_request(old: &Value, name: &str, subnet: Option<&str>) -> Value {
    let mut request = request_beside(old, name, subnet);
    let six = |entry: &&Value| entry.get("Subnet").and_then(Value::as_str).is_some_and(|subnet| subnet.contains(':'));
    let configs = old.pointer("/IPAM/Config").and_then(Value::as_array).into_iter().flatten();
    let six: Vec<Value> = configs.filter(six).cloned().collect();
    if subnet.is_some() && !six.is_empty() {
        if let Some(configs) = request.pointer_mut("/IPAM/Config").and_then(Value::as_array_mut) {
            configs.extend(six);
        }
        request["EnableIPv6"] = json!(true);
    }
    request
}

/// The same for a network that is there while the old one is, too: without IPv6, whose range the old one has.
pub fn request_beside(old: &Value, name: &str, subnet: Option<&str>) -> Value {
    let kept = |key: &str, absent: Value| old.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(absent);
    let mut options = kept("Options", json!({}));
    if let Some(options) = options.as_object_mut() {
        // The engine hands these numbers out itself.
        options.remove("com.docker.network.driver.overlay.vxlanid_list");
    }
    let mut ipam = json!({
        "Driver": old.pointer("/IPAM/Driver").and_then(Value::as_str).filter(|d| !d.is_empty()).unwrap_or("default"),
    });
    if let Some(subnet) = subnet {
        ipam["Config"] = json!([{ "Subnet": subnet }]);
    }
    if let Some(own) = old.pointer("/IPAM/Options").filter(|own| own.as_object().is_some_and(|own| !own.is_empty())) {
        ipam["Options"] = own.clone();
    }
    json!({
        "Name": name,
        "Driver": "overlay",
        "Attachable": kept("Attachable", json!(false)),
        "Internal": kept("Internal", json!(false)),
        "EnableIPv6": false,
        "Labels": kept("Labels", json!({})),
        "Options": options,
        "IPAM": ipam,
    })
}

#[cfg(test)]
mod tests;
