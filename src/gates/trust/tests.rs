//! Who is heard, from when on.

use super::*;
use crate::gates::tests::story::Story;
use crate::model::record::{FindingAct, Severity};

/// The kinds of the records that count, in the order in which they were told.
fn counted(story: &Story) -> Vec<Kind> {
    story.report(|report| {
        let counts = |record: &&std::sync::Arc<Record>| report.counted.iter().any(|other| other.id == record.id);
        story.records.iter().filter(counts).map(|record| record.block.record).collect()
    })
}

#[test]
fn an_objection_counts_from_its_own_roles_adoption_and_a_lift_by_the_same_key() {
    let mut story = Story::unadopted();
    story.veto(None);
    assert_eq!(counted(&story), [], "nobody adopted");
    story.adopt(Role::Adversary);
    let veto = story.veto(None);
    story.object_to(FindingAct::Opened, Severity::Blocking);
    assert_eq!(counted(&story), [Kind::Contract, Kind::Veto, Kind::Finding]);
    // Words that open something wait for both: a waiver, and the close of a finding that names no opening.
    story.waive(Some("one"), None);
    story.object_to(FindingAct::Closed, Severity::Blocking);
    assert_eq!(counted(&story).len(), 3);
    story.veto(Some(veto));
    assert_eq!(counted(&story).len(), 4);
    assert_eq!(story.report(|report| report.vetoes.len()), 0);
    story.adopt(Role::Builder);
    assert_eq!(story.report(|report| (report.general.len(), report.findings.len())), (0, 1));
}

#[test]
fn the_other_roles_adoption_and_a_key_that_it_does_not_list_are_not_enough() {
    let mut story = Story::unadopted();
    story.adopt(Role::Builder);
    story.veto(None);
    assert_eq!(counted(&story), [Kind::Contract]);
    let mut story = Story::unadopted();
    story.adopt(Role::Adversary);
    story.veto(None);
    let veto = story.records.pop().expect("a veto");
    let mut forged = Record::clone(&veto);
    forged.signer = "ssh-ed25519 somebody".into();
    story.records.push(forged.into());
    assert_eq!(counted(&story), [Kind::Contract]);
}

#[test]
fn a_key_that_a_later_contract_drops_ends_nothing_that_it_began() {
    let mut story = Story::begin();
    let veto = story.veto(None);
    let old = story.contract.keys[&Role::Adversary].clone();
    story.amend(&["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD"]);
    story.adopt_as(Role::Builder, None);
    story.adopt_as(Role::Adversary, Some(&old[0]));
    assert_eq!(story.report(|report| report.in_force.as_ref().map(|contract| contract.version)), Some(2));
    // Told with the old key, since a story knows no other.
    story.veto(Some(veto));
    assert_eq!(story.report(|report| report.vetoes.len()), 1);
    story.veto(None);
    assert_eq!(story.report(|report| report.vetoes.len()), 1, "nor is it heard any more");
}
