//! `countersign builder resume`

use std::collections::BTreeMap;

use serde_json::json;

use crate::commands::compose::plain;
use crate::commands::measure::all_held;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::gates::permit::Permit;
use crate::gates::progress::{Progress, State};
use crate::interrupt;
use crate::model::contract::Step;
use crate::model::ids::StepId;
use crate::model::record::{Act, Ending};
use crate::report::{self, Answer};
use crate::steps::kinds::way_back;

use super::execute::{Ended, Job, filled};
use super::site::Site;

/// Go on with the step in doubt, then with what brings things back
///
/// Never refused: neither a PASS, an open window, a remote nor valid documents are needed. It works from what the host captured and
/// the engine shows; outside the repository, or without one, from what the host kept (then name the host's state with --state and
/// the engine with --engine, where they are not the usual ones).
///
/// Where an undo was cut off, it goes on with the undo; with the step itself only where nothing leads back any more, or with --forward.
///
/// A step of kind docker.* goes on from where the engine stands. Any other is done if its postflight holds; if it does not, only a
/// person knows: --done or --again, with a reason.
///
/// Example: countersign builder resume
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("answer"))]
pub struct Args {
    /// A person has seen that the step in doubt is done
    #[arg(long, group = "answer", requires = "reason")]
    done: bool,
    /// A person has seen that the step in doubt may be done again
    #[arg(long, group = "answer", requires = "reason")]
    again: bool,
    /// What the person has seen
    #[arg(long, requires = "answer")]
    reason: Option<String>,
    /// Go on with the step although its undo was begun last
    #[arg(long)]
    forward: bool,
}

/// Runs it.
///
/// # Errors
///
/// Only a person knows whether the step in doubt is done, or a step does not come to its end.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let said = reason(args.reason.as_deref())?;
    let site = Site::for_recovery(context, "builder resume")?;
    site.mend();
    let (mut text, mut done) = (String::new(), Vec::<String>::new());
    let mut said = said;
    loop {
        let records = site.records();
        let progress = site.progress(&records);
        let state = |step: &Step| progress.get(&step.id).map_or(State::NotBegun, |progress| progress.state);
        let open = |step: &&Step| matches!(state(step), State::InDoubt | State::Stuck | State::Failed);
        let left = |step: &&Step| {
            step.restores && !progress.is_empty() && matches!(state(step), State::NotBegun | State::Unwound)
        };
        let steps = &site.contract.steps;
        let doubtful = steps.iter().find(open);
        // A step that could not be recorded would be found again for ever.
        let found = doubtful.or_else(|| steps.iter().find(left)).filter(|step| !done.contains(&step.id.to_string()));
        let Some(step) = found else { break };
        let answer = match (said.take(), doubtful.is_some()) {
            (Some(reason), true) if args.done => Answered::Done(reason),
            (Some(reason), true) => Answered::Again(reason),
            (Some(_), false) => {
                return Err(CommandError::new(Exit::Usage, "no step is in doubt, so there is nothing to answer", ""));
            }
            (None, true) if args.forward => Answered::Forward,
            (None, _) => Answered::Nothing,
        };
        if doubtful.is_some() {
            site.believes(step, &records)?;
        }
        text += &one(&site, step, state(step), &progress, answer)?;
        done.push(step.id.to_string());
    }
    if done.is_empty() {
        text = "Nothing is in doubt, and nothing is left that brings things back.\n".into();
    }
    text += "Next: countersign next\n";
    Ok(Answer::ok(text, json!({ "done": done })))
}

/// What a person has seen, where they say so.
///
/// # Errors
///
/// It is empty.
pub fn reason(said: Option<&str>) -> Result<Option<String>, CommandError> {
    match said.map(|reason| plain(reason.trim())) {
        Some(reason) if reason.is_empty() => {
            Err(CommandError::new(Exit::Usage, "--reason is empty", "say what was seen"))
        }
        said => Ok(said),
    }
}

/// What a person said about the step in doubt.
enum Answered {
    Nothing,
    Forward,
    Done(String),
    Again(String),
}

fn one(
    site: &Site,
    step: &Step,
    state: State,
    progress: &BTreeMap<StepId, Progress<'_>>,
    answer: Answered,
) -> Result<String, CommandError> {
    let begun: Vec<StepId> = progress.keys().cloned().collect();
    let before = progress.get(&step.id).and_then(|progress| progress.intent);
    let kept = site.kept.as_ref().filter(|run| run.step == step.id).and_then(|run| run.strategy.clone());
    let strategy = before.and_then(|(_, intent)| intent.strategy.clone()).or(kept);
    let permit = Permit::for_recovery(&site.contract, step, &begun, strategy, site.context.now())
        .map_err(|reason| CommandError::refused(format!("step `{}` is not resumed", step.id), &[reason]))?;
    let doubtful = !matches!(state, State::NotBegun | State::Unwound);
    let values = site.values(progress);
    let step = filled(step, &values)?;
    let undoing = doubtful && before.is_some_and(|(_, intent)| intent.act == Act::Undo);
    say_where(site, &step, state, undoing);
    if undoing
        && matches!(answer, Answered::Nothing)
        && let Some(undone) = undo(site, &step, &permit, &values)?
    {
        return Ok(undone);
    }
    let already = match &answer {
        Answered::Done(_) => true,
        Answered::Again(_) | Answered::Forward => false,
        // It looks at the engine and does what is left; its facts are needed later.
        Answered::Nothing if !doubtful || step.kind.starts_with("docker.") => false,
        Answered::Nothing => {
            in_doubt(site, &step, state, &values)?;
            true
        }
    };
    let said = match answer {
        Answered::Nothing | Answered::Forward => None,
        Answered::Done(reason) | Answered::Again(reason) => Some(reason),
    };
    let act = if doubtful { Act::Resume } else { Act::Run };
    let job = Job { step, act, permit: &permit, values, may_go_on: &not_interrupted, said };
    let _held = interrupt::step(job.step.id.as_str());
    let intent = announce(site, &job)?;
    let ended = if already { Ended::seen(Ending::Done) } else { site.carry_out(&job, intent) };
    site.conclude(&job, intent, ended)
}

/// Nothing refuses recovery but whoever interrupts it: then a step that still can be is put back.
fn not_interrupted() -> Result<(), String> {
    if interrupt::requested() { Err("interrupted".into()) } else { Ok(()) }
}

/// Goes on with an undo that was cut off; nothing where it did nothing because nothing leads back.
fn undo(
    site: &Site,
    step: &Step,
    permit: &Permit,
    values: &BTreeMap<String, String>,
) -> Result<Option<String>, CommandError> {
    if step.undo.is_some() {
        // A program may be no good twice.
        let message = format!("the undo of step `{}` was cut off, and only a person knows how far it came", step.id);
        let ask = format!(
            "look, then countersign builder undo {0}, or countersign builder undo {0} --done --reason …, or countersign builder \
             resume --forward",
            step.id
        );
        return Err(CommandError::new(Exit::InDoubt, message, ask));
    }
    let (step, values) = (step.clone(), values.clone());
    let job = Job { step, act: Act::Undo, permit, values, may_go_on: &|| Ok(()), said: None };
    let _held = interrupt::step(job.step.id.as_str());
    let intent = announce(site, &job)?;
    let ended = site.carry_out(&job, intent);
    let forward = ended.forward;
    match site.conclude(&job, intent, ended) {
        Err(error) if forward => {
            report::say(&format!("! {}; going forward", error.message));
            Ok(None)
        }
        undone => undone.map(Some),
    }
}

/// Prepares and announces recovery; what cannot be recorded is said and stops nothing.
pub fn announce(site: &Site, job: &Job<'_>) -> Result<Option<crate::model::ids::RecordId>, CommandError> {
    if let Err(error) = site.prepare(job, site.documents().as_ref()) {
        report::say(&format!("! {}; going on", error.message));
    }
    if site.key.is_none() {
        return Ok(None);
    }
    match site.record(&job.intent()) {
        Ok(written) => {
            if let Err(why) = written.journaled {
                report::say(&format!("! JOURNAL could not be written ({why}); the host's ledger has the intent"));
            }
            Ok(Some(written.id))
        }
        Err(error) => {
            report::say(&format!("! the intent could not be recorded: {}; going on", error.message));
            Ok(None)
        }
    }
}

/// Says where the step stood when it was cut off.
fn say_where(site: &Site, step: &Step, state: State, undoing: bool) {
    let its = if undoing { "its undo is " } else { "" };
    report::say(&format!("step {}: {} ({its}{})", step.id, step.title, state.label()));
    let parts = site.host.parts().unwrap_or_default();
    if let Some(part) = parts.iter().rfind(|part| part.step == step.id) {
        report::say(&format!("  the last part begun was, at {}: {}", part.at, part.text));
    }
    if let Some(standing) = way_back::standing(step, &site.host, &format!("{}-{}", site.contract.phase, step.id)) {
        report::say(&format!("! {standing}"));
    }
}

/// Decides by the postflight whether a step that was cut off is done.
fn in_doubt(site: &Site, step: &Step, state: State, values: &BTreeMap<String, String>) -> Result<(), CommandError> {
    let what = format!("step `{}` is {}, and only a person knows how it ended", step.id, state.label());
    let ask = "look, then countersign builder resume --done --reason …, or --again --reason …, or countersign builder undo STEP";
    if step.postflight.is_empty() {
        return Err(CommandError::new(Exit::InDoubt, format!("{what}: it has no postflight"), ask));
    }
    let seen = site.measure(&step.postflight, values.clone())?;
    all_held(&seen, &what).map_err(|error| CommandError { exit: Exit::InDoubt, hint: Some(ask.into()), ..error })
}
