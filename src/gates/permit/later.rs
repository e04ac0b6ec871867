//! A step of a later gate, a PASS that was used before, and what is dated ahead.

use std::time::Duration;

use super::*;
use crate::gates::tests::story::{Story, contract, saw};
use crate::model::record::{BreakGlass, Ruling};
use crate::model::role::{Document, Role};

/// Two gates with a step each; the first is done, the second passed. Gives the PASS of the second.
fn second(change: impl FnOnce(&mut Contract)) -> (Story, RecordId) {
    let mut contract = contract(&["M1", "M2"], &[("one", "M1", ""), ("two", "M2", "")]);
    change(&mut contract);
    let mut story = Story::of(contract);
    [Role::Builder, Role::Adversary].into_iter().for_each(|role| story.adopt(role));
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.claimed = BTreeMap::from([("two".parse().expect("a step"), "make-before-break".to_owned())]);
    let pass = story.pass("M2");
    story.host.window = Known::Is(Some(story.now().plus(Duration::from_secs(600))));
    (story, pass)
}

#[test]
fn a_step_of_the_second_gate_rests_on_that_gates_claim_and_verdicts() {
    let (mut story, pass) = second(|_| {});
    story.report(|report| {
        let permit = permit(report, &report.inputs.contract.steps[1], &[]).expect("permitted");
        assert_eq!((permit.basis(), permit.strategy()), (Basis::Pass(pass), Some("make-before-break")));
    });
    let stands = |story: &Story| {
        story.report(|report| {
            still_stands(report, &report.inputs.contract.steps[1], Basis::Pass(pass)).map_err(|reason| reason.found)
        })
    };
    assert_eq!(stands(&story), Ok(()));
    let claim = story.report(|report| report.gates[1].claim).expect("a claim");
    story.rule("M2", claim, Ruling::Fail);
    assert_eq!(stands(&story), Err("gate M2 got a FAIL".to_owned()));
}

#[test]
fn only_an_unwinding_of_the_same_step_after_its_intent_gives_a_pass_back() {
    let spent = |tell: &dyn Fn(&mut Story, RecordId)| {
        let mut story = Story::begin();
        let pass = story.pass("M1");
        tell(&mut story, pass);
        story.report(|report| spent_in(&report.graph, &report.counted, &pass, &"one".parse().expect("a step")))
    };
    let run = |story: &mut Story, step: &str, pass, ending| {
        let intent = story.intent(step, Some(pass), None);
        story.outcome(step, intent, ending);
    };
    assert!(!spent(&|story, pass| run(story, "one", pass, Ending::Unwound)));
    assert!(spent(&|story, pass| run(story, "one", pass, Ending::Failed)));
    assert!(spent(&|story, pass| {
        run(story, "one", pass, Ending::Unwound);
        run(story, "one", pass, Ending::Failed);
    }));
    assert!(spent(&|story, pass| {
        run(story, "one", pass, Ending::Failed);
        run(story, "back", pass, Ending::Unwound);
    }));
}

#[test]
fn a_step_that_will_end_the_quiet_begins_in_it() {
    let (story, _) = second(|contract| {
        let mut quiet = contract.gates[1].criteria[0].clone();
        quiet.id = "quiet".parse().expect("an id");
        contract.window.requires = vec![quiet];
        contract.steps[1].ends_quiet = true;
    });
    story.report(|report| {
        let ask = |live: &[Observation]| permit(report, &report.inputs.contract.steps[1], live);
        let reasons = ask(&[]).expect_err("refused");
        assert!(reasons.iter().any(|r| r.found == "criterion `quiet` was not looked at"), "{reasons:#?}");
        assert!(ask(&[saw("quiet", Outcome::Held)]).is_ok());
    });
}

#[test]
fn a_break_glass_that_is_dated_after_now_counts_for_nothing() {
    let mut story = Story::begin();
    let tree = story.report(|report| report.inputs.subject.value().expect("known").tree.clone());
    let (step, digest) = ("one".parse().expect("a step"), break_glass::digest(&story.contract, &tree));
    let until = story.now().plus(Duration::from_secs(600));
    let body = Body::BreakGlass(BreakGlass { step, digest, reason: "r".into(), until });
    story.tell(Role::Operator, Document::Journal, body);
    let record = story.records.last().expect("told");
    let Body::BreakGlass(glass) = &record.block.body else { panic!("a break-glass") };
    for (ahead, fits) in [(0, true), (120, true), (121, false)] {
        let mut record = Record::clone(record);
        record.block.at = story.now().plus(Duration::from_secs(ahead));
        let step = &story.contract.steps[0];
        assert_eq!(break_glass::fits(&story.contract, &tree, step, (&record, glass), story.now()), fits, "{ahead}");
    }
}
