//! Several contracts, several repositories, and records that nobody looked at.

use std::sync::Arc;

use super::*;
use crate::gates::reason::Class;
use crate::gates::tests::story::{OTHER, Story};
use crate::model::record::Note;
use crate::model::role::Document;

fn adopt_both(story: &mut Story, adversary: Option<&str>) {
    story.adopt(Role::Builder);
    story.adopt_as(Role::Adversary, adversary);
}

/// The next version, by both.
fn amended(story: &mut Story, words: &str) {
    let key = story.adversary();
    story.amend(&[&key]);
    story.contract.digest = Digest::of(words.as_bytes());
    adopt_both(story, None);
}

fn says(story: &Story, class: Class, words: &str) -> bool {
    story.report(|report| report.general.iter().any(|r| r.class == class && r.found.contains(words)))
}

fn change(story: &mut Story, change: impl FnOnce(&mut Record)) {
    change(Arc::make_mut(story.records.last_mut().expect("a record")));
}

#[test]
fn two_newest_contracts_of_one_version_open_nothing() {
    let mut story = Story::begin();
    amended(&mut story, "one");
    assert_eq!(story.report(|report| report.general.len()), 0);
    let mut second = Story::begin();
    second.minutes = 100;
    amended(&mut second, "two");
    story.records.extend(second.records.drain(2..));
    story.minutes = 200;
    assert!(says(&story, Class::Contract, "are of one version"));
}

#[test]
fn what_one_party_alone_adopted_is_pending_and_no_rival() {
    let pending = |story: &Story| {
        story.report(|report| report.pending.iter().map(|contract| contract.version).collect::<Vec<_>>())
    };
    let mut story = Story::begin();
    assert_eq!(pending(&story), [0; 0]);
    let mut second = Story::unadopted();
    second.contract.digest = Digest::of(b"another beginning");
    second.minutes = 100;
    second.adopt(Role::Builder);
    story.records.extend(second.records);
    story.minutes = 200;
    assert_eq!(story.report(|report| report.general.len()), 0);
    assert_eq!(pending(&story), [0; 0], "it is of no higher version than the one in force");
    let mut story = Story::begin();
    let key = story.adversary();
    story.amend(&[&key]);
    story.adopt(Role::Builder);
    assert_eq!(pending(&story), [2]);
    story.adopt(Role::Adversary);
    assert_eq!(pending(&story), [0; 0]);
}

#[test]
fn where_a_phase_was_begun_twice_an_objection_by_either_is_heard() {
    let mut story = Story::begin();
    amended(&mut story, "the next");
    let first = story.records.last().expect("told").id;
    let mut second = Story::unadopted();
    second.contract.keys.insert(Role::Adversary, vec![OTHER.to_owned()]);
    second.contract.digest = Digest::of(b"another beginning");
    second.minutes = 100;
    adopt_both(&mut second, Some(OTHER));
    story.records.extend(second.records);
    story.minutes = 200;
    for key in [OTHER.to_owned(), story.adversary()] {
        let mut story = Story { records: story.records.clone(), ..Story::begin() };
        story.minutes = 201;
        story.veto(None);
        change(&mut story, |record| {
            record.block.prev.push(first);
            record.signer.clone_from(&key);
        });
        assert_eq!(story.report(|report| report.vetoes.len()), 1, "{key}");
    }
}

#[test]
fn a_key_that_only_the_adversarys_proposal_lists_is_heard_when_it_objects() {
    let mut story = Story::begin();
    let old = story.adversary();
    story.amend(&[OTHER]);
    story.adopt_as(Role::Adversary, Some(&old));
    story.veto(None);
    change(&mut story, |record| record.signer = OTHER.into());
    assert_eq!(story.report(|report| report.vetoes.len()), 1);
    let mut story = Story::begin();
    story.amend(&[OTHER]);
    story.adopt(Role::Builder);
    story.veto(None);
    change(&mut story, |record| record.signer = OTHER.into());
    assert_eq!(
        story.why_not().as_deref(),
        Some("signed with a key that contract version 1 does not list for the adversary")
    );
}

#[test]
fn a_record_counts_for_nothing_under_another_role_another_repository_or_unread() {
    let passed = |spoil: &dyn Fn(&mut Record)| {
        let mut story = Story::begin();
        story.pass("M1");
        change(&mut story, spoil);
        let open = story.report(|report| report.gates[0].reasons.is_empty());
        (open, story.why_not())
    };
    let elsewhere = |record: &mut Record| record.block.repository = record.block.context.head.clone();
    assert_eq!(passed(&|_| {}), (true, None));
    assert_eq!(passed(&|record| record.checked = false), (false, None));
    let of = |spoil: &dyn Fn(&mut Record), words: &str| {
        let (open, why) = passed(spoil);
        assert!(!open && why.as_ref().is_some_and(|why| why.contains(words)), "wanted `{words}`, found {why:?}");
    };
    of(&elsewhere, "written in another repository");
    of(&|record| record.block.role = Role::Operator, "signed as operator in a document");
    let builders = Story::begin().contract.keys[&Role::Builder][0].clone();
    of(&|record| record.signer.clone_from(&builders), "signed with a key of the builder");
    of(&|record| record.signer = OTHER.into(), "signed with a key that contract version 1 does not list");
}

#[test]
fn documents_hold_records_of_one_repository() {
    let words = "hold records of two repositories";
    let mut story = Story::whole();
    assert!(!says(&story, Class::Invalid, words));
    let other = story.records[0].block.context.head.clone();
    change(&mut story, |record| record.block.repository = other.clone());
    assert!(says(&story, Class::Invalid, words));
    for record in &mut story.records {
        Arc::make_mut(record).block.repository = other.clone();
    }
    assert!(!says(&story, Class::Invalid, words));
    assert!(says(&story, Class::Contract, "is not adopted by builder and adversary"));
}

#[test]
fn an_adoption_is_of_the_text_it_carries_in_its_roles_document_and_here() {
    let adopted = |spoil: &dyn Fn(&mut Record)| {
        let mut story = Story::unadopted();
        story.adopt(Role::Builder);
        story.adopt(Role::Adversary);
        change(&mut story, spoil);
        let counted = story.report(|report| report.counted.len());
        (says(&story, Class::Contract, "is not adopted by adversary"), counted, story.why_not().unwrap_or_default())
    };
    assert_eq!(adopted(&|_| {}), (false, 2, String::new()));
    let of = |spoil: &dyn Fn(&mut Record), words: &str| {
        let (missing, counted, why) = adopted(spoil);
        assert!(missing && counted == 1 && why.contains(words), "wanted `{words}`, found `{why}`, {counted} counted");
    };
    of(&|record| record.block.role = Role::Builder, "adopted as builder in the adversary's document");
    of(&|record| record.block.output = None, "the text it carries is not the contract");
    of(&|record| record.signer = OTHER.into(), "signed with a key that is not listed");
    let elsewhere = |record: &mut Record| record.block.repository = record.block.context.head.clone();
    of(&elsewhere, "written in another repository");
}

#[test]
fn what_nobody_looked_at_is_later_all_the_same_and_nothing_else() {
    // A PASS is as old as what came after it says, though that was not looked at.
    let aged = |change: &dyn Fn(&mut Record)| {
        let mut story = Story::begin();
        story.pass("M1");
        story.minutes += 30 * 60;
        story.tell(Role::Builder, Document::Journal, Body::Note(Note { text: "t".into() }));
        story.minutes -= 30 * 60;
        change(story.last());
        story.report(|report| {
            report.gates[0].reasons.iter().any(|reason| reason.class == Class::Stale && reason.found.contains("old"))
        })
    };
    assert!(aged(&|_| {}));
    assert!(aged(&|record| record.checked = false));
    assert!(!aged(&|record| record.block.role = Role::Adversary));
}
