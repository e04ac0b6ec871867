//! `countersign builder undo`

use serde_json::json;

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::gates::permit::Permit;
use crate::gates::progress::State;
use crate::interrupt;
use crate::model::record::{Act, Ending};
use crate::report::{self, Answer};
use crate::steps::act::has_undo;
use crate::steps::kinds::way_back;

use super::execute::{Ended, Job, filled};
use super::resume::{announce, reason};
use super::run::step;
use super::site::Site;

/// Walk a step back
///
/// A program by the `undo` of the contract; a network by putting the captured services back, as long as the old network is still
/// there. Never refused for a PASS, a window, a remote or a document, for a step that was begun.
///
/// Where a program's undo was cut off, or things were put right by hand, a person says so with --done and a reason.
///
/// Example: countersign builder undo pause-ci
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The step
    step: String,
    /// A person has seen that everything is back: nothing is done, and that is recorded
    #[arg(long, requires = "reason")]
    done: bool,
    /// What the person has seen
    #[arg(long, requires = "done")]
    reason: Option<String>,
}

/// Runs it.
///
/// # Errors
///
/// The step was not begun, has no undo, or is stuck.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let said = reason(args.reason.as_deref())?;
    let site = Site::for_recovery(context, "builder undo")?;
    site.mend();
    let step = step(&site.contract.steps, &args.step)?;
    let records = site.records();
    let progress = site.progress(&records);
    let state = progress.get(&step.id).map_or(State::NotBegun, |progress| progress.state);
    if matches!(state, State::NotBegun | State::Unwound) {
        let message = format!("step `{}` is {}: there is nothing to undo", step.id, state.label());
        return Err(CommandError::new(Exit::Closed, message, "countersign status"));
    }
    if !has_undo(step) && !args.done {
        let message = format!("step `{}` ({}) has no undo in the contract", step.id, step.kind);
        return Err(CommandError::new(Exit::Closed, message, "countersign builder resume"));
    }
    site.believes(step, &records)?;
    let later = site.contract.steps.iter().skip_while(|other| other.id != step.id).skip(1);
    for other in later.filter(|other| progress.get(&other.id).is_some_and(|p| p.state == State::Done)) {
        report::say(&format!("! step `{}` comes after `{}` and is done; it stays as it is", other.id, step.id));
    }
    let begun: Vec<_> = progress.keys().cloned().collect();
    let strategy = progress.get(&step.id).and_then(|p| p.intent).and_then(|(_, intent)| intent.strategy.clone());
    let permit = Permit::for_recovery(&site.contract, step, &begun, strategy, site.context.now())
        .map_err(|reason| CommandError::refused(format!("step `{}` is not undone", step.id), &[reason]))?;
    let values = site.values(&progress);
    let step = filled(step, &values)?;
    report::say(&format!("undoing step {}: {}", step.id, step.title));
    let job = Job { step, act: Act::Undo, permit: &permit, values, may_go_on: &|| Ok(()), said };
    let _held = interrupt::step(job.step.id.as_str());
    let intent = announce(&site, &job)?;
    let capture = format!("{}-{}", site.contract.phase, job.step.id);
    if let Some(standing) = way_back::standing(&job.step, &site.host, &capture).filter(|_| args.done) {
        report::say(&format!("! {standing}"));
    }
    let ended = if args.done { Ended::seen(Ending::Unwound) } else { site.carry_out(&job, intent) };
    let text = site.conclude(&job, intent, ended)? + "Next: countersign next\n";
    Ok(Answer::ok(text, json!({ "undone": args.step })))
}
