//! The throwaway service that proves a network on every node that takes tasks, before any service moves.
//!
//! A manager cannot see what a worker has (bridges, routes, images); only a task that starts there shows it. Before the first
//! edit the same service is rehearsed off the network, so that an image or program that a node lacks is found while nothing is
//! dark.
//!
//! On the network it stays until the services run there. A node leaves a network with its last task; one that comes back a
//! moment later was seen, on a swarm of three engines (20.10), to reach the others' tasks no more in 4 of 12 trials, for up to a
//! minute, and in none of 14 where no task had ended before. Where no image has a program that stays, its program is the
//! engine's own init, which is in every container, does nothing and ends at once.

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

/// How long nodes rest between leaving a network and coming back to it.
const REST: Duration = Duration::from_secs(3);
/// What stays: a day at most, if nobody removes it.
const STAYS: [&str; 2] = ["sleep", "86400"];
/// How many images are asked for a program that stays.
const IMAGES: usize = 8;

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
    let asked = work.goal.asks_program();
    let mut argv = work.goal.check_argv.clone();
    if !asked {
        argv = ["/sbin/docker-init", "--version"].map(str::to_owned).to_vec();
    }
    argv.extend(work.goal.reaches.iter().cloned());
    let mut ends_only = None;
    let mut last = "no service is on the network and the contract names no `check_image`".to_owned();
    for (number, image) in images.into_iter().enumerate() {
        let mut run = CheckRun { image, argv: argv.clone(), stays: false };
        if number < IMAGES {
            run.stays = on_every_node(work, &run.image, &["sleep", "0"].map(str::to_owned), None).await.is_ok();
        } else if ends_only.is_some() {
            break;
        }
        // An image that runs one program everywhere runs the engine's init everywhere.
        let ends = if run.stays && !asked { Ok(()) } else { on_every_node(work, &run.image, &run.argv, None).await };
        match ends {
            Ok(()) if run.stays => return Ok(run),
            Ok(()) => ends_only = ends_only.or(Some(run)),
            Err(refusal) => last = format!("image {}: {}", run.image, refusal.why),
        }
    }
    ends_only.ok_or_else(|| {
        NotDone::untouched(format!(
            "the throwaway service that is to prove the new network does not run on every node, so nothing was begun; {last}; \
             name an image that every node has in `check_image` and its program in `check_argv`"
        ))
    })
}

/// Proves a network on every node. What stays there is removed by [`remove`], when the services run.
///
/// # Errors
///
/// A node does not run it there; the message names node and reason.
pub async fn prove(work: &Work<'_>, network: &str) -> Result<(), NotDone> {
    let why = |why: String| {
        let network = short(network);
        NotDone::midway(format!("network {network} is not usable on every node, so no service was put on it: {why}"))
    };
    settled(work, network, true).await.map_err(why)
}

/// Tries a network on every node; nothing stays there.
///
/// # Errors
///
/// A node does not run it there; the message names node and reason.
pub async fn try_on(work: &Work<'_>, network: &str) -> Result<(), NotDone> {
    settled(work, network, false).await.map_err(NotDone::midway)
}

async fn settled(work: &Work<'_>, network: &str, stays: bool) -> Result<(), String> {
    let Some(run) = &work.capture.check else { return Ok(()) };
    let (begun, mut told) = (Instant::now(), String::new());
    loop {
        let ran = match stays {
            true => on_network(work, run, network).await,
            false => on_every_node(work, &run.image, &run.argv, Some(network)).await,
        };
        match ran {
            Ok(()) => return Ok(()),
            Err(refusal) if begun.elapsed() < SETTLES && refusal.rejected => {
                if told != refusal.why {
                    work.talk.say(&format!("{}; asking again for {} s", refusal.why, SETTLES.as_secs()));
                    told = refusal.why;
                }
                // Soon where it may be a matter of moments, less often after.
                tokio::time::sleep(begun.elapsed() / 4).await;
            }
            Err(refusal) => return Err(refusal.why),
        }
    }
}

async fn on_network(work: &Work<'_>, run: &CheckRun, network: &str) -> Result<(), Refusal> {
    if run.stays {
        remove(work).await.map_err(told)?;
        let stays = service(&work.ground.capture, "stay", &run.image, &STAYS.map(str::to_owned), Some(network));
        runs(work, &stays, "running").await?;
    }
    if work.goal.asks_program() || !run.stays {
        on_every_node(work, &run.image, &run.argv, Some(network)).await?;
    }
    if !run.stays {
        rest(work).await.map_err(told)?;
    }
    Ok(())
}

/// Lets nodes that have left a network forget it before they come back to it: after this time none of 12 trials went wrong.
///
/// # Errors
///
/// The engine refused or stayed away.
pub async fn rest(work: &Work<'_>) -> Result<(), NotDone> {
    let nodes = patiently(|| work.engine.nodes()).await.map_err(midway)?;
    if nodes.len() > 1 {
        work.talk.say(&format!("{} s for the nodes to forget what they left", REST.as_secs()));
        tokio::time::sleep(REST).await;
    }
    Ok(())
}

/// Why a node does not run it.
struct Refusal {
    why: String,
    /// A node refused it, in contrast to not answering.
    rejected: bool,
}

fn told(error: NotDone) -> Refusal {
    Refusal { why: error.message, rejected: false }
}

/// A program runs to a good end on every node.
async fn on_every_node(work: &Work<'_>, image: &str, argv: &[String], network: Option<&str>) -> Result<(), Refusal> {
    let spec = service(&work.ground.capture, "check", image, argv, network);
    let ran = runs(work, &spec, "complete").await;
    let removed = remove_if(work, |name| name.starts_with("countersign-check-")).await;
    ran.and(removed.map_err(told))
}

/// Creates a service and waits until its task is in this state on every node.
async fn runs(work: &Work<'_>, spec: &Value, state: &str) -> Result<(), Refusal> {
    // What an earlier run left has the same name.
    let name = spec["Name"].as_str().unwrap_or_default();
    remove_if(work, |left| left == name).await.map_err(told)?;
    let asked = |error: EngineError| Refusal { why: error.to_string(), rejected: false };
    let id = patiently(|| work.engine.create_service(spec)).await.map_err(asked)?;
    let ran = until("the throwaway service to run on every node", LIMIT, &|line| work.talk.say(line), || async {
        let nodes: BTreeMap<String, String> =
            work.engine.nodes().await?.iter().filter(|node| takes_tasks(node)).map(named).collect();
        let tasks = work.engine.tasks(&[("service", &id)]).await?;
        Ok(judge(&nodes, &tasks, state))
    })
    .await;
    match ran {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(Refusal { why, rejected: true }),
        Err(error) => Err(told(error)),
    }
}

fn named(node: &Value) -> (String, String) {
    let text = |pointer: &str| node.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/ID"), text("/Description/Hostname"))
}

/// Whether it is in the wanted state on every node (`Here(None)`), a node refused it (`Here(Some)`), or it is on its way. Running
/// proves nothing of a program that was not seen to end well: the container's init runs although its program is not there.
fn judge(nodes: &BTreeMap<String, String>, tasks: &[Task], wanted: &str) -> Seen<Option<String>> {
    if nodes.is_empty() {
        return Seen::Here(Some("no node is ready and takes tasks".into()));
    }
    let mut waiting = Vec::new();
    for (id, name) in nodes {
        let mut own: Vec<&Task> = tasks.iter().filter(|task| task.node_id() == id).collect();
        own.sort_by_key(|task| task.created().to_owned());
        match own.last().map(|task| (task.state(), task.error())) {
            Some((state, _)) if state == wanted => {}
            Some((state @ ("complete" | "failed" | "rejected" | "orphaned"), error)) => {
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
    remove_if(work, |_| true).await
}

async fn remove_if(work: &Work<'_>, is_meant: impl Fn(&str) -> bool) -> Result<(), NotDone> {
    for service in patiently(|| work.engine.services()).await.map_err(midway)? {
        if service.labels().get(OURS) == Some(&work.ground.capture) && is_meant(service.name()) {
            match patiently(|| work.engine.remove_service(service.id())).await {
                Err(error) if !error.is_not_found() => return Err(midway(error)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Its spec: one task on each node, never restarted, no virtual address, no mount, no secret.
fn service(step: &str, part: &str, image: &str, argv: &[String], network: Option<&str>) -> Value {
    let networks: Vec<Value> = network.iter().map(|id| json!({ "Target": id })).collect();
    json!({
        "Name": format!("countersign-{part}-{step}"),
        "Labels": { OURS: step },
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": image,
                "Command": argv,
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
        assert_eq!(judge(&nodes, &both, "complete"), Seen::Here(None));
        assert_eq!(judge(&nodes, &both[..1], "complete"), Seen::NotYet("two has no task yet".into()));
        let rejected = [task("n1", "complete", "1"), task("n2", "rejected", "1")];
        assert_eq!(judge(&nodes, &rejected, "complete"), Seen::Here(Some("node two has it rejected: why".into())));
        let running = [task("n1", "running", "1"), task("n2", "running", "1")];
        assert!(matches!(judge(&nodes, &running, "complete"), Seen::NotYet(_)), "it is proven by ending well");
        assert_eq!(judge(&nodes, &running, "running"), Seen::Here(None));
        let ended = judge(&nodes, &both, "running");
        assert!(matches!(ended, Seen::Here(Some(_))), "what was to stay has ended: {ended:?}");
        assert!(matches!(judge(&BTreeMap::new(), &[], "complete"), Seen::Here(Some(_))), "no node proves nothing");
    }
}
