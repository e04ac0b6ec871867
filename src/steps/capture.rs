//! Capturing a network and the raw specs of every service on it, in the host's state: what brings everything back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::act::{Acted, Ground, NotDone};
use super::edit;
use crate::engine::Engine;
use crate::engine::network::{Network, Scope};
use crate::host::HostState;
use crate::model::contract::Params;
use crate::model::digest::Digest;

/// What was captured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Capture {
    /// The network as the engine gave it.
    pub network: Value,
    /// The services on it, whole, as the engine gave them.
    pub services: Vec<Value>,
}

impl Capture {
    /// The network's id.
    pub fn network_id(&self) -> &str {
        self.network.get("Id").and_then(Value::as_str).unwrap_or_default()
    }

    /// The names of the services.
    pub fn names(&self) -> Vec<String> {
        self.services.iter().map(|service| edit::name(service).to_owned()).collect()
    }
}

/// Looks at a network and the services on it.
///
/// # Errors
///
/// The engine does not answer, or there is no such network.
pub async fn take(engine: &Engine, name: &str) -> Result<Capture, NotDone> {
    let failed = |error: crate::engine::error::EngineError| NotDone::untouched(error.to_string());
    let network: Network = engine
        .network(name, Scope::Swarm)
        .await
        .map_err(failed)?
        .filter(|network| network.name == name)
        .ok_or_else(|| NotDone::untouched(format!("there is no swarm network `{name}`")))?;
    let services = engine.services().await.map_err(failed)?;
    let on_it = services.into_iter().map(|service| service.0).filter(|service| edit::is_on(service, &network.id));
    Ok(Capture { services: on_it.collect(), network: network.raw })
}

/// Writes a capture.
///
/// # Errors
///
/// The disk did not take it.
pub fn write(host: &HostState, name: &str, capture: &Capture) -> Result<Digest, NotDone> {
    let bytes = serde_json::to_vec(capture).map_err(|error| NotDone::untouched(error.to_string()))?;
    host.capture(name, &bytes).map_err(|error| NotDone::untouched(error.to_string()))
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
        Acted { output: format!("captured {} services: {}\n", names.len(), names.join(", ")), ..Acted::default() };
    acted.facts.insert("digest".into(), digest.to_string().into());
    acted.facts.insert("services".into(), names.into());
    Ok(acted)
}
