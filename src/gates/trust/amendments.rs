//! Contracts that replace one another: which adoption counts, and whose word a newer one ends.

use std::sync::Arc;

use super::*;
use crate::gates::tests::story::{OPERATOR, OTHER, Story, text};
use crate::model::record::{FindingAct, Severity};

const THIRD: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

fn both(story: &mut Story, adversary: &str) {
    story.adopt(Role::Builder);
    story.adopt_as(Role::Adversary, Some(adversary));
}

fn adoption(story: &mut Story) -> &mut Adoption {
    match &mut story.last().block.body {
        Body::Contract(adoption) => adoption,
        _ => panic!("an adoption"),
    }
}

fn head(story: &Story) -> RecordId {
    story.records.last().expect("told").id
}

fn in_force(story: &Story) -> Option<u32> {
    story.report(|report| report.in_force.as_ref().map(|contract| contract.version))
}

#[track_caller]
fn refused(story: &Story, words: &str) {
    let why = story.why_not();
    assert!(why.as_ref().is_some_and(|why| why.contains(words)), "wanted `{words}`, found {why:?}");
}

#[test]
fn a_contract_that_is_in_force_may_be_adopted_again() {
    let mut story = Story::begin();
    let key = story.adversary();
    story.amend(&[&key]);
    both(&mut story, &key);
    story.adopt(Role::Builder);
    assert_eq!((story.why_not(), in_force(&story)), (None, Some(2)));
}

#[test]
fn an_amendment_replaces_the_contract_in_force_with_a_higher_version() {
    let amended = |change: &dyn Fn(&mut Story)| {
        let mut story = Story::begin();
        let key = story.adversary();
        story.amend(&[&key]);
        change(&mut story);
        both(&mut story, &key);
        story
    };
    assert_eq!(in_force(&amended(&|_| {})), Some(2));
    let of_another = amended(&|story| story.replaces = Some(Digest::of(b"another")));
    refused(&of_another, "it does not replace contract");
    let of_none = amended(&|story| story.replaces = None);
    refused(&of_none, "it does not replace contract");
    for version in [0, 1] {
        let story = amended(&|story| story.contract.version = version);
        refused(&story, &format!("its version {version} does not rise above 1"));
        assert_eq!(in_force(&story), Some(1));
    }
    let mut alone = Story::unadopted();
    alone.replaces = Some(Digest::of(b"another"));
    alone.adopt(Role::Builder);
    refused(&alone, "which both never adopted");
}

#[test]
fn the_operators_key_adopts_for_a_role_what_replaces_a_contract_and_no_first_one() {
    let mut story = Story::unadopted();
    story.adopt_as(Role::Builder, Some(OPERATOR));
    refused(&story, "signed with a key that is not listed for the builder");
    let by = |key: &str| {
        let mut story = Story::begin();
        story.amend(&[OTHER]);
        story.adopt(Role::Builder);
        story.adopt_as(Role::Adversary, Some(key));
        story
    };
    assert_eq!((by(OPERATOR).why_not(), in_force(&by(OPERATOR))), (None, Some(2)));
    for key in [OTHER, THIRD] {
        refused(&by(key), "signed with a key that is not listed for the adversary");
        assert_eq!(in_force(&by(key)), Some(1));
    }
}

#[test]
fn two_parties_adopt_one_contract_only_if_all_of_it_is_the_same() {
    let with = |change: &dyn Fn(&mut Adoption)| {
        let mut story = Story::unadopted();
        story.adopt(Role::Builder);
        story.adopt(Role::Adversary);
        change(adoption(&mut story));
        in_force(&story)
    };
    assert_eq!(with(&|_| {}), Some(1));
    assert_eq!(with(&|adoption| adoption.version = 2), None);
    assert_eq!(with(&|adoption| adoption.digest = Digest::of(b"another")), None);
    assert_eq!(with(&|adoption| adoption.keys.entry(Role::Builder).or_default().push(THIRD.into())), None);
    // One text, proposed in place of the first contract and in place of the second, is two proposals.
    let mut story = Story::begin();
    let (key, old) = (story.adversary(), story.contract.clone());
    let (proposed, replaced) = (Digest::of(b"proposed"), old.digest);
    story.contract.version = 3;
    (story.contract.digest, story.replaces) = (proposed, Some(replaced));
    story.adopt(Role::Builder);
    story.contract = old;
    story.amend(&[&key]);
    both(&mut story, &key);
    assert_eq!(in_force(&story), Some(2));
    story.replaces = Some(story.contract.digest);
    story.contract.version = 3;
    story.contract.digest = proposed;
    story.adopt(Role::Adversary);
    assert_eq!((story.why_not(), in_force(&story)), (None, Some(2)));
    story.adopt(Role::Builder);
    assert_eq!(in_force(&story), Some(3));
}

#[test]
fn an_adoption_lists_the_keys_of_its_text() {
    let text = text(&["M1", "M2"], &[("one", "M1", ""), ("back", "M1", "restores = true\n")]);
    let mut story = Story::unadopted();
    story.adopt(Role::Builder);
    story.last().output = Some(text);
    assert_eq!(story.why_not(), None);
    adoption(&mut story).keys.entry(Role::Builder).or_default().push(THIRD.into());
    refused(&story, "the keys in it are not those of its text");
}

/// The Adversary alone adopts a next version with another key, and that key objects.
fn objected(story: &mut Story) -> RecordId {
    let old = story.adversary();
    story.amend(&[OTHER]);
    story.adopt_as(Role::Adversary, Some(&old));
    by(story, OTHER, |story| story.veto(None))
}

fn by<T>(story: &mut Story, key: &str, tell: impl FnOnce(&mut Story) -> T) -> T {
    let told = tell(story);
    story.last().signer = key.to_owned();
    told
}

fn vetoes(story: &Story) -> usize {
    story.report(|report| report.vetoes.len())
}

#[test]
fn who_objects_by_a_proposal_of_the_adversarys_ends_its_own_objection_and_no_other() {
    let mut story = Story::begin();
    let veto = objected(&mut story);
    assert_eq!(vetoes(&story), 1);
    let own = Story::begin().adversary();
    let of_another = by(&mut story, &own, |story| story.veto(None));
    by(&mut story, OTHER, |story| story.veto(Some(of_another)));
    refused(&story, "does not list for the adversary");
    assert_eq!(vetoes(&story), 2);
    by(&mut story, OTHER, |story| story.veto(Some(veto)));
    assert_eq!((story.why_not(), vetoes(&story)), (None, 1));
    // A key that no contract lists ends not even its own.
    let unheard = by(&mut story, THIRD, |story| story.veto(None));
    by(&mut story, THIRD, |story| story.veto(Some(unheard)));
    refused(&story, "does not list for the adversary");
}

#[test]
fn a_finding_by_a_proposal_of_the_adversarys_is_closed_by_its_own_key() {
    let mut story = Story::begin();
    objected(&mut story);
    by(&mut story, OTHER, |story| story.object_to(FindingAct::Opened, Severity::Blocking));
    let opening = head(&story);
    let close = |story: &mut Story, key: &str| {
        by(story, key, |story| story.object_to(FindingAct::Closed, Severity::Blocking));
        let Body::Finding(finding) = &mut story.last().block.body else { panic!("a finding") };
        finding.opening = Some(opening);
    };
    close(&mut story, THIRD);
    refused(&story, "does not list for the adversary");
    close(&mut story, OTHER);
    assert_eq!(story.why_not(), None);
    assert_eq!(story.report(|report| report.findings[0].state), FindingAct::Closed);
}

#[test]
fn an_objection_is_ended_by_a_proposal_that_was_adopted_before_and_follows_what_is_in_force() {
    let mut story = Story::begin();
    let (old, before) = (story.adversary(), head(&story));
    let veto = objected(&mut story);
    // Where the proposal is not among what the record comes after.
    by(&mut story, OTHER, |story| story.veto(Some(veto)));
    story.last().block.prev = vec![before];
    refused(&story, "does not list for the adversary");
    assert_eq!(vetoes(&story), 1);
    // Where another version came into force meanwhile.
    let mut story = Story::begin();
    let contract = story.contract.clone();
    let veto = objected(&mut story);
    story.contract = contract;
    story.amend(&[&old]);
    story.contract.digest = Digest::of(b"what came into force");
    both(&mut story, &old);
    by(&mut story, OTHER, |story| story.veto(Some(veto)));
    refused(&story, "does not list for the adversary");
}

/// A PASS of M1 by this key that comes after these records alone.
fn ruled(story: &mut Story, key: &str, after: RecordId) {
    let pass = story.pass("M1");
    let claim = story.records.len() - 4;
    Arc::make_mut(&mut story.records[claim]).block.prev = vec![after];
    assert_eq!(head(story), pass);
    story.last().signer = key.to_owned();
}

#[test]
fn a_newer_contract_ends_the_word_of_the_keys_that_it_drops_unless_it_was_said_before() {
    // Versions 1 and 2 list the first key, version 3 does not; the PASS comes after version 1 alone.
    let rotated = |third: &str, after_pass: bool| {
        let mut story = Story::begin();
        let (key, one) = (story.adversary(), head(&story));
        story.amend(&[&key]);
        both(&mut story, &key);
        let two = head(&story);
        ruled(&mut story, &key, one);
        let pass = head(&story);
        story.amend(&[third]);
        both(&mut story, &key);
        for adopted in story.records.len() - 2..story.records.len() {
            let after = if after_pass { vec![two, pass] } else { vec![two] };
            Arc::make_mut(&mut story.records[adopted]).block.prev = after;
        }
        assert_eq!(in_force(&story), Some(3));
        story.report(|report| report.distrusted.iter().find(|of| of.record == pass).map(|of| of.why.clone()))
    };
    let key = Story::begin().adversary();
    assert_eq!(rotated(&key, false), None);
    assert_eq!(rotated(OTHER, true), None);
    let why = rotated(OTHER, false).expect("it counts for nothing");
    assert!(why.contains("contract version 3 dropped"), "{why}");
}

#[test]
fn a_key_that_is_listed_again_speaks_again_and_an_older_contract_ends_nobodys_word() {
    let mut story = Story::begin();
    let (key, one) = (story.adversary(), head(&story));
    story.amend(&[OTHER]);
    both(&mut story, &key);
    let two = head(&story);
    ruled(&mut story, OTHER, two);
    let of_second = head(&story);
    story.amend(&[&key]);
    both(&mut story, OTHER);
    // After version 1 alone, and in no one's past: version 2 dropped the key, version 3 lists it.
    ruled(&mut story, &key, one);
    assert_eq!(story.why_not(), None);
    story.amend(&[THIRD]);
    both(&mut story, &key);
    // Versions 1 and 4 do not list the second key; the PASS was there before version 4.
    story.report(|report| assert!(report.distrusted.iter().all(|of| of.record != of_second)));
}

#[test]
fn what_one_party_alone_proposes_ends_nobodys_word() {
    let mut story = Story::begin();
    let one = head(&story);
    story.amend(&[OTHER]);
    story.adopt(Role::Builder);
    let key = Story::begin().adversary();
    ruled(&mut story, &key, one);
    assert_eq!((story.why_not(), in_force(&story)), (None, Some(1)));
}

#[test]
fn the_builders_word_stays_whatever_key_it_has_later() {
    let mut story = Story::begin();
    let (key, one) = (story.adversary(), head(&story));
    story.amend(&[&key]);
    story.contract.keys.insert(Role::Builder, vec![THIRD.to_owned()]);
    both(&mut story, &key);
    story.claim("M1");
    let claim = story.records.len() - 2;
    Arc::make_mut(&mut story.records[claim]).block.prev = vec![one];
    assert_eq!((story.why_not(), in_force(&story)), (None, Some(2)));
}
