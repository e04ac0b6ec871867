//! Which networks may be pruned, and why the others stay. Pure.
//!
//! Removing a network under a living task makes that task leak its address on every other network, so a network goes only
//! when every task that names it has ended, and none goes while any task of the swarm is still stopping. Only what a stack
//! left behind goes: a network made by hand, a kept one and a young one stay.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::DateTime;

use crate::engine::ipam::{Lists, TaskUse};
use crate::engine::network::Network;
use crate::model::time::Time;

/// The label that keeps a network.
pub const KEEP: &str = "countersign.keep";
/// The label by which the engine's client marks what belongs to a stack.
const STACK: &str = "com.docker.stack.namespace";

/// An overlay that nothing uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Why it stays; `None`: it may go.
    pub stays: Option<String>,
}

/// What bounds a prune.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    /// The ids of networks that stay.
    pub keep: &'a BTreeSet<String>,
    /// A younger network may be that of a stack that is just being deployed.
    pub older_than: Duration,
    /// The engine's time.
    pub now: Time,
}

/// The shortest beginning of an id that may stand for it: what the engine's client shows.
const SHORT_ID: usize = 12;

/// The ids of the networks that these words mean: names in any case, ids, and beginnings of ids that are long enough. Pure.
///
/// # Errors
///
/// A word means no network, or is the beginning of several ids.
pub fn meant(networks: &[Network], words: &[String]) -> Result<BTreeSet<String>, String> {
    let mut ids = BTreeSet::new();
    for word in words {
        let is = |network: &&Network| network.id == *word || network.name.to_lowercase() == word.to_lowercase();
        let begins = |network: &&Network| word.len() >= SHORT_ID && network.id.starts_with(word.as_str());
        let mut found: Vec<&Network> = networks.iter().filter(is).collect();
        if found.is_empty() {
            found = networks.iter().filter(begins).collect();
            match found.len() {
                1 => {}
                0 => return Err(format!("{word}: there is no network of this name or id")),
                several => return Err(format!("{word}: the ids of {several} networks begin so")),
            }
        }
        ids.extend(found.into_iter().map(|network| network.id.clone()));
    }
    Ok(ids)
}

/// Tasks that were told to end and have not: as long as there is one, no network goes. A line each.
///
/// A job's task is to be complete from its beginning, and is no removal while its service is there. One on a node that is down
/// may stay so for ever: it keeps its own networks, as any that has not ended. One that waits for its addresses in `new` holds none
/// that could leak, and in a full network it waits until there are some, also where it is to end: the allocator serves it all the same
/// (moby/swarmkit `manager/allocator/network.go`, `doTaskAlloc`).
pub fn stopping(lists: &Lists) -> Vec<String> {
    let name = |task: &TaskUse| {
        let service = lists.services.iter().find(|service| service.id == task.service_id);
        service.map_or_else(
            || format!("task {} of a removed service", task.id),
            |s| format!("task {} of {}", task.id, s.name()),
        )
    };
    let is_there = |task: &TaskUse| lists.services.iter().any(|service| service.id == task.service_id);
    let told = |task: &&TaskUse| {
        let goes_on = ["new", "ready", "running", "accepted"].contains(&task.desired_state.as_str())
            || task.desired_state == "complete" && is_there(task);
        let waits = task.state() == "new" && task.addresses().next().is_none();
        !task.is_terminal() && !goes_on && !waits && !lists.down.contains(&task.node_id)
    };
    lists
        .tasks
        .iter()
        .filter(told)
        .map(|task| format!("{} is {} and is to be {}", name(task), task.state(), task.desired_state))
        .collect()
}

/// The overlays that no service names, in the engine's order.
pub fn unused(lists: &Lists, rules: &Rules<'_>) -> Vec<Unused> {
    let named: BTreeSet<&str> = lists.services.iter().flat_map(|service| service.networks()).collect();
    let live: BTreeSet<&str> = lists
        .tasks
        .iter()
        .filter(|task| !task.is_terminal())
        .flat_map(|task| task.spec_networks().chain(task.addresses().map(|(id, _)| id)))
        .collect();
    let before = lists.services.iter().flat_map(|one| one.previous_networks().map(|network| (network, one.name())));
    let before: BTreeMap<&str, &str> = before.collect();
    let stacks: BTreeSet<&str> = lists.services.iter().filter_map(|service| service.label(STACK)).collect();
    let overlays = lists.networks.iter().filter(|network| network.scope == "swarm" && !network.ingress);
    let idle =
        overlays.filter(|network| !named.contains(network.id.as_str()) && !named.contains(network.name.as_str()));
    idle.map(|network| Unused {
        id: network.id.clone(),
        name: network.name.clone(),
        stays: before
            .get(network.id.as_str())
            .or_else(|| before.get(network.name.as_str()))
            .map(|service| format!("a rollback of service {service} would come back to it"))
            .or_else(|| stays(network, &live, &stacks, rules)),
    })
    .collect()
}

fn stays(network: &Network, live: &BTreeSet<&str>, stacks: &BTreeSet<&str>, rules: &Rules<'_>) -> Option<String> {
    if live.contains(network.id.as_str()) {
        return Some("a task that has not ended is on it".to_owned());
    }
    if network.labels.contains_key(KEEP) || rules.keep.contains(&network.id) {
        return Some("it is kept".to_owned());
    }
    match network.labels.get(STACK) {
        None => return Some("no stack made it".to_owned()),
        Some(stack) if stacks.contains(stack.as_str()) => return Some(format!("its stack {stack} runs")),
        Some(_) => {}
    }
    let Ok(created) = DateTime::parse_from_rfc3339(&network.created) else {
        return Some(format!("its age is not known: `{}`", network.created));
    };
    let age = rules.now.since(Time::from_utc(created.to_utc())).unwrap_or_default();
    (age < rules.older_than).then(|| format!("it is only {} s old: its stack may be on its way", age.as_secs()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn network(name: &str, labels: Value, created: &str) -> Network {
        Network::from_raw(json!({"Id": format!("{name}-id"), "Name": name, "Scope": "swarm", "Driver": "overlay",
            "Created": created, "Labels": labels}))
        .expect("a network")
    }

    fn lists(networks: Vec<Network>, services: Value, tasks: Value) -> Lists {
        let services = serde_json::from_value(services).expect("services");
        Lists { networks, services, tasks: serde_json::from_value(tasks).expect("tasks"), ..Lists::default() }
    }

    #[test]
    fn only_what_a_stack_left_behind_goes() {
        let old = "2026-06-13T04:00:00.5Z";
        let stack = |name: &str| json!({STACK: name});
        let networks = vec![
            network("left", stack("gone"), old),
            network("proxy", json!({}), old),
            network("kept", json!({STACK: "gone", KEEP: "1"}), old),
            network("kept-by-name", stack("gone"), old),
            network("young", stack("gone"), "2026-06-13T05:58:00Z"),
            network("undated", stack("gone"), "yesterday"),
            network("idle-of-a-stack", stack("web"), old),
            network("stopping", stack("gone"), old),
            network("plain", stack("gone"), old),
            network("used", stack("web"), old),
            network("lost", stack("gone"), old),
            network("earlier", stack("gone"), old),
        ];
        let services = json!([{"ID": "s", "Spec": {"Name": "web_app", "Labels": {STACK: "web"},
            "TaskTemplate": {"Networks": [{"Target": "used-id"}]}},
            "PreviousSpec": {"Name": "web_app", "TaskTemplate": {"Networks": [{"Target": "earlier-id"}]}}}]);
        let tasks = json!([
            {"ID": "t1", "Status": {"State": "running"}, "DesiredState": "remove", "Spec": {"Networks": [{"Target": "stopping-id"}]}},
            {"ID": "t2", "Status": {"State": "running"}, "DesiredState": "running",
             "NetworksAttachments": [{"Network": {"ID": "plain-id"}, "Addresses": ["10.0.0.9/24"]}]},
            {"ID": "job", "ServiceID": "s", "Status": {"State": "running"}, "DesiredState": "complete"},
            {"ID": "lost", "NodeID": "dead", "Status": {"State": "running"}, "DesiredState": "shutdown",
             "Spec": {"Networks": [{"Target": "lost-id"}]}},
            {"ID": "t3", "Status": {"State": "shutdown"}, "DesiredState": "shutdown", "Spec": {"Networks": [{"Target": "left-id"}]}},
        ]);
        let keep = meant(&networks, &["Kept-By-Name".to_owned()]).expect("there");
        let now = "2026-06-13T06:00:00Z".parse().expect("a time");
        let rules = Rules { keep: &keep, older_than: Duration::from_secs(600), now };
        let all = Lists { down: vec!["dead".into()], ..lists(networks, services, tasks) };
        let found: Vec<(String, String)> =
            unused(&all, &rules).into_iter().map(|one| (one.name, one.stays.unwrap_or("goes".to_owned()))).collect();
        let told = |name: &str| found.iter().find(|(other, _)| other == name).map(|(_, why)| why.as_str());
        assert_eq!(told("left"), Some("goes"));
        assert_eq!(found.iter().filter(|(_, why)| why == "goes").count(), 1, "{found:?}");
        for (name, why) in [
            ("proxy", "no stack made it"),
            ("kept", "it is kept"),
            ("kept-by-name", "it is kept"),
            ("young", "it is only 120 s old: its stack may be on its way"),
            ("undated", "its age is not known: `yesterday`"),
            ("idle-of-a-stack", "its stack web runs"),
            ("stopping", "a task that has not ended is on it"),
            ("plain", "a task that has not ended is on it"),
            ("lost", "a task that has not ended is on it"),
            ("earlier", "a rollback of service web_app would come back to it"),
        ] {
            assert_eq!(told(name), Some(why), "{name}");
        }
        assert_eq!(told("used"), None);
        let stopping = stopping(&all);
        assert_eq!(stopping, ["task t1 of a removed service is running and is to be remove"]);
        let orphan = lists(
            vec![],
            json!([]),
            json!([{"ID": "j", "ServiceID": "gone", "Status": {"State": "running"},
            "DesiredState": "complete"}]),
        );
        assert_eq!(super::stopping(&orphan).len(), 1, "a job whose service was removed");
    }

    #[test]
    fn a_task_that_waits_for_its_addresses_ends_without_a_leak() {
        let told = |state: &str, addresses: Value| {
            let task = json!({"ID": "t", "ServiceID": "gone", "Status": {"State": state}, "DesiredState": "shutdown",
                "Spec": {"Networks": [{"Target": "n"}]}, "NetworksAttachments": addresses});
            stopping(&lists(vec![], json!([]), json!([task]))).len()
        };
        let holds = json!([{"Network": {"ID": "n"}, "Addresses": ["10.0.0.9/24"]}]);
        for (state, addresses, count) in [
            ("new", Value::Null, 0),
            ("new", json!([{"Network": {"ID": "n"}, "Addresses": null}]), 0),
            ("new", holds.clone(), 1),
            ("pending", Value::Null, 1),
            ("running", holds, 1),
        ] {
            assert_eq!(told(state, addresses.clone()), count, "{state} {addresses}");
        }
    }

    #[test]
    fn what_is_to_stay_is_named_by_any_name_that_the_client_shows() {
        let mut networks = vec![network("Shop_Internal", json!({}), ""), network("shop_internal", json!({}), "")];
        networks.extend(["abcdefghijkl-1", "abcdefghijkl-2"].map(|name| network(name, json!({}), "")));
        let ids = |word: &str| meant(&networks, &[word.to_owned()]).map(|ids| ids.into_iter().collect::<Vec<_>>());
        let both = vec!["Shop_Internal-id".to_owned(), "shop_internal-id".to_owned()];
        assert_eq!(ids("SHOP_INTERNAL"), Ok(both), "whichever is meant");
        for word in ["abcdefghijkl-1-id", "abcdefghijkl-1", "abcdefghijkl-1-"] {
            assert_eq!(ids(word), Ok(vec!["abcdefghijkl-1-id".to_owned()]), "{word}");
        }
        for (word, why) in [
            ("typo", "no network"),
            ("", "no network"),
            ("Shop_Intern", "no network"),
            ("abcdefghijkl", "of 2 networks"),
        ] {
            assert!(ids(word).is_err_and(|said| said.contains(why)), "{word}");
        }
        assert_eq!(meant(&networks, &[]), Ok(BTreeSet::new()));
    }
}
