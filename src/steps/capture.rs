//! Capturing a network and the raw specs of every service on it, in the host's state: what brings everything back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::act::{Acted, Ground, NotDone};
use super::recreate::guests::Guest;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::service::Service;
use crate::fault;
use crate::host::HostState;
use crate::model::contract::Params;
use crate::model::digest::Digest;

/// What was captured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// The network as the engine lists it.
    pub network: Value,
    /// The services on it, whole, as the engine gave them.
    pub services: Vec<Value>,
    /// How many tasks of each ran, by service id.
    #[serde(default)]
    pub running: BTreeMap<String, u64>,
    /// Plain containers on it that are to be reconnected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<Guest>,
    /// What the throwaway service runs, once it has been seen to run on every node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckRun>,
    /// The routes that did not answer before the first edit, by name: the step does not wait for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dark_before: Vec<String>,
}

/// What the throwaway service runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRun {
    /// Its image.
    pub image: String,
    /// Its program and arguments; it proves something by ending well.
    pub argv: Vec<String>,
    /// Whether the image's `sleep` runs on every node, so that a task can stay on the network.
    #[serde(default)]
    pub stays: bool,
}

impl Capture {
    /// The network's id.
    pub fn network_id(&self) -> &str {
        self.network.get("Id").and_then(Value::as_str).unwrap_or_default()
    }

    /// The names of the services.
    pub fn names(&self) -> Vec<String> {
        self.services.iter().map(|service| name(service).to_owned()).collect()
    }

    /// How many tasks of a service ran; what it wants where that is not known.
    pub fn ran(&self, service: &Value) -> u64 {
        let wanted = || Service(service.clone()).replicas().unwrap_or(1);
        self.running.get(id(service)).copied().unwrap_or_else(wanted)
    }
}

/// A service's name.
pub fn name(service: &Value) -> &str {
    service.pointer("/Spec/Name").and_then(Value::as_str).unwrap_or_default()
}

/// A service's id.
pub fn id(service: &Value) -> &str {
    service.get("ID").and_then(Value::as_str).unwrap_or_default()
}

/// A service's spec.
pub fn spec(service: &Value) -> &Value {
    service.get("Spec").unwrap_or(&Value::Null)
}

/// The first names in order, and how many more: all of them are in the capture.
fn some(mut names: Vec<String>) -> String {
    const SHOWN: usize = 12;
    names.sort();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.join(", ") + &rest
}

/// Looks at a network and the services on it.
///
/// # Errors
///
/// The engine does not answer, or there is no such network in the cluster, or several.
pub async fn take(engine: &Engine, name: &str) -> Result<Capture, NotDone> {
    let failed = |error: EngineError| NotDone::untouched(error.to_string());
    // From the list: an inspection may give this node's own copy.
    let mut networks = engine.networks().await.map_err(failed)?;
    networks.retain(|network| network.name == name && network.scope == "swarm");
    let [network] = networks.as_slice() else {
        let message = format!("{} swarm networks are called `{name}`, wanted one: docker network ls", networks.len());
        return Err(NotDone::untouched(message));
    };
    let services: Vec<Service> = engine.services().await.map_err(failed)?;
    let on_it: Vec<Value> = services.into_iter().filter(|service| service.is_on(&network.id)).map(|s| s.0).collect();
    let running = running(engine, &on_it).await.map_err(failed)?;
    Ok(Capture { services: on_it, network: network.raw.clone(), running, ..Capture::default() })
}

/// How many tasks of each service run, by service id.
///
/// # Errors
///
/// The engine does not answer.
pub async fn running(engine: &Engine, services: &[Value]) -> Result<BTreeMap<String, u64>, EngineError> {
    let mut running: BTreeMap<String, u64> = services.iter().map(|service| (id(service).to_owned(), 0)).collect();
    for task in engine.tasks(&[("desired-state", "running")]).await? {
        if let Some(count) = running.get_mut(task.service_id()).filter(|_| task.state() == "running") {
            *count += 1;
        }
    }
    Ok(running)
}

/// Writes a capture.
///
/// # Errors
///
/// The disk did not take it.
pub fn write(host: &HostState, name: &str, capture: &Capture) -> Result<Digest, NotDone> {
    let bytes = serde_json::to_vec(capture).map_err(|error| NotDone::untouched(error.to_string()))?;
    let full = |error: std::io::Error| NotDone::untouched(format!("capture {name}: {error}"));
    fault::point("capture.before").map_err(full)?;
    let digest = host.capture(name, &bytes).map_err(|error| NotDone::untouched(error.to_string()))?;
    fault::point("capture.after").map_err(full)?;
    Ok(digest)
}

/// Reads a capture; `None` when there is none.
///
/// # Errors
///
/// It cannot be read.
pub fn read(host: &HostState, name: &str) -> Result<Option<Capture>, NotDone> {
    let bytes = host.captured(name).map_err(|error| NotDone::untouched(error.to_string()))?;
    let Some(bytes) = bytes else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| NotDone::untouched(format!("capture {name}: {error}")))
}

/// The step `docker.capture`.
///
/// # Errors
///
/// The engine does not answer, or the disk did not take it.
pub async fn act(engine: &Engine, params: &Params, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let capture = take(engine, params.text("network").unwrap_or_default()).await?;
    let digest = write(ground.host, &ground.capture, &capture)?;
    let names = capture.names();
    let mut acted =
        Acted { output: format!("captured {} services: {}\n", names.len(), some(names.clone())), ..Acted::default() };
    acted.facts.insert("digest".into(), digest.to_string().into());
    acted.facts.insert("services".into(), names.into());
    Ok(acted)
}
