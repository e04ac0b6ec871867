//! Evidence that is for something else, and digests that were not signed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::gates::tests::story::Story;
use crate::model::claim::{plan_digest, subject_digest};
use crate::model::digest::Digest;
use crate::model::ids::RecordId;
use crate::model::observation::Outcome;
use crate::model::record::{Body, Claim, Evidence, Record, Target, Verdict, Waiver};
use crate::model::role::{Document, Role};

/// Where the records of gate M1 stand in the story.
const CLAIMED: usize = 2;
const CLAIM: usize = 3;
const CHECKED: usize = 4;
const PASS: usize = 5;

/// Second keys of the Builder and of the Adversary.
const OTHERS: [&str; 2] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
];

fn passed() -> Story {
    let mut story = Story::unadopted();
    for (role, key) in [Role::Builder, Role::Adversary].into_iter().zip(OTHERS) {
        story.contract.keys.entry(role).or_default().push(key.to_owned());
    }
    [Role::Builder, Role::Adversary].into_iter().for_each(|role| story.adopt(role));
    story.pass("M1");
    story
}

fn change(story: &mut Story, at: usize, change: impl FnOnce(&mut Record)) {
    change(Arc::make_mut(&mut story.records[at]));
}

fn evidence(record: &mut Record) -> &mut Evidence {
    let Body::Evidence(evidence) = &mut record.block.body else { panic!("evidence") };
    evidence
}

fn claim(record: &mut Record) -> &mut Claim {
    let Body::Claim(claim) = &mut record.block.body else { panic!("a claim") };
    claim
}

fn verdict(record: &mut Record) -> &mut Verdict {
    let Body::Verdict(verdict) = &mut record.block.body else { panic!("a verdict") };
    verdict
}

/// That this one reason stands against gate M1.
#[track_caller]
fn says(story: &Story, words: &str) {
    let found: Vec<String> = story.report(|report| report.gates[0].reasons.iter().map(|r| r.found.clone()).collect());
    assert!(matches!(found.as_slice(), [one] if one.contains(words)), "wanted `{words}`, found {found:#?}");
}

#[track_caller]
fn is_open(story: &Story) {
    story.report(|report| assert_eq!(report.gates[0].reasons, []));
}

#[test]
fn evidence_is_of_the_party_the_criterion_the_subject_and_the_engine() {
    is_open(&passed());
    for (at, key) in [(CLAIMED, OTHERS[0]), (CHECKED, OTHERS[1])] {
        let other = |words: &str, spoil: &dyn Fn(&mut Record)| {
            let mut story = passed();
            change(&mut story, at, spoil);
            says(&story, words);
        };
        let target = || Some(Target { engine: "e".into(), cluster: "c".into(), machine: None });
        let elsewhere = "is for something else";
        other(elsewhere, &|record| record.signer = key.to_owned());
        other(elsewhere, &|record| record.block.target = target());
        other(elsewhere, &|record| record.block.subject.commit = record.block.repository.clone());
        other(elsewhere, &|record| record.block.subject.tree = record.block.repository.clone());
        other(elsewhere, &|record| evidence(record).criterion = "c-m2".parse().expect("an id"));
        other(elsewhere, &|record| evidence(record).gate = Some("M2".parse().expect("a gate")));
        other(elsewhere, &|record| evidence(record).gate = None);
        other(elsewhere, &|record| evidence(record).contract = Digest::of(b"another"));
        other("is `failed`", &|record| evidence(record).outcome = Outcome::Failed);
        other("is `unknown`", &|record| evidence(record).outcome = Outcome::Unknown);
        other("is not there or does not count", &|record| record.checked = false);
        other("is not there or does not count", &|record| record.signer = "ssh-ed25519 somebody".into());
    }
    let mut story = passed();
    change(&mut story, CLAIMED, |record| record.block.document = Document::Journal);
    says(&story, "is for something else");
    let mut story = passed();
    change(&mut story, CHECKED, |record| evidence(record).facts.clear());
    says(&story, "is `held`");
    let mut story = passed();
    change(&mut story, CHECKED, |record| {
        evidence(record).facts.insert("matched".into(), false.into());
    });
    says(&story, "the cold run's facts are not the claim's");
}

#[test]
fn evidence_comes_before_what_names_it() {
    // Each is written beside its evidence, after what that was written after.
    for (at, before) in [(CLAIM, 1), (PASS, CLAIM)] {
        let mut story = passed();
        let before = story.records[before].id;
        change(&mut story, at, |record| record.block.prev = vec![before]);
        says(&story, "is for something else");
    }
}

#[test]
fn a_verdict_names_evidence_of_its_own_for_every_criterion() {
    let named = |words: &str, name: &dyn Fn(&Story) -> Option<RecordId>| {
        let mut story = passed();
        let id = name(&story);
        change(&mut story, PASS, |record| {
            let criterion = "c-m1".parse().expect("an id");
            verdict(record).evidence = id.map(|id| (criterion, id)).into_iter().collect();
        });
        says(&story, words);
    };
    named("names no evidence for it", &|_| None);
    named("is not there or does not count", &|_| Some(RecordId::of_block(b"nowhere")));
    named("is no evidence", &|story| Some(story.records[CLAIM].id));
    named("is for something else", &|story| Some(story.records[CLAIMED].id));
}

#[test]
fn one_digest_is_in_claim_verdict_and_todays_bytes() {
    let other = Digest::of(b"another");
    for (in_claim, in_verdict) in [(true, false), (false, true), (true, true)] {
        let mut story = passed();
        change(&mut story, CLAIM, |record| claim(record).digest = if in_claim { other } else { claim(record).digest });
        change(&mut story, PASS, |record| {
            verdict(record).digest = if in_verdict { other } else { verdict(record).digest };
        });
        says(&story, "is not the one that was signed");
    }
}

#[test]
fn what_is_waived_needs_no_evidence_and_where_all_is_there_is_nothing_to_pass() {
    let waive = |story: &mut Story| {
        let until = story.now().plus(Duration::from_secs(86_400));
        let criterion = Some("c-m1".parse().expect("an id"));
        let body = Waiver { criterion, step: None, accepts: None, reason: "r".into(), until };
        story.tell(Role::Adversary, Document::Review, Body::Waiver(body));
    };
    let mut story = passed();
    waive(&mut story);
    change(&mut story, CHECKED, |record| evidence(record).outcome = Outcome::Failed);
    is_open(&story);
    let mut story = passed();
    waive(&mut story);
    let tree = story.records[CLAIM].block.subject.tree.clone();
    let (contract, plan) = (story.contract.digest, plan_digest(&story.contract, &BTreeMap::new()));
    let digest = subject_digest(&contract, &plan, &tree, &BTreeMap::new());
    change(&mut story, CLAIM, |record| {
        claim(record).evidence.clear();
        claim(record).digest = digest;
    });
    change(&mut story, PASS, |record| {
        verdict(record).evidence.clear();
        verdict(record).digest = digest;
    });
    says(&story, "is not the one that was signed");
}
