//! Nodes that carry the mark of a move: a guard that was killed left them as workers, and one that is at work brings them back itself.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::engine::Engine;
use crate::error::{CommandError, Exit};
use crate::interrupt;
use crate::probes::docker::fields::{at, text};
use crate::report::say;

use super::super::engine::could_not_look;
use super::Report;
use super::leader::{PATIENCE, change, promote, with_role};

/// The mark: the label of a leader that was made a worker.
pub(super) const LABEL: &str = "countersign.demoted";
/// How long a worker with the mark stays as it is until its guard counts as killed: one that lives brings it back after half of that at
/// the latest. Shorter for tests, in which no living guard takes so long, and which would have to wait for it.
const KILLED: Duration = Duration::from_secs(if cfg!(feature = "test-hooks") { 3 } else { 2 * PATIENCE.as_secs() });
/// How long such workers may change all the time.
const LONGEST: Duration = Duration::from_secs(5 * KILLED.as_secs());

/// The ids of the nodes that a guard made workers and that are no managers again. Pure.
pub(super) fn demoted(nodes: &[Value]) -> Vec<String> {
    with_mark(nodes, false)
}

/// The ids of the nodes that carry the mark and are to be managers all the same: somebody else made them so. Pure.
pub(super) fn marked(nodes: &[Value]) -> Vec<String> {
    with_mark(nodes, true)
}

fn with_mark(nodes: &[Value], managers: bool) -> Vec<String> {
    let has = |node: &&Value| at(node, &["Spec", "Labels", LABEL]).is_some() && is_manager(&node["Spec"]) == managers;
    nodes.iter().filter(has).map(|node| text(node, &["ID"]).to_owned()).collect()
}

fn is_manager(spec: &Value) -> bool {
    text(spec, &["Role"]) == "manager"
}

/// The spec of a manager without the mark; `None` for one that has none, and for a worker. Pure.
fn without_mark(spec: &Value) -> Option<Value> {
    (is_manager(spec) && at(spec, &["Labels", LABEL]).is_some()).then(|| with_role(spec, true))
}

/// Makes nodes managers again that a killed guard had left as workers, and takes the mark off managers; the report has their ids. A guard
/// that is at work is waited for.
///
/// # Errors
///
/// The engine cannot be asked, the swarm did not follow, or such workers change all the time.
pub(super) async fn sweep(engine: &Engine, report: &mut Report) -> Result<(), CommandError> {
    let nodes = engine.nodes().await.map_err(|error| could_not_look(&error))?;
    for id in marked(&nodes) {
        let _held = interrupt::step("taking a mark off a node");
        let failed = |error| not_promoted(format!("node {id} carries the label {LABEL} still: {error}"));
        change(engine, &id, without_mark).await.map_err(failed)?;
        interrupt::note(unmarked(&id));
        report.unmarked.push(id);
    }
    for id in left_behind(engine, nodes).await? {
        let _held = interrupt::step("making a node a manager again");
        promote(engine, &id).await.map_err(not_promoted)?;
        interrupt::note(made_manager(&id));
        report.promoted.push(id);
    }
    Ok(())
}

/// A node that is not as it should be.
fn not_promoted(why: String) -> CommandError {
    CommandError::new(Exit::Failed, why, "docker node ls")
}

/// For people: a node is a manager again.
pub(super) fn made_manager(id: &str) -> String {
    format!("made node {id} a manager again, which a killed guard had left as a worker")
}

/// For people: a manager has no mark any more.
pub(super) fn unmarked(id: &str) -> String {
    format!("took the label {LABEL} off node {id}, which was a manager already")
}

/// The workers that a killed guard left, known by waiting.
async fn left_behind(engine: &Engine, nodes: Vec<Value>) -> Result<Vec<String>, CommandError> {
    let mut watch = Watch::new(Instant::now());
    let mut nodes = Some(nodes);
    let mut is_said = false;
    loop {
        match watch.look(Instant::now(), nodes.as_deref()) {
            Word::Gone => return Ok(Vec::new()),
            Word::Left => return Ok(watch.seen.into_iter().map(|(id, _)| id).collect()),
            Word::Busy => {
                let message = "not now: nodes are made workers and managers all the time: another guard is at work";
                return Err(CommandError::new(Exit::Closed, message, "docker node ls; try again when it has ended"));
            }
            Word::Wait if !std::mem::replace(&mut is_said, true) => say(&format!(
                "a guard made a manager a worker: whether that guard is at work is known after {} s",
                KILLED.as_secs()
            )),
            Word::Wait => {}
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        // While another one comes to lead, nobody answers: that tells nothing.
        nodes = engine.nodes().await.ok();
    }
}

/// What a look at the nodes tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// No worker carries the mark.
    Gone,
    /// Nothing came of them for so long that no guard is at work on them.
    Left,
    /// They changed again and again.
    Busy,
    /// Not known yet.
    Wait,
}

/// Workers with the mark, as they were seen. By no clock of a node's: those of two machines may differ.
struct Watch {
    begin: Instant,
    /// When they were first seen as they are.
    since: Instant,
    /// Ids and versions.
    seen: Vec<(String, u64)>,
}

impl Watch {
    fn new(now: Instant) -> Self {
        Self { begin: now, since: now, seen: Vec::new() }
    }

    /// Takes a look in; `None`: nobody answered. Pure.
    fn look(&mut self, now: Instant, nodes: Option<&[Value]>) -> Word {
        let seen = nodes.map(|nodes| {
            let version = |id: &String| {
                let node = nodes.iter().find(|node| text(node, &["ID"]) == id);
                node.and_then(|node| at(node, &["Version", "Index"])?.as_u64()).unwrap_or_default()
            };
            let mut all: Vec<(String, u64)> = demoted(nodes).into_iter().map(|id| (id.clone(), version(&id))).collect();
            all.sort_unstable();
            all
        });
        match seen {
            Some(seen) if seen.is_empty() => return Word::Gone,
            Some(seen) if seen != self.seen => (self.seen, self.since) = (seen, now),
            Some(_) if now.duration_since(self.since) >= KILLED => return Word::Left,
            _ => {}
        }
        if now.duration_since(self.begin) >= LONGEST { Word::Busy } else { Word::Wait }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(id: &str, role: &str, version: u64) -> Value {
        json!({"ID": id, "Version": {"Index": version}, "Spec": {"Role": role, "Labels": {LABEL: "guard", "zone": "x"}}})
    }

    #[test]
    fn a_manager_with_the_mark_is_no_worker_and_loses_it() {
        let nodes = [node("a", "worker", 1), node("b", "manager", 2), json!({"ID": "c", "Spec": {"Role": "worker"}})];
        assert_eq!((demoted(&nodes), marked(&nodes)), (vec!["a".to_owned()], vec!["b".to_owned()]));
        let without = without_mark(&nodes[1]["Spec"]);
        assert_eq!(without, Some(json!({"Role": "manager", "Labels": {"zone": "x"}})));
        assert_eq!(without_mark(&nodes[0]["Spec"]), None, "made a worker again meanwhile");
        assert_eq!(without.as_ref().and_then(without_mark), None);
    }

    #[test]
    fn a_worker_is_left_behind_when_nothing_came_of_it_for_long_enough() {
        let begin = Instant::now();
        let at = |part: u32| begin + KILLED * part / 4;
        let worker = |version| [node("a", "worker", version)];
        let manager = [node("a", "manager", 9)];

        let mut killed = Watch::new(begin);
        for (part, word) in [(0, Word::Wait), (3, Word::Wait), (4, Word::Left)] {
            assert_eq!(killed.look(at(part), Some(&worker(1))), word, "{part}");
        }
        assert_eq!(killed.seen, [("a".to_owned(), 1)]);

        // It lives: it changes something, and has its node back.
        let mut alive = Watch::new(begin);
        for (part, version) in [(0, 1), (3, 2), (6, 2)] {
            assert_eq!(alive.look(at(part), Some(&worker(version))), Word::Wait, "{part}");
        }
        assert_eq!(alive.look(at(20), None), Word::Busy, "nobody answers any more");
        assert_eq!(alive.look(at(20), Some(&manager)), Word::Gone);

        // No answer is no sight of it.
        let mut silent = Watch::new(begin);
        assert_eq!(silent.look(at(0), Some(&worker(1))), Word::Wait);
        assert_eq!(silent.look(at(8), None), Word::Wait);
        assert_eq!(silent.look(at(8), Some(&worker(1))), Word::Left);

        let mut busy = Watch::new(begin);
        for part in 0..20 {
            assert_eq!(busy.look(at(part), Some(&worker(part.into()))), Word::Wait, "{part}");
        }
        assert_eq!(busy.look(at(20), Some(&worker(20))), Word::Busy);
    }
}
