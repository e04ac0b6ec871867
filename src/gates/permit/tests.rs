//! A step that may be run, and every way in which it may not.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::gates::inputs::Host;
use crate::gates::tests::story::{Story, contract, facts, saw};
use crate::model::record::{BreakGlass, FindingAct, Ruling, Severity, Target};
use crate::model::role::{Document, Role};

/// Gate M1 open, the window too; step `one` is the first, and asks for its criterion again.
fn ready() -> (Story, RecordId) {
    let mut story = Story::begin();
    story.contract.steps[0].live = vec!["c-m1".parse().expect("an id")];
    let pass = story.pass("M1");
    story.host.window = Known::Is(Some(story.now().plus(Duration::from_secs(600))));
    (story, pass)
}

fn seen() -> Vec<Observation> {
    vec![saw("c-m1", Outcome::Held)]
}

fn ask(story: &Story, step: usize, live: &[Observation]) -> Result<Permit, Vec<Reason>> {
    story.report(|report| permit(report, &report.inputs.contract.steps[step], live))
}

/// That this one reason stands against step `one`.
#[track_caller]
fn refused(story: &Story, live: &[Observation], class: Class, words: &str) {
    let found = ask(story, 0, live).expect_err("it is refused");
    let right = matches!(found.as_slice(), [reason] if reason.class == class && reason.found.contains(words));
    assert!(right, "wanted {class:?} `{words}`, found {found:#?}");
}

#[test]
fn an_open_gate_an_open_window_and_a_fresh_look_permit_a_step() {
    let (mut story, pass) = ready();
    let window = story.now().plus(Duration::from_secs(600));
    let permit = ask(&story, 0, &seen()).expect("permitted");
    assert_eq!((permit.basis(), permit.step().as_str(), permit.until()), (Basis::Pass(pass), "one", window));
    assert_eq!((permit.plan(), permit.strategy()), (plan_digest(&story.contract, &BTreeMap::new()), None));
    let day = story.now().plus(Duration::from_secs(86_400));
    story.host.window = Known::Is(Some(day.plus(Duration::from_secs(1))));
    assert_eq!(ask(&story, 0, &seen()).expect("permitted").until(), day);
}

#[test]
fn the_strategy_is_the_one_that_was_claimed() {
    let (mut story, _) = ready();
    story.claimed = BTreeMap::from([("one".parse().expect("a step"), "make-before-break".to_owned())]);
    story.pass("M1");
    let permit = ask(&story, 0, &seen()).expect("permitted");
    assert_eq!(
        (permit.plan(), permit.strategy()),
        (plan_digest(&story.contract, &story.claimed), Some("make-before-break"))
    );
}

#[test]
fn no_step_begins_outside_the_window() {
    let (mut story, _) = ready();
    story.host.window = Known::Is(None);
    refused(&story, &seen(), Class::Closed, "no maintenance window is open");
    story.host.window = Known::Is(Some(story.now()));
    refused(&story, &seen(), Class::Closed, "the maintenance window ended at");
    story.host.window = Known::Unknown("torn".into());
    refused(&story, &seen(), Class::Unknown, "could not be read: torn");
}

#[test]
fn what_is_live_is_looked_at_again_and_equal() {
    let (story, _) = ready();
    refused(&story, &[], Class::Unknown, "criterion `c-m1` was not looked at");
    refused(&story, &[saw("c-m2", Outcome::Held)], Class::Unknown, "criterion `c-m1` was not looked at");
    refused(&story, &[saw("c-m1", Outcome::Failed)], Class::Failed, "criterion `c-m1`: it says so");
    refused(&story, &[saw("c-m1", Outcome::Unknown)], Class::Unknown, "criterion `c-m1`: it says so");
    let mut nothing = saw("c-m1", Outcome::Held);
    nothing.facts.clear();
    refused(&story, &[nothing], Class::Unknown, "criterion `c-m1`: it says so");
    let mut other = saw("c-m1", Outcome::Held);
    other.facts.insert("matched".into(), false.into());
    refused(&story, &[other], Class::Stale, "is not what was passed: matched was true and is false");
    let (mut story, _) = ready();
    story.contract.steps[0].live = vec!["c-m2".parse().expect("an id")];
    story.pass("M1");
    refused(&story, &[saw("c-m2", Outcome::Held)], Class::Stale, "the PASS has no evidence for `c-m2`");
}

#[test]
fn quiet_is_asked_for_until_a_step_ends_it() {
    let (mut story, _) = ready();
    let mut quiet = story.contract.gates[1].criteria[0].clone();
    quiet.id = "quiet".parse().expect("an id");
    story.contract.window.requires = vec![quiet];
    refused(&story, &seen(), Class::Unknown, "criterion `quiet` was not looked at");
    let both = [seen(), vec![saw("quiet", Outcome::Held)]].concat();
    assert!(ask(&story, 0, &both).is_ok());
    refused(&story, &[seen(), vec![saw("quiet", Outcome::Failed)]].concat(), Class::Failed, "criterion `quiet`");
    for ends in [false, true] {
        let (mut again, _) = ready();
        let mut last = again.contract.steps[0].clone();
        last.id = "last".parse().expect("a step");
        again.contract.steps.insert(1, last);
        again.contract.steps[0].ends_quiet = ends;
        again.contract.window.requires.clone_from(&story.contract.window.requires);
        let pass = again.pass("M1");
        again.step("one", Some(pass));
        assert_eq!(ask(&again, 1, &seen()).is_ok(), ends);
        assert!(ask(&again, 1, &both).is_ok());
    }
}

#[test]
fn a_pass_permits_a_step_once() {
    let (mut story, pass) = ready();
    let intent = story.intent("one", Some(pass), None);
    let found = ask(&story, 0, &seen()).expect_err("in doubt");
    assert!(found.iter().any(|r| r.class == Class::InDoubt && r.found == "step `one` is in doubt"), "{found:#?}");
    story.outcome("one", intent, Ending::Failed);
    refused(&story, &seen(), Class::Closed, "was spent by step `one`");
    let (mut story, pass) = ready();
    let intent = story.intent("one", Some(pass), None);
    story.outcome("one", intent, Ending::Unwound);
    assert!(ask(&story, 0, &seen()).is_ok());
    let spent = |step: &str| Known::Is(BTreeSet::from([(pass, step.parse().expect("a step"))]));
    story.host.spent = spent("back");
    assert!(ask(&story, 0, &seen()).is_ok());
    story.host.spent = spent("one");
    refused(&story, &seen(), Class::Closed, "was spent by step `one`");
    story.host.spent = Known::Unknown("torn".into());
    refused(&story, &seen(), Class::Unknown, "what was spent on this host could not be read: torn");
}

#[test]
fn steps_are_run_in_their_order() {
    let (mut story, pass) = ready();
    let found = ask(&story, 1, &[]).expect_err("refused");
    assert!(found.iter().any(|r| r.found == "step `one` comes before `back` and is not begun"), "{found:#?}");
    story.waive(Some("one"), None);
    assert_eq!(ask(&story, 1, &[]).expect("permitted").basis(), Basis::Pass(pass));
    story.step("one", Some(pass));
    let found = ask(&story, 0, &seen()).expect_err("refused");
    assert!(found.iter().any(|r| r.found == "step `one` is done"), "{found:#?}");
    // Something was begun: what brings things back asks for nothing more.
    story.host.window = Known::Is(None);
    let permit = ask(&story, 1, &[]).expect("permitted");
    assert_eq!((permit.basis(), permit.until()), (Basis::Recovery, story.now().plus(Duration::from_secs(60))));
    let again = story.intent("one", None, None);
    story.outcome("one", again, Ending::Stuck);
    let found = ask(&story, 1, &[]).expect_err("refused");
    assert!(found.iter().any(|r| r.class == Class::Stuck && r.found == "step `one` is stuck"), "{found:#?}");
}

#[test]
fn a_break_glass_counts_to_its_end_for_one_step_on_one_subject_and_an_hour_at_most() {
    let broken = |step: &str, seconds: u64, spoil: bool| {
        let mut story = Story::begin();
        story.contract.steps[0].live = vec!["c-m1".parse().expect("an id")];
        let tree = story.report(|report| report.inputs.subject.value().expect("known").tree.clone());
        let right = break_glass::digest(&story.contract, &tree);
        let digest = if spoil { Digest::of(b"another subject") } else { right };
        // It is written a minute from now.
        let until = story.now().plus(Duration::from_secs(60 + seconds));
        let glass = BreakGlass { step: step.parse().expect("a step"), digest, reason: "r".into(), until };
        let id = story.tell(Role::Operator, Document::Journal, Body::BreakGlass(glass));
        story.host.window = Known::Is(Some(story.now().plus(Duration::from_secs(7200))));
        (story, id, until)
    };
    let (mut story, id, until) = broken("one", 3600, false);
    let permit = ask(&story, 0, &seen()).expect("permitted");
    assert_eq!((permit.basis(), permit.until()), (Basis::BreakGlass(id), until));
    refused(&story, &[], Class::Unknown, "criterion `c-m1` was not looked at");
    story.minutes += 60;
    assert_eq!(story.now(), until);
    refused(&story, &seen(), Class::Closed, "gate M1 has no claim");
    story.minutes -= 2;
    assert!(ask(&story, 0, &seen()).is_ok());
    story.veto(None);
    refused(&story, &seen(), Class::Closed, "stands: stop");
    for (step, seconds, spoil) in [("one", 3601, false), ("back", 3600, false), ("one", 3600, true)] {
        let (story, ..) = broken(step, seconds, spoil);
        refused(&story, &seen(), Class::Closed, "gate M1 has no claim");
    }
    let (mut story, id, _) = broken("one", 3600, false);
    let intent = story.intent("one", None, Some(id));
    story.outcome("one", intent, Ending::Failed);
    refused(&story, &seen(), Class::Closed, "gate M1 has no claim");
    let (mut story, ..) = broken("one", 3600, false);
    story.host.pins = Known::Is(BTreeSet::new());
    refused(&story, &seen(), Class::Role, "the Adversary's adoption");
}

#[test]
fn recovery_is_for_what_was_begun_and_for_what_brings_back() {
    let story = Story::begin();
    let [one, back] = &story.contract.steps[..] else { panic!("two steps") };
    let recover = |step: &Step, begun: &[&Step]| {
        let begun: Vec<StepId> = begun.iter().map(|step| step.id.clone()).collect();
        Permit::for_recovery(&story.contract, step, &begun, Some("s".into()), story.now())
    };
    assert!(recover(one, &[]).is_err_and(|reason| reason.found == "step `one` was never begun"));
    assert!(recover(one, &[back]).is_err() && recover(back, &[]).is_err());
    assert!(recover(back, &[one]).is_ok());
    let permit = recover(one, &[one]).expect("permitted");
    let chosen = BTreeMap::from([(one.id.clone(), "s".to_owned())]);
    assert_eq!((permit.plan(), permit.strategy()), (plan_digest(&story.contract, &chosen), Some("s")));
}

#[test]
fn the_engine_the_keys_and_the_gate_are_those_of_the_pass() {
    let (mut story, _) = ready();
    story.host.pins = Known::Is(BTreeSet::new());
    let found = ask(&story, 0, &seen()).expect_err("refused");
    assert!(found.len() == 2 && found.iter().all(|reason| reason.class == Class::Role), "{found:#?}");
    let (mut story, _) = ready();
    let target = |engine: &str| Target { engine: engine.into(), cluster: "c".into(), machine: None };
    story.target = Some(target("e"));
    story.pass("M1");
    let now = story.now();
    story.host = Host { target: Known::Is(target("e")), clock: Known::Is(now), ..story.host };
    assert!(ask(&story, 0, &seen()).is_ok());
    story.host.target = Known::Is(target("f"));
    refused(&story, &seen(), Class::Stale, "gate M1 was claimed on engine e, and this is f");
    // No engine is none, whichever of both could not ask it.
    for (claimed, passed, word) in [(None, None, "claimed"), (None, Some("f"), "claimed"), (Some("f"), None, "passed")]
    {
        story.target = claimed.map(target);
        let claim = story.claim("M1");
        story.target = passed.map(target);
        story.rule("M1", claim, Ruling::Pass);
        story.host.clock = Known::Is(story.now());
        story.host.window = Known::Is(Some(story.now().plus(Duration::from_secs(600))));
        let says = format!("gate M1 was {word} where no engine answered, and this is f");
        refused(&story, &seen(), Class::Stale, &says);
    }
    let (mut story, _) = ready();
    story.claim("M1");
    refused(&story, &seen(), Class::Closed, "has no verdict");
}

#[test]
fn inside_a_step_only_objections_count() {
    let (story, pass) = ready();
    let stands = |story: &Story, basis: Basis| {
        story.report(|report| {
            still_stands(report, &report.inputs.contract.steps[0], basis).map_err(|reason| reason.found)
        })
    };
    let says = |story: &Story, basis: Basis, words: &str| {
        let found = stands(story, basis).expect_err("it does not stand");
        assert!(found.contains(words), "wanted `{words}`, found `{found}`");
    };
    let by_pass = Basis::Pass(pass);
    let begun = || {
        let (mut story, pass) = ready();
        story.intent("one", Some(pass), None);
        story.minutes += 25 * 60;
        story
    };
    assert_eq!(stands(&story, by_pass), Ok(()));
    assert_eq!(stands(&begun(), by_pass), Ok(()));
    let mut story = begun();
    story.object_to(FindingAct::Opened, Severity::Minor);
    assert_eq!(stands(&story, by_pass), Ok(()));
    let mut story = begun();
    story.object_to(FindingAct::Opened, Severity::Blocking);
    says(&story, by_pass, "finding A1 was opened");
    assert_eq!(stands(&story, Basis::Recovery), Ok(()));
    story.veto(None);
    says(&story, Basis::Recovery, "came up: stop");
    let mut story = begun();
    let claim = story.report(|report| report.gates[0].claim).expect("a claim");
    story.rule("M1", claim, Ruling::Fail);
    says(&story, by_pass, "gate M1 got a FAIL");
    let mut story = begun();
    story.claim("M1");
    says(&story, by_pass, "is not the one that stands any more");
    let mut story = begun();
    story.defects = 1;
    says(&story, Basis::Recovery, "the documents have 1 defect");
}

#[test]
fn the_first_fact_that_differs_is_named() {
    let mut new = facts();
    assert_eq!(changed_facts(&facts(), &new), "no fact differs");
    new.insert("more".into(), 1.into());
    assert_eq!(changed_facts(&facts(), &new), "more was absent and is 1");
    assert_eq!(changed_facts(&new, &facts()), "more was 1 and is absent");
}

#[test]
fn a_step_of_a_later_gate_rests_on_that_gates_pass_and_on_every_earlier_gate_without_steps() {
    let told = |tell: &dyn Fn(&mut Story)| {
        let mut story = Story::of(contract(&["M1", "M2", "M3"], &[("one", "M2", ""), ("two", "M3", "")]));
        [Role::Builder, Role::Adversary].into_iter().for_each(|role| story.adopt(role));
        tell(&mut story);
        story.host.window = Known::Is(Some(story.now().plus(Duration::from_secs(600_000))));
        story
    };
    let passed = |between: &dyn Fn(&mut Story)| {
        told(&|story| {
            story.pass("M1");
            between(story);
            story.pass("M2");
        })
    };
    let story = passed(&|_| {});
    let (first, pass) = story.report(|report| (report.gates[0].until, report.gates[1].pass));
    let permit = ask(&story, 0, &[]).expect("permitted");
    assert_eq!(Some(permit.basis()), pass.map(Basis::Pass));
    assert_eq!(Some(permit.until()), first, "no longer than the earlier gate is fresh");
    refused(
        &told(&|story| {
            story.pass("M2");
        }),
        &[],
        Class::Closed,
        "gate M1 has no claim",
    );
    refused(&passed(&|story| story.tree = 'e'), &[], Class::Stale, "the subject moved");
    refused(&passed(&|story| story.minutes += 25 * 60), &[], Class::Stale, "PASS ");
    // What it does not come after is not asked; what a waived step leaves is.
    let mut story = passed(&|_| {});
    story.waive(Some("one"), None);
    let found = ask(&story, 1, &[]).expect_err("M3 is not open");
    assert!(found.iter().all(|reason| reason.found.contains("M3")), "{found:#?}");
    story.tree = 'e';
    story.pass("M3");
    let found = ask(&story, 1, &[]).expect_err("M1 and M2 are stale");
    assert_eq!(found.iter().filter(|reason| reason.found.contains("the subject moved")).count(), 2, "{found:#?}");
    // An operator's break-glass stands for these too.
    let mut story = told(&|_| {});
    let tree = story.report(|report| report.inputs.subject.value().expect("known").tree.clone());
    let (step, until) = ("one".parse().expect("a step"), story.now().plus(Duration::from_secs(3000)));
    let glass = BreakGlass { step, digest: break_glass::digest(&story.contract, &tree), reason: "r".into(), until };
    let glass = story.tell(Role::Operator, Document::Journal, Body::BreakGlass(glass));
    assert_eq!(ask(&story, 0, &[]).expect("permitted").basis(), Basis::BreakGlass(glass));
}

#[test]
fn what_only_the_ledger_holds_stands_against_a_step() {
    let (mut story, _) = ready();
    story.host.unjournaled = Known::Is(vec![RecordId::of_block(b"x")]);
    refused(&story, &seen(), Class::InDoubt, "holds 1 record that the documents lack");
}

#[test]
fn a_clock_that_is_off_stops_the_next_step_and_not_this_one() {
    let (mut story, pass) = ready();
    story.intent("one", Some(pass), None);
    story.minutes -= 5;
    let stands = story.report(|report| still_stands(report, &report.inputs.contract.steps[0], Basis::Pass(pass)));
    assert_eq!(stands, Ok(()));
}
