//! A step that was begun under a contract that both replaced later: its text is not here any more, what was said is.

use super::*;
use crate::gates::tests::story::Story;
use crate::model::digest::Digest;
use crate::model::record::Severity;
use crate::model::role::Role;

/// Step `one` under what `tell` gives, what `then` tells, and the rest of the phase under the next contract.
fn under(tell: &dyn Fn(&mut Story) -> RecordId, then: &dyn Fn(&mut Story)) -> Story {
    let mut story = Story::begin();
    let (first, keys) = (story.contract.digest, story.contract.keys[&Role::Adversary].clone());
    let pass = tell(&mut story);
    story.step("one", Some(pass));
    then(&mut story);
    story.amend(&[&keys[0]]);
    story.replaces = Some(first);
    [Role::Builder, Role::Adversary].into_iter().for_each(|role| story.adopt(role));
    story.step("back", None);
    story.pass("M2");
    story
}

#[track_caller]
fn never(tell: &dyn Fn(&mut Story) -> RecordId, then: &dyn Fn(&mut Story)) {
    let reasons = under(tell, then).done().expect_err("it is not done");
    let words = "step `one` was not begun under a PASS of M1 fresh then";
    assert!(reasons.iter().any(|reason| reason.found.contains(words)), "{reasons:#?}");
}

#[test]
fn a_pass_that_stood_then_counts() {
    let done = under(&|story| story.pass("M1"), &|_| {}).done();
    assert!(done.is_ok(), "{done:#?}");
}

#[test]
fn one_that_did_not_stand_then_does_not() {
    never(&|story| story.claim("M1"), &|_| {});
    never(
        &|story| {
            let claim = story.claim("M1");
            story.rule("M2", claim, Ruling::Pass)
        },
        &|_| {},
    );
    never(
        &|story| {
            let of_an_earlier_claim = story.pass("M1");
            story.claim("M1");
            of_an_earlier_claim
        },
        &|_| {},
    );
    never(
        &|story| {
            let pass = story.pass("M1");
            story.tree = 'e';
            pass
        },
        &|_| {},
    );
    never(
        &|story| {
            let pass = story.pass("M1");
            story.minutes += 25 * 60;
            pass
        },
        &|_| {},
    );
    never(
        &|story| {
            let claim = story.claim("M1");
            let pass = story.rule("M1", claim, Ruling::Pass);
            story.rule("M1", claim, Ruling::Fail);
            pass
        },
        // What answers the FAIL later changes nothing of what stood then.
        &|story| {
            story.claim("M1");
        },
    );
    let ended = |story: &mut Story| story.object_to(FindingAct::Closed, Severity::Blocking);
    never(
        &|story| {
            let pass = story.pass("M1");
            story.object_to(FindingAct::Opened, Severity::Blocking);
            pass
        },
        &ended,
    );
    // A FAIL is no PASS, even one that its own key superseded.
    let superseded = |story: &mut Story| {
        let claim = story.claim("M1");
        let fail = story.rule("M1", claim, Ruling::Fail);
        story.rule("M1", claim, Ruling::Pass);
        let record = std::sync::Arc::make_mut(story.records.last_mut().expect("told"));
        let Body::Verdict(verdict) = &mut record.block.body else { panic!("a verdict") };
        verdict.supersedes = Some(fail);
        (fail, record.id)
    };
    assert!(under(&|story| superseded(story).1, &|_| {}).done().is_ok());
    never(&|story| superseded(story).0, &|_| {});
}

#[test]
fn a_contract_that_only_one_party_adopted_permitted_nothing() {
    let by = |roles: &[Role]| {
        let roles = roles.to_vec();
        move |story: &mut Story| {
            let keys = story.contract.keys[&Role::Adversary].clone();
            story.amend(&[&keys[0]]);
            story.contract.digest = Digest::of(b"a proposal");
            roles.iter().for_each(|role| story.adopt(*role));
            story.pass("M1")
        }
    };
    never(&by(&[]), &|_| {});
    never(&by(&[Role::Builder]), &|_| {});
    never(&by(&[Role::Adversary]), &|_| {});
}
