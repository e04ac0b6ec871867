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
    strangers(engine, &looked).await.map_err(&stopped)?;
    let capture = before.with(looked);
    capture.write(ground.host, &ground.capture).map_err(&stopped)?;
    point("drain.captured").map_err(&stopped)?;
    (ground.may_go_on)().map_err(&stopped)?;
    let stacks = capture.stacks();
    (ground.part)(&format!("removing {} services of {} stacks", capture.services.len(), stacks.len()), "");
    services(engine, &choice).await?;
    (ground.part)("waiting for the end of their tasks", "");
    tasks(engine, &capture, left(deadline), ground).await?;
    point("drain.ended").map_err(NotDone::midway)?;
    (ground.part)(&format!("removing {} networks", capture.networks.len()), "");
    networks(engine, &choice, left(deadline), ground).await?;
    let rest = Picture::look(engine, &choice).await.map_err(|error| NotDone::midway(error.to_string()))?;
    if !rest.is_empty() {
        return Err(NotDone::midway(format!(
            "something else made a stack again meanwhile: {}; wanted none of it",
            rest.stacks().join(", ")
        )));
    }
    let mut acted = Acted { output: words(&capture), ..Acted::default() };
    acted.facts.insert("stacks".into(), stacks.into());
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

async fn services(engine: &Engine, choice: &Choice<'_>) -> Result<(), NotDone> {
    let midway = |error: EngineError| NotDone::midway(error.to_string());
    let looked = Picture::look(engine, choice).await.map_err(midway)?;
    for some in looked.services.chunks(AT_ONCE) {
        for done in join_all(ids(some, "ID").into_iter().map(|id| engine.remove_service(id))).await {
            gone(done).map_err(midway)?;
        }
        point("drain.services").map_err(NotDone::midway)?;
    }
    Ok(())
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

async fn networks(engine: &Engine, choice: &Choice<'_>, limit: Duration, ground: &Ground<'_>) -> Result<(), NotDone> {
    let gone = settled("the stacks' networks to go", limit, ground, || async {
        let looked = Picture::look(engine, choice).await.map_err(|error| error.to_string())?;
        let mut refused = Vec::new();
        for id in ids(&looked.networks, "Id") {
            let removed = gone(engine.remove_network(id).await);
            refused.extend(removed.err().map(|error| format!("{}: {error}", network_name(&looked, id))));
            point("drain.network")?;
        }
        Ok::<_, String>(match (looked.networks.len(), refused.as_slice()) {
            (0, _) => None,
            (count, []) => Some(format!("{count} were just removed")),
            (_, refused) => Some(refused.join("; ")),
        })
    });
    gone.await.map_err(NotDone::midway)
}
