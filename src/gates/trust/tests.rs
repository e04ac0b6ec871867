//! Who is heard, from when on.

use super::*;
use crate::gates::tests::story::Story;
use crate::model::record::{FindingAct, Ruling, Severity};

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
    story.records.clear();
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

#[test]
fn an_objection_counts_whatever_it_links_to() {
    let mut story = Story::begin();
    story.claim("M1");
    for links in [Vec::new(), vec![RecordId::of_block(b"damaged")]] {
        story.veto(None);
        story.last().block.prev = links.clone();
        assert_eq!(story.report(|report| report.vetoes.len()), 1, "{links:?}");
        story.records.pop();
        story.object_to(FindingAct::Opened, Severity::Blocking);
        story.last().block.prev = links.clone();
        assert_eq!(story.report(|report| report.findings.len()), 1, "{links:?}");
        story.records.pop();
        let claim = story.records.last().expect("a claim").id;
        story.rule("M1", claim, Ruling::Fail);
        story.last().block.prev = links;
        assert_eq!(story.report(|report| report.gates[0].standing), crate::gates::standing::Standing::Failed);
        story.records.truncate(story.records.len() - 2);
        // What opens something needs them.
        story.waive(Some("one"), None);
        story.last().block.prev = Vec::new();
        assert!(!counted(&story).contains(&Kind::Waiver));
        story.records.pop();
    }
}

#[test]
fn an_objection_under_another_beginning_of_the_same_history_is_one_to_this() {
    let other: ObjectId = "f".repeat(40).parse().expect("an id");
    let mut story = Story::begin();
    story.veto(None);
    story.last().block.repository = other.clone();
    let stands = |story: &Story| story.report(|report| (report.vetoes.len(), report.general.len()));
    assert_eq!(stands(&story), (0, 1), "another repository's");
    story.roots = vec![story.records[0].block.repository.clone(), other.clone()];
    assert_eq!(stands(&story), (1, 0));
    story.waive(Some("one"), None);
    story.last().block.repository = other;
    assert_eq!(stands(&story), (1, 1), "nothing else is");
    assert!(!counted(&story).contains(&Kind::Waiver));
}

#[test]
fn a_key_that_was_dropped_opens_only_what_it_had_opened_by_then() {
    let mut story = Story::begin();
    let veto = story.veto(None);
    story.object_to(FindingAct::Opened, Severity::Blocking);
    let finding = story.records.last().expect("a finding").id;
    story.waive(Some("one"), None);
    let old = story.contract.keys[&Role::Adversary].clone();
    let new = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD";
    story.amend(&[new]);
    story.adopt_as(Role::Builder, None);
    story.adopt_as(Role::Adversary, Some(&old[0]));
    let waivers = |story: &Story| counted(story).iter().filter(|kind| **kind == Kind::Waiver).count();
    let kept = story.records.clone();
    // Each is signed with the old key and links to what was there before the new contract, as it would be anyhow.
    let late = |tell: &dyn Fn(&mut Story)| {
        let mut story = Story { records: kept.clone(), ..Story::begin() };
        story.contract = amended(new);
        story.minutes = 60;
        tell(&mut story);
        story.last().block.prev = vec![finding];
        story
    };
    let told = late(&|story| story.waive(Some("back"), None));
    assert_eq!(waivers(&told), 1, "the one that was there");
    let told = late(&|story| {
        story.waive(Some("back"), None);
        story.last().signer = new.to_owned();
    });
    assert_eq!(waivers(&told), 1, "nor does the new one before it is listed");
    let told = late(&|story| {
        story.veto(Some(veto));
    });
    assert_eq!(told.report(|report| report.vetoes.len()), 1);
    let told = late(&|story| story.object_to(FindingAct::Closed, Severity::Blocking));
    assert_eq!(told.report(|report| report.findings[0].state), FindingAct::Opened);
    let told = late(&|story| {
        story.veto(None);
    });
    assert_eq!(told.report(|report| report.vetoes.len()), 2, "but it objects");
}

/// The contract of every story in its second version, with this key of the Adversary.
fn amended(adversary: &str) -> crate::model::contract::Contract {
    let mut story = Story::begin();
    story.amend(&[adversary]);
    story.contract
}

#[test]
fn an_adoption_that_calls_its_text_another_version_is_none_and_unmakes_none() {
    let text =
        crate::gates::tests::story::text(&["M1", "M2"], &[("one", "M1", ""), ("back", "M1", "restores = true\n")]);
    for lie in [2, 9] {
        let mut story = Story::unadopted();
        let mut adopt = |role, version| {
            story.contract.version = version;
            story.adopt(role);
            story.last().output = Some(text.clone());
        };
        adopt(Role::Builder, lie);
        adopt(Role::Builder, 1);
        adopt(Role::Adversary, 1);
        story.veto(None);
        story.report(|report| {
            assert_eq!(report.in_force.as_ref().map(|contract| contract.version), Some(1));
            let whys: Vec<_> = report.distrusted.iter().map(|distrusted| distrusted.why.as_str()).collect();
            assert_eq!(whys, [format!("it calls version {lie} what its text says is version 1")]);
            assert_eq!(report.vetoes.len(), 1);
        });
    }
}
