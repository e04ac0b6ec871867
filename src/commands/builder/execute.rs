//! One step, from its intent to its outcome: prepare, do, look again, record. The caller decided that it may be done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::commands::measure::all_held;
use crate::commands::target::runtime;
use crate::docs::store::Documents;
use crate::engine::Engine;
use crate::error::{CommandError, Exit};
use crate::gates::permit::{Basis, Permit};
use crate::git::checkout::Checkout;
use crate::host::open_run::OpenRun;
use crate::host::parts::Part;
use crate::interrupt;
use crate::model::contract::{Step, fill};
use crate::model::ids::RecordId;
use crate::model::record::{Act, Body, Ending, Intent, StepOutcome};
use crate::model::role::Document;
use crate::model::time::Time;
use crate::probes::redact::redact;
use crate::report;
use crate::steps::act::{self, Acted, Ground, Left, NotDone};
use crate::steps::kinds::way_back;

use super::journal::Words;
use super::site::Site;

/// How long one call to the engine may take.
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// A step that is about to be done.
pub struct Job<'a> {
    /// The step, its placeholders filled in.
    pub step: Step,
    /// What is done with it.
    pub act: Act,
    /// The proof that it may be done.
    pub permit: &'a Permit,
    /// What placeholders stand for.
    pub values: BTreeMap<String, String>,
    /// Asked before each part, up to the point of no return.
    pub may_go_on: &'a (dyn Fn() -> Result<(), String> + Sync),
    /// A person's word on why it is done again.
    pub said: Option<String>,
}

/// Where a program runs; gone when it is dropped.
enum Place {
    Checkout(Checkout),
    Empty(tempfile::TempDir),
}

impl Place {
    fn path(&self) -> PathBuf {
        match self {
            Self::Checkout(checkout) => checkout.path(),
            Self::Empty(directory) => directory.path().to_owned(),
        }
    }
}

/// How a step ended, before it is recorded.
pub struct Ended {
    /// The ending.
    pub ending: Ending,
    /// What it did.
    pub acted: Acted,
    /// Why it is not done.
    pub trouble: Option<String>,
    /// Where it is not done: that nothing leads back.
    pub forward: bool,
    /// How long it took.
    pub took: Duration,
}

impl Ended {
    /// An end that nothing was done for: a person has seen it.
    pub fn seen(ending: Ending) -> Self {
        Self { ending, acted: Acted::default(), trouble: None, forward: false, took: Duration::ZERO }
    }
}

/// The step with every placeholder filled in.
///
/// # Errors
///
/// One has no value yet.
pub fn filled(step: &Step, values: &BTreeMap<String, String>) -> Result<Step, CommandError> {
    let unresolved = |error: fill::Unresolved| {
        CommandError::new(Exit::Unknown, format!("step `{}`: {error}", step.id), "countersign status")
    };
    let undo = step.undo.as_ref().map(|argv| argv.iter().map(|arg| fill::resolve_text(arg, values)).collect());
    Ok(Step {
        params: fill::resolve(&step.params, values).map_err(unresolved)?,
        undo: undo.transpose().map_err(unresolved)?,
        ..step.clone()
    })
}

impl Job<'_> {
    /// The intent that announces it.
    pub fn intent(&self) -> Words {
        let verb = match self.act {
            Act::Run => "do",
            Act::Resume => "go on with",
            Act::Undo => "undo",
        };
        let body = Body::Intent(Intent {
            step: self.step.id.clone(),
            act: self.act,
            permit: if let Basis::Pass(id) = self.permit.basis() { Some(id) } else { None },
            break_glass: if let Basis::BreakGlass(id) = self.permit.basis() { Some(id) } else { None },
            plan: self.permit.plan(),
            strategy: self.permit.strategy().map(str::to_owned),
        });
        Words { summary: format!("About to {verb} step `{}`: {}.", self.step.id, self.step.title), body, output: None }
    }
}

impl Site {
    /// Keeps on the host what recovery needs, before the intent is written.
    ///
    /// # Errors
    ///
    /// The disk did not take it: the step must not be begun.
    pub fn prepare(&self, job: &Job<'_>, documents: Option<&Documents>) -> Result<(), CommandError> {
        self.host.begin_parts()?;
        let Some(session) = &self.session else { return Ok(()) };
        let composer = self.composer()?;
        let heads = |document| documents.map(|documents| documents.heads(document).to_vec()).unwrap_or_default();
        let before = self.kept.as_ref();
        self.host.keep_run(&OpenRun {
            repository: self.repository.clone(),
            phase: self.contract.phase.clone(),
            root: session.repository.root.clone(),
            engine: self.engine.clone(),
            contract: self.contract_text.clone(),
            step: job.step.id.clone(),
            strategy: job.permit.strategy().map(str::to_owned),
            values: job.values.clone(),
            subject: before.map_or_else(|| composer.subject().clone(), |run| run.subject.clone()),
            context: composer.surroundings().clone(),
            from: composer.from().clone(),
            target: composer.target().cloned(),
            seen: [Document::Status, Document::Review].map(|document| (document, heads(document))).into(),
        })?;
        Ok(())
    }

    /// Does it and looks again.
    pub fn carry_out(&self, job: &Job<'_>, intent: Option<RecordId>) -> Ended {
        let clock = Instant::now();
        let parts = Mutex::new(Vec::new());
        let part = |text: &str, aside: &str| {
            let at = self.context.now();
            let aside = if aside.is_empty() { String::new() } else { format!(" ({aside})") };
            report::say(&format!("  {:5.1} s: {text}{aside}", clock.elapsed().as_secs_f64()));
            let line = Part { intent, step: job.step.id.clone(), at, text: redact(text).0 };
            if let Err(error) = self.host.add_part(&line) {
                report::say(&format!("! {error}; going on"));
            }
            parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(format!("{at} {}", line.text));
        };
        let acted = self.act(job, &part);
        let parts = parts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut ended = self.judge(job, acted);
        ended.took = clock.elapsed();
        if let (Some(trouble), Some(last)) = (&mut ended.trouble, parts.last())
            && ended.ending != Ending::Unwound
        {
            trouble.push_str(&format!("; the last part begun was: {last}"));
        }
        if !parts.is_empty() {
            ended.acted.output = format!("{}\n{}", parts.join("\n"), ended.acted.output);
        }
        ended
    }

    fn act(&self, job: &Job<'_>, part: &(dyn Fn(&str, &str) + Sync)) -> Result<Acted, NotDone> {
        // The way from the decision to here is not long, but it has an end.
        let now = self.context.now();
        if job.act == Act::Run && now >= job.permit.until() {
            let message = format!("what permits it ended at {}, and it is {now}", job.permit.until());
            return Err(NotDone::untouched(message));
        }
        let place = self.place(job)?;
        let token = match self.host.issue_token(&format!("step {} of phase {}", job.step.id, self.contract.phase)) {
            Ok(token) => Some(token),
            // Without it an interlock would stop the step half way; recovery tries all the same.
            Err(error) if job.act == Act::Run => return Err(NotDone::untouched(error.to_string())),
            Err(error) => {
                report::say(&format!("! {error}: an interlock takes this step for a stranger's"));
                None
            }
        };
        let secret = token.as_ref().map(|token| token.secret());
        let runtime = runtime().map_err(|error| NotDone::untouched(error.message))?;
        runtime.block_on(async {
            let engine = Engine::connect(&self.engine, CALL_LIMIT).await.map_err(|error| error.to_string());
            let ground = Ground {
                engine: match secret {
                    Some(secret) => engine.map(|engine| engine.as_executor(secret)),
                    None => engine,
                },
                token: secret.map(str::to_owned),
                host: &self.host,
                checkout: place.as_ref().map(Place::path),
                keep_open: Some(self.lock.file()),
                step: job.step.id.to_string(),
                capture: format!("{}-{}", self.contract.phase, job.step.id),
                doing: job.act,
                say: &|line| report::say(&format!("  {}", redact(line).0)),
                part,
                may_go_on: job.may_go_on,
            };
            let (permit, step) = (job.permit, &job.step);
            match job.act {
                Act::Undo => act::undo(permit, step, &step.params, &ground).await,
                Act::Run | Act::Resume => act::act(permit, step, &step.params, &ground).await,
            }
        })
    }

    /// Where a program runs that names no directory of its own: a fresh checkout of the subject; in recovery without one, nowhere.
    fn place(&self, job: &Job<'_>) -> Result<Option<Place>, NotDone> {
        let runs_program = job.step.kind == "command" || job.act == Act::Undo && job.step.undo.is_some();
        if !runs_program || job.step.params.text("cwd").is_some() {
            return Ok(None);
        }
        let made = self.session.as_ref().ok_or_else(|| "there is no repository".to_owned()).and_then(|session| {
            let commit = match &self.kept {
                Some(run) => run.subject.commit.clone(),
                None => session.repository.subject().map_err(|error| error.to_string())?.commit,
            };
            session.repository.exact_checkout(&commit, self.host.directory()).map_err(|error| error.to_string())
        });
        match made {
            Ok(checkout) => Ok(Some(Place::Checkout(checkout))),
            Err(why) if self.recovery => {
                report::say(&format!("! {why}: step `{}` runs in an empty directory, not in a checkout", job.step.id));
                let empty = self.host.empty_directory();
                empty.map(|empty| Some(Place::Empty(empty))).map_err(|error| NotDone::untouched(error.to_string()))
            }
            Err(why) => Err(NotDone::untouched(why)),
        }
    }

    /// How it ended: its own word, then its postflight.
    fn judge(&self, job: &Job<'_>, acted: Result<Acted, NotDone>) -> Ended {
        let took = Duration::ZERO;
        let acted = match acted {
            Ok(acted) if job.act == Act::Undo => {
                return Ended { acted, ..Ended::seen(Ending::Unwound) };
            }
            Ok(acted) => acted,
            Err(error) => {
                let ending = match (job.act, error.left) {
                    (Act::Run, Left::Untouched) | (_, Left::Unwound) => Ending::Unwound,
                    (Act::Undo, Left::Midway) | (_, Left::Stuck) => Ending::Stuck,
                    // Going on or back did nothing: things are as they were, which is on the way.
                    (_, Left::Untouched | Left::Midway | Left::Forward) => Ending::Failed,
                };
                let forward = error.left == Left::Forward;
                let acted = Acted { output: error.output, ..Acted::default() };
                return Ended { ending, acted, trouble: Some(redact(&error.message).0), forward, took };
            }
        };
        if job.step.postflight.is_empty() {
            return Ended { acted, ..Ended::seen(Ending::Done) };
        }
        let mut values = job.values.clone();
        for (name, value) in &acted.facts {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            values.insert(format!("step.{}.{name}", job.step.id), text);
        }
        let seen = self.measure(&job.step.postflight, values).and_then(|seen| all_held(&seen, "afterwards"));
        match seen {
            Ok(()) => Ended { acted, ..Ended::seen(Ending::Done) },
            Err(error) => {
                let trouble = format!("{}: {}", error.message, error.details.join("; "));
                Ended { acted, trouble: Some(trouble), ..Ended::seen(Ending::Failed) }
            }
        }
    }

    /// Records the outcome and says it.
    ///
    /// # Errors
    ///
    /// The step is not done, or its outcome could not be recorded.
    pub fn conclude(&self, job: &Job<'_>, intent: Option<RecordId>, ended: Ended) -> Result<String, CommandError> {
        let ended = self.confirmed(job, ended);
        let words = match &ended.trouble {
            None => {
                format!("Step `{}` is {}, in {:.1} s.", job.step.id, ended.ending.label(), ended.took.as_secs_f64())
            }
            Some(trouble) => format!("Step `{}` is {}: {trouble}", job.step.id, ended.ending.label()),
        };
        // For whoever interrupted: it is said when the process leaves.
        interrupt::note(words.clone());
        let next = hint(&job.step, job.act, &ended);
        let (output, redactions) = redact(&ended.acted.output);
        let recorded = match intent {
            None => Err("nothing could be signed".to_owned()),
            Some(intent) => {
                let body = Body::Outcome(StepOutcome {
                    step: job.step.id.clone(),
                    intent,
                    ending: ended.ending,
                    finished: self.finished(),
                    took_ms: u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
                    facts: ended.acted.facts,
                    readings: ended.acted.readings,
                    said_by_person: job.said.clone(),
                });
                let words = Words { summary: words.clone(), body, output: Some((output.clone(), redactions)) };
                self.record(&words).map_err(|error| error.message)
            }
        };
        let error = |exit: Exit, message: String, next: &str| Err(CommandError::new(exit, message, next));
        match (recorded, ended.ending) {
            (Err(why), _) => error(
                Exit::Write,
                format!("{words}\nIts outcome could not be recorded: {why}. It is in doubt"),
                "countersign builder resume",
            ),
            (Ok(written), ending) => {
                if let Err(why) = written.journaled {
                    let message = format!("{words}\nThe host's ledger has it, and JOURNAL does not: {why}");
                    if !self.recovery {
                        return error(Exit::Write, message, "countersign builder resume");
                    }
                    report::say(&format!("! {message}"));
                }
                let wanted = if job.act == Act::Undo { Ending::Unwound } else { Ending::Done };
                if ending == wanted {
                    return Ok(format!("{words}\n{output}"));
                }
                let exit = match ending {
                    Ending::Stuck => Exit::Stuck,
                    Ending::Unwound => Exit::Unwound,
                    Ending::Done | Ending::Failed => Exit::InDoubt,
                };
                error(exit, words, &next)
            }
        }
    }

    /// A step that a timer would reverse is done only when the timer is taken away in time.
    fn confirmed(&self, job: &Job<'_>, ended: Ended) -> Ended {
        let capture = format!("{}-{}", self.contract.phase, job.step.id);
        if ended.ending != Ending::Done {
            let standing = way_back::standing(&job.step, &self.host, &capture);
            let trouble = ended.trouble.map(|why| [why].into_iter().chain(standing).collect::<Vec<_>>().join("; "));
            return Ended { trouble, ..ended };
        }
        match way_back::confirm(&job.step, &self.host, &capture, job.said.is_some()) {
            Ok(()) => ended,
            Err(why) => Ended { ending: Ending::Failed, trouble: Some(why), ..ended },
        }
    }

    fn finished(&self) -> Time {
        self.context.now()
    }
}

/// What is to be done after a step that is not done.
fn hint(step: &Step, act: Act, ended: &Ended) -> String {
    match ended.ending {
        Ending::Done => String::new(),
        Ending::Unwound => "countersign status".into(),
        // An undo that did nothing leaves the step on its way.
        Ending::Failed if ended.forward || act == Act::Undo || !act::has_undo(step) => {
            "countersign builder resume".into()
        }
        Ending::Failed => format!("countersign builder resume, or countersign builder undo {}", step.id),
        Ending::Stuck => format!(
            "countersign builder undo {0} tries again; put right by hand: countersign builder undo {0} --done --reason …",
            step.id
        ),
    }
}
