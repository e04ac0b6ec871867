//! A phase that is done, and every way in which it is not.

use std::time::Duration;

use super::*;
use crate::gates::inputs::Known;
use crate::gates::tests::story::Story;
use crate::model::digest::Digest;
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
    story.is_not_done(Class::Invalid, "the documents have 1 defects");
}

#[test]
fn break_glass_counts_once_it_is_accepted() {
    let mut story = Story::begin();
    let (step, until) = ("one".parse().expect("a step"), story.now().plus(Duration::from_secs(3000)));
    let glass = BreakGlass { step, digest: Digest::of(b"d"), reason: "r".into(), until };
    let glass = story.tell(Role::Operator, Document::Journal, Body::BreakGlass(glass));
    let intent = story.intent("one", None, Some(glass));
    story.outcome("one", intent, Ending::Done);
    story.step("back", None);
    story.pass("M1");
    story.pass("M2");
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
