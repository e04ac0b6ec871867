//! Which engine guard asks, and how it comes to answer as a manager again where a killed guard left it as a worker.

use serde_json::Value;

use crate::context::Context;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::info::EngineInfo;
use crate::error::{CommandError, Exit};

use super::super::engine::{any, could_not_look};
use super::super::maintenance::{self, Held};
use super::{Args, PATIENCE, Report, leader};

/// The engine that is asked, a manager.
pub(super) struct Reached {
    /// The engine.
    pub(super) engine: Engine,
    /// What it says about itself.
    pub(super) info: EngineInfo,
    /// Held to the end where something may be changed, so that no step begins meanwhile.
    pub(super) lock: Option<Held>,
}

/// Reaches the engine. Where a killed guard left its node as a worker, another manager makes it one again first.
///
/// # Errors
///
/// It does not answer, is no manager, or something is under way on this host.
pub(super) async fn reach(args: &Args, context: &Context, report: &mut Report) -> Result<Reached, CommandError> {
    let could = |error: EngineError| could_not_look(&error);
    let (engine, info) = any(context).await?;
    if !info.node_machine_is_local {
        let message = format!(
            "the engine of node {} is not known to run on this machine, and its log is on its own",
            info.host_name
        );
        return Err(CommandError::new(
            Exit::Unknown,
            message,
            "run guard there, with --engine unix:// and its own socket",
        ));
    }
    if args.through.is_none() {
        info.manages().map_err(could)?;
    }
    let lock = match args.apply {
        true => Some(maintenance::hold(context, &info.engine_id, "guard --apply")?),
        false => {
            maintenance::look(context, &info.engine_id)?;
            None
        }
    };
    let engine = match &lock {
        Some(held) => held.executor(engine),
        None => engine,
    };
    if let Some(address) = &args.through {
        match nodes_of(address).await {
            Ok((other, nodes)) => bring_back(args, &info.node_id, &engine, &other, &nodes, report).await?,
            // Who answers as a manager needs nobody's word.
            Err(_) if info.is_manager => {}
            Err(error) => return Err(could(error)),
        }
    }
    let info = engine.manager_info().await.map_err(could)?;
    Ok(Reached { engine, info, lock })
}

async fn nodes_of(address: &str) -> Result<(Engine, Vec<Value>), EngineError> {
    let other = Engine::connect(address, PATIENCE).await?;
    let nodes = other.nodes().await?;
    Ok((other, nodes))
}

/// Makes this engine's node a manager again where a killed guard left it as a worker, and waits until it answers as one: on the way
/// to either role it says that it manages, and its swarm does not answer.
async fn bring_back(
    args: &Args,
    own: &str,
    engine: &Engine,
    other: &Engine,
    nodes: &[Value],
    report: &mut Report,
) -> Result<(), CommandError> {
    if leader::demoted(nodes).iter().any(|id| id == own) {
        if !args.apply {
            let message = format!("this engine's node {own} is a worker: a guard that was killed left it so");
            return Err(CommandError::new(Exit::Unknown, message, "the same with --apply makes it a manager again"));
        }
        leader::sweep(other, &mut report.promoted).await.map_err(not_promoted)?;
    }
    if leader::is_to_manage(nodes, own) || !report.promoted.is_empty() {
        leader::answers(engine).await;
    }
    Ok(())
}

/// A node that is no manager again.
pub(super) fn not_promoted(why: String) -> CommandError {
    CommandError::new(Exit::Failed, why, "docker node ls")
}
