//! `countersign builder run` and `countersign builder resume`

use std::time::Instant;

use serde_json::json;

use crate::commands::compose::Composer;
use crate::commands::measure::all_held;
use crate::commands::open::{Gathered, Session};
use crate::commands::target::runtime;
use crate::context::Context;
use crate::docs::store::DraftOutput;
use crate::engine::Engine;
use crate::error::{CommandError, Exit};
use crate::gates::inputs::Known;
use crate::gates::permit::{Basis, Permit, permit};
use crate::gates::progress::{State, step_values};
use crate::host::HostState;
use crate::host::ledger::{Entry, What};
use crate::host::run_lock::RunLock;
use crate::model::contract::{Criterion, Step, fill};
use crate::model::ids::RecordId;
use crate::model::record::{Act, Body, Ending, Intent, StepOutcome};
use crate::model::role::{Document, Role};
use crate::probes::redact::redact;
use crate::report::{self, Answer};
use crate::sign::key_file::Key;
use crate::steps::act::{Acted, Ground, Left, NotDone, act};

/// Run the next step, or all that are left, under a fresh PASS and an open window
///
/// Each step is announced, done, looked at again and recorded. It stops at the first that does not come to its end.
///
/// Example: countersign builder run recreate
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct RunArgs {
    /// The step
    #[arg(group = "which")]
    step: Option<String>,
    /// Every step that is left, in order
    #[arg(long, group = "which")]
    all: bool,
}

/// Go on with the step in doubt, then with what brings things back
///
/// Never refused: no PASS, open window or remote is needed. It works from what the host captured and the engine shows.
///
/// Example: countersign builder resume
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {}

/// Runs steps.
///
/// # Errors
///
/// A step is not permitted, or did not come to its end.
pub fn run(args: &RunArgs, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let steps: Vec<Step> = match &args.step {
        Some(name) => {
            let found = session.contract.steps.iter().find(|step| step.id.as_str() == name);
            let message = format!("there is no step `{name}`");
            vec![found.cloned().ok_or_else(|| CommandError::new(Exit::Usage, message, "countersign builder plan"))?]
        }
        None => session.contract.steps.clone(),
    };
    let mut text = String::new();
    let mut done = Vec::new();
    // Held before anything is decided: two clones on one host must not both find a PASS unspent.
    let _lock = lock(&session)?;
    for (number, step) in steps.iter().enumerate() {
        // Asked before each step, so that a veto gets in. After the first, out of reach stops nothing: the forge may sit behind
        // the network that is being recreated.
        let gathered = match session.gather(true) {
            Err(error) if number > 0 && error.exit == Exit::Unknown => {
                report::say(&format!("  {}; going on with what is here", error.message));
                session.gather(false)?
            }
            other => other?,
        };
        let report = session.evaluate(&gathered);
        if args.all && report.state_of(&step.id) == State::Done {
            continue;
        }
        let live = live_criteria(&session, step);
        let seen = session.measure(&report, &live)?;
        let granted = permit(&report, step, &seen)
            .map_err(|reasons| CommandError::refused(format!("step `{}` is not run", step.id), &reasons))?;
        text += &one(&session, &gathered, step, &granted, Act::Run)?;
        done.push(step.id.to_string());
    }
    Ok(Answer::ok(text, json!({ "done": done })))
}

/// Takes the engine's run lock.
fn lock(session: &Session) -> Result<RunLock, CommandError> {
    match session.target() {
        Known::Is(target) => {
            Ok(session.host_state(&target.engine)?.run_lock(&session.context.holder("builder run"))?)
        }
        Known::Unknown(why) => {
            Err(CommandError::new(Exit::Unknown, format!("no step can be run: {why}"), "countersign status"))
        }
    }
}

/// What is looked at again right before a step.
fn live_criteria(session: &Session, step: &Step) -> Vec<Criterion> {
    let gate = session.contract.gate(&step.gate);
    let live = gate.into_iter().flat_map(|gate| &gate.criteria).filter(|criterion| step.live.contains(&criterion.id));
    live.chain(&session.contract.window.requires).cloned().collect()
}

/// Resumes.
///
/// # Errors
///
/// Nothing was begun, or a step does not come to its end.
pub fn resume(_: &ResumeArgs, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let mut text = String::new();
    let mut done = Vec::new();
    let _lock = lock(&session)?;
    loop {
        let gathered = session.gather(false)?;
        let report = session.evaluate(&gathered);
        let begun: Vec<_> = report.steps.keys().cloned().collect();
        let doubtful =
            |step: &&Step| matches!(report.state_of(&step.id), State::InDoubt | State::Stuck | State::Failed);
        let restores =
            |step: &&Step| step.restores && !begun.is_empty() && report.state_of(&step.id) == State::NotBegun;
        let steps = &session.contract.steps;
        let Some(step) = steps.iter().find(doubtful).or_else(|| steps.iter().find(restores)) else { break };
        if step.kind == "command" && report.state_of(&step.id) != State::NotBegun {
            let seen = session.measure(&report, &step.postflight)?;
            if let Err(error) = all_held(&seen, &format!("step `{}` is in doubt", step.id)) {
                return Err(CommandError { exit: Exit::InDoubt, ..error });
            }
        }
        let strategy =
            report.steps.get(&step.id).and_then(|p| p.intent).and_then(|(_, intent)| intent.strategy.clone());
        let granted = Permit::for_recovery(&session.contract, step, &begun, strategy, gathered.now)
            .map_err(|reason| CommandError::refused(format!("step `{}` is not resumed", step.id), &[reason]))?;
        let kind = if report.state_of(&step.id) == State::NotBegun { Act::Run } else { Act::Resume };
        text += &one(&session, &gathered, step, &granted, kind)?;
        done.push(step.id.to_string());
    }
    if done.is_empty() {
        text = "Nothing is in doubt, and nothing is left that brings things back.\n".into();
    }
    Ok(Answer::ok(text, json!({ "done": done })))
}

/// Announces, does, looks again and records one step; the caller holds the run lock.
fn one(
    session: &Session,
    gathered: &Gathered,
    step: &Step,
    granted: &Permit,
    kind: Act,
) -> Result<String, CommandError> {
    let _held = crate::interrupt::step(step.id.as_str());
    let key = session.key(Role::Builder)?;
    let target = match session.target() {
        Known::Is(target) => target,
        Known::Unknown(why) => {
            return Err(CommandError::new(Exit::Unknown, format!("step `{}`: {why}", step.id), "countersign status"));
        }
    };
    let host = session.host_state(&target.engine)?;
    let report = session.evaluate(gathered);
    let mut values = step_values(&report.steps);
    let subject = session.repository.subject()?;
    values.insert("subject".into(), subject.commit.to_string());
    let params = fill::resolve(&step.params, &values).map_err(|error| {
        CommandError::new(Exit::Unknown, format!("step `{}`: {error}", step.id), "countersign status")
    })?;
    let intent = Intent {
        step: step.id.clone(),
        act: kind,
        permit: if let Basis::Pass(id) = granted.basis() { Some(id) } else { None },
        break_glass: if let Basis::BreakGlass(id) = granted.basis() { Some(id) } else { None },
        plan: granted.plan(),
        strategy: granted.strategy().map(str::to_owned),
    };
    report::say(&format!("step {}: {}", step.id, step.title));
    let journal = Journal { session, host: &host, key: &key };
    let words = format!("About to do step `{}`: {}.", step.id, step.title);
    let intent_id = journal.append(&words, Body::Intent(intent), None, step)?;
    let clock = Instant::now();
    let acted = do_it(session, &host, step, &params, granted, kind);
    let took_ms = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (ending, acted, trouble) = judge(session, step, acted)?;
    let outcome = StepOutcome {
        step: step.id.clone(),
        intent: intent_id,
        ending,
        finished: session.context.now(),
        took_ms,
        facts: acted.facts,
        readings: acted.readings,
        said_by_person: None,
    };
    let (output, redactions) = redact(&acted.output);
    let output =
        (!output.trim().is_empty()).then(|| DraftOutput { text: output.clone(), redactions, extension: "txt" });
    let shown = output.as_ref().map(|output| output.text.clone()).unwrap_or_default();
    let words = match &trouble {
        None => format!("Step `{}` is done, in {:.1} s.", step.id, clock.elapsed().as_secs_f64()),
        Some(trouble) => format!("Step `{}` is {}: {trouble}", step.id, ending.label()),
    };
    journal.append(&words, Body::Outcome(outcome), output, step)?;
    match ending {
        Ending::Done => Ok(format!("{words}\n{shown}")),
        Ending::Unwound => Err(CommandError::new(Exit::Unwound, words, "countersign status")),
        _ => Err(CommandError::new(Exit::InDoubt, words, "countersign builder resume")),
    }
}

/// Writes a record of a step: the ledger first, synced, then JOURNAL.
struct Journal<'a> {
    session: &'a Session,
    host: &'a HostState,
    key: &'a Key,
}

impl Journal<'_> {
    fn append(
        &self,
        words: &str,
        body: Body,
        output: Option<DraftOutput>,
        step: &Step,
    ) -> Result<RecordId, CommandError> {
        let (what, spends) = match &body {
            Body::Intent(intent) => (What::Intent, intent.permit),
            _ => (What::Outcome, None),
        };
        let composer = Composer::new(self.session, Role::Builder, Document::Journal)?;
        let mut transaction =
            self.session.store.begin(Document::Journal, &self.session.context.holder("builder run"))?;
        transaction.tolerate_defects();
        let id = transaction.append(composer.draft(words, body, output), self.key)?;
        let section = transaction.section_of(&id).unwrap_or_default();
        let entry = Entry {
            what,
            repository: self.session.repository.root_commit.clone(),
            phase: self.session.store.phase().clone(),
            id,
            step: step.id.clone(),
            spends,
            section,
        };
        self.host.append_to_ledger(&entry)?;
        transaction.publish()?;
        Ok(id)
    }
}

fn do_it(
    session: &Session,
    host: &HostState,
    step: &Step,
    params: &crate::model::contract::Params,
    granted: &Permit,
    kind: Act,
) -> Result<Acted, NotDone> {
    let checkout = match (step.kind.as_str(), params.text("cwd")) {
        ("command", None) => {
            let subject = session.repository.subject().map_err(|error| NotDone::untouched(error.to_string()))?;
            let made = session.repository.checkout(&subject.commit, host.directory());
            Some(made.map_err(|error| NotDone::untouched(error.to_string()))?)
        }
        _ => None,
    };
    let runtime = runtime().map_err(|error| NotDone::untouched(error.message))?;
    runtime.block_on(async {
        let connected = Engine::connect(session.engine_address(), std::time::Duration::from_secs(20)).await;
        let ground = Ground {
            engine: connected.map_err(|error| error.to_string()),
            host,
            checkout: checkout.as_ref().map(crate::git::checkout::Checkout::path),
            capture: format!("{}-{}", session.store.phase(), step.id),
            doing: kind,
            say: &|line| report::say(&format!("  {line}")),
            part: &|line| report::say(&format!("  {line}")),
            may_go_on: &|| Ok(()),
        };
        act(granted, step, params, &ground).await
    })
}

/// How a step ended: its own word, then its postflight.
fn judge(
    session: &Session,
    step: &Step,
    acted: Result<Acted, NotDone>,
) -> Result<(Ending, Acted, Option<String>), CommandError> {
    let acted = match acted {
        Ok(acted) => acted,
        Err(error) => {
            let ending = match error.left {
                Left::Untouched | Left::Unwound => Ending::Unwound,
                Left::Midway => Ending::Failed,
                Left::Stuck => Ending::Stuck,
            };
            return Ok((ending, Acted::default(), Some(redact(&error.message).0)));
        }
    };
    if step.postflight.is_empty() {
        return Ok((Ending::Done, acted, None));
    }
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    let seen = session.measure(&report, &step.postflight)?;
    match all_held(&seen, "postflight") {
        Ok(()) => Ok((Ending::Done, acted, None)),
        Err(error) => Ok((Ending::Failed, acted, Some(format!("{}: {}", error.message, error.details.join("; "))))),
    }
}
