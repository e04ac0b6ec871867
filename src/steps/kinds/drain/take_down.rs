//! Taking stacks down: services, the end of their tasks, networks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use super::picture::{Choice, Picture};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::fault;
use crate::model::contract::Params;
use crate::steps::act::{Acted, Ground, NotDone};
use crate::steps::kinds::settle::settled;

/// How often services may come back before it is given up.
const ROUNDS: usize = 8;
/// How many removals fly at once.
const AT_ONCE: usize = 16;

/// The step: captured first, then down. `timeout` bounds it as a whole.
///
/// # Errors
///
/// Untouched when something stands in the way that the step may not decide: containers or services of others on the stacks'
/// networks. Midway when the deadline passed; the message names what is left and why.
pub async fn act(engine: &Engine, params: &Params, timeout: Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let deadline = Instant::now() + timeout;
    let choice = Choice::of(params)?;
    let before = Picture::read(ground.host, &ground.capture).map_err(NotDone::untouched)?.unwrap_or_default();
    let begun = !before.restored && !before.is_empty();
    let stopped = |message: String| if begun { NotDone::midway(message) } else { NotDone::untouched(message) };
    let looked = Picture::look(engine, &choice).await.map_err(|error| stopped(error.to_string()))?;
    choice.all_there(&before, &looked).map_err(&stopped)?;
    strangers(engine, &looked).await.map_err(&stopped)?;
    let mut capture = before.with(looked);
    capture.write(ground.host, &ground.capture).map_err(&stopped)?;
    point("drain.captured").map_err(&stopped)?;
    (ground.may_go_on)().map_err(&stopped)?;
    (ground.part)(&format!("removing {} services of {} stacks", capture.services.len(), capture.stacks().len()), "");
    services(engine, &choice, &mut capture, ground).await?;
    (ground.part)("waiting for the end of their tasks", "");
    tasks(engine, &capture, left(deadline), ground).await?;
    point("drain.ended").map_err(NotDone::midway)?;
    (ground.part)(&format!("removing {} networks", capture.networks.len()), "");
    networks(engine, &capture, left(deadline), ground).await?;
    let rest = Picture::look(engine, &choice).await.map_err(|error| NotDone::midway(error.to_string()))?;
    if !rest.is_empty() {
        return Err(NotDone::midway(format!(
            "something else made a stack again meanwhile: {}; wanted none of it",
            rest.stacks().join(", ")
        )));
    }
    let mut acted = Acted { output: words(&capture), ..Acted::default() };
    acted.facts.insert("stacks".into(), capture.stacks().into());
    Ok(acted)
}

fn words(capture: &Picture) -> String {
    let jobs = capture.services.iter().filter(|raw| {
        let mode = raw.pointer("/Spec/Mode");
        mode.is_some_and(|mode| mode.get("ReplicatedJob").is_some() || mode.get("GlobalJob").is_some())
    });
    let jobs: Vec<&str> = jobs.map(service_name).collect();
    let mut text = format!(
        "drained {} stacks: {} services and {} networks removed, secrets and configs left\n",
        capture.stacks().len(),
        capture.services.len(),
        capture.networks.len()
    );
    if !jobs.is_empty() {
        text += &format!("jobs among them run again when they are brought back: {}\n", jobs.join(", "));
    }
    text
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn point(name: &str) -> Result<(), String> {
    fault::point(name).map_err(|error| error.to_string())
}

fn service_name(raw: &Value) -> &str {
    raw.pointer("/Spec/Name").and_then(Value::as_str).unwrap_or_default()
}

fn ids<'a>(raws: &'a [Value], key: &str) -> Vec<&'a str> {
    raws.iter().filter_map(|raw| raw.get(key)?.as_str()).collect()
}

/// Nobody else may be on the stacks' networks: their removal would take the ground from under them, or fail half way.
async fn strangers(engine: &Engine, looked: &Picture) -> Result<(), String> {
    let own = ids(&looked.services, "ID");
    let networks = ids(&looked.networks, "Id");
    let said = |error: EngineError| error.to_string();
    let services = engine.services().await.map_err(said)?;
    let mut found = Vec::new();
    for service in services.iter().filter(|service| !own.contains(&service.id())) {
        let on = service.networks().into_iter().find(|attachment| networks.contains(&attachment.target.as_str()));
        found.extend(on.map(|on| format!("service {} is on {}", service.name(), network_name(looked, &on.target))));
    }
    for task in engine.attachment_tasks().await.map_err(said)?.iter().filter(|task| !task.is_terminal()) {
        let on = task.spec_networks().into_iter().find(|network| networks.contains(network));
        found.extend(on.map(|on| format!("a plain container is attached to {}", network_name(looked, on))));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}; wanted nobody else on the networks of these stacks: docker network inspect NAME",
        found.join("; ")
    ))
}

fn network_name(looked: &Picture, id: &str) -> String {
    let raw = looked.networks.iter().find(|raw| raw.get("Id").and_then(Value::as_str) == Some(id));
    raw.and_then(|raw| raw.get("Name")?.as_str()).unwrap_or(id).to_owned()
}

/// What is gone already counts as removed.
fn gone(removal: Result<(), EngineError>) -> Result<(), EngineError> {
    match removal {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

/// Removes the stacks' services. Who came, or was changed, since the capture is captured before it is removed.
async fn services(
    engine: &Engine,
    choice: &Choice<'_>,
    capture: &mut Picture,
    ground: &Ground<'_>,
) -> Result<(), NotDone> {
    let midway = |error: EngineError| NotDone::midway(error.to_string());
    for _ in 0..ROUNDS {
        let looked = Picture::look(engine, choice).await.map_err(midway)?;
        if looked.services.is_empty() {
            return Ok(());
        }
        let news = capture.lacks(&looked);
        if !news.is_empty() {
            (ground.say)(&format!("came or was changed meanwhile, and is captured, too: {}", news.join(", ")));
            *capture = std::mem::take(capture).with(looked.clone());
            capture.write(ground.host, &ground.capture).map_err(NotDone::midway)?;
        }
        for some in looked.services.chunks(AT_ONCE) {
            for done in join_all(ids(some, "ID").into_iter().map(|id| engine.remove_service(id))).await {
                gone(done).map_err(midway)?;
            }
            point("drain.services").map_err(NotDone::midway)?;
        }
    }
    Err(NotDone::midway("services come back to these stacks all the time: something else manages them"))
}

/// Waits until no task of the captured services, and none on the captured networks, is left that has not ended.
async fn tasks(engine: &Engine, capture: &Picture, limit: Duration, ground: &Ground<'_>) -> Result<(), NotDone> {
    let (services, networks) = (ids(&capture.services, "ID"), ids(&capture.networks, "Id"));
    let missing = settled("the end of all tasks", limit, ground, || async {
        let tasks = engine.tasks(&[]).await?;
        let own = tasks.iter().filter(|task| !task.is_terminal()).filter(|task| {
            services.contains(&task.service_id()) || task.spec_networks().iter().any(|id| networks.contains(id))
        });
        let mut by_node: BTreeMap<&str, usize> = BTreeMap::new();
        for task in own {
            *by_node.entry(task.node_id()).or_default() += 1;
        }
        if by_node.is_empty() {
            return Ok(None);
        }
        let nodes = engine.nodes().await?;
        let name = |id: &str| {
            let node = nodes.iter().find(|node| node.get("ID").and_then(Value::as_str) == Some(id));
            let of = |pointer: &str| node.and_then(|node| node.pointer(pointer)?.as_str()).unwrap_or("unknown");
            match id {
                "" => "no node".to_owned(),
                _ => format!("{} ({})", of("/Description/Hostname"), of("/Status/State")),
            }
        };
        let words = by_node.iter().map(|(id, count)| format!("{count} tasks on {}", name(id)));
        Ok::<_, EngineError>(Some(words.collect::<Vec<_>>().join(", ")))
    })
    .await;
    missing.map_err(|missing| {
        NotDone::midway(format!(
            "{missing}. The services are removed, their networks are still there: removed now they would leak addresses. A \
             node that is down ends no task: bring it back, or `docker node rm --force` it; then countersign builder resume"
        ))
    })
}

/// Removes the captured networks. One that came since stays, and is told of at the end.
async fn networks(engine: &Engine, capture: &Picture, limit: Duration, ground: &Ground<'_>) -> Result<(), NotDone> {
    let captured = ids(&capture.networks, "Id");
    let gone = settled("the stacks' networks to go", limit, ground, || async {
        let there = engine.networks().await.map_err(|error| error.to_string())?;
        let there: Vec<_> = there.iter().filter(|network| captured.contains(&network.id.as_str())).collect();
        let mut refused = Vec::new();
        for network in &there {
            let removed = gone(engine.remove_network(&network.id).await);
            refused.extend(removed.err().map(|error| format!("{}: {error}", network.name)));
            point("drain.network")?;
        }
        Ok::<_, String>(match (there.len(), refused.as_slice()) {
            (0, _) => None,
            (count, []) => Some(format!("{count} were just removed")),
            (_, refused) => Some(refused.join("; ")),
        })
    });
    gone.await.map_err(NotDone::midway)
}
