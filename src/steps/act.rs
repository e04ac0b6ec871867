//! Doing one step, whatever its kind.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{Engine, TOKEN_HEADER};
use crate::gates::permit::Permit;
use crate::host::HostState;
use crate::model::contract::{Params, Step};
use crate::model::observation::Values;
use crate::model::record::Act;
use crate::model::time::show_duration;
use crate::probes::redact::Shown;
use crate::process::{self, Spec};

use super::kinds::{drain, queue, unit, way_back};
use super::{capture, recreate};

/// Where and with what a step is done.
pub struct Ground<'a> {
    /// The engine, or why there is none.
    pub engine: Result<Engine, String>,
    /// What shows an interlock that a program of this step is the executor's, where there is one.
    pub token: Option<String>,
    /// The host's state.
    pub host: &'a HostState,
    /// A fresh checkout of the subject, where a program runs unless the contract says otherwise.
    pub checkout: Option<PathBuf>,
    /// A file that stays open in a program that is run: the run lock, which so outlives a parent that is killed.
    pub keep_open: Option<Arc<File>>,
    /// The step's id, for whoever is told what to run.
    pub step: String,
    /// The name that this step's capture has: phase and step.
    pub capture: String,
    /// What is done: the step, going on with it, or its reverse.
    pub doing: Act,
    /// Says something to whoever watches. Nothing remembers it.
    pub say: &'a (dyn Fn(&str) + Sync),
    /// Announces the next part of the step and records it in the host's state before it is begun, so that after a kill it can be
    /// told where the step stood. It never stops a step. The second text is only for whoever watches; it may be empty.
    pub part: &'a (dyn Fn(&str, &str) + Sync),
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
    /// What it printed, not yet redacted.
    pub output: String,
}

/// How a step that did not come to its end left things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing was changed.
    Untouched,
    /// Something was changed, and all of it is back.
    Unwound,
    /// On the way.
    Midway,
    /// On the way, and nothing leads back any more.
    Forward,
    /// Walking back failed: a person is needed.
    Stuck,
}

impl NotDone {
    fn new(left: Left, message: impl Into<String>) -> Self {
        Self { message: message.into(), left, output: String::new() }
    }

    /// Stopped before anything was changed.
    pub fn untouched(message: impl Into<String>) -> Self {
        Self::new(Left::Untouched, message)
    }

    /// Stopped, and what was changed is back.
    pub fn unwound(message: impl Into<String>) -> Self {
        Self::new(Left::Unwound, message)
    }

    /// Stopped on the way.
    pub fn midway(message: impl Into<String>) -> Self {
        Self::new(Left::Midway, message)
    }

    /// Stopped where nothing leads back.
    pub fn forward(message: impl Into<String>) -> Self {
        Self::new(Left::Forward, message)
    }

    /// Stopped on the way back.
    pub fn stuck(message: impl Into<String>) -> Self {
        Self::new(Left::Stuck, message)
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
    way_back::arm(step, ground).map_err(NotDone::untouched)?;
    let acted = by_kind(permit, step, params, ground).await;
    if acted.as_ref().is_err_and(|error| error.left == Left::Untouched) {
        tell_disarm(step, ground);
    }
    acted
}

/// At worst the timer brings things to the state in which they are; whoever watches is told.
fn tell_disarm(step: &Step, ground: &Ground<'_>) {
    if let Err(why) = way_back::disarm(step, ground) {
        (ground.say)(&format!("the timer that reverses step `{}` is still set: {why}", step.id));
    }
}

async fn by_kind(permit: &Permit, step: &Step, params: &Params, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let engine = || ground.engine.clone().map_err(NotDone::untouched);
    match step.kind.as_str() {
        "command" => {
            // Its beginning is its point of no return: what a program does is not known.
            (ground.may_go_on)().map_err(NotDone::untouched)?;
            command(params.list("argv"), params, step, ground)
        }
        "docker.capture" => capture::act(&engine()?, params, ground).await,
        "docker.network.recreate" => recreate::act(&engine()?, params, (permit.strategy(), step.timeout), ground).await,
        "docker.stack.drain" => drain::act(&engine()?, params, step.timeout, ground).await,
        "drone.queue" => queue::act(params, step.timeout, ground).await,
        "systemd.unit" => unit::act(params, step.timeout, ground),
        other => Err(NotDone::untouched(format!("step kind `{other}` is not built yet in this version"))),
    }
}

/// Whether a step can be reversed: by an argv of the contract, or because its kind knows how.
pub fn has_undo(step: &Step) -> bool {
    step.undo.is_some()
        || step.kind.starts_with("docker.")
        || matches!(step.kind.as_str(), "drone.queue" | "systemd.unit")
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
    let undone = undo_by_kind(step, params, ground).await;
    if undone.is_ok() {
        tell_disarm(step, ground);
    }
    undone
}

async fn undo_by_kind(step: &Step, params: &Params, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    match (step.kind.as_str(), &step.undo) {
        (_, Some(argv)) => command(argv, params, step, ground).map_err(|error| NotDone { left: Left::Stuck, ..error }),
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

/// Runs a program to its end. What it prints is shown line by line as it comes, and kept.
fn command(argv: &[String], params: &Params, step: &Step, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let cwd = params.text("cwd").map(PathBuf::from).or_else(|| ground.checkout.clone()).unwrap_or_else(|| "/".into());
    let mut spec = Spec::new(argv).in_dir(&cwd).timeout(step.timeout);
    spec.uid = params.number("uid").and_then(|uid| u32::try_from(uid).ok());
    spec.keep_open.clone_from(&ground.keep_open);
    if let Some(token) = &ground.token {
        // The stock client (from 27.1 on) sends this header with each request.
        spec = spec.env("DOCKER_CUSTOM_HEADERS", format!("{TOKEN_HEADER}={token}"));
    }
    let mut printed = Printed::new(ground, step.timeout);
    // Blocking is fine here: nothing else runs beside a program.
    let ran = process::follow(&spec, &mut |piece| printed.take(piece));
    let output = printed.end();
    let failed = |left: Left, message: String| Err(NotDone { message, left, output: output.clone() });
    match ran {
        Ok(finished) if finished.ok() => Ok(Acted { output, ..Acted::default() }),
        Ok(finished) => failed(Left::Midway, format!("the program failed: {}", finished.complaint())),
        Err(error @ process::ProcessError::NotFound(_)) => failed(Left::Untouched, error.to_string()),
        Err(error) => failed(Left::Midway, error.to_string()),
    }
}

/// The most that is kept of what a program prints, in bytes.
const KEPT: usize = 1 << 20;

/// How often it is said that a program runs on, where nothing is shown of it.
const SAY: Duration = Duration::from_secs(10);

/// What a program prints: shown by whole lines, each with its secrets taken out by what came before it, and kept up to a limit.
struct Printed<'a> {
    ground: &'a Ground<'a>,
    kept: String,
    pending: Vec<u8>,
    shown: Shown,
    /// What came after the limit, in bytes.
    beyond: Option<u64>,
    begun: Instant,
    timeout: Duration,
    /// When something was shown last.
    said: Instant,
}

impl<'a> Printed<'a> {
    fn new(ground: &'a Ground<'a>, timeout: Duration) -> Self {
        let (kept, shown, now) = (String::new(), Shown::default(), Instant::now());
        Self { ground, kept, pending: Vec::new(), shown, beyond: None, begun: now, timeout, said: now }
    }

    /// Says that it runs on, where nothing of it was shown for a while.
    fn pulse(&mut self) {
        if self.said.elapsed() > SAY {
            self.said = Instant::now();
            let more =
                self.beyond.map(|more| format!("; {} KiB more were printed, not shown and not kept", more >> 10));
            (self.ground.say)(&format!(
                "it runs since {} s, of at most {}{}",
                self.begun.elapsed().as_secs(),
                show_duration(self.timeout),
                more.unwrap_or_default()
            ));
        }
    }

    fn take(&mut self, piece: &[u8]) {
        self.pulse();
        if let Some(more) = &mut self.beyond {
            *more += piece.len() as u64;
            return;
        }
        self.pending.extend_from_slice(piece);
        let whole = match self.pending.iter().rposition(|b| *b == b'\n') {
            Some(end) => end + 1,
            // A line without an end must not grow for ever.
            None if self.pending.len() > KEPT => self.pending.len(),
            None => return,
        };
        let lines: Vec<u8> = self.pending.drain(..whole).collect();
        self.lines(&lines);
    }

    fn lines(&mut self, lines: &[u8]) {
        let text = String::from_utf8_lossy(lines);
        self.said = Instant::now();
        for line in self.shown.next(&text).lines() {
            (self.ground.say)(line);
        }
        let room = KEPT.saturating_sub(self.kept.len());
        if text.len() <= room {
            self.kept += &text;
            return;
        }
        // Whole lines only: half of a secret is not recognised any more.
        let fits = text[..text.floor_char_boundary(room)].rfind('\n').map_or(0, |end| end + 1);
        self.kept += &text[..fits];
        self.kept += CUT;
        (self.ground.say)(CUT.trim_end());
        self.beyond = Some(0);
    }

    fn end(mut self) -> String {
        let mut last = std::mem::take(&mut self.pending);
        if !last.is_empty() {
            last.push(b'\n');
            self.lines(&last);
        }
        self.kept
    }
}

/// Stands where more was printed than is kept.
const CUT: &str = "[the rest was not kept]\n";
