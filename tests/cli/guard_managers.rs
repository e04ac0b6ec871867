//! `guard` in a swarm of several managers, on engines that answer from memory: the other manager that is named, and the nodes that a guard
//! made workers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::guard_acts::{Lab, REFUSED, STARTED};
use crate::support::fake_swarm::{FakeEngine, manager_info};

/// A node as a manager lists it; `mark`: it carries the label of one that a guard made a worker.
fn node(id: &str, role: &str, leads: bool, mark: bool, version: usize) -> Value {
    let labels = if mark { json!({"countersign.demoted": "guard"}) } else { json!({}) };
    let mut node = json!({"ID": id, "Version": {"Index": version}, "Spec": {"Role": role, "Labels": labels}});
    if role == "manager" {
        node["ManagerStatus"] = json!({"Leader": leads, "Reachability": "reachable"});
    }
    node
}

/// So many managers, of which `n0`, the node of the engine that is asked, leads.
fn managers(count: usize) -> Value {
    (0..count).map(|number| node(&format!("n{number}"), "manager", number == 0, false, 1)).collect()
}

/// The engine of another node.
fn other(node: &str, is_manager: bool, nodes: impl Fn() -> Value + Send + Sync + 'static) -> FakeEngine {
    let mut info = manager_info();
    info["ID"] = json!(format!("ENGINE-{node}"));
    info["Swarm"]["NodeID"] = json!(node);
    info["Swarm"]["ControlAvailable"] = json!(is_manager);
    FakeEngine::start("1.41", move |path| match path.split('?').next().unwrap_or(path) {
        "/info" => (200, info.to_string().into()),
        "/nodes" if is_manager => (200, nodes().to_string().into()),
        "/networks" => (200, "[]".into()),
        _ => (404, r#"{"message": "not found"}"#.into()),
    })
}

fn lab(count: usize, log: &str) -> Lab {
    Lab::new(log, move |path, _| (path == "/nodes").then(|| (200, managers(count))))
}

fn message(seen: &Value) -> &str {
    seen["error"]["message"].as_str().unwrap_or_default()
}

/// That it did not change anything.
fn is_untouched(engine: &FakeEngine) -> bool {
    let calls = engine.calls();
    calls.iter().all(|path| !path.contains("update") && !path.contains("create") && !path.starts_with("/networks/"))
}

#[test]
fn another_manager_that_is_none_is_told_before_anything_is_done() {
    let lab = lab(3, &format!("{STARTED}{REFUSED}"));
    let of_another_swarm = other("x1", true, || json!([node("x1", "manager", true, false, 1)]));
    let worker = other("n7", false, Value::default);
    let nobody = format!("unix://{}", lab.at("nobody.sock").display());
    for (through, exit, word) in [
        (lab.engine.address(), 2, "it is this engine itself"),
        (of_another_swarm.address(), 2, "n0 is not in its swarm"),
        (worker.address(), 2, "it manages none"),
        (nobody, 13, "nobody.sock"),
    ] {
        for (found, seen) in [lab.dry(&["--through", &through]), lab.guard(&["--through", &through])] {
            assert!(found == exit && message(&seen).contains(word), "{through}: {seen}");
        }
    }
    assert!(is_untouched(&lab.engine));
}

#[test]
fn one_engine_is_restarted_though_the_other_that_is_named_is_away() {
    let lab = lab(1, &format!("{STARTED}{REFUSED}"));
    let restart = lab.at("restart").display().to_string();
    let (exit, seen) = lab.guard(&["--through", "unix:///no/such.sock", "--restart-with", &restart]);
    assert_eq!((exit, lab.was_restarted()), (0, true), "{seen}");
    assert!(seen["no_through"].as_str().is_some_and(|why| why.contains("/no/such.sock")), "{seen}");
}

#[test]
fn a_leader_of_three_that_could_not_step_down_says_so_before_it_is_needed() {
    let (exit, seen) = lab(3, STARTED).dry(&[]);
    assert_eq!(exit, 0, "{seen}");
    assert!(seen["no_cure"].as_str().is_some_and(|why| why.contains("by --through")), "{seen}");
    let other = other("n1", true, || managers(3));
    let (exit, seen) = lab(3, STARTED).dry(&["--through", &other.address()]);
    assert_eq!((exit, &seen["no_cure"], &seen["no_through"]), (0, &Value::Null, &Value::Null), "{seen}");
}

/// This engine's node is a worker: the other one's networks tell what is meant.
#[test]
fn a_mistyped_network_is_told_before_a_node_is_brought_back() {
    let lab = Lab::new(STARTED, |path, _| {
        let mut info = manager_info();
        info["Swarm"]["ControlAvailable"] = json!(false);
        (path == "/info").then_some((200, info))
    });
    let other = other("n1", true, || {
        json!([
            node("n0", "worker", false, true, 1),
            node("n1", "manager", true, false, 1),
            node("n2", "manager", false, false, 1)
        ])
    });
    let (exit, seen) = lab.guard(&["--through", &other.address(), "--keep", "typo"]);
    assert!(exit == 2 && message(&seen).contains("--keep typo: there is no"), "{seen}");
    assert!(is_untouched(&other) && is_untouched(&lab.engine));
}

/// Each time that it looks, something has happened to the node, and then it is a manager again.
#[test]
fn what_a_guard_at_work_moves_is_left_to_it() {
    let looks = AtomicUsize::new(0);
    let lab = Lab::new(STARTED, move |path, _| {
        let look = if path == "/nodes" { looks.fetch_add(1, Ordering::Relaxed) } else { return None };
        let role = if look < 3 { "worker" } else { "manager" };
        let nodes = [node("n0", "manager", true, false, 1), node("n1", role, false, look < 3, look)];
        Some((200, json!(nodes)))
    });
    let (exit, seen) = lab.guard(&[]);
    assert_eq!((exit, &seen["promoted"], &seen["demoted"]), (0, &json!([]), &json!([])), "{seen}");
    assert!(lab.engine.calls().iter().all(|path| !path.contains("update")), "{seen}");
}

/// A swarm in which `n1` carries the mark until it is updated; gives what `guard --apply` answers and how often `n1` was updated.
fn with_mark(role: &'static str) -> (i32, Value, usize) {
    let updated = AtomicBool::new(false);
    let lab = Lab::new(STARTED, move |path, _| {
        if path.starts_with("/nodes/n1/update?version=7") {
            updated.store(true, Ordering::Relaxed);
            return Some((200, Value::Null));
        }
        let role = if updated.load(Ordering::Relaxed) { "manager" } else { role };
        let marked = !updated.load(Ordering::Relaxed);
        let nodes = [node("n0", "manager", true, false, 1), node("n1", role, false, marked, 7)];
        (path == "/nodes").then(|| (200, json!(nodes)))
    });
    let (_, dry) = lab.dry(&[]);
    let (dry_demoted, dry_marked) = match role {
        "worker" => (json!(["n1"]), json!([])),
        _ => (json!([]), json!(["n1"])),
    };
    assert_eq!((&dry["demoted"], &dry["marked"]), (&dry_demoted, &dry_marked), "{dry}");
    let (exit, seen) = lab.guard(&[]);
    (exit, seen, lab.engine.calls().iter().filter(|path| path.contains("update")).count())
}

#[test]
fn a_manager_with_the_mark_was_not_brought_back_but_loses_it() {
    let (exit, seen, updates) = with_mark("manager");
    assert_eq!((exit, updates, &seen["unmarked"], &seen["promoted"]), (0, 1, &json!(["n1"]), &json!([])), "{seen}");
}

/// Only where a killed guard is told from one at work in moments.
#[cfg(feature = "test-hooks")]
#[test]
fn what_a_killed_guard_left_is_brought_back() {
    let (exit, seen, updates) = with_mark("worker");
    assert_eq!((exit, updates, &seen["unmarked"], &seen["promoted"]), (0, 1, &json!([]), &json!(["n1"])), "{seen}");
}
