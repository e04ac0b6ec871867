//! A phase that is done, and every way in which it is not.

use std::time::Duration;

use super::*;
use crate::gates::inputs::Known;
use crate::gates::tests::story::{Story, contract};
use crate::model::record::{BreakGlass, Ending, Note, Severity};
use crate::model::role::{Document, Role};

#[test]
fn a_whole_story_is_done() {
    let done = Story::whole().done().unwrap_or_else(|reasons| panic!("{reasons:#?}"));
    assert_eq!((done.passes.len(), done.steps.len(), done.deferred.len()), (2, 2, 0));
}

#[test]
fn every_step_has_an_outcome_done_or_a_waiver() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.pass("M2");
    story.is_not_done(Class::Closed, "step `back` is not begun");
    story.waive(Some("back"), None);
    assert!(story.done().is_ok());
    let mut story = Story::whole();
    let again = story.intent("one", None, None);
    story.outcome("one", again, Ending::Failed);
    assert!(story.done().is_err());
}

#[test]
fn a_waiver_does_not_settle_what_is_in_doubt() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.intent("back", None, None);
    story.waive(Some("back"), None);
    story.pass("M2");
    story.is_not_done(Class::InDoubt, "step `back` is in doubt");
}

#[test]
fn every_step_was_begun_under_a_pass_fresh_then() {
    let under = |tell: &dyn Fn(&mut Story) -> Option<RecordId>| {
        let mut story = Story::begin();
        let permit = tell(&mut story);
        story.step("one", permit);
        story.step("back", None);
        story.pass("M1");
        story.pass("M2");
        story
    };
    let words = "step `one` was not begun under a PASS of M1 fresh then";
    let never = |story: Story| story.is_not_done(Class::Closed, words);
    assert!(under(&|story| Some(story.pass("M1"))).done().is_ok());
    never(under(&|_| None));
    never(under(&|story| Some(story.pass("M2"))));
    never(under(&|story| Some(story.claim("M1"))));
    never(under(&|story| {
        let claim = story.claim("M1");
        Some(story.rule("M1", claim, Ruling::Fail))
    }));
    never(under(&|story| {
        let pass = story.pass("M1");
        story.minutes += 25 * 60;
        Some(pass)
    }));
    never(under(&|story| {
        let pass = story.pass("M1");
        story.claim("M1");
        Some(pass)
    }));
    never(under(&|story| {
        let claim = story.claim("M1");
        let pass = story.rule("M1", claim, Ruling::Pass);
        story.rule("M1", claim, Ruling::Fail);
        Some(pass)
    }));
    never(under(&|story| {
        let pass = story.pass("M1");
        story.chosen.insert("one".parse().expect("a step"), "another".into());
        Some(pass)
    }));
    // Closed later, it stood when the step was begun.
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.object_to(FindingAct::Opened, Severity::Blocking);
    story.step("one", Some(pass));
    story.object_to(FindingAct::Closed, Severity::Blocking);
    story.step("back", None);
    story.pass("M2");
    never(story);
    // Lifted later, likewise.
    let mut story = Story::begin();
    let pass = story.pass("M1");
    let veto = story.veto(None);
    story.step("one", Some(pass));
    story.veto(Some(veto));
    story.step("back", None);
    story.pass("M2");
    never(story);
}

#[test]
fn a_step_that_restores_comes_after_another_was_begun() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("back", None);
    story.step("one", Some(pass));
    story.pass("M2");
    story.is_not_done(Class::Closed, "step `back` is not begun");
    let mut story = Story::begin();
    story.step("back", None);
    story.waive(Some("one"), None);
    story.pass("M1");
    story.pass("M2");
    story.is_not_done(Class::Closed, "step `back` was not begun under a PASS of M1 fresh then");
}

#[test]
fn every_gate_has_a_pass_and_no_fail_after_it() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.step("back", None);
    story.is_not_done(Class::Closed, "gate M2 has no claim");
    let mut story = Story::begin();
    let claim = story.claim("M1");
    let pass = story.rule("M1", claim, Ruling::Pass);
    story.step("one", Some(pass));
    story.step("back", None);
    story.pass("M2");
    story.rule("M1", claim, Ruling::Fail);
    story.is_not_done(Class::Closed, "gate M1 has FAIL");
}

#[test]
fn the_last_pass_comes_after_the_last_outcome() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.pass("M2");
    story.step("back", None);
    story.is_not_done(Class::Stale, "did not see outcome");
}

#[test]
fn the_last_pass_is_fresh_and_pinned_now() {
    let mut story = Story::whole();
    story.minutes += 25 * 60;
    story.is_not_done(Class::Stale, "gate M2 is");
    let mut story = Story::whole();
    story.host.pins = Known::Is(std::collections::BTreeSet::new());
    story.is_not_done(Class::Role, "which this host does not trust");
}

#[test]
fn no_veto_no_open_finding_no_defect_nothing_that_journal_lacks() {
    let mut story = Story::whole();
    let veto = story.veto(None);
    assert!(story.done().is_err_and(|reasons| reasons.iter().any(|reason| reason.found.starts_with("veto"))));
    story.veto(Some(veto));
    assert!(story.done().is_ok());
    story.object_to(FindingAct::Opened, Severity::Minor);
    story.is_not_done(Class::Closed, "finding A1 is open");
    story.object_to(FindingAct::Deferred, Severity::Minor);
    assert_eq!(story.done().expect("done").deferred, BTreeMap::from([("A1".into(), "ann".into())]));
    story.host.unjournaled = Known::Is(vec![RecordId::of_block(b"x")]);
    story.is_not_done(Class::InDoubt, "that the documents lack");
    story.host.unjournaled = Known::Is(Vec::new());
    story.defects = 1;
    story.is_not_done(Class::Invalid, "the documents have 1 defect");
}

#[test]
fn break_glass_counts_once_it_is_accepted() {
    let mut story = Story::begin();
    let (step, until) = ("one".parse().expect("a step"), story.now().plus(Duration::from_secs(3000)));
    let digest = story.report(|report| {
        break_glass::digest(report.inputs.contract, &report.inputs.subject.value().expect("known").tree)
    });
    let glass = BreakGlass { step, digest, reason: "r".into(), until };
    let glass = story.tell(Role::Operator, Document::Journal, Body::BreakGlass(glass));
    let intent = story.intent("one", None, Some(glass));
    story.outcome("one", intent, Ending::Done);
    story.step("back", None);
    story.pass("M1");
    story.pass("M2");
    story.is_not_done(Class::Closed, "is not accepted");
    story.waive(Some("back"), None);
    story.is_not_done(Class::Closed, "is not accepted");
    story.waive(None, Some(glass));
    assert!(story.done().is_ok());
}

#[test]
fn a_note_changes_nothing() {
    let mut story = Story::whole();
    story.tell(Role::Builder, Document::Journal, Body::Note(Note { text: "t".into() }));
    assert!(story.done().is_ok());
}

#[test]
fn a_step_that_is_stuck_is_named_so() {
    let mut story = Story::whole();
    let again = story.intent("one", None, None);
    story.outcome("one", again, Ending::Stuck);
    let reasons = story.done().expect_err("it is not done");
    assert!(reasons.iter().any(|r| r.class == Class::Stuck && r.found == "step `one` is stuck"), "{reasons:#?}");
}

/// A gate that guards by itself before one with steps before a last one.
fn three() -> Story {
    let contract = contract(&["M1", "M2", "M3"], &[("one", "M2", ""), ("two", "M2", "")]);
    let mut story = Story::of(contract);
    [Role::Builder, Role::Adversary].into_iter().for_each(|role| story.adopt(role));
    story
}

#[test]
fn a_gate_without_steps_is_fresh_when_a_later_step_is_begun_and_where_none_is_at_done() {
    let end = |mut story: Story| {
        story.pass("M3");
        story
    };
    let both = |story: &mut Story, pass| ["one", "two"].into_iter().for_each(|step| story.step(step, Some(pass)));
    // Fresh when both steps were begun; moved and aged since, it was judged already.
    let mut story = three();
    story.pass("M1");
    let pass = story.pass("M2");
    both(&mut story, pass);
    story.tree = 'e';
    story.minutes += 30 * 60;
    assert!(end(story).done().is_ok());
    // Stale when a step was begun, it is nothing that a later PASS of it would mend.
    for stale in ["moved", "aged", "claimed again", "failed", "never passed"] {
        let mut story = three();
        let claim = story.claim("M1");
        if stale != "never passed" {
            story.rule("M1", claim, Ruling::Pass);
        }
        match stale {
            "moved" => story.tree = 'e',
            "aged" => story.minutes += 25 * 60,
            "claimed again" => {
                story.claim("M1");
            }
            "failed" => {
                story.rule("M1", claim, Ruling::Fail);
            }
            _ => {}
        }
        let pass = story.pass("M2");
        both(&mut story, pass);
        story.pass("M1");
        let mut story = end(story);
        let reasons = story.done().expect_err(stale);
        assert_eq!(reasons.len(), 2, "{stale}: {reasons:#?}");
        assert!(reasons.iter().all(|reason| reason.found.contains("was not begun under a PASS of M2")), "{reasons:#?}");
        // Waived, none was begun under it: then it is fresh at DONE, which it is now.
        ["one", "two"].into_iter().for_each(|step| story.waive(Some(step), None));
        assert!(story.done().is_ok(), "{stale}");
        story.tree = 'f';
        story.pass("M3");
        story.is_not_done(Class::Stale, "the subject moved");
    }
    // One step of two is enough to have judged it, and a veto in between opens nothing.
    let mut story = three();
    story.pass("M1");
    let pass = story.pass("M2");
    story.step("one", Some(pass));
    story.waive(Some("two"), None);
    story.tree = 'e';
    assert!(end(story).done().is_ok());
}

#[test]
fn a_phase_without_steps_is_done_while_every_gate_is_fresh() {
    let told = || {
        let mut story = Story::of(contract(&["M1", "M2"], &[]));
        [Role::Builder, Role::Adversary].into_iter().for_each(|role| story.adopt(role));
        story.pass("M1");
        story
    };
    let mut story = told();
    story.pass("M2");
    assert!(story.done().is_ok());
    let mut story = told();
    story.tree = 'e';
    story.pass("M2");
    story.is_not_done(Class::Stale, "the subject moved");
    let mut story = told();
    story.minutes += 23 * 60;
    story.pass("M2");
    assert!(story.done().is_ok());
    story.minutes += 60;
    story.is_not_done(Class::Stale, "gate M1 is");
}

#[test]
fn each_gate_asks_for_what_is_left_to_guard() {
    let asks = |story: &Story| -> Vec<bool> {
        story.report(|report| report.gates.iter().map(|gate| asks_for_a_fresh_pass(report, gate)).collect())
    };
    let mut story = three();
    assert_eq!(asks(&story), [true, true, true]);
    story.pass("M1");
    let pass = story.pass("M2");
    story.step("one", Some(pass));
    assert_eq!(asks(&story), [true, true, true]);
    story.step("two", Some(pass));
    assert_eq!(asks(&story), [false, false, true]);
}

#[test]
fn a_pass_that_was_spent_begins_no_step_a_second_time() {
    let again = |ending| {
        let mut story = Story::begin();
        let pass = story.pass("M1");
        let first = story.intent("one", Some(pass), None);
        story.outcome("one", first, ending);
        story.step("one", Some(pass));
        story.step("back", None);
        story.pass("M2");
        story
    };
    assert!(again(Ending::Unwound).done().is_ok());
    again(Ending::Failed).is_not_done(Class::Closed, "step `one` was not begun under a PASS");
}

#[test]
fn an_intent_is_as_late_as_what_it_comes_after() {
    let done_after = |days: u64| {
        let mut story = Story::begin();
        let pass = story.pass("M1");
        story.minutes += days * 24 * 60;
        story.tell(Role::Builder, Document::Journal, Body::Note(Note { text: "later".into() }));
        story.minutes -= days * 24 * 60;
        story.step("one", Some(pass));
        story.step("back", None);
        story.minutes += days * 24 * 60;
        story.pass("M2");
        story.done()
    };
    assert!(done_after(0).is_ok());
    let reasons = done_after(3).expect_err("it was begun by hand");
    assert!(reasons.iter().any(|reason| reason.found.contains("was not begun under a PASS")), "{reasons:#?}");
}

#[test]
fn the_door_past_the_interlock_blocks_until_the_adversary_accepts_each_opening() {
    let mut story = Story::whole();
    let ids = [RecordId::of_block(b"one"), RecordId::of_block(b"other")];
    story.host.doors = Known::Is(ids.map(|id| (id, "the plugin would not start".to_owned())).to_vec());
    story.is_not_done(Class::Closed, "the door past the interlock was open");
    story.waive(None, Some(ids[0]));
    story.pass("M2");
    let reasons = story.done().expect_err("one is not accepted");
    assert!(reasons.len() == 1 && reasons[0].found.contains(&ids[1].short()), "{reasons:#?}");
    story.waive(None, Some(ids[1]));
    assert!(story.done().is_ok());
    story.host.doors = Known::Unknown("permission denied".into());
    story.is_not_done(Class::Unknown, "permission denied");
}

#[test]
fn what_is_closed_is_not_deferred() {
    let mut story = Story::whole();
    story.object_to(FindingAct::Opened, Severity::Minor);
    story.object_to(FindingAct::Closed, Severity::Minor);
    assert_eq!(story.done().expect("done").deferred, BTreeMap::new());
}

#[test]
fn no_reason_is_given_twice() {
    let mut story = Story::whole();
    story.defects = 1;
    story.veto(None);
    story.claim("M2");
    story.object_to(FindingAct::Opened, Severity::Blocking);
    let reasons = story.done().expect_err("it is not done");
    let doubled = (1..reasons.len()).any(|at| reasons[..at].contains(&reasons[at]));
    assert!(reasons.len() > 2 && !doubled, "{reasons:#?}");
}
