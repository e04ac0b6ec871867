//! `docker.network.recreate`, break before make: capture, drain, remove, create, restore, verify. Each part looks at the
//! engine first and does only what is left to do, so that it goes on after a kill at any point.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::act::{Acted, Ground, NotDone};
use super::capture::{self, Capture};
use super::sampler::Sampler;
use super::{edit, wait};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::network::{Network, Scope};
use crate::model::contract::Params;

const DRAIN_LIMIT: Duration = Duration::from_secs(180);
const NETWORK_LIMIT: Duration = Duration::from_secs(90);
const START_LIMIT: Duration = Duration::from_secs(180);
const ROUTES_LIMIT: Duration = Duration::from_secs(60);

/// The step.
///
/// # Errors
///
/// It stopped; the message says what is where. Before the first edit nothing was changed.
pub async fn act(engine: &Engine, params: &Params, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let name = params.text("network").unwrap_or_default();
    let subnet = params.text("subnet").unwrap_or_default();
    if params.text("strategy").is_some_and(|strategy| strategy != "break-before-make") {
        return Err(NotDone::untouched("strategy `make-before-break` is not built yet in this version"));
    }
    let capture = captured(engine, name, subnet, ground).await?;
    (ground.may_go_on)().map_err(NotDone::untouched)?;
    let old = capture.network_id().to_owned();
    let sampler = Sampler::start(params.tables("routes"));
    let clock = Instant::now();
    (ground.part)(&format!("draining {} services from {name}", capture.services.len()));
    drain(engine, &capture, &old).await?;
    let drained = clock.elapsed();
    (ground.part)(&format!("removing the old network {}", short(&old)));
    remove(engine, name, &old).await?;
    (ground.part)(&format!("creating {name} as {subnet}"));
    let new = create(engine, name, subnet, &capture.network).await?;
    let made = clock.elapsed();
    (ground.part)(&format!("bringing services back on {}", short(&new)));
    let front = params.list("front");
    restore(engine, &capture, &old, &new, front).await?;
    if !params.tables("routes").is_empty() {
        wait::until("every route to answer", ROUTES_LIMIT, || async { Ok::<_, EngineError>(sampler.all_well()) })
            .await?;
    }
    let took = clock.elapsed();
    let mut acted = Acted::default();
    let seconds = |duration: Duration| toml::Value::Float((duration.as_secs_f64() * 100.0).round() / 100.0);
    acted.readings.insert("drained_after_s".into(), seconds(drained));
    acted.readings.insert("created_after_s".into(), seconds(made));
    acted.readings.insert("took_s".into(), seconds(took));
    for route in sampler.stop().await {
        acted.output += &format!(
            "route {}: dark {:.2} s (longest {:.2} s), {} of {} requests failed, {:.1} requests a second\n",
            route.name, route.dark, route.longest_dark, route.failed, route.requests, route.rate
        );
        acted.readings.insert(format!("dark_s_{}", route.name), ((route.dark * 100.0).round() / 100.0).into());
        acted.readings.insert(format!("rate_{}", route.name), ((route.rate * 10.0).round() / 10.0).into());
    }
    let old_subnet =
        Network::from_raw(capture.network.clone()).map(|network| network.subnets.join(", ")).unwrap_or_default();
    acted.facts.insert("network_id".into(), new.into());
    acted.facts.insert("subnet".into(), subnet.into());
    acted.facts.insert("old_id".into(), old.into());
    acted.facts.insert("old_subnet".into(), old_subnet.into());
    acted.facts.insert("services".into(), capture.names().into());
    Ok(acted)
}

/// Its reverse: the captured specs again, while the old network is still there.
///
/// # Errors
///
/// The old network is gone, and the way is forward; or the services did not come back.
pub async fn undo(engine: &Engine, params: &Params, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let name = params.text("network").unwrap_or_default();
    let Some(capture) = capture::read(ground.host, &ground.capture)? else {
        return Ok(Acted { output: "nothing was captured, so nothing was changed\n".into(), ..Acted::default() });
    };
    let old = capture.network_id();
    let live = engine.network(name, Scope::Swarm).await.map_err(|error| NotDone::untouched(error.to_string()))?;
    if live.is_none_or(|network| network.id != old) {
        let message = format!("the old network {} is gone: the way is forward: countersign builder resume", short(old));
        return Err(NotDone::untouched(message));
    }
    (ground.part)(&format!("putting {} services back on {name}", capture.services.len()));
    let stuck = |error: NotDone| NotDone::stuck(error.message);
    for service in &capture.services {
        put(engine, id(service), |now| (now != spec(service)).then(|| spec(service).clone())).await.map_err(stuck)?;
    }
    let all: Vec<&Value> = capture.services.iter().collect();
    wait::until("every service to run again", START_LIMIT, || converged(engine, &all, old)).await.map_err(stuck)?;
    Ok(Acted { output: format!("{} services are as captured\n", all.len()), ..Acted::default() })
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// The capture to work from: the one of a run that was cut off, if the engine is still on its way; else a new one.
async fn captured(engine: &Engine, name: &str, subnet: &str, ground: &Ground<'_>) -> Result<Capture, NotDone> {
    let before = capture::read(ground.host, &ground.capture)?;
    let live = engine.network(name, Scope::Swarm).await.map_err(|error| NotDone::untouched(error.to_string()))?;
    if let Some(before) = before {
        let same = live.as_ref().is_some_and(|network| network.id == before.network_id());
        let gone = live.as_ref().is_none_or(|network| network.subnets == [subnet] || !network.is_allocated_overlay());
        if same || gone {
            return Ok(before);
        }
    }
    let capture = capture::take(engine, name).await?;
    let attached = engine.attachment_tasks().await.map_err(|error| NotDone::untouched(error.to_string()))?;
    let containers =
        attached.iter().filter(|task| !task.is_terminal() && task.spec_networks().contains(&capture.network_id()));
    let count = containers.count();
    if count > 0 {
        return Err(NotDone::untouched(format!(
            "{count} plain containers are attached to {name}: docker network inspect {name}"
        )));
    }
    capture::write(ground.host, &ground.capture, &capture)?;
    Ok(capture)
}

/// Replaces a service's spec by compare-and-swap; reads again when somebody else was faster.
async fn put(engine: &Engine, id: &str, edit: impl Fn(&Value) -> Option<Value>) -> Result<(), NotDone> {
    for _ in 0..5 {
        let found = engine.service(id).await.map_err(|error| NotDone::midway(error.to_string()))?;
        let service =
            found.ok_or_else(|| NotDone::midway(format!("service {} is gone: somebody removed it", short(id))))?;
        let Some(spec) = edit(service.spec()) else { return Ok(()) };
        let version =
            service.version().ok_or_else(|| NotDone::midway(format!("service {} has no version", service.name())))?;
        match engine.update_service(id, version, &spec).await {
            Ok(()) => return Ok(()),
            Err(EngineError::OutOfSequence { .. }) => {}
            Err(error) => return Err(NotDone::midway(format!("service {}: {error}", service.name()))),
        }
    }
    Err(NotDone::midway(format!("service {} is changed by somebody else all the time", short(id))))
}

fn id(service: &Value) -> &str {
    service.get("ID").and_then(Value::as_str).unwrap_or_default()
}

fn spec(service: &Value) -> &Value {
    service.get("Spec").unwrap_or(&Value::Null)
}

async fn drain(engine: &Engine, capture: &Capture, old: &str) -> Result<(), NotDone> {
    let exists = engine.network(old, Scope::Swarm).await.map_err(|error| NotDone::midway(error.to_string()))?;
    if exists.is_none_or(|network| network.id != old) {
        return Ok(());
    }
    let edits = capture.services.iter().map(|service| {
        put(engine, id(service), move |now| {
            let whole = serde_json::json!({ "Spec": now });
            edit::is_on(&whole, old).then(|| edit::drained(now, old))
        })
    });
    for done in futures_util::future::join_all(edits).await {
        done?;
    }
    wait::until("every task to leave the old network", DRAIN_LIMIT, || async {
        let tasks = engine.tasks(&[]).await?;
        Ok::<_, EngineError>(!tasks.iter().any(|task| !task.is_terminal() && task.spec_networks().contains(&old)))
    })
    .await
}

async fn remove(engine: &Engine, name: &str, old: &str) -> Result<(), NotDone> {
    wait::until(&format!("the old network {} to be removed", short(old)), NETWORK_LIMIT, || async {
        match engine.remove_network(old).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        let named = engine.networks_named(name).await?;
        Ok(named.iter().all(|network| network.id != old))
    })
    .await
}

async fn create(engine: &Engine, name: &str, subnet: &str, old: &Value) -> Result<String, NotDone> {
    let request = edit::network_request(old, subnet);
    let start = Instant::now();
    let mut last = "it never became an allocated overlay".to_owned();
    while start.elapsed() < NETWORK_LIMIT {
        match engine.networks_named(name).await {
            Ok(named) => match named.iter().find(|network| network.name == name && network.scope == "swarm") {
                Some(network) if network.is_allocated_overlay() && network.subnets == [subnet] => {
                    return Ok(network.id.clone());
                }
                Some(network) if network.is_allocated_overlay() => {
                    let message = format!(
                        "{name} is there with {}: something else created it; wanted {subnet}",
                        network.subnets.join(", ")
                    );
                    return Err(NotDone::midway(message));
                }
                // Allocation is asynchronous; a network that stays dead would take the pool later.
                Some(network) if start.elapsed() > NETWORK_LIMIT / 2 => {
                    last = format!("{subnet} was refused by the allocator");
                    engine.remove_network(&network.id).await.ok();
                }
                Some(_) => {}
                None => {
                    if let Err(error) = engine.create_network(&request).await {
                        last = error.to_string();
                    }
                }
            },
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(NotDone::midway(format!("{name} could not be created as {subnet}: {last}")))
}

async fn restore(engine: &Engine, capture: &Capture, old: &str, new: &str, front: &[String]) -> Result<(), NotDone> {
    let is_front = |service: &&Value| front.iter().any(|name| name == edit::name(service));
    let backends: Vec<&Value> = capture.services.iter().filter(|service| !is_front(service)).collect();
    let fronts: Vec<&Value> = capture.services.iter().filter(is_front).collect();
    // The front routes to the others, so it starts when they run.
    for group in [&backends, &fronts] {
        let edits = group.iter().map(|service| {
            let wanted = edit::moved_pausing(spec(service), old, new);
            let end = edit::moved(spec(service), old, new);
            put(engine, id(service), move |now| (*now != wanted && *now != end).then(|| wanted.clone()))
        });
        for done in futures_util::future::join_all(edits).await {
            done?;
        }
        wait::until("every service to run again", START_LIMIT, || converged(engine, group, new)).await?;
    }
    // Last, the failure action as it was; what a later rollback would go back to then names the new network too.
    for service in &capture.services {
        let end = edit::moved(spec(service), old, new);
        put(engine, id(service), move |now| (*now != end).then(|| end.clone())).await?;
    }
    Ok(())
}

/// Whether as many tasks run on the new network as each service wants.
async fn converged(engine: &Engine, services: &[&Value], new: &str) -> Result<bool, EngineError> {
    let tasks = engine.tasks(&[("desired-state", "running")]).await?;
    let runs = |service: &Value| {
        let of = tasks
            .iter()
            .filter(|task| task.service_id() == id(service) && task.state() == "running" && task.is_on(new));
        u64::try_from(of.count()).unwrap_or(0)
    };
    let wanted =
        |service: &Value| service.pointer("/Spec/Mode/Replicated/Replicas").and_then(Value::as_u64).unwrap_or(1);
    Ok(services.iter().all(|service| runs(service) >= wanted(service)))
}
