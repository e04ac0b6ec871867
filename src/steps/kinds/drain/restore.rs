//! Bringing drained stacks back from their capture: networks, then services, each on the networks of today's ids.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::picture::Picture;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::network::{Network, Scope};
use crate::fault;
use crate::model::contract::Params;
use crate::steps::act::{Acted, Ground, NotDone};
use crate::steps::kinds::settle::settled;
use crate::steps::{capture, edit};

/// The least that services are given to run again.
const START: Duration = Duration::from_secs(120);
/// How long the allocator may take before a subnet counts as refused.
const ALLOCATION: Duration = Duration::from_secs(15);

/// The reverse of the step. Everything that can come back does, whatever else cannot; then what cannot is named.
///
/// A registry's credentials are in no answer of the engine: an image that no node has and that needs a login is named here as a
/// service that does not run.
///
/// # Errors
///
/// Stuck: something did not come back, and the message names each with its reason.
pub async fn undo(engine: &Engine, _: &Params, timeout: Duration, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let deadline = Instant::now() + timeout;
    let capture = Picture::read(ground.host, &ground.capture).map_err(NotDone::stuck)?;
    let Some(capture) = capture.filter(|capture| !capture.restored) else {
        return Ok(Acted { output: "nothing is captured, so nothing is down\n".into(), ..Acted::default() });
    };
    let (mut lost, mut absent) = (Vec::new(), Vec::new());
    (ground.part)(&format!("bringing {} networks back", capture.networks.len()), "");
    for raw in &capture.networks {
        if let Err(why) = network(engine, raw, ground).await {
            lost.push(why);
        }
        fault::point("restore.network").ok();
    }
    let targets = targets(engine, &capture).await.map_err(|error| NotDone::stuck(error.to_string()))?;
    let kept = references(engine).await.map_err(|error| NotDone::stuck(error.to_string()))?;
    (ground.part)(&format!("bringing {} services back", capture.services.len()), "");
    for raw in &capture.services {
        if let Err(why) = service(engine, raw, &targets, &kept).await {
            let why = format!("service {}: {why}", capture::name(raw));
            (ground.say)(&format!("not back: {why}"));
            lost.push(why);
            absent.push(capture::name(raw));
        }
        fault::point("restore.service").ok();
    }
    (ground.part)("waiting until they run as before", "");
    // A `timeout` that is meant for taking down says nothing of how long images take to start.
    let limit = deadline.saturating_duration_since(Instant::now()).max(START);
    let look = || missing(engine, &capture, &absent);
    if let Err(missing) = settled("services to run as before", limit, ground, look).await {
        lost.push(missing);
    }
    if !lost.is_empty() {
        let message = format!("not all of {} is back: {}", capture.stacks().join(", "), lost.join("; "));
        return Err(NotDone::stuck(message));
    }
    let output = format!("{} stacks are back: {}\n", capture.stacks().len(), capture.stacks().join(", "));
    fault::point("restore.settled").ok();
    let done = Picture { restored: true, ..capture };
    done.write(ground.host, &ground.capture).map_err(NotDone::stuck)?;
    Ok(Acted { output, ..Acted::default() })
}

/// Makes a network again as it was, unless one of its name is there. Where something else has its range by now, the engine picks
/// another one, as it did the first time, and that is said.
async fn network(engine: &Engine, raw: &Value, ground: &Ground<'_>) -> Result<(), String> {
    let was = Network::from_raw(raw.clone()).map_err(|error| error.to_string())?;
    let failed = |error: EngineError| format!("network {}: {error}", was.name);
    let found = engine.network(&was.name, Scope::Swarm).await.map_err(failed)?;
    if let Some(found) = found.filter(|network| network.name == was.name) {
        if found.is_allocated_overlay() {
            return Ok(());
        }
        // One that the allocator refused, left by an undo that was cut off: it would take the range later.
        engine.remove_network(&found.id).await.map_err(failed)?;
    }
    let as_it_was = was
        .subnets
        .iter()
        .find(|subnet| !subnet.contains(':'))
        .map(|subnet| edit::network_request(raw, &was.name, Some(subnet)));
    let anywhere = edit::network_request(raw, &was.name, None);
    let mut last = String::new();
    for request in as_it_was.into_iter().chain([anywhere]) {
        let id = engine.create_network(&request).await.map_err(failed)?;
        let allocated = settled("the network's allocation", ALLOCATION, ground, || async {
            let network = engine.network(&id, Scope::Swarm).await?;
            let ready = network.as_ref().is_some_and(Network::is_allocated_overlay);
            Ok::<_, EngineError>((!ready).then(|| "no range was given to it".to_owned()))
        });
        match allocated.await {
            Ok(()) => return Ok(()),
            Err(missing) => last = missing,
        }
        engine.remove_network(&id).await.map_err(failed)?;
        (ground.say)(&format!("{} does not get {} again: the engine picks a range", was.name, was.subnets.join(", ")));
    }
    Err(format!("network {}: {last}", was.name))
}

/// Today's id of each network that a captured service is on, by the id of then.
async fn targets(engine: &Engine, capture: &Picture) -> Result<BTreeMap<String, String>, EngineError> {
    let now = engine.networks().await?;
    let id = |name: &str| {
        let found = now.iter().find(|network| network.name == name && network.scope == "swarm");
        found.map(|network| network.id.clone())
    };
    Ok(capture.network_names.iter().filter_map(|(old, name)| Some((old.clone(), id(name)?))).collect())
}

/// Ids of the secrets and configs that are there.
async fn references(engine: &Engine) -> Result<Vec<String>, EngineError> {
    let mut ids = Vec::new();
    for path in ["/secrets", "/configs"] {
        let answer = engine.get(path).await?;
        let listed = answer.as_array().into_iter().flatten();
        ids.extend(listed.filter_map(|one| one.get("ID")?.as_str().map(str::to_owned)));
    }
    Ok(ids)
}

/// Creates a service as captured, unless one of its name is there.
async fn service(
    engine: &Engine,
    raw: &Value,
    targets: &BTreeMap<String, String>,
    kept: &[String],
) -> Result<(), String> {
    if engine.service(capture::name(raw)).await.map_err(|error| error.to_string())?.is_some() {
        return Ok(());
    }
    let spec = respecified(raw, targets, kept)?;
    engine.create_service(&spec).await.map(|_| ()).map_err(|error| error.to_string())
}

/// The captured spec on networks of today's ids.
fn respecified(raw: &Value, targets: &BTreeMap<String, String>, kept: &[String]) -> Result<Value, String> {
    let mut spec = raw.get("Spec").cloned().unwrap_or_default();
    for (list, id, what) in [("Secrets", "SecretID", "secret"), ("Configs", "ConfigID", "config")] {
        let entries = spec.pointer(&format!("/TaskTemplate/ContainerSpec/{list}")).and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let found = entry.get(id).and_then(Value::as_str).is_some_and(|id| kept.iter().any(|other| other == id));
            if !found {
                let name = entry.get(id.replace("ID", "Name")).and_then(Value::as_str).unwrap_or("without a name");
                return Err(format!("its {what} {name} is gone, and its content is in no capture"));
            }
        }
    }
    for pointer in ["/TaskTemplate/Networks", "/Networks"] {
        for entry in spec.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten() {
            let target = entry.get("Target").and_then(Value::as_str).unwrap_or_default();
            let now = targets.get(target).ok_or_else(|| format!("its network {target} is not there by its name"))?;
            entry["Target"] = now.clone().into();
        }
    }
    Ok(spec)
}

/// Which services, but those that are known not to be there, do not yet run as many tasks as they did.
async fn missing(engine: &Engine, capture: &Picture, absent: &[&str]) -> Result<Option<String>, EngineError> {
    let tasks = engine.tasks(&[("desired-state", "running")]).await?;
    let services = engine.services().await?;
    let runs = |name: &str| {
        let id = services.iter().find(|service| service.name() == name).map(|service| service.id().to_owned());
        let of = tasks.iter().filter(|task| Some(task.service_id()) == id.as_deref() && task.state() == "running");
        of.count() as u64
    };
    let awaited = capture.running.iter().filter(|(name, _)| !absent.contains(&name.as_str()));
    let behind = awaited.filter(|(name, count)| runs(name) < **count);
    let words: Vec<String> = behind.map(|(name, count)| format!("{name} {} of {count}", runs(name))).collect();
    Ok((!words.is_empty()).then(|| words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_comes_back_whole_on_todays_networks_or_says_what_it_lacks() {
        let raw = json!({"ID": "s", "Spec": {"Name": "shop_app", "Unknown": 7, "TaskTemplate": {
            "ContainerSpec": {"Secrets": [{"SecretID": "x", "SecretName": "shop_key"}]},
            "Networks": [{"Target": "old", "Aliases": ["app"]}]}}});
        let targets = BTreeMap::from([("old".to_owned(), "new".to_owned())]);
        let spec = respecified(&raw, &targets, &["x".to_owned()]).unwrap();
        let mut wanted = raw["Spec"].clone();
        wanted["TaskTemplate"]["Networks"][0]["Target"] = json!("new");
        assert_eq!(spec, wanted);
        assert!(respecified(&raw, &targets, &[]).unwrap_err().contains("secret shop_key is gone"));
        assert!(respecified(&raw, &BTreeMap::new(), &["x".to_owned()]).unwrap_err().contains("network old"));
    }
}
