//! Looking at the swarm to judge a request. These questions are requests too and come back to this program: they read, and are
//! answered without a look.

use std::time::Duration;

use serde_json::Value;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::service::Service as EngineService;
use crate::interlock::body;
use crate::interlock::lenient::Json;
use crate::interlock::world::{Container, Network, Node, Service};

/// How long the engine may take for one answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Networks of every scope: those whose id begins with one of these, in lower case, or all where none is named.
///
/// # Errors
///
/// The engine does not answer.
pub async fn networks(engine: &Engine, ids: &[&str]) -> Result<Vec<Network>, EngineError> {
    let networks = engine.network_names(ids).await?.into_iter();
    Ok(networks
        .map(|network| Network { id: network.id, name: network.name, labels: network.labels.into_iter().collect() })
        .collect())
}

/// Every service.
///
/// # Errors
///
/// The engine does not answer.
pub async fn services(engine: &Engine) -> Result<Vec<Service>, EngineError> {
    Ok(managed(engine.services().await)?.iter().map(service).collect())
}

/// Every node.
///
/// # Errors
///
/// The engine does not answer.
pub async fn nodes(engine: &Engine) -> Result<Vec<Node>, EngineError> {
    Ok(managed(engine.nodes().await)?.iter().map(node).collect())
}

/// What only a manager knows: an engine that is none refuses to change it by itself.
fn managed<T>(listed: Result<Vec<T>, EngineError>) -> Result<Vec<T>, EngineError> {
    match listed {
        Err(EngineError::NotAManager { .. } | EngineError::NotASwarm { .. }) => Ok(Vec::new()),
        other => other,
    }
}

fn service(service: &EngineService) -> Service {
    let targets = |service: &EngineService| service.networks().into_iter().map(|entry| entry.target).collect();
    let earlier = service.0.get("PreviousSpec").filter(|spec| spec.is_object());
    Service {
        id: service.id().to_owned(),
        name: service.name().to_owned(),
        stack: service.stack().map(str::to_owned),
        networks: targets(service),
        earlier: earlier.map(|spec| targets(&EngineService(serde_json::json!({ "Spec": spec })))),
        has_tasks: service.replicas() != Some(0),
    }
}

fn node(node: &Value) -> Node {
    let text = |pointer: &str| node.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    Node {
        id: text("/ID").to_owned(),
        name: text("/Description/Hostname").to_owned(),
        manager: text("/Spec/Role") == "manager",
        drained: text("/Spec/Availability") == "drain",
    }
}

/// A container as it was made; `None` where there is none.
///
/// # Errors
///
/// The engine does not answer, or what it says cannot be read.
pub async fn container(engine: &Engine, name: &str) -> Result<Option<Container>, String> {
    let Some(inspected) = engine.container(name).await.map_err(|error| error.to_string())? else { return Ok(None) };
    let json = Json::read(inspected.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let mut spec = body::container(&json).map_err(|error| error.to_string())?;
    let joined = inspected.pointer("/NetworkSettings/Networks").and_then(Value::as_object).into_iter().flatten();
    for (name, endpoint) in joined {
        spec.networks.push(name.clone());
        let id = endpoint.get("NetworkID").and_then(Value::as_str).filter(|id| !id.is_empty());
        spec.networks.extend(id.map(str::to_owned));
    }
    Ok(Some(Container { networks: spec.networks, mounts: spec.mounts }))
}
