//! How far each step has come: a fold over intents and outcomes, in link order, with one transition table.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::contract::Contract;
use crate::model::ids::{RecordId, StepId};
use crate::model::record::{Act, Body, Ending, Intent, Record, StepOutcome};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No intent.
    NotBegun,
    /// An intent without an outcome: it may or may not have happened.
    InDoubt,
    /// Its postflight held.
    Done,
    /// It failed and was walked back.
    Unwound,
    /// It failed and was not walked back.
    Failed,
    /// Its undo failed: a person is needed.
    Stuck,
}

impl State {
    /// The word in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotBegun => "not begun",
            Self::InDoubt => "in doubt",
            Self::Done => "done",
            Self::Unwound => "unwound",
            Self::Failed => "failed",
            Self::Stuck => "stuck",
        }
    }
}

/// What happens to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An intent of this act.
    Intent(Act),
    /// An outcome of this ending.
    Outcome(Ending),
}

/// An event that the table does not allow in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} while the step is {}", .state.label())]
pub struct Illegal {
    /// The state.
    pub state: State,
    /// The event.
    pub event: Event,
}

/// The one table of (state, event) → state.
///
/// # Errors
///
/// An event that is not allowed: a run of a step that is in doubt, an outcome without an intent.
pub fn next(state: State, event: Event) -> Result<State, Illegal> {
    use Event::{Intent, Outcome};
    use State::{Done, Failed, InDoubt, NotBegun, Stuck, Unwound};
    Ok(match (state, event) {
        (NotBegun | Unwound | Failed, Intent(Act::Run)) => InDoubt,
        (InDoubt | Failed | Stuck, Intent(Act::Resume)) => InDoubt,
        (InDoubt | Done | Failed | Stuck, Intent(Act::Undo)) => InDoubt,
        (InDoubt, Outcome(Ending::Done)) => Done,
        (InDoubt, Outcome(Ending::Unwound)) => Unwound,
        (InDoubt, Outcome(Ending::Failed)) => Failed,
        (InDoubt, Outcome(Ending::Stuck)) => Stuck,
        (state, event) => return Err(Illegal { state, event }),
    })
}

/// How far one step has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress<'a> {
    /// Where it stands.
    pub state: State,
    /// The newest intent.
    pub intent: Option<(&'a Record, &'a Intent)>,
    /// The newest outcome.
    pub outcome: Option<(&'a Record, &'a StepOutcome)>,
}

impl Progress<'_> {
    fn not_begun() -> Self {
        Self { state: State::NotBegun, intent: None, outcome: None }
    }
}

/// Folds records, given in link order, to the progress of each step that has an intent. Events that the table forbids leave the
/// step in doubt and are returned, until a later outcome settles it.
///
/// A step that brings things back is to be done again when an earlier step of the contract was run after it: what it brought back
/// is not there any more.
pub fn fold<'a>(
    records: impl Iterator<Item = &'a Record>,
    contract: &Contract,
) -> (BTreeMap<StepId, Progress<'a>>, Vec<(RecordId, Illegal)>) {
    let mut steps: BTreeMap<StepId, Progress<'a>> = BTreeMap::new();
    let mut illegal: Vec<(&StepId, RecordId, Illegal)> = Vec::new();
    for record in records {
        let (step, event) = match &record.block.body {
            Body::Intent(intent) => (&intent.step, Event::Intent(intent.act)),
            Body::Outcome(outcome) => (&outcome.step, Event::Outcome(outcome.ending)),
            _ => continue,
        };
        let progress = steps.entry(step.clone()).or_insert_with(Progress::not_begun);
        let answers = match &record.block.body {
            Body::Outcome(outcome) => progress.intent.is_some_and(|(intent, _)| intent.id == outcome.intent),
            _ => true,
        };
        match next(progress.state, event) {
            Ok(state) if answers => {
                progress.state = state;
                if matches!(event, Event::Outcome(_)) {
                    illegal.retain(|(of, ..)| *of != step);
                }
            }
            Ok(_) => {
                illegal.push((step, record.id, Illegal { state: progress.state, event }));
                progress.state = State::InDoubt;
            }
            Err(error) => {
                illegal.push((step, record.id, error));
                progress.state = State::InDoubt;
            }
        }
        match &record.block.body {
            Body::Intent(intent) => progress.intent = Some((record, intent)),
            Body::Outcome(outcome) => progress.outcome = Some((record, outcome)),
            _ => {}
        }
        if event == Event::Intent(Act::Run) {
            undo_restores(&mut steps, contract, step);
        }
    }
    (steps, illegal.into_iter().map(|(_, id, error)| (id, error)).collect())
}

fn undo_restores(steps: &mut BTreeMap<StepId, Progress<'_>>, contract: &Contract, run: &StepId) {
    let after = contract.steps.iter().skip_while(|step| step.id != *run);
    if contract.step(run).is_none_or(|step| step.restores) {
        return;
    }
    for step in after.filter(|step| step.restores) {
        if let Some(progress) = steps.get_mut(&step.id).filter(|progress| progress.state == State::Done) {
            *progress = Progress::not_begun();
        }
    }
}

/// What criteria and steps may use as `{step.ID.NAME}`: the facts of steps that are done, and when they finished.
pub fn step_values(progress: &BTreeMap<StepId, Progress<'_>>) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (step, progress) in progress {
        let (State::Done, Some((_, outcome))) = (progress.state, progress.outcome) else { continue };
        values.insert(format!("step.{step}.finished"), outcome.finished.to_string());
        for (name, value) in &outcome.facts {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            values.insert(format!("step.{step}.{name}"), text);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::tests::story::{Story, contract};
    use crate::model::contract::Step;

    /// ARCHITECTURE.md has the same table: rows are states, columns are run, resume, undo, done, unwound, failed, stuck.
    #[test]
    fn the_table_is_the_one_of_the_architecture() {
        use State::{Done, Failed, InDoubt, NotBegun, Stuck, Unwound};
        let cell = |state, event| next(state, event).map_or("–", State::label);
        let columns = [
            ("run", Event::Intent(Act::Run)),
            ("resume", Event::Intent(Act::Resume)),
            ("undo", Event::Intent(Act::Undo)),
            ("done", Event::Outcome(Ending::Done)),
            ("unwound", Event::Outcome(Ending::Unwound)),
            ("failed", Event::Outcome(Ending::Failed)),
            ("stuck", Event::Outcome(Ending::Stuck)),
        ];
        let row = |first: &str, cells: Vec<&str>| format!("| {first} | {} |\n", cells.join(" | "));
        let mut table = row("state \\ event", columns.iter().map(|(name, _)| *name).collect());
        table += &format!("|{}\n", "---|".repeat(columns.len() + 1));
        for state in [NotBegun, InDoubt, Done, Unwound, Failed, Stuck] {
            table += &row(state.label(), columns.iter().map(|(_, event)| cell(state, *event)).collect());
        }
        let text = include_str!("../../ARCHITECTURE.md");
        assert!(text.contains(&table), "ARCHITECTURE.md should have:\n{table}");
    }

    /// How each step stands after these events, and how many the table forbids.
    #[track_caller]
    fn folded(tell: impl FnOnce(&mut Story)) -> (Vec<State>, usize) {
        let mut story = Story::begin();
        tell(&mut story);
        let (steps, illegal) = fold(story.records.iter().map(std::convert::AsRef::as_ref), &story.contract);
        let state = |step: &Step| steps.get(&step.id).map_or(State::NotBegun, |progress| progress.state);
        (story.contract.steps.iter().map(state).collect(), illegal.len())
    }

    #[test]
    fn an_outcome_answers_the_newest_intent_of_its_step_or_leaves_it_in_doubt() {
        use State::{Done, InDoubt, NotBegun};
        let other = crate::model::ids::RecordId::of_block(b"another");
        assert_eq!(folded(|story| story.step("one", None)), (vec![Done, NotBegun], 0));
        let wrong = |story: &mut Story| {
            story.intent("one", None, None);
            story.outcome("one", other, Ending::Done);
        };
        assert_eq!(folded(wrong), (vec![InDoubt, NotBegun], 1));
        let alone = |story: &mut Story| {
            story.outcome("one", other, Ending::Done);
        };
        assert_eq!(folded(alone), (vec![InDoubt, NotBegun], 1));
        // Run again while it is in doubt; the outcome of that settles it, and nothing of the other step.
        let twice = |story: &mut Story| {
            story.intent("one", None, None);
            story.outcome("back", other, Ending::Done);
            let again = story.intent("one", None, None);
            assert_eq!(story.outcome("one", again, Ending::Done), story.records.last().expect("told").id);
        };
        assert_eq!(folded(twice), (vec![Done, InDoubt], 1));
    }

    #[test]
    fn what_brings_back_is_to_be_done_again_once_an_earlier_step_was_run() {
        use State::{Done, Failed, InDoubt, NotBegun};
        let whole = |story: &mut Story| ["one", "back"].into_iter().for_each(|step| story.step(step, None));
        let after = |tell: &dyn Fn(&mut Story)| {
            folded(|story| {
                whole(story);
                tell(story);
            })
            .0
        };
        assert_eq!(after(&|_| {}), [Done, Done]);
        let again = |act| {
            move |story: &mut Story| {
                let first = story.act("one", Act::Undo);
                story.outcome("one", first, Ending::Failed);
                story.act("one", act);
            }
        };
        assert_eq!(
            after(&|story| {
                story.act("one", Act::Undo);
            }),
            [InDoubt, Done]
        );
        assert_eq!(after(&again(Act::Run)), [InDoubt, NotBegun]);
        assert_eq!(after(&again(Act::Resume)), [InDoubt, Done]);
        // A step that brings things back undoes none, and one that failed stays so.
        let back = |story: &mut Story| {
            let undone = story.act("back", Act::Undo);
            story.outcome("back", undone, Ending::Failed);
            let undone = story.act("one", Act::Undo);
            story.outcome("one", undone, Ending::Failed);
            story.act("one", Act::Run);
        };
        assert_eq!(after(&back), [InDoubt, Failed]);
        // One that comes before it in the contract is no later one.
        let contract = contract(&["M1"], &[("first", "M1", "restores = true\n"), ("one", "M1", "")]);
        let mut story = Story::of(contract);
        story.step("first", None);
        story.intent("one", None, None);
        let (steps, _) = fold(story.records.iter().map(std::convert::AsRef::as_ref), &story.contract);
        assert!(steps.values().any(|progress| progress.state == Done));
    }

    #[test]
    fn only_an_outcome_settles_what_the_table_forbids() {
        let (states, illegal) = folded(|story| {
            story.step("one", None);
            story.intent("one", None, None);
            story.act("one", Act::Resume);
        });
        assert_eq!((states[0], illegal), (State::InDoubt, 1));
    }

    #[test]
    fn a_run_undoes_no_ordinary_step_and_one_that_brings_back_undoes_none() {
        let steps = [("one", "M1", ""), ("two", "M1", ""), ("back", "M1", "restores = true\n")];
        let more = ("last", "M1", "restores = true\n");
        let done = |order: &[&str]| {
            let mut story = Story::of(contract(&["M1"], &[steps[0], steps[1], steps[2], more]));
            order.iter().for_each(|step| story.step(step, None));
            let (steps, _) = fold(story.records.iter().map(std::convert::AsRef::as_ref), &story.contract);
            steps
                .into_iter()
                .filter(|(_, of)| of.state == State::Done)
                .map(|(id, _)| id.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(done(&["two", "one"]), ["one", "two"]);
        assert_eq!(done(&["one", "last", "back"]), ["back", "last", "one"]);
        assert_eq!(done(&["last", "one"]), ["one"]);
    }

    #[test]
    fn values_are_those_of_steps_that_are_done() {
        let mut story = Story::begin();
        let intent = story.intent("one", None, None);
        let body = Body::Outcome(StepOutcome {
            step: "one".parse().expect("a step"),
            intent,
            ending: Ending::Done,
            finished: story.now(),
            took_ms: 1,
            facts: [("id".to_owned(), "n1".into()), ("count".to_owned(), 2.into())].into(),
            readings: Default::default(),
            said_by_person: None,
        });
        let finished = story.now().to_string();
        story.tell(crate::model::role::Role::Builder, crate::model::role::Document::Journal, body);
        let other = story.intent("back", None, None);
        story.outcome("back", other, Ending::Failed);
        let (steps, _) = fold(story.records.iter().map(std::convert::AsRef::as_ref), &story.contract);
        let wanted = [("step.one.count", "2"), ("step.one.finished", &finished), ("step.one.id", "n1")];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(step_values(&steps), BTreeMap::from(wanted));
    }

    #[test]
    fn the_table() {
        use State::{Done, Failed, InDoubt, NotBegun, Stuck, Unwound};
        let events = [
            Event::Intent(Act::Run),
            Event::Intent(Act::Resume),
            Event::Intent(Act::Undo),
            Event::Outcome(Ending::Done),
            Event::Outcome(Ending::Unwound),
            Event::Outcome(Ending::Failed),
            Event::Outcome(Ending::Stuck),
        ];
        let no = None;
        let doubt = Some(InDoubt);
        let rows = [
            (NotBegun, [doubt, no, no, no, no, no, no]),
            (InDoubt, [no, doubt, doubt, Some(Done), Some(Unwound), Some(Failed), Some(Stuck)]),
            (Done, [no, no, doubt, no, no, no, no]),
            (Unwound, [doubt, no, no, no, no, no, no]),
            (Failed, [doubt, doubt, doubt, no, no, no, no]),
            (Stuck, [no, doubt, doubt, no, no, no, no]),
        ];
        for (state, wanted) in rows {
            for (event, wanted) in events.into_iter().zip(wanted) {
                assert_eq!(next(state, event).ok(), wanted, "{state:?} {event:?}");
            }
        }
    }
}
