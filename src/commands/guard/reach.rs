//! Which engine guard asks, which other one it would need, and how the first comes to answer as a manager again where a killed guard left
//! it as a worker.

use serde_json::Value;

use crate::context::Context;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::info::EngineInfo;
use crate::error::{CommandError, Exit};
use crate::probes::docker::fields::{at, text};

use super::super::engine::{any, could_not_look};
use super::super::maintenance::{self, Held};
use super::{Args, PATIENCE, Report, kept, leader, marks};

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
/// It does not answer, is no manager, or something is under way on this host; another manager was named and is none, or does not answer.
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
    if args.through.is_none() || info.node_id.is_empty() {
        info.manages().map_err(could)?;
    }
    // On the day when it is needed is too late.
    let other = match &args.through {
        Some(address) => through(address, &engine, &info, report).await?,
        None => None,
    };
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
    if let Some(other) = &other {
        bring_back(args, &info.node_id, &engine, other, report).await?;
    }
    let info = engine.manager_info().await.map_err(could)?;
    Ok(Reached { engine, info, lock })
}

/// The engine of another manager of the same swarm.
pub(super) struct Other {
    /// It.
    pub(super) engine: Engine,
    /// Its node.
    pub(super) node_id: String,
    /// The nodes that it lists.
    nodes: Vec<Value>,
}

/// Why an engine cannot be asked as another manager's.
#[derive(Debug)]
pub(super) enum NoOther {
    /// It does not answer, or its swarm does not.
    Away(String, EngineError),
    /// It answers, and is none.
    Is {
        /// Its node.
        node_id: String,
        /// Its address, and what it is.
        why: String,
    },
}

impl NoOther {
    /// Whether guard can go on without it, by the nodes that this engine lists: fewer than three managers need none, and one that a guard
    /// made a worker is made a manager again. Pure.
    fn can_be_missed(&self, nodes: &[Value]) -> bool {
        match self {
            Self::Away(..) => nodes.iter().filter(|node| at(node, &["ManagerStatus"]).is_some()).count() < 3,
            Self::Is { node_id, .. } => marks::demoted(nodes).contains(node_id),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Away(address, error) => format!("--through {address}: {error}"),
            Self::Is { why, .. } => format!("--through {why}"),
        }
    }
}

impl From<NoOther> for CommandError {
    fn from(no: NoOther) -> Self {
        let exit = if matches!(no, NoOther::Away(..)) { Exit::Unknown } else { Exit::Usage };
        let hint =
            "docker node ls; name the engine of another manager with --through, or leave it out where none is needed";
        Self::new(exit, no.words(), hint)
    }
}

/// The engine at an address, which must be that of another manager of `own`'s swarm.
///
/// # Errors
///
/// It is none, or does not answer.
pub(super) async fn another_manager(address: &str, own: &EngineInfo) -> Result<Other, NoOther> {
    let away = |error| NoOther::Away(address.to_owned(), error);
    let engine = Engine::connect(address, PATIENCE).await.map_err(away)?;
    let info = engine.info().await.map_err(away)?;
    let is = |what: &str| {
        let why = format!("{address} is no other manager of this swarm: {what}");
        NoOther::Is { node_id: info.node_id.clone(), why }
    };
    if info.engine_id == own.engine_id || info.node_id == own.node_id {
        return Err(is("it is this engine itself"));
    }
    if info.manages().is_err() {
        return Err(is("it manages none"));
    }
    let nodes = engine.nodes().await.map_err(away)?;
    if !nodes.iter().any(|node| text(node, &["ID"]) == own.node_id) {
        return Err(is(&format!("this engine's node {} is not in its swarm", own.node_id)));
    }
    Ok(Other { engine, node_id: info.node_id, nodes })
}

/// The other manager that was named; `None`, and why in the report, where guard goes on without it.
async fn through(
    address: &str,
    engine: &Engine,
    info: &EngineInfo,
    report: &mut Report,
) -> Result<Option<Other>, CommandError> {
    let no = match another_manager(address, info).await {
        Ok(other) => return Ok(Some(other)),
        Err(no) => no,
    };
    match engine.nodes().await {
        Ok(nodes) if info.is_manager && no.can_be_missed(&nodes) => {
            report.no_through = Some(no.words());
            Ok(None)
        }
        _ => Err(no.into()),
    }
}

/// Makes this engine's node a manager again where a killed guard left it as a worker, and waits until it answers as one: on the way
/// to either role it says that it manages, and its swarm does not answer.
async fn bring_back(
    args: &Args,
    own: &str,
    engine: &Engine,
    other: &Other,
    report: &mut Report,
) -> Result<(), CommandError> {
    let is_demoted = marks::demoted(&other.nodes).iter().any(|id| id == own);
    if is_demoted {
        if !args.apply {
            let message =
                format!("this engine's node {own} is a worker: a guard made it so, and was killed or is at work");
            let hint = "where it was killed, the same with --apply makes it a manager again";
            return Err(CommandError::new(Exit::Unknown, message, hint));
        }
        // A mistyped name is told before anything is changed.
        kept(args, &other.engine).await?;
        marks::sweep(&other.engine, report).await?;
    }
    if is_demoted || leader::is_to_manage(&other.nodes, own) {
        leader::answers(engine).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_manager_can_be_missed_where_none_is_needed_or_where_it_is_brought_back() {
        let manager = |id: &str| json!({"ID": id, "ManagerStatus": {"Reachability": "reachable"}});
        let demoted = json!({"ID": "d", "Spec": {"Role": "worker", "Labels": {marks::LABEL: "guard"}}});
        let away = NoOther::Away("x".to_owned(), EngineError::NotASwarm { call: "info".to_owned() });
        let is = |id: &str| NoOther::Is { node_id: id.to_owned(), why: "x".to_owned() };
        let two = [manager("a"), manager("b"), demoted];
        let three = [manager("a"), manager("b"), manager("c")];
        for (no, nodes, can) in [
            (&away, &two, true),
            (&away, &three, false),
            (&is("d"), &two, true),
            (&is("a"), &two, false),
            (&is("d"), &three, false),
        ] {
            assert_eq!(no.can_be_missed(nodes), can, "{no:?} {nodes:?}");
        }
    }
}
