//! Draining recipe stacks in the order that leaks nothing: services, then wait for their tasks' end, then networks.

use std::time::Duration;

use futures_util::future::try_join_all;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::twin::control::tasks_ended;
use crate::twin::error::TwinError;
use crate::twin::spec::STACK;
use crate::twin::topology::RECIPE;

/// Removes the stacks whose name begins with `recipe-`; gives how many services and networks that were.
pub async fn recipes(engine: &Engine, say: &dyn Fn(&str)) -> Result<(usize, usize), TwinError> {
    let services = engine.services().await?;
    let ids: Vec<String> = services
        .iter()
        .filter(|service| service.stack().is_some_and(|stack| stack.starts_with(RECIPE)))
        .map(|service| service.id().to_owned())
        .collect();
    for some in ids.chunks(16) {
        try_join_all(some.iter().map(|id| gone(engine.remove_service(id)))).await?;
    }
    say(&format!("{} services of recipe stacks removed", ids.len()));
    tasks_ended(engine, &ids, Duration::from_secs(60)).await?;
    say("their tasks have ended");
    let mut networks = 0;
    for network in engine.networks().await? {
        if network.labels.get(STACK).is_some_and(|stack| stack.starts_with(RECIPE)) {
            gone(engine.remove_network(&network.id)).await?;
            networks += 1;
        }
    }
    say(&format!("{networks} networks of recipe stacks removed"));
    Ok((ids.len(), networks))
}

/// What is gone already counts as removed.
async fn gone(removal: impl Future<Output = Result<(), EngineError>>) -> Result<(), EngineError> {
    match removal.await {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}
