//! The engine of commands that need no phase: `--engine`, else `DOCKER_HOST`, else the usual socket.

use std::time::Duration;

use crate::context::Context;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::info::EngineInfo;
use crate::error::{CommandError, Exit};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the engine listens.
pub fn address(context: &Context) -> String {
    let given = context.global.engine.clone().or_else(|| std::env::var("DOCKER_HOST").ok());
    given.filter(|address| !address.is_empty()).unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned())
}

/// A swarm's manager, and what it says about itself.
///
/// # Errors
///
/// It does not answer, or is no manager (13).
pub async fn manager(context: &Context) -> Result<(Engine, EngineInfo), CommandError> {
    let engine = connect(context).await?;
    let info = engine.manager_info().await.map_err(|error| could_not_look(&error))?;
    Ok((engine, info))
}

/// An engine of whatever role, and what it says about itself.
///
/// # Errors
///
/// It does not answer (13).
pub async fn any(context: &Context) -> Result<(Engine, EngineInfo), CommandError> {
    let engine = connect(context).await?;
    let info = engine.info().await.map_err(|error| could_not_look(&error))?;
    Ok((engine, info))
}

async fn connect(context: &Context) -> Result<Engine, CommandError> {
    Engine::connect(&address(context), PATIENCE).await.map_err(|error| could_not_look(&error))
}

/// An engine that did not answer.
pub fn could_not_look(error: &EngineError) -> CommandError {
    CommandError::new(
        Exit::Unknown,
        error.to_string(),
        leads_on(error, "name a swarm manager's engine with --engine or DOCKER_HOST"),
    )
}

/// What leads on from an engine that did not answer; `usual` where it is not for want of its plugin.
pub fn leads_on<'a>(error: &EngineError, usual: &'a str) -> &'a str {
    match error.is_of_a_plugin() {
        true => {
            "systemctl start countersign-interlock.socket, which the engine asks before everything; for a while, as root: \
             countersign interlock door --for 10m --reason WHY"
        }
        false => usual,
    }
}
