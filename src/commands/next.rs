//! `countersign next`

use std::fmt;
use std::mem::ManuallyDrop;

use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::gates::done::{against_done, asks_for_a_fresh_pass, done};
use crate::gates::evaluate::{PhaseReport, RESTORE, ledger_reasons};
use crate::gates::inputs::Known;
use crate::gates::progress::State;
use crate::gates::reason::{Class, Reason};
use crate::gates::standing::{GateReport, Standing};
use crate::git::GitError;
use crate::model::contract::Step;
use crate::model::record::Act;
use crate::model::role::Role;
use crate::model::time::show_duration;
use crate::report::Answer;
use crate::sign::key_file::Key;
use crate::steps::act::has_undo;

use super::open::{ADD_REMOTE, Gathered, Session};

/// How long a window `next` proposes where the contract sets no shorter limit, in minutes.
const WINDOW_MINUTES: u64 = 30;
/// The command of recovery.
const RESUME: &str = "countersign builder resume";
/// The command that names what is wrong in the documents.
const CHECK: &str = "countersign check";

/// Say whose turn it is and the one command to run
///
/// Each role gets through the whole phase by it alone: run what it says, follow the `Next:` that a command ends with, ask
/// again. Where it is the other party's turn, or your records are not published yet, your command is `countersign sync`.
///
/// Example: countersign next --json
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Whose turn it is, the command, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Turn {
    who: String,
    run: String,
    why: String,
}

impl Turn {
    fn new(who: impl fmt::Display, run: impl Into<String>, why: impl Into<String>) -> Self {
        Self { who: who.to_string(), run: run.into(), why: why.into() }
    }

    /// What a reason says to do, by whom its command is for.
    fn of(reason: &Reason) -> Self {
        let who = match reason.next.split(' ').nth(1) {
            Some("adversary") => "adversary",
            Some("trust") => "operator",
            _ => "builder",
        };
        let run = if reason.next.is_empty() { "countersign status" } else { &reason.next };
        Self::new(who, run, &reason.found)
    }
}

/// Runs it.
///
/// # Errors
///
/// The phase cannot be opened.
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let (session, gathered) = Session::look(context)?;
    // The process ends with this: to free each record would take longer than to judge them all.
    let gathered = ManuallyDrop::new(gathered);
    let report = session.evaluate(&gathered);
    let turn = keyless(&session, context).or_else(|| nothing(&session, &gathered)).unwrap_or_else(|| turn(&report));
    let me = me(&session, context);
    // A document is damaged here, or the contract's file is another one: whoever asks looks here.
    let turn = match me {
        Some(role) if turn.run == CHECK => Turn { who: role.to_string(), ..turn },
        Some(role) if turn.run == RESTORE => {
            Turn::new(role, turn.run.replace(Role::Builder.name(), role.name()), turn.why)
        }
        _ => turn,
    };
    let running = running(&session, &turn);
    let turn = match &running {
        Some(holder) => Turn::new(Role::Builder, "countersign status", format!("a run is under way here: {holder}")),
        None => turn,
    };
    let restores = turn.run.ends_with("adopt --restore");
    let unpublished = session.unpublished()?;
    // What a step left in doubt, or only this host remembers, comes before it is published; damage is not published at all.
    let first = turn.run == CHECK || restores || running.is_some() || (turn.run == RESUME && me == Some(Role::Builder));
    let mine = match me {
        Some(_) if unpublished && !first => {
            Turn::new(&turn.who, "countersign sync", "what this clone holds is not published yet")
        }
        Some(role) if turn.who != role.name() && !matches!(turn.who.as_str(), "nobody" | "operator") => Turn::new(
            &turn.who,
            "countersign sync",
            format!("it is the {}'s turn ({}): {}", turn.who, turn.run, turn.why),
        ),
        _ => turn.clone(),
    };
    let mine = match session.repository.remote_url("origin") {
        None if mine.run == "countersign sync" => {
            let why = format!(
                "there is no remote `origin`, through which the parties meet; then countersign sync: {}",
                mine.why
            );
            Turn::new(&mine.who, ADD_REMOTE, why)
        }
        _ => mine,
    };
    let who = me.filter(|_| mine != turn).map_or_else(|| mine.who.clone(), |role| role.name().to_owned());
    let text = format!("{who}: {}\n  {}", mine.run, mine.why);
    let json = json!({
        "who": who, "run": mine.run, "why": mine.why,
        "turn": { "who": turn.who, "run": turn.run, "why": turn.why }, "unpublished": unpublished,
    });
    Ok(Answer::ok(text, json))
}

/// Who runs a step of the phase on this host now, where it would be said that it was cut off.
fn running(session: &Session, turn: &Turn) -> Option<String> {
    if turn.run != RESUME && !turn.run.starts_with("countersign builder undo ") {
        return None;
    }
    let Known::Is(target) = session.target() else { return None };
    session.host_state(&target.engine).ok()?.running()
}

/// The one role whose key this user holds; none where it holds several or none, so that nothing can be said for it alone.
fn me(session: &Session, context: &Context) -> Option<Role> {
    let holds = |role: &Role| {
        let key = context.key_path(*role).ok().and_then(|path| Key::load(&path).ok());
        key.is_some_and(|key| session.contract.keys_of(*role).contains(&key.public_text()))
    };
    let roles: Vec<Role> = Role::ALL.into_iter().filter(holds).collect();
    match roles.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// What is to be done while the contract lists no key for a role: whoever opens the phase adds it, once it is made.
fn keyless(session: &Session, context: &Context) -> Option<Turn> {
    let missing = session.contract.keyless()?;
    let here = context.key_path(missing).ok().map(|path| path.with_extension("pub")).filter(|file| file.exists());
    let run = match (here, missing) {
        (Some(file), _) => format!("countersign key add {missing} {}", file.display()),
        (None, Role::Builder) => "countersign key new builder".into(),
        (None, _) => format!("countersign key add {missing} KEY.pub"),
    };
    let why =
        format!("the contract lists no key for the {missing}, who makes one with `countersign key new {missing}`");
    Some(Turn::new(Role::Builder, run, why))
}

/// What is to be done while the repository has nothing that the phase could be about: neither role can sign anything then.
fn nothing(session: &Session, gathered: &Gathered) -> Option<Turn> {
    if matches!(gathered.subject, Known::Is(_)) {
        return None;
    }
    match session.repository.subject() {
        Err(GitError::Unsuitable { found, next, .. }) => {
            Some(Turn::new(Role::Builder, next, format!("the repository {found}")))
        }
        _ => None,
    }
}

fn turn(report: &PhaseReport<'_>) -> Turn {
    if let Some(lost) = ledger_reasons(report).iter().find(|reason| reason.class == Class::InDoubt) {
        return Turn::of(lost);
    }
    // What nobody can read whole says nothing for certain, not even DONE.
    if let Some(damaged) = report.general.iter().find(|reason| reason.class == Class::Invalid) {
        return Turn::of(damaged);
    }
    if let Some(done) = report.done {
        return match (against_done(report).first(), report.open_until()) {
            (Some(reason), _) => Turn::of(reason),
            (None, Some(until)) => {
                let why = format!("DONE since {}, and the maintenance window is open until {until}", done.block.at);
                Turn::new(Role::Builder, "countersign builder window close", why)
            }
            (None, None) => Turn::new("nobody", "countersign status", format!("DONE since {}", done.block.at)),
        };
    }
    if let Some(reason) = report.general.first() {
        return Turn::of(reason);
    }
    let unsettled = |state| matches!(state, State::InDoubt | State::Stuck | State::Failed);
    if let Some((step, progress)) = report.steps.iter().find(|(_, progress)| unsettled(progress.state)) {
        let undoing = progress.intent.is_some_and(|(_, intent)| intent.act == Act::Undo);
        let its = if undoing { "the undo of " } else { "" };
        let why = format!("{its}step `{step}` is {}", progress.state.label());
        let undoable = || report.inputs.contract.step(step).is_some_and(has_undo);
        return match report.vetoes.first() {
            // Where nothing leads back any more, the undo says so and changes nothing.
            Some(veto) if !undoing && undoable() => Turn::new(
                Role::Builder,
                format!("countersign builder undo {step}"),
                format!("{why}, and a veto stands: {}; {RESUME} goes forward", veto.reason),
            ),
            _ => Turn::new(Role::Builder, RESUME, why),
        };
    }
    if let Some(veto) = report.vetoes.first() {
        let lift = format!("countersign adversary veto lift {} --reason …", veto.id.short());
        return Turn::new(Role::Adversary, lift, format!("a veto stands: {}", veto.reason));
    }
    if let Some(turn) = report.gates.iter().find_map(|gate| at_gate(report, gate)) {
        return turn;
    }
    match done(report) {
        Ok(_) => Turn::new(Role::Builder, "countersign builder done", "everything that DONE needs is there"),
        Err(reasons) => match reasons.first() {
            Some(reason) => Turn::of(reason),
            None => Turn::new(Role::Builder, "countersign status", "it is not done, and no reason was found"),
        },
    }
}

/// What a gate waits for; nothing where its steps are done, or where it is open and has none.
fn at_gate(report: &PhaseReport<'_>, gate: &GateReport) -> Option<Turn> {
    let mut steps = report.inputs.contract.steps.iter().filter(|step| step.gate == gate.gate);
    let pending = steps.find(|step| report.state_of(&step.id) != State::Done);
    let why = || gate.reasons.first().map_or_else(String::new, |reason| reason.found.clone());
    match (gate.standing, pending) {
        (Standing::Claimed, _) => {
            let brief = format!("countersign adversary brief {}", gate.gate);
            Some(Turn::new(Role::Adversary, brief, format!("gate {} waits for a verdict", gate.gate)))
        }
        (Standing::Open, None) => None,
        // What it guards was begun under it; it opens nothing more.
        (Standing::Stale, None) if !asks_for_a_fresh_pass(report, gate) => None,
        (Standing::Open, Some(step)) => Some(to_run(report, gate, step)),
        (Standing::Closed, _) => Some(gate.reasons.first().map_or_else(
            || Turn::new(Role::Builder, "countersign status", format!("gate {} is closed", gate.gate)),
            Turn::of,
        )),
        _ => Some(Turn::new(Role::Builder, format!("countersign builder claim {}", gate.gate), why())),
    }
}

/// The pin, the window, the step.
fn to_run(report: &PhaseReport<'_>, gate: &GateReport, step: &Step) -> Turn {
    let (contract, host) = (report.inputs.contract, &report.inputs.host);
    if let Known::Is(pins) = &host.pins
        && !contract.keys_of(Role::Adversary).iter().any(|key| pins.contains(key))
    {
        return Turn::new(Role::Operator, "countersign trust KEY.pub", "this host pins no key of the Adversary");
    }
    if report.open_until().is_none() && matches!(host.window, Known::Is(_)) {
        let longest = contract.window.max_length.map_or(WINDOW_MINUTES, |length| (length.as_secs() / 60).max(1));
        let length = show_duration(std::time::Duration::from_secs(60 * longest.min(WINDOW_MINUTES)));
        let why = format!("gate {} is open, and no maintenance window is", gate.gate);
        return Turn::new(Role::Builder, format!("countersign builder window open --for {length}"), why);
    }
    let why = format!("gate {} is open, and step `{}` is {}", gate.gate, step.id, report.state_of(&step.id).label());
    Turn::new(Role::Builder, format!("countersign builder run {}", step.id), why)
}
