//! `countersign builder run`

use std::time::Duration;

use serde_json::json;

use crate::commands::clean;
use crate::commands::open::{PATIENCE, Session};
use crate::context::Context;
use crate::docs::store::Documents;
use crate::error::{CommandError, Exit};
use crate::gates::evaluate::{PhaseReport, evaluate};
use crate::gates::inputs::{Host, Inputs, Known};
use crate::gates::permit::{Basis, permit, still_stands};
use crate::gates::progress::{State, step_values};
use crate::interrupt;
use crate::model::contract::{Criterion, Step};
use crate::model::record::{Act, Body, Ending, StepOutcome};
use crate::report::{self, Answer};

use super::execute::{Job, filled};
use super::journal::Words;
use super::site::Site;

/// How long the remote may take to answer before a later step and inside one: it may sit behind the network that is recreated.
const BRIEFLY: Duration = Duration::from_secs(2);

/// Run the next step, or all that are left, under a fresh PASS and an open window
///
/// Each step is announced, done, looked at again and recorded. It stops at the first that does not come to its end.
///
/// At Ctrl-C a step comes to its end first: a network is put back as it was if that is still possible, else finished; a program is
/// never killed. No other step is begun. Once more leaves it in doubt, and `countersign builder resume` goes on from there.
///
/// Example: countersign builder run recreate
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct Args {
    /// The step
    #[arg(group = "which")]
    step: Option<String>,
    /// Every step that is left, in order
    #[arg(long, group = "which")]
    all: bool,
}

/// Runs it.
///
/// # Errors
///
/// A step is not permitted, or did not come to its end.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let steps: Vec<Step> = match &args.step {
        Some(name) => vec![step(&session.contract.steps, name)?.clone()],
        None => session.contract.steps.clone(),
    };
    let site = Site::for_run(session, "builder run")?;
    if let Err(error) = site.journal_to_ledger() {
        let error = CommandError::from(error);
        return Err(CommandError { message: format!("no step is run: {}", error.message), ..error });
    }
    say_origin(&site)?;
    let mut run = Run { site: &site, remote: None, asked: false };
    let mut text = String::new();
    let mut done = Vec::new();
    for step in &steps {
        if args.all && run.is_done(step)? {
            continue;
        }
        text += &run.one(step)?;
        done.push(step.id.to_string());
    }
    if done.is_empty() {
        text = "Every step is done already.\n".into();
    }
    text += "Next: countersign next\n";
    Ok(Answer::ok(text, json!({ "done": done })))
}

/// Says that `origin` is another one than at the last run: whoever can set its URL can point it at a copy of their own.
fn say_origin(site: &Site) -> Result<(), CommandError> {
    let Some(url) = site.session.as_ref().and_then(|session| session.repository.remote_url("origin")) else {
        return Ok(());
    };
    if let Some(before) = site.host.note_origin(&site.repository, &site.contract.phase, &url)? {
        report::say(&format!("! `origin` is {url}, and was {before} at the last run of this phase on this host"));
    }
    Ok(())
}

/// The step of this exact name.
///
/// # Errors
///
/// There is none.
pub fn step<'a>(steps: &'a [Step], name: &str) -> Result<&'a Step, CommandError> {
    let found = steps.iter().find(|step| step.id.as_str() == name);
    found.ok_or_else(|| {
        let names: Vec<_> = steps.iter().map(|step| step.id.as_str()).collect();
        CommandError::new(Exit::Usage, format!("there is no step `{name}`"), format!("one of {}", names.join(", ")))
    })
}

/// One run of several steps.
struct Run<'a> {
    site: &'a Site,
    /// The remote's documents as they were seen last.
    remote: Option<Documents>,
    /// Whether the remote was asked with full patience.
    asked: bool,
}

impl Run<'_> {
    fn session(&self) -> Result<&Session, CommandError> {
        let session = self.site.session.as_ref();
        session.ok_or_else(|| CommandError::new(Exit::Usage, "a run needs its repository", ""))
    }

    /// Whether a step is done, by the documents here.
    fn is_done(&self, step: &Step) -> Result<bool, CommandError> {
        let session = self.session()?;
        let gathered = session.gather(false)?;
        Ok(session.evaluate(&gathered).state_of(&step.id) == State::Done)
    }

    /// Asks the remote: before the first permit with full patience, later briefly, so that a veto gets in.
    fn ask(&mut self) -> Result<(), CommandError> {
        let session = self.site.session.as_ref();
        let patience = if self.asked { BRIEFLY } else { PATIENCE };
        match session.map(|session| session.remote_documents(patience)).transpose() {
            Ok(remote) => {
                self.remote = remote;
                self.asked = true;
            }
            Err(error) if self.asked && error.exit == Exit::Unknown => {
                report::say(&format!("  {}; going on with what is known", error.message));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Decides, announces, does, looks again and records one step.
    fn one(&mut self, step: &Step) -> Result<String, CommandError> {
        self.ask()?;
        let session = self.session()?;
        let gathered = session.gather_from(session.store.load()?, self.remote.as_ref());
        let before = session.evaluate(&gathered);
        session.remember_objections(&before, true)?;
        let seen = session.measure_before_acting(&before, &live_criteria(session, step))?;
        let clean =
            clean::wanted(&session.repository, "git stash, or commit it and claim again: what runs is what was passed");
        // From here the documents' lock is held: what is decided is decided on what the intent is appended to.
        let transaction = self.site.journal()?;
        let gathered = session.gather_from(transaction.documents().clone(), self.remote.as_ref());
        let report = session.evaluate(&gathered);
        let decide = |report: &PhaseReport<'_>| {
            permit(report, step, &seen)
                .map_err(|reasons| CommandError::refused(format!("step `{}` is not run", step.id), &reasons))
        };
        let permit = decide(&report)?;
        if let Err(error) = clean {
            // What brings things back is recovery, and never refused.
            if permit.basis() != Basis::Recovery {
                return Err(CommandError {
                    message: format!("step `{}` is not run: {}", step.id, error.message),
                    ..error
                });
            }
            report::say(&format!("! {}; going on, as step `{}` brings things back", error.message, step.id));
        }
        let mut values = step_values(&report.steps);
        if let Known::Is(subject) = &gathered.subject {
            values.insert("subject".into(), subject.commit.to_string());
        }
        let may_go_on = || self.may_go_on(step, permit.basis());
        let step = filled(step, &values)?;
        let job = Job { step, act: Act::Run, permit: &permit, values, may_go_on: &may_go_on, said: None };
        let _held = interrupt::step(job.step.id.as_str());
        report::say(&format!("step {}: {}", job.step.id, job.step.title));
        self.site.prepare(&job, Some(transaction.documents()))?;
        // What permits it may have ended meanwhile: then it is decided again, by what is so now.
        if session.context.now() >= job.permit.until() {
            let late = session.gather_from(transaction.documents().clone(), self.remote.as_ref());
            drop(decide(&session.evaluate(&late))?);
        }
        let intent = self.site.record_in(transaction, &job.intent())?;
        if let Err(why) = intent.journaled {
            return Err(self.not_begun(&job, intent.id, &why));
        }
        let ended = self.site.carry_out(&job, Some(intent.id));
        self.site.conclude(&job, Some(intent.id), ended)
    }

    /// An intent that only the ledger took: the step is not run, and the ledger is told so.
    fn not_begun(&self, job: &Job<'_>, intent: crate::model::ids::RecordId, why: &str) -> CommandError {
        let summary = format!("Step `{}` was not begun: JOURNAL could not be written.", job.step.id);
        let body = Body::Outcome(StepOutcome {
            step: job.step.id.clone(),
            intent,
            ending: Ending::Unwound,
            finished: self.site.context.now(),
            took_ms: 0,
            facts: Default::default(),
            readings: Default::default(),
            said_by_person: None,
        });
        let told = self.site.record_alone(&Words { summary, body, output: None }, why.to_owned());
        let doubt =
            told.err().map_or_else(String::new, |error| format!("; the ledger holds it in doubt ({})", error.message));
        let message = format!("step `{}` is not run: its intent could not be recorded: {why}{doubt}", job.step.id);
        CommandError::new(Exit::Write, message, "make room, then countersign builder resume")
    }

    /// Asked inside a step, up to its point of no return.
    fn may_go_on(&self, step: &Step, basis: Basis) -> Result<(), String> {
        if interrupt::requested() {
            return Err("interrupted".into());
        }
        let session = self.session().map_err(|error| error.message)?;
        let documents = session.store.load().map_err(|error| error.to_string())?;
        let asked = session.remote_documents(BRIEFLY);
        match &asked {
            Err(error) if error.exit == Exit::Unknown => {
                report::say(&format!("  {}; going on with what is known", error.message));
            }
            Err(error) => return Err(format!("{}: {}", error.message, error.details.join("; "))),
            Ok(_) => {}
        }
        let remote = asked.map_or_else(|_| self.remote.clone(), Some);
        let records = crate::docs::store::union(&documents, remote.as_ref());
        let subject = match session.repository.subject() {
            Ok(subject) => Known::Is(subject),
            Err(error) => Known::Unknown(error.to_string()),
        };
        let host = Host::unknown("not asked inside a step");
        let report = evaluate(Inputs {
            repository: &session.repository.root_commit,
            roots: &session.repository.roots,
            contract: &session.contract,
            records: &records,
            defects: documents.defects().count() + remote.iter().flat_map(Documents::defects).count(),
            host: &host,
            subject: &subject,
            now: session.context.now(),
        });
        still_stands(&report, step, basis).map_err(|reason| reason.found)
    }
}

/// What is looked at again right before a step.
fn live_criteria(session: &Session, step: &Step) -> Vec<Criterion> {
    let gate = session.contract.gate(&step.gate);
    let live = gate.into_iter().flat_map(|gate| &gate.criteria).filter(|criterion| step.live.contains(&criterion.id));
    live.chain(&session.contract.window.requires).cloned().collect()
}
