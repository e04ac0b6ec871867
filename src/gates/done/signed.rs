//! A DONE that was signed: where it counts, and what comes after it.

use super::*;
use crate::gates::tests::story::Story;
use crate::model::record::{Note, Severity, Target};
use crate::model::role::{Document, Role};

/// Signs the DONE of the whole story by hand, after what `tell` told.
fn signed_after(tell: impl FnOnce(&mut Story)) -> (Story, RecordId) {
    let body = Story::whole().done().expect("done");
    let mut story = Story::whole();
    tell(&mut story);
    let id = story.tell(Role::Builder, Document::Status, Body::Done(body));
    (story, id)
}

#[test]
fn a_done_that_was_signed_by_hand_counts_only_where_the_phase_was_done() {
    let refused = |tell: &dyn Fn(&mut Story), words: &str| {
        let (story, id) = signed_after(tell);
        story.report(|report| {
            assert!(report.done.is_none(), "{words}");
            let why = report.distrusted.iter().find(|distrusted| distrusted.record == id).map(|d| d.why.clone());
            assert!(why.as_ref().is_some_and(|why| why.contains(words)), "wanted `{words}`, found {why:?}");
        });
    };
    let (story, id) = signed_after(|_| {});
    assert_eq!(story.report(|report| report.done.map(|done| done.id)), Some(id));
    let newest = |story: &Story, gate: usize| story.report(|report| report.gates[gate].claim).expect("a claim");
    refused(
        &|story| {
            story.veto(None);
        },
        "veto",
    );
    refused(
        &|story| {
            story.rule("M2", newest(story, 1), Ruling::Fail);
        },
        "gate M2 has FAIL",
    );
    refused(
        &|story| {
            story.rule("M1", newest(story, 0), Ruling::Fail);
        },
        "gate M1 has FAIL",
    );
    refused(&|story| story.object_to(FindingAct::Opened, Severity::Minor), "finding A1 is open");
    refused(
        &|story| {
            story.claim("M2");
        },
        "claim",
    );
    refused(&|story| story.minutes += 25 * 60, "gate M2 is 1d");
    // By its own date it is young, by what it comes after it is not.
    let note = || Body::Note(crate::model::record::Note { text: "three days later".into() });
    refused(
        &|story| {
            story.minutes += 72 * 60;
            story.tell(Role::Builder, Document::Journal, note());
            story.minutes -= 72 * 60;
        },
        "gate M2 is 3d",
    );
    refused(&|story| story.tree = 'e', "the subject moved");
    refused(
        &|story| {
            story.intent("one", None, None);
        },
        "step `one` is in doubt",
    );
    refused(
        &|story| {
            let again = story.intent("one", None, None);
            story.outcome("one", again, Ending::Failed);
        },
        "step `one` is failed",
    );
}

#[test]
fn a_clock_that_was_behind_a_record_signs_no_done_unless_an_engines_proved_it() {
    let with = |engine: bool| {
        let (story, _) = signed_after(|story| {
            story.minutes += 60;
            story.tell(Role::Builder, Document::Journal, Body::Note(Note { text: "ahead".into() }));
            story.minutes -= 60;
            story.target = engine.then(|| Target { engine: "e".into(), cluster: "c".into(), machine: None });
        });
        story.report(|report| report.done.is_some())
    };
    assert_eq!((with(true), with(false)), (true, false));
}

#[test]
fn a_done_stays_and_what_came_after_it_is_told() {
    let (mut story, id) = signed_after(|_| {});
    let told = |story: &Story| {
        story.report(|report| {
            assert_eq!(report.done.map(|done| done.id), Some(id));
            against_done(report).into_iter().map(|reason| (reason.class, reason.found)).collect::<Vec<_>>()
        })
    };
    assert_eq!(told(&story), []);
    // Nothing that a DONE rests on must stay young, nor the subject as it was.
    story.minutes += 72 * 60;
    story.tree = 'e';
    assert_eq!(told(&story), []);
    story.tree = 'c';
    let says = |story: &Story, words: &[&str]| {
        let found = told(story);
        let right =
            found.len() == words.len() && found.iter().zip(words).all(|((_, found), words)| found.contains(words));
        assert!(right, "wanted {words:?}, found {found:?}");
    };
    let veto = story.veto(None);
    says(&story, &["veto"]);
    story.object_to(FindingAct::Opened, Severity::Minor);
    says(&story, &["finding A1 is open", "veto"]);
    story.veto(Some(veto));
    story.object_to(FindingAct::Closed, Severity::Minor);
    says(&story, &[]);
    let claim = story.report(|report| report.gates[0].claim).expect("a claim");
    story.rule("M1", claim, Ruling::Fail);
    says(&story, &["gate M1 has FAIL"]);
    story.claim("M1");
    says(&story, &[]);
    let again = story.intent("one", None, None);
    assert_eq!(told(&story).len(), 1, "in doubt, or a run that the table forbids");
    story.outcome("one", again, Ending::Failed);
    says(&story, &["step `one` is failed since"]);
}

#[test]
fn a_step_that_was_waived_before_done_is_nothing_that_came_after() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    let back = story.intent("back", None, None);
    story.outcome("back", back, Ending::Failed);
    story.waive(Some("back"), None);
    story.pass("M2");
    let body = story.done().expect("done");
    story.tell(Role::Builder, Document::Status, Body::Done(body));
    assert_eq!(story.report(against_done), []);
}
