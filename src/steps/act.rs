//! Doing one step, whatever its kind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::Engine;
use crate::gates::permit::Permit;
use crate::host::HostState;
use crate::model::contract::{Param, Params, Step};
use crate::model::observation::Values;
use crate::model::record::Act;
use crate::process::{self, Spec};

use super::kinds::{drain, queue, unit};
use super::{capture, recreate};

/// Where and with what a step is done.
pub struct Ground<'a> {
    /// The engine, or why there is none.
    pub engine: Result<Engine, String>,
    /// The host's state.
    pub host: &'a HostState,
    /// A fresh checkout of the subject, where a program runs unless the contract says otherwise.
    pub checkout: Option<PathBuf>,
    /// The name that this step's capture has: phase and step.
    pub capture: String,
    /// What is done: the step, going on with it, or its reverse.
    pub doing: Act,
    /// Says something to whoever watches. Nothing remembers it.
    pub say: &'a (dyn Fn(&str) + Sync),
    /// Announces the next part of the step and records it in the host's state before it is begun, so that after a kill it can be
    /// told where the step stood. It never stops a step.
    pub part: &'a (dyn Fn(&str) + Sync),
    /// Asked before each part up to the point of no return; an error means: stop, walk back, and say this. It looks again at
    /// verdicts and vetoes, here and on the remote. Going on with a step in doubt and undoing one are never refused. It blocks for
    /// seconds where the remote is slow.
    pub may_go_on: &'a (dyn Fn() -> Result<(), String> + Sync),
}

/// What a step did.
#[derive(Debug, Default)]
pub struct Acted {
    /// What later criteria may use.
    pub facts: Values,
    /// Durations, measured interruption.
    pub readings: Values,
    /// What it printed, not yet redacted.
    pub output: String,
}

/// A step that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct NotDone {
    /// What happened and what is where.
    pub message: String,
    /// How it left things.
    pub left: Left,
}

/// How a step that did not come to its end left things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing was changed.
    Untouched,
    /// Something was changed, and all of it is back.
    Unwound,
    /// On the way: the way is forward.
    Midway,
    /// Walking back failed: a person is needed.
    Stuck,
}

impl NotDone {
    /// Stopped before anything was changed.
    pub fn untouched(message: impl Into<String>) -> Self {
        Self { message: message.into(), left: Left::Untouched }
    }

    /// Stopped, and what was changed is back.
    pub fn unwound(message: impl Into<String>) -> Self {
        Self { message: message.into(), left: Left::Unwound }
    }

    /// Stopped on the way.
    pub fn midway(message: impl Into<String>) -> Self {
        Self { message: message.into(), left: Left::Midway }
    }

    /// Stopped on the way back.
    pub fn stuck(message: impl Into<String>) -> Self {
        Self { message: message.into(), left: Left::Stuck }
    }
}

/// Does a step. The permit is the proof that it may be done.
///
/// # Errors
///
/// It did not come to its end; the message says what is where.
pub async fn act(permit: &Permit, step: &Step, params: &Params, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    if *permit.step() != step.id {
        return Err(NotDone::untouched(format!("the permit is for step `{}`, not for `{}`", permit.step(), step.id)));
    }
    let engine = || ground.engine.clone().map_err(NotDone::untouched);
    match step.kind.as_str() {
        "command" => command(params, step.timeout, ground.checkout.as_deref()).await,
        "docker.capture" => capture::act(&engine()?, params, ground).await,
        "docker.network.recreate" => recreate::act(&engine()?, params, permit.strategy(), ground).await,
        "docker.stack.drain" => drain::act(&engine()?, params, step.timeout, ground).await,
        "drone.queue" => queue::act(params, step.timeout, ground).await,
        "systemd.unit" => unit::act(params, step.timeout, ground),
        other => Err(NotDone::untouched(format!("step kind `{other}` is not built yet in this version"))),
    }
}

/// Reverses a step. The permit is the proof that it may be done.
///
/// # Errors
///
/// Untouched: this step cannot be undone, or not any more, and nothing was done. Anything else: it is stuck.
pub async fn undo(permit: &Permit, step: &Step, params: &Params, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    if *permit.step() != step.id {
        return Err(NotDone::untouched(format!("the permit is for step `{}`, not for `{}`", permit.step(), step.id)));
    }
    match (step.kind.as_str(), &step.undo) {
        (_, Some(argv)) => {
            let params = Params([("argv".to_owned(), Param::List(argv.clone()))].into());
            command(&params, step.timeout, ground.checkout.as_deref())
                .await
                .map_err(|error| NotDone::stuck(error.message))
        }
        ("docker.capture", None) => Ok(Acted::default()),
        ("docker.network.recreate", None) => {
            let engine = ground.engine.clone().map_err(NotDone::untouched)?;
            recreate::undo(&engine, params, ground).await
        }
        ("docker.stack.drain", None) => {
            let engine = ground.engine.clone().map_err(NotDone::untouched)?;
            drain::undo(&engine, params, step.timeout, ground).await
        }
        ("drone.queue", None) => queue::undo(params, step.timeout, ground).await,
        ("systemd.unit", None) => unit::undo(params, step.timeout, ground),
        (kind, None) => Err(NotDone::untouched(format!("step `{}` ({kind}) has no undo in the contract", step.id))),
    }
}

async fn command(params: &Params, timeout: Duration, checkout: Option<&Path>) -> Result<Acted, NotDone> {
    let cwd =
        params.text("cwd").map(PathBuf::from).or_else(|| checkout.map(Path::to_owned)).unwrap_or_else(|| "/".into());
    let mut spec = Spec::new(params.list("argv")).in_dir(&cwd).timeout(timeout);
    spec.uid = params.number("uid").and_then(|uid| u32::try_from(uid).ok());
    let ran = tokio::task::spawn_blocking(move || process::run(&spec)).await;
    let finished = match ran {
        Ok(Ok(finished)) => finished,
        Ok(Err(error @ process::ProcessError::NotFound(_))) => return Err(NotDone::untouched(error.to_string())),
        Ok(Err(error)) => return Err(NotDone::midway(error.to_string())),
        Err(error) => return Err(NotDone::midway(format!("the program was not watched to its end: {error}"))),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !finished.ok() {
        return Err(NotDone::midway(format!("the program failed: {}", finished.complaint())));
    }
    Ok(Acted { output: text(&finished.stdout) + &text(&finished.stderr), ..Acted::default() })
}
