//! Replacing service specs by compare-and-swap, many at once.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::service::Service;
use crate::steps::act::NotDone;
use crate::steps::capture;
use crate::steps::wait::{may_pass, patiently};

/// How many updates are under way at once.
const AT_ONCE: usize = 16;
/// How often a service may be changed by somebody else before it is given up.
const TRIES: usize = 8;

/// Edits many services at once, each from its spec as it is now.
///
/// # Errors
///
/// The first that did not work, after all were tried.
pub async fn put_all<'a>(
    engine: &Engine,
    services: impl IntoIterator<Item = &'a Value>,
    edit: impl Fn(&Service, &'a Value) -> Option<Value> + Sync,
) -> Result<(), NotDone> {
    let edit = &edit;
    let one = |captured: &'a Value| async move { put(engine, capture::id(captured), |now| edit(now, captured)).await };
    let edits = services.into_iter().map(one);
    let done: Vec<Result<(), NotDone>> = futures_util::stream::iter(edits).buffer_unordered(AT_ONCE).collect().await;
    done.into_iter().collect()
}

/// Edits one service; reads again when somebody else was faster. A service that is gone stays gone: somebody removed it, and
/// there is nothing of it to bring back.
///
/// # Errors
///
/// The engine refused, stayed away, or somebody else changes the service all the time.
pub async fn put(engine: &Engine, id: &str, edit: impl Fn(&Service) -> Option<Value>) -> Result<(), NotDone> {
    let failed = |name: &str, error: EngineError| NotDone::midway(format!("service {name}: {error}"));
    for _ in 0..TRIES {
        let found = patiently(|| engine.service(id)).await.map_err(|error| failed(id, error))?;
        let Some(service) = found else { return Ok(()) };
        let Some(spec) = edit(&service) else { return Ok(()) };
        let version =
            service.version().ok_or_else(|| NotDone::midway(format!("service {} has no version", service.name())))?;
        match engine.update_service(id, version, &spec).await {
            Ok(()) => return Ok(()),
            Err(EngineError::OutOfSequence { .. }) => {}
            // Carried out or not: the next look tells.
            Err(error) if may_pass(&error) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => return Err(failed(service.name(), error)),
        }
    }
    Err(NotDone::midway(format!("service {id} is changed by somebody else all the time, or its update has no answer")))
}
