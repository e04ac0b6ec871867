//! The throwaway service that proves a network on every node that takes tasks, before any service moves.
//!
//! A manager cannot see what a worker has (bridges, routes, images); only a task that starts there shows it. Before the first
//! edit the same service is rehearsed off the network, so that an image or program that a node lacks is found while nothing is
//! dark. Its program is the engine's own init by default, which is in every container, does nothing and ends at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::standing::OURS;
use super::talk::{few, short};
use super::work::{Work, midway, takes_tasks};
use crate::engine::error::EngineError;
use crate::engine::task::Task;
use crate::steps::act::NotDone;
use crate::steps::capture::{CheckRun, spec};
use crate::steps::wait::{Seen, patiently, until};

/// How long a node may take to run it.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a node's refusal may be one of the moment: right after a removal a node may still have its copy of the old network.
const SETTLES: Duration = Duration::from_secs(15);

/// Finds what the throwaway service can run on every node, off the network.
///
/// # Errors
///
/// No image and program run on every node; nothing was changed.
pub async fn rehearse(work: &Work<'_>) -> Result<CheckRun, NotDone> {
    let mut images: Vec<String> = work.goal.check_image.iter().cloned().collect();
    if images.is_empty() {
        let of = |service: &Value| {
            spec(service).pointer("/TaskTemplate/ContainerSpec/Image").and_then(Value::as_str).map(str::to_owned)
        };
        images = work.capture.services.iter().filter_map(of).collect();
        images.sort();
        images.dedup();
    }
    let mut argv = work.goal.check_argv.clone();
    if argv.is_empty() {
        argv = ["/sbin/docker-init", "--version"].map(str::to_owned).to_vec();
    }
    argv.extend(work.goal.reaches.iter().cloned());
    let mut last = "no service is on the network and the contract names no `check_image`".to_owned();
    for image in images {
        let run = CheckRun { image, argv: argv.clone() };
        match on_every_node(work, &run, None).await {
            Ok(()) => return Ok(run),
            Err(refusal) => last = format!("image {}: {}", run.image, refusal.why),
        }
    }
    Err(NotDone::untouched(format!(
        "the throwaway service that is to prove the new network does not run on every node, so nothing was begun; {last}; \
         name an image that every node has in `check_image` and its program in `check_argv`"
    )))
}

/// Proves a network on every node.
///
/// # Errors
///
/// A node does not run it there; the message names node and reason.
pub async fn prove(work: &Work<'_>, network: &str) -> Result<(), NotDone> {
    let Some(run) = &work.capture.check else { return Ok(()) };
    let begun = Instant::now();
    loop {
        match on_every_node(work, run, Some(network)).await {
            Ok(()) => return Ok(()),
            Err(refusal) if begun.elapsed() < SETTLES && refusal.rejected => {
                work.talk.say(&format!("{}; asking again", refusal.why));
            }
            Err(refusal) => {
                return Err(NotDone::midway(format!(
                    "network {} is not usable on every node, so no service was put on it: {}",
                    short(network),
                    refusal.why
                )));
            }
        }
    }
}

/// Why a node does not run it.
struct Refusal {
    why: String,
    /// A node refused it, in contrast to not answering.
    rejected: bool,
}

async fn on_every_node(work: &Work<'_>, run: &CheckRun, network: Option<&str>) -> Result<(), Refusal> {
    let told = |error: NotDone| Refusal { why: error.message, rejected: false };
    let asked = |error: EngineError| Refusal { why: error.to_string(), rejected: false };
    remove(work).await.map_err(told)?;
    let spec = service(&work.ground.capture, run, network);
    let id = patiently(|| work.engine.create_service(&spec)).await.map_err(asked)?;
    let ran = until("the throwaway service to run on every node", LIMIT, &|line| work.talk.say(line), || async {
        let nodes: BTreeMap<String, String> =
            work.engine.nodes().await?.iter().filter(|node| takes_tasks(node)).map(named).collect();
        let tasks = work.engine.tasks(&[("service", &id)]).await?;
        Ok(judge(&nodes, &tasks))
    })
    .await;
    let removed = remove(work).await;
    match ran {
        Ok(None) => removed.map_err(told),
        Ok(Some(why)) => Err(Refusal { why, rejected: true }),
        Err(error) => Err(told(error)),
    }
}

fn named(node: &Value) -> (String, String) {
    let text = |pointer: &str| node.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/ID"), text("/Description/Hostname"))
}

/// Whether it ran to a good end on every node (`Here(None)`), a node refused it (`Here(Some)`), or it is on its way. Running proves
/// nothing yet: the container's init runs although its program is not there.
fn judge(nodes: &BTreeMap<String, String>, tasks: &[Task]) -> Seen<Option<String>> {
    if nodes.is_empty() {
        return Seen::Here(Some("no node is ready and takes tasks".into()));
    }
    let mut waiting = Vec::new();
    for (id, name) in nodes {
        let mut own: Vec<&Task> = tasks.iter().filter(|task| task.node_id() == id).collect();
        own.sort_by_key(|task| task.created().to_owned());
        match own.last().map(|task| (task.state(), task.error())) {
            Some(("complete", _)) => {}
            Some((state @ ("failed" | "rejected" | "orphaned"), error)) => {
                return Seen::Here(Some(format!("node {name} has it {state}: {error}")));
            }
            Some((state, _)) => waiting.push(format!("{name} {state}")),
            None => waiting.push(format!("{name} has no task yet")),
        }
    }
    if waiting.is_empty() { Seen::Here(None) } else { Seen::NotYet(few(&waiting)) }
}

/// Removes every throwaway service of this step, also one that an earlier run left.
///
/// # Errors
///
/// The engine refused or stayed away.
pub async fn remove(work: &Work<'_>) -> Result<(), NotDone> {
    for service in patiently(|| work.engine.services()).await.map_err(midway)? {
        if service.labels().get(OURS) == Some(&work.ground.capture) {
            match patiently(|| work.engine.remove_service(service.id())).await {
                Err(error) if !error.is_not_found() => return Err(midway(error)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Its spec: one task on each node, never restarted, no virtual address, no mount, no secret.
fn service(step: &str, run: &CheckRun, network: Option<&str>) -> Value {
    let networks: Vec<Value> = network.iter().map(|id| json!({ "Target": id })).collect();
    json!({
        "Name": format!("countersign-check-{step}"),
        "Labels": { OURS: step },
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": run.image,
                "Command": run.argv,
                "Labels": { OURS: step },
                "Init": true,
                "StopGracePeriod": 1_000_000_000,
                "Healthcheck": { "Test": ["NONE"] },
            },
            "RestartPolicy": { "Condition": "none" },
            "Networks": networks,
        },
        "Mode": { "Global": {} },
        "EndpointSpec": { "Mode": "dnsrr" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(node: &str, state: &str, created: &str) -> Task {
        Task(json!({ "NodeID": node, "CreatedAt": created, "Status": { "State": state, "Err": "why" } }))
    }

    #[test]
    fn every_node_must_have_run_it() {
        let nodes = BTreeMap::from([("n1".to_owned(), "one".to_owned()), ("n2".to_owned(), "two".to_owned())]);
        let both = [task("n1", "complete", "1"), task("n2", "complete", "1")];
        assert_eq!(judge(&nodes, &both), Seen::Here(None));
        assert_eq!(judge(&nodes, &both[..1]), Seen::NotYet("two has no task yet".into()));
        let rejected = [task("n1", "complete", "1"), task("n2", "rejected", "1")];
        assert_eq!(judge(&nodes, &rejected), Seen::Here(Some("node two has it rejected: why".into())));
        let running = [task("n1", "running", "1"), task("n2", "running", "1")];
        assert!(matches!(judge(&nodes, &running), Seen::NotYet(_)), "it is proven by ending well");
        assert!(matches!(judge(&BTreeMap::new(), &[]), Seen::Here(Some(_))), "no node proves nothing");
    }
}
