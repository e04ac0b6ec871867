//! Doing one step, whatever its kind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::Engine;
use crate::gates::permit::Permit;
use crate::host::HostState;
use crate::model::contract::{Params, Step};
use crate::model::observation::Values;
use crate::process::{self, Spec};

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
    /// Says what is being done.
    pub say: &'a (dyn Fn(&str) + Sync),
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
    /// Whether nothing was changed, so that the step counts as unwound.
    pub untouched: bool,
}

impl NotDone {
    /// Stopped before anything was changed.
    pub fn untouched(message: impl Into<String>) -> Self {
        Self { message: message.into(), untouched: true }
    }

    /// Stopped on the way.
    pub fn midway(message: impl Into<String>) -> Self {
        Self { message: message.into(), untouched: false }
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
        "docker.network.recreate" => recreate::act(&engine()?, params, ground).await,
        other => Err(NotDone::untouched(format!("step kind `{other}` is not built yet in this version"))),
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
