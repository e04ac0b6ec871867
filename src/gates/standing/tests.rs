//! What stands against a PASS, and what does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::gates::tests::story::{Story, facts};
use crate::model::claim::subject_digest;
use crate::model::digest::Digest;
use crate::model::observation::facts_digest;
use crate::model::record::Target;
use crate::model::role::{Document, Role};

fn standings(story: &Story) -> Vec<Standing> {
    story.report(|report| report.gates.iter().map(|gate| gate.standing).collect())
}

#[test]
fn a_fail_is_of_its_gate_alone() {
    let mut story = Story::begin();
    story.pass("M1");
    let claim = story.claim("M2");
    story.rule("M2", claim, Ruling::Fail);
    assert_eq!(standings(&story), [Standing::Open, Standing::Failed]);
}

/// The key of a second reviewer.
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD";

/// A PASS after a FAIL on the same claim that supersedes it, signed by this key.
fn superseded(signer: Option<&str>, knows: bool) -> Standing {
    let mut story = Story::unadopted();
    story.contract.keys.entry(Role::Adversary).or_default().push(OTHER.to_owned());
    [Role::Builder, Role::Adversary].into_iter().for_each(|role| story.adopt(role));
    let claim = story.claim("M1");
    let fail = story.rule("M1", claim, Ruling::Fail);
    let from = story.records.len();
    story.rule("M1", claim, Ruling::Pass);
    for record in &mut story.records[from..] {
        let record = Arc::make_mut(record);
        if let Some(signer) = signer {
            record.signer = signer.to_owned();
        }
        if let Body::Verdict(verdict) = &mut record.block.body {
            verdict.supersedes = Some(fail);
        }
        // Without the FAIL among its ancestors: it comes after the claim instead.
        if !knows && record.block.prev == [fail] {
            record.block.prev = vec![claim];
        }
    }
    standings(&story)[0]
}

#[test]
fn a_fail_is_superseded_by_its_own_key_and_afterwards() {
    assert_eq!(superseded(None, true), Standing::Open);
    assert_eq!(superseded(None, false), Standing::Failed);
    assert_eq!(superseded(Some(OTHER), true), Standing::Failed, "another reviewer's");
}

#[test]
fn a_pass_that_is_dated_after_now_is_not_young_for_that() {
    let dated = |minutes: u64| {
        let mut story = Story::begin();
        story.minutes = minutes;
        story.pass("M1");
        story.minutes = 3;
        story.tell(Role::Builder, Document::Journal, Body::Note(crate::model::record::Note { text: "t".into() }));
        // The clock of this host is proven right by the engine's.
        let target = Target { engine: "e".into(), cluster: "c".into(), machine: None };
        story.host.target = Known::Is(target);
        story.host.clock = Known::Is(story.now());
        story.report(|report| (report.general.len(), report.gates[0].standing))
    };
    // It is written four minutes after these, and looked at in minute 4.
    assert_eq!(dated(0), (0, Standing::Open));
    assert_eq!(dated(2), (0, Standing::Open));
    assert_eq!(dated(3), (0, Standing::Stale));
    assert_eq!(dated(60 * 24 * 30), (0, Standing::Stale));
}

#[test]
fn a_pass_comes_after_the_claim_that_it_names() {
    let mut story = Story::begin();
    let adopted = story.records.last().expect("an adoption").id;
    story.pass("M1");
    assert_eq!(standings(&story)[0], Standing::Open);
    // Its evidence, and so the PASS, links to what was there before the claim.
    let evidence = story.records.len() - 2;
    Arc::make_mut(&mut story.records[evidence]).block.prev = vec![adopted];
    story.report(|report| {
        let [reason] = report.gates[0].reasons.as_slice() else { panic!("{:?}", report.gates[0].reasons) };
        assert!(report.gates[0].standing == Standing::Stale && reason.found.contains("does not come after claim"));
    });
}

/// The reasons against gate M1 where both parties signed a claim that says something else.
fn against(change: impl FnOnce(&mut Claim)) -> Vec<(Class, String)> {
    let mut story = Story::begin();
    story.pass("M1");
    let tree = story.records[3].block.subject.tree.clone();
    let Body::Claim(claim) = &mut Arc::make_mut(&mut story.records[3]).block.body else { panic!("a claim") };
    change(claim);
    let facts = BTreeMap::from([("c-m1".parse().expect("an id"), facts_digest(&facts()))]);
    let digest = subject_digest(&claim.contract, &claim.plan, &tree, &facts);
    claim.digest = digest;
    let Body::Verdict(verdict) = &mut Arc::make_mut(&mut story.records[5]).block.body else { panic!("a verdict") };
    verdict.digest = digest;
    reasons(&story)
}

fn reasons(story: &Story) -> Vec<(Class, String)> {
    story.report(|report| report.gates[0].reasons.iter().map(|reason| (reason.class, reason.found.clone())).collect())
}

#[track_caller]
fn is_one(found: &[(Class, String)], class: Class, words: &str) {
    let right = matches!(found, [(of, found)] if *of == class && found.contains(words));
    assert!(right, "wanted {class:?} `{words}`, found {found:?}");
}

#[test]
fn a_claim_is_of_todays_contract_and_plan() {
    assert_eq!(against(|_| {}), []);
    is_one(&against(|claim| claim.contract = Digest::of(b"another")), Class::Stale, "was claimed under contract");
    is_one(&against(|claim| claim.plan = Digest::of(b"another")), Class::Stale, "was claimed with plan");
}

#[test]
fn a_pass_is_of_one_engine_by_another_clone_on_a_subject_that_can_be_read() {
    let on = |claimed: &str, passed: &str| {
        let target = |engine: &str| Some(Target { engine: engine.into(), cluster: "c".into(), machine: None });
        let mut story = Story::begin();
        story.target = target(claimed);
        let claim = story.claim("M1");
        story.target = target(passed);
        story.rule("M1", claim, Ruling::Pass);
        reasons(&story)
    };
    assert_eq!(on("e", "e"), []);
    is_one(&on("e", "f"), Class::Stale, "was claimed on engine e and passed on f");
    let mut story = Story::begin();
    story.pass("M1");
    story.report(|report| {
        let subject = Known::Unknown("not allowed".into());
        let unread = crate::gates::evaluate::evaluate(Inputs { subject: &subject, ..report.inputs });
        assert_eq!(unread.gates[0].standing, Standing::Stale);
        assert!(unread.gates[0].reasons[0].found.contains("could not be read: not allowed"));
    });
    let from = story.records[3].block.from.clone();
    Arc::make_mut(&mut story.records[5]).block.from = from;
    is_one(&reasons(&story), Class::Role, "stand apart by `none`");
}

#[test]
fn a_pass_is_fresh_to_the_very_end_of_its_age() {
    let mut story = Story::begin();
    story.pass("M1");
    story.minutes += 24 * 60;
    assert_eq!(standings(&story)[0], Standing::Open);
    story.minutes += 1;
    assert_eq!(standings(&story)[0], Standing::Stale);
}

#[test]
fn of_several_passes_one_that_is_fresh_counts_and_a_fail_never_does() {
    let last = |story: &mut Story, change: &dyn Fn(&mut Verdict)| {
        let record = Arc::make_mut(story.records.last_mut().expect("told"));
        let Body::Verdict(verdict) = &mut record.block.body else { panic!("a verdict") };
        change(verdict);
    };
    let spoil = |story: &mut Story| last(story, &|verdict| verdict.digest = Digest::of(b"another"));
    let shown = |story: &Story| story.report(|report| (report.gates[0].standing, report.gates[0].pass));
    for first_is_fresh in [true, false] {
        let mut story = Story::begin();
        let claim = story.claim("M1");
        let first = story.rule("M1", claim, Ruling::Pass);
        if !first_is_fresh {
            spoil(&mut story);
        }
        let second = story.rule("M1", claim, Ruling::Pass);
        if first_is_fresh {
            spoil(&mut story);
        }
        assert_eq!(shown(&story), (Standing::Open, Some(if first_is_fresh { first } else { second })));
    }
    let mut story = Story::begin();
    let claim = story.claim("M1");
    let fail = story.rule("M1", claim, Ruling::Fail);
    let pass = story.rule("M1", claim, Ruling::Pass);
    last(&mut story, &|verdict| verdict.supersedes = Some(fail));
    assert_eq!(shown(&story), (Standing::Open, Some(pass)));
    spoil(&mut story);
    assert_eq!(shown(&story), (Standing::Stale, Some(pass)), "the superseded FAIL is no PASS");
}

#[test]
fn two_claims_that_know_nothing_of_one_another_are_named() {
    let mut story = Story::begin();
    story.claim("M1");
    let beside = story.records[1].id;
    story.claim("M1");
    // The second one's evidence, and so itself, comes after the adoptions alone.
    Arc::make_mut(&mut story.records[4]).block.prev = vec![beside];
    assert_eq!(standings(&story)[0], Standing::Closed);
    is_one(&reasons(&story), Class::Closed, "has concurrent claims");
}
