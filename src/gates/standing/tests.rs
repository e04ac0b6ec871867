//! What stands against a PASS, and what does not.

use std::sync::Arc;

use super::*;
use crate::gates::tests::story::Story;
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
        let target = crate::model::record::Target { engine: "e".into(), cluster: "c".into(), machine: None };
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
