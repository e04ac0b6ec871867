//! What each step was begun under, and which gates must be fresh still.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::gates::tests::story::{Story, contract};
use crate::model::digest::Digest;
use crate::model::record::{BreakGlass, Ending, Note, Target};
use crate::model::role::{Document, Role};

const NEVER: &str = "step `one` was not begun under a PASS of M1 fresh then";

fn of(gates: &[&str], steps: &[(&str, &str, &str)]) -> Story {
    let mut story = Story::of(contract(gates, steps));
    [Role::Builder, Role::Adversary].into_iter().for_each(|role| story.adopt(role));
    story
}

/// What `tell` tells of step `one`, and the rest of the phase.
fn told(tell: &dyn Fn(&mut Story)) -> Story {
    let mut story = Story::begin();
    tell(&mut story);
    story.step("back", None);
    story.pass("M1");
    story.pass("M2");
    story
}

fn verdict(story: &mut Story, change: impl FnOnce(&mut crate::model::record::Verdict)) {
    let record = Arc::make_mut(story.records.last_mut().expect("told"));
    let Body::Verdict(verdict) = &mut record.block.body else { panic!("a verdict") };
    change(verdict);
}

#[test]
fn the_pass_that_is_named_is_the_one_that_was_fresh() {
    let under = |pass: &dyn Fn(&mut Story) -> RecordId| {
        told(&|story| {
            let pass = pass(story);
            story.step("one", Some(pass));
        })
    };
    // Beside each a PASS that is fresh.
    let spoiled = under(&|story| {
        let claim = story.claim("M1");
        let first = story.rule("M1", claim, Ruling::Pass);
        verdict(story, |verdict| verdict.digest = Digest::of(b"another"));
        story.rule("M1", claim, Ruling::Pass);
        first
    });
    spoiled.is_not_done(Class::Closed, NEVER);
    let of_another_gate = under(&|story| {
        let claim = story.claim("M1");
        let first = story.rule("M1", claim, Ruling::Pass);
        verdict(story, |verdict| verdict.gate = "M2".parse().expect("a gate"));
        story.rule("M1", claim, Ruling::Pass);
        first
    });
    of_another_gate.is_not_done(Class::Closed, NEVER);
    let failed = under(&|story| {
        let claim = story.claim("M1");
        let fail = story.rule("M1", claim, Ruling::Fail);
        story.rule("M1", claim, Ruling::Pass);
        verdict(story, |verdict| verdict.supersedes = Some(fail));
        fail
    });
    failed.is_not_done(Class::Closed, NEVER);
    let of_an_earlier_claim = under(&|story| {
        let first = story.pass("M1");
        story.pass("M1");
        first
    });
    of_an_earlier_claim.is_not_done(Class::Closed, NEVER);
}

#[test]
fn the_newest_run_of_the_step_itself_is_asked() {
    let resumed = told(&|story| {
        let pass = story.pass("M1");
        story.intent("one", Some(pass), None);
        let resume = story.act("one", Act::Resume);
        story.outcome("one", resume, Ending::Done);
    });
    assert!(resumed.done().is_ok());
    let run_again = told(&|story| {
        let first = story.intent("one", None, None);
        story.outcome("one", first, Ending::Failed);
        let pass = story.pass("M1");
        story.step("one", Some(pass));
    });
    assert!(run_again.done().is_ok());
    let mut beside = Story::begin();
    let pass = beside.pass("M1");
    let one = beside.intent("one", Some(pass), None);
    let back = beside.intent("back", None, None);
    beside.outcome("one", one, Ending::Done);
    beside.outcome("back", back, Ending::Done);
    beside.pass("M2");
    assert!(beside.done().is_ok());
}

#[test]
fn a_break_glass_is_for_this_subject_once_and_beside_no_veto() {
    let broken = |spoil: bool, tell: &dyn Fn(&mut Story, RecordId), then: &dyn Fn(&mut Story)| {
        let mut story = Story::begin();
        let digest = story.report(|report| {
            break_glass::digest(report.inputs.contract, &report.inputs.subject.value().expect("known").tree)
        });
        let digest = if spoil { Digest::of(b"another subject") } else { digest };
        let (step, until) = ("one".parse().expect("a step"), story.now().plus(Duration::from_secs(3000)));
        let body = Body::BreakGlass(BreakGlass { step, digest, reason: "r".into(), until });
        let id = story.tell(Role::Operator, Document::Journal, body);
        tell(&mut story, id);
        let intent = story.intent("one", None, Some(id));
        story.outcome("one", intent, Ending::Done);
        then(&mut story);
        story.waive(None, Some(id));
        story.step("back", None);
        story.pass("M1");
        story.pass("M2");
        story
    };
    assert!(broken(false, &|_, _| {}, &|_| {}).done().is_ok());
    broken(true, &|_, _| {}, &|_| {}).is_not_done(Class::Closed, NEVER);
    let used = |story: &mut Story, id: RecordId| {
        let intent = story.intent("one", None, Some(id));
        story.outcome("one", intent, Ending::Failed);
    };
    broken(false, &used, &|_| {}).is_not_done(Class::Closed, NEVER);
    let vetoed = |story: &mut Story, _: RecordId| {
        story.veto(None);
    };
    let lift = |story: &mut Story| {
        let veto = story.report(|report| report.vetoes.first().map(|veto| veto.id));
        story.veto(veto);
    };
    broken(false, &vetoed, &lift).is_not_done(Class::Closed, NEVER);
}

#[test]
fn a_step_that_brings_nothing_back_is_begun_under_a_pass_whatever_was_begun_before() {
    let mut story = of(&["M1", "M2"], &[("one", "M1", ""), ("two", "M1", "")]);
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.step("two", None);
    story.pass("M2");
    story.is_not_done(Class::Closed, "step `two` was not begun under a PASS of M1");
}

#[test]
fn a_gate_whose_own_step_is_done_guards_no_later_one_and_the_last_is_fresh_in_any_case() {
    let mut story = of(&["M1", "M2", "M3"], &[("one", "M1", ""), ("two", "M2", "")]);
    let asks = |story: &Story| -> Vec<bool> {
        story.report(|report| report.gates.iter().map(|gate| asks_for_a_fresh_pass(report, gate)).collect())
    };
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    assert_eq!(asks(&story), [false, true, true]);
    story.minutes += 25 * 60;
    let pass = story.pass("M2");
    story.step("two", Some(pass));
    assert_eq!(asks(&story), [false, false, true]);
    story.pass("M3");
    assert!(story.done().is_ok());
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    assert_eq!(asks(&story), [false, true], "what brings back asks for no PASS");
    let mut story = of(&["M1"], &[("one", "M1", "")]);
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.pass("M1");
    assert!(story.done().is_ok());
    story.minutes += 25 * 60;
    story.is_not_done(Class::Stale, "gate M1 is 1d");
}

#[test]
fn claim_pass_and_step_are_of_one_engine() {
    let on = |claimed: Option<&str>, passed: Option<&str>, acted: Option<&str>| {
        let target = |engine: &str| Target { engine: engine.into(), cluster: "c".into(), machine: None };
        told(&|story| {
            story.target = claimed.map(target);
            let claim = story.claim("M1");
            story.target = passed.map(target);
            let pass = story.rule("M1", claim, Ruling::Pass);
            story.target = acted.map(target);
            story.step("one", Some(pass));
        })
    };
    assert!(on(Some("e"), Some("e"), Some("e")).done().is_ok());
    assert!(on(None, None, None).done().is_ok());
    for (claimed, passed, acted) in [
        (Some("f"), Some("e"), Some("e")),
        (Some("e"), Some("f"), Some("e")),
        (Some("e"), Some("e"), Some("f")),
        (None, Some("e"), Some("e")),
        (Some("e"), None, Some("e")),
        (Some("e"), Some("e"), None),
    ] {
        on(claimed, passed, acted).is_not_done(Class::Closed, NEVER);
    }
}

#[test]
fn what_nobody_looked_at_makes_a_pass_old_where_an_intent_comes_after_it() {
    let begun = |before: bool, change: &dyn Fn(&mut Record)| {
        let later = |story: &mut Story| {
            story.minutes += 30 * 60;
            story.tell(Role::Builder, Document::Journal, Body::Note(Note { text: "later".into() }));
            story.minutes -= 30 * 60;
            change(story.last());
        };
        let mut story = Story::begin();
        let pass = story.pass("M1");
        if before {
            later(&mut story);
        }
        story.step("one", Some(pass));
        if !before {
            later(&mut story);
        }
        story.step("back", None);
        story.minutes += 30 * 60;
        story.pass("M2");
        story.done()
    };
    assert!(begun(true, &|_| {}).is_err());
    assert!(begun(true, &|record| record.checked = false).is_err());
    assert!(begun(false, &|record| record.checked = false).is_ok());
    assert!(begun(true, &|record| record.block.role = Role::Adversary).is_ok(), "what counts for nothing");
}

#[test]
fn of_two_runs_at_once_each_was_begun_as_it_should_be() {
    let beside = |permitted: bool| {
        let mut story = Story::begin();
        let pass = story.pass("M1");
        let one = story.intent("one", Some(pass), None);
        let other = story.intent("one", permitted.then_some(pass), None);
        story.last().block.prev = vec![pass];
        let outcome = story.outcome("one", one, Ending::Done);
        story.last().block.prev = vec![one, other];
        story
            .report(|report| begun(report, &report.inputs.contract.steps[0], report.graph.get(&outcome).expect("told")))
    };
    assert_eq!(beside(true), Some(true));
    assert_eq!(beside(false), None);
}

#[test]
fn a_gate_that_guards_none_of_what_is_left_asks_for_nothing() {
    let mut story = of(&["M1", "M2", "M3", "M4"], &[("one", "M1", ""), ("two", "M3", "")]);
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    let asks: Vec<bool> =
        story.report(|report| report.gates.iter().map(|gate| asks_for_a_fresh_pass(report, gate)).collect());
    assert_eq!(asks, [false, true, true, true]);
}
