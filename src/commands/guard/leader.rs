//! The cure where there are three managers: another one leads, and no container stops.
//!
//! A new leader builds its allocator anew from what is there, as a restarted one does. The old leader is a worker for a moment; a
//! label of its own, the mark, says so, by which the next guard finds one that a killed guard left behind.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::interrupt;
use crate::probes::docker::fields::{at, leader, text};

use super::marks::{LABEL, demoted};

/// How long the swarm may take for each of the two changes.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What frees leaked addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cure {
    /// The engine is restarted: there are too few managers for another one to lead.
    Restart,
    /// The node of this id steps down.
    Move(String),
    /// Not from here, and why.
    NotHere(String),
}

/// Chooses. `own`: this engine's node; `local`: it is on this machine; `through`: another manager's engine is given. Pure.
pub(super) fn cure(nodes: &[Value], own: &str, local: bool, through: bool) -> Cure {
    let managers: Vec<&Value> = nodes.iter().filter(|node| at(node, &["ManagerStatus"]).is_some()).collect();
    let reachable =
        managers.iter().filter(|node| text(node, &["ManagerStatus", "Reachability"]) == "reachable").count();
    let Some(leader) = leader(nodes) else { return Cure::NotHere("no leader is known".to_owned()) };
    if let Some(one) = demoted(nodes).first() {
        return Cure::NotHere(format!("node {one} was made a worker by another guard, and is no manager again yet"));
    }
    if managers.len() >= 3 {
        // Those that are left must be able to agree.
        if reachable.saturating_sub(1) <= (managers.len() - 1) / 2 {
            return Cure::NotHere(format!(
                "{reachable} of {} managers are reachable: without the leader the rest could not agree",
                managers.len()
            ));
        }
        if leader == own && !through {
            return Cure::NotHere(
                "this node leads, and another manager must make it a manager again: name that one's engine by --through"
                    .to_owned(),
            );
        }
        return Cure::Move(leader.to_owned());
    }
    if leader != own {
        return Cure::NotHere(format!(
            "only the leader's allocator counts, and this engine's node is not the leader ({leader}): run guard there"
        ));
    }
    match local {
        true => Cure::Restart,
        false => Cure::NotHere("the engine is on another machine, where it cannot be restarted from here".to_owned()),
    }
}

/// Makes another manager lead, and the old leader a manager again; gives the new leader's id.
///
/// # Errors
///
/// The swarm did not follow; the text says what the old leader is.
pub(super) async fn move_from(through: &Engine, old: &str) -> Result<String, String> {
    let _held = interrupt::step("moving the leader");
    let down = |spec: &Value| Some(with_role(spec, false));
    change(through, old, down).await.map_err(|error| format!("node {old} stays the leader: {error}"))?;
    let stepped_down = |nodes: &[Value]| {
        let is_manager = nodes.iter().any(|node| text(node, &["ID"]) == old && at(node, &["ManagerStatus"]).is_some());
        leader(nodes).filter(|new| *new != old && !is_manager).map(str::to_owned)
    };
    let new = until(through, stepped_down).await;
    // Whatever came of it, it is to be a manager again.
    promote(through, old).await?;
    let new = new.ok_or_else(|| format!("node {old} did not step down in {} s", PATIENCE.as_secs()))?;
    interrupt::note(moved(old, &new));
    Ok(new)
}

/// Waits for an engine to answer as a manager, for a while.
pub(super) async fn answers(engine: &Engine) {
    until(engine, |_| Some(())).await;
}

/// Whether a node is to be a manager, by its spec. Pure.
pub(super) fn is_to_manage(nodes: &[Value], id: &str) -> bool {
    nodes.iter().any(|node| text(node, &["ID"]) == id && text(node, &["Spec", "Role"]) == "manager")
}

/// For people: another node leads.
pub(super) fn moved(old: &str, new: &str) -> String {
    format!("node {new} leads now in the place of {old}")
}

/// Makes a node a manager again, and waits until it can be reached as one: while it cannot, the swarm would look as if it had fewer
/// managers.
///
/// # Errors
///
/// The swarm did not follow; the text says what the node is.
pub(super) async fn promote(engine: &Engine, id: &str) -> Result<(), String> {
    let again = format!("make it a manager again: docker node promote {id}");
    let up = |spec: &Value| Some(with_role(spec, true));
    change(engine, id, up).await.map_err(|error| format!("node {id} is a worker ({error}): {again}"))?;
    let reachable = |nodes: &[Value]| {
        let is =
            |node: &&Value| text(node, &["ID"]) == id && text(node, &["ManagerStatus", "Reachability"]) == "reachable";
        nodes.iter().find(is).map(|_| ())
    };
    until(engine, reachable).await.ok_or_else(|| format!("node {id} is no reachable manager yet: {again}"))
}

/// Changes a node's spec by a rule, which gives `None` where there is nothing to change. Another's change in between is taken in.
///
/// # Errors
///
/// The swarm does not take it in time, or the node is gone.
pub(super) async fn change(
    engine: &Engine,
    id: &str,
    rule: impl Fn(&Value) -> Option<Value>,
) -> Result<(), EngineError> {
    let begin = Instant::now();
    loop {
        let nodes = engine.nodes().await;
        let tried = match nodes {
            Ok(nodes) => match nodes.iter().find(|node| text(node, &["ID"]) == id) {
                Some(node) => {
                    let Some(spec) = rule(&node["Spec"]) else { return Ok(()) };
                    let version = at(node, &["Version", "Index"]).and_then(Value::as_u64).unwrap_or_default();
                    engine.update_node(id, version, &spec).await
                }
                None => return Err(EngineError::NotFound { call: format!("node {id}"), message: "gone".to_owned() }),
            },
            Err(error) => Err(error),
        };
        match tried {
            // While another one comes to lead, nobody answers.
            Err(_) if begin.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(200)).await,
            done => return done,
        }
    }
}

/// The spec with this role, and the label as it belongs to it. Pure.
pub(super) fn with_role(spec: &Value, manager: bool) -> Value {
    let mut spec = spec.clone();
    spec["Role"] = json!(if manager { "manager" } else { "worker" });
    if !spec["Labels"].is_object() {
        spec["Labels"] = json!({});
    }
    if let Some(labels) = spec["Labels"].as_object_mut() {
        if manager {
            labels.remove(LABEL);
        } else {
            labels.insert(LABEL.to_owned(), json!("guard"));
        }
    }
    spec
}

/// Asks for the nodes until something is found in them, for a while.
async fn until<T>(engine: &Engine, found: impl Fn(&[Value]) -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Ok(nodes) = engine.nodes().await
            && let Some(found) = found(&nodes)
        {
            return Some(found);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(managers: &[(&str, bool, bool)]) -> Vec<Value> {
        let manager = |(id, leads, reachable): &(&str, bool, bool)| {
            let reach = if *reachable { "reachable" } else { "unreachable" };
            json!({"ID": id, "ManagerStatus": {"Leader": leads, "Reachability": reach}})
        };
        managers.iter().map(manager).chain([json!({"ID": "worker"})]).collect()
    }

    #[test]
    fn three_managers_move_the_leader_and_fewer_restart_the_engine() {
        let one = nodes(&[("a", true, true)]);
        let three = nodes(&[("a", true, true), ("b", false, true), ("c", false, true)]);
        let lame = nodes(&[("a", true, true), ("b", false, true), ("c", false, false)]);
        let five = nodes(&[
            ("a", true, true),
            ("b", false, true),
            ("c", false, true),
            ("d", false, true),
            ("e", false, false),
        ]);
        let not = |cure: Cure, word: &str| match cure {
            Cure::NotHere(why) => assert!(why.contains(word), "{why}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(cure(&one, "a", true, false), Cure::Restart);
        not(cure(&one, "a", false, false), "another machine");
        not(cure(&one, "worker", true, false), "not the leader (a)");
        not(cure(&nodes(&[("a", true, true), ("b", false, true)]), "b", true, false), "run guard there");
        assert_eq!(cure(&three, "b", true, false), Cure::Move("a".into()));
        assert_eq!(cure(&three, "a", true, true), Cure::Move("a".into()));
        not(cure(&three, "a", true, false), "--through");
        not(cure(&lame, "b", true, false), "2 of 3 managers are reachable");
        assert_eq!(cure(&five, "b", true, false), Cure::Move("a".into()));
        let mut taken = three.clone();
        taken.push(json!({"ID": "d", "Spec": {"Role": "worker", "Labels": {LABEL: "guard"}}}));
        not(cure(&taken, "a", true, true), "node d was made a worker by another guard");
        not(cure(&[], "a", true, true), "no leader is known");
    }

    #[test]
    fn a_role_is_changed_and_nothing_else() {
        let spec = json!({"Role": "manager", "Availability": "active", "Labels": {"zone": "x"}, "New": 1});
        let down = with_role(&spec, false);
        assert_eq!(
            down,
            json!({"Role": "worker", "Availability": "active", "Labels": {"zone": "x", LABEL: "guard"}, "New": 1})
        );
        assert_eq!(with_role(&down, true), spec);
        assert_eq!(with_role(&json!({"Labels": null}), true)["Labels"], json!({}));
    }
}
