//! What keeps every gate closed, and what DONE rests on.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::gates::inputs::Host;
use crate::gates::tests::story::Story;
use crate::model::record::{Done, Ending, Target};
use crate::model::role::Document;

/// The general reasons, each by class and words.
fn general(story: &Story) -> Vec<(Class, String)> {
    story.report(|report| report.general.iter().map(|reason| (reason.class, reason.found.clone())).collect())
}

#[track_caller]
fn says(story: &Story, class: Class, words: &str) {
    let found = general(story);
    let right = matches!(found.as_slice(), [(of, found)] if *of == class && found.contains(words));
    assert!(right, "wanted {class:?} `{words}`, found {found:?}");
}

#[test]
fn a_clock_more_than_two_minutes_behind_the_newest_record_opens_nothing() {
    let mut story = Story::whole();
    assert_eq!(general(&story), []);
    story.minutes -= 2;
    assert_eq!(general(&story), []);
    story.minutes -= 1;
    says(&story, Class::Unknown, ", 3m before the newest record");
}

#[test]
fn a_clock_more_than_two_minutes_off_the_engines_opens_nothing() {
    let mut story = Story::whole();
    let target = Target { engine: "e".into(), cluster: "c".into(), machine: None };
    story.host.target = Known::Is(target);
    says(&story, Class::Unknown, "engine e named no time");
    let now = story.now();
    let start: Time = "2026-06-13T05:00:00Z".parse().expect("a time");
    let before = |seconds| start.plus(Duration::from_secs(60 * story.minutes - seconds));
    assert_eq!(before(0), now);
    let before = [120, 121].map(before);
    for theirs in [now, now.plus(Duration::from_secs(120)), before[0]] {
        story.host.clock = Known::Is(theirs);
        assert_eq!(general(&story), []);
    }
    for theirs in [now.plus(Duration::from_secs(121)), before[1]] {
        story.host.clock = Known::Is(theirs);
        says(&story, Class::Unknown, "2m 1s apart");
    }
    // Where no engine was asked, its clock says nothing.
    story.host = Host { target: Known::Unknown("no engine".into()), ..story.host };
    assert_eq!(general(&story), []);
}

#[test]
fn a_contract_opens_nothing_until_both_adopted_this_text() {
    let mut story = Story::whole();
    story.contract.title = "the file was edited".into();
    story.contract.digest = Digest::of(b"edited");
    says(&story, Class::Contract, "is in force (version 1), but the file is");
    story.contract = Story::begin().contract;
    story.contract.keys.insert(Role::Operator, Vec::new());
    says(&story, Class::Contract, "the keys in the adoption are not those of the contract's text");
    for (role, missing) in [(Role::Builder, "adversary"), (Role::Adversary, "builder")] {
        let mut story = Story::begin();
        story.records.clear();
        says(&story, Class::Contract, "is not adopted by builder and adversary");
        story.adopt(role);
        says(&story, Class::Contract, &format!("is not adopted by {missing}"));
        // What was adopted of another text is no adoption of this one.
        story.contract.digest = Digest::of(b"edited");
        says(&story, Class::Contract, "is not adopted by builder and adversary");
    }
}

#[test]
fn records_that_are_linked_to_and_not_there_open_nothing() {
    let mut story = Story::whole();
    let gone = story.records.remove(2);
    says(&story, Class::Invalid, &format!("1 record is linked to but not there: {}, by ", gone.id.short()));
}

#[test]
fn a_phase_rests_on_the_evidence_of_its_newest_claims_and_passes() {
    let story = Story::whole();
    let evidence: HashSet<RecordId> = story
        .records
        .iter()
        .filter(|record| matches!(record.block.body, Body::Evidence(_)))
        .map(|record| record.id)
        .collect();
    assert_eq!(evidence.len(), 4);
    assert_eq!(story.report(|report| report.rests_on()), evidence);
}

#[test]
fn a_host_names_the_key_that_it_does_not_trust_or_why_it_cannot_say() {
    let mut story = Story::whole();
    let reasons = |story: &Story| {
        story.report(|report| {
            let pass = report.gates[0].pass.and_then(|id| report.graph.get(&id));
            [pin_reasons(report, pass), pin_reasons(report, report.adoption())].concat()
        })
    };
    assert_eq!(reasons(&story), []);
    story.host.pins = Known::Is(BTreeSet::new());
    let found = reasons(&story);
    assert!(
        found[0].found.starts_with("PASS ") && found[1].found.starts_with("the Adversary's adoption "),
        "{found:?}"
    );
    assert!(found.iter().all(|reason| reason.class == Class::Role));
    story.host.pins = Known::Unknown("not allowed".into());
    let found = reasons(&story);
    assert!(found.len() == 2 && found.iter().all(|r| r.class == Class::Unknown && r.found.contains("not allowed")));
}

#[test]
fn a_done_counts_only_with_what_it_rests_on() {
    let whole = || {
        let mut story = Story::begin();
        let pass = story.pass("M1");
        let failed = story.intent("one", Some(pass), None);
        let failed = story.outcome("one", failed, Ending::Failed);
        let pass = story.pass("M1");
        story.step("one", Some(pass));
        story.step("back", None);
        story.waive(Some("back"), None);
        story.pass("M2");
        let done = story.done().expect("done");
        (story, done, failed)
    };
    let counts = |change: &dyn Fn(&mut Done, RecordId) -> Option<RecordId>| {
        let (mut story, mut done, failed) = whole();
        // What was there before is of no interest.
        let _ = change(&mut done, failed);
        let id = story.tell(Role::Builder, Document::Status, Body::Done(done));
        story.report(|report| report.done.is_some_and(|record| record.id == id))
    };
    let step = |name: &str| name.parse().expect("a step");
    let gate = |name: &str| name.parse().expect("a gate");
    assert!(counts(&|_, _| None));
    assert!(!counts(&|done, _| done.passes.remove(&gate("M2"))));
    assert!(!counts(&|done, _| done.steps.remove(&step("one"))));
    assert!(!counts(&|done, failed| done.steps.insert(step("one"), failed)));
    assert!(!counts(&|done, _| done.passes.insert(gate("M1"), done.passes[&gate("M2")])));
    assert!(!counts(&|done, _| done.steps.insert(step("back"), done.steps[&step("one")])));
    // A waiver of another step is none of this one.
    assert!(!counts(&|done, _| done.steps.insert(step("one"), done.steps[&step("back")])));
    assert!(!counts(&|done, _| done.passes.insert(gate("M1"), RecordId::of_block(b"nowhere"))));
    assert!(!counts(&|done, _| done.passes.insert(gate("M1"), done.steps[&step("one")])));
}

/// Another key of the Adversary.
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD";

#[test]
fn of_several_adoptions_the_one_by_a_trusted_key_is_asked() {
    let mut story = Story::unadopted();
    let usual = story.contract.keys[&Role::Adversary][0].clone();
    story.contract.keys.insert(Role::Adversary, vec![usual.clone(), OTHER.into()]);
    story.adopt(Role::Adversary);
    story.adopt_as(Role::Adversary, Some(OTHER));
    story.adopt(Role::Builder);
    let mut asked = |pins: Known<BTreeSet<String>>| {
        story.host.pins = pins;
        story.report(|report| report.adoption().map(|record| record.signer.clone()))
    };
    let pins = |keys: &[&str]| Known::Is(keys.iter().map(|key| (*key).to_owned()).collect());
    assert_eq!(asked(pins(&[OTHER])).as_deref(), Some(OTHER));
    assert_eq!(asked(pins(&[&usual])), Some(usual.clone()));
    assert_eq!(asked(pins(&[])), Some(usual.clone()));
    assert_eq!(asked(Known::Unknown("x".into())), Some(usual));
}

#[test]
fn a_phase_that_was_begun_twice_opens_nothing() {
    let mut story = Story::begin();
    let mut second = Story::unadopted();
    second.contract.digest = Digest::of(b"another beginning");
    second.minutes = 100;
    [Role::Builder, Role::Adversary].into_iter().for_each(|role| second.adopt(role));
    assert_eq!(general(&story), []);
    story.records.extend(second.records);
    story.minutes = 200;
    let found = general(&story);
    assert!(
        found.iter().any(|(class, found)| *class == Class::Contract && found.contains("2 first contracts")),
        "{found:?}"
    );
}

#[test]
fn an_outcome_that_answers_nothing_is_told_as_such() {
    let mut story = Story::begin();
    story.outcome("one", RecordId::of_block(b"no intent"), Ending::Done);
    says(&story, Class::InDoubt, " says ");
}

#[test]
fn a_record_that_is_ahead_stops_nothing_where_the_engine_agrees_with_this_clock() {
    let mut story = Story::whole();
    story.minutes += 24 * 60;
    story.veto(None);
    story.minutes -= 24 * 60;
    let newest = story.records.last().expect("a record").id.short();
    says(&story, Class::Unknown, &format!("before the newest record: veto {newest} of the adversary"));
    let warnings = |story: &Story| story.report(|report| report.warnings.clone());
    assert_eq!(warnings(&story), [""; 0]);
    story.host.target = Known::Is(Target { engine: "e".into(), cluster: "c".into(), machine: None });
    story.host.clock = Known::Is(story.now());
    assert_eq!(general(&story), []);
    let told = warnings(&story);
    assert!(
        told.len() == 1 && told[0].contains(&newest) && told[0].contains("that record's clock was wrong"),
        "{told:?}"
    );
    // An engine that says something else proves nothing.
    story.host.clock = Known::Is(story.now().plus(Duration::from_secs(3600)));
    assert_eq!(general(&story).len(), 2);
}

#[test]
fn what_closes_everything_shows_no_gate_as_open() {
    let standings =
        |story: &Story| story.report(|report| report.gates.iter().map(|gate| gate.standing).collect::<Vec<_>>());
    let mut story = Story::whole();
    assert_eq!(standings(&story), [Standing::Open, Standing::Open]);
    story.defects = 1;
    assert_eq!(standings(&story), [Standing::Closed, Standing::Closed]);
    story.tree = 'e';
    assert_eq!(standings(&story), [Standing::Stale, Standing::Stale]);
    story.defects = 0;
    assert_eq!(standings(&story), [Standing::Stale, Standing::Stale]);
    story.contract.digest = Digest::of(b"edited");
    assert_eq!(standings(&story), [Standing::Closed, Standing::Closed]);
    story.report(|report| {
        assert!(report.gates[0].reasons[0].found.contains("is in force"), "{:?}", report.gates[0].reasons)
    });
}

#[test]
fn what_closes_everything_hides_no_fail() {
    let mut story = Story::whole();
    let claim = story.report(|report| report.gates[0].claim).expect("a claim");
    story.rule("M1", claim, crate::model::record::Ruling::Fail);
    story.defects = 1;
    assert_eq!(story.report(|report| report.gates[0].standing), Standing::Failed);
}

#[test]
fn what_this_host_saw_and_nobody_has_closes_everything() {
    let mut story = Story::whole();
    story.host.vanished = Known::Is(vec![(RecordId::of_block(b"veto"), "VETO stop".into())]);
    says(&story, Class::Invalid, "this host has seen VETO stop");
}

#[test]
fn a_contract_without_a_key_of_a_party_says_whose() {
    let mut story = Story::unadopted();
    story.contract.keys.insert(Role::Adversary, Vec::new());
    says(&story, Class::Contract, "the contract lists no key for the adversary");
}

#[test]
fn a_phase_rests_on_what_permitted_its_steps_and_on_every_verdict_of_a_gate_without_steps() {
    let contract = || crate::gates::tests::story::contract(&["M1", "M2", "M3"], &[("one", "M2", "")]);
    let told = |tell: &dyn Fn(&mut Story)| {
        let mut story = Story::of(contract());
        [Role::Builder, Role::Adversary].into_iter().for_each(|role| story.adopt(role));
        tell(&mut story);
        story.report(|report| report.rests_on().len())
    };
    // Claim and PASS rest on one observation each.
    let twice = |gate: &'static str| {
        move |story: &mut Story| {
            story.pass(gate);
            story.pass(gate);
        }
    };
    assert_eq!(told(&twice("M1")), 4);
    assert_eq!(told(&twice("M2")), 2);
    let waived = |step: &'static str| {
        move |story: &mut Story| {
            twice("M2")(story);
            story.waive(Some(step), None);
        }
    };
    assert_eq!(told(&waived("one")), 4);
    assert_eq!(told(&waived("another")), 2);
    let begun = |story: &mut Story| {
        let pass = story.pass("M2");
        story.step("one", Some(pass));
        story.pass("M2");
    };
    assert_eq!(told(&begun), 4);
    let signed = |story: &mut Story| {
        story.pass("M1");
        begun(story);
        story.pass("M3");
        let done = story.done().expect("done");
        story.tell(Role::Builder, Document::Status, Body::Done(done));
        story.pass("M2");
    };
    assert_eq!(told(&signed), 10);
}

#[test]
fn a_file_that_is_not_the_contract_in_force_is_to_be_adopted_only_with_a_higher_version() {
    let next = |version: u32| {
        let mut story = Story::begin();
        story.contract.digest = Digest::of(b"another text");
        story.contract.version = version;
        story.report(|report| report.general.first().map(|reason| reason.next.clone()))
    };
    let [lower, equal, higher] = [0, 1, 2].map(|version| next(version).expect("a reason"));
    assert_eq!(lower, equal);
    assert_ne!(equal, higher);
    assert!(equal.ends_with(" --restore") && !higher.contains("--restore"), "{equal}; {higher}");
}

#[test]
fn a_record_is_described_with_its_line_where_it_has_one() {
    let mut story = Story::begin();
    let words = describe(story.last());
    assert!(words.contains("(REVIEW, "), "{words}");
    story.last().line = 7;
    let words = describe(story.last());
    assert!(words.contains("(REVIEW line 7, "), "{words}");
}
