//! The life of a gate: random histories, legal and illegal, of several clones, judged by the rules and by a small model that
//! knows nothing of them.

mod table;
mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use self::world::{BUILDER, Event, REVIEWERS, STRANGER, World, now};
use crate::model::ids::RecordId;
use crate::model::record::{Body, FindingAct, Ruling, Severity};

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::Claim),
        4 => (0..8_usize, proptest::option::weighted(0.3, 0..8_usize))
            .prop_map(|(claim, replaces)| Event::Pass { claim, replaces }),
        2 => (0..8_usize).prop_map(|claim| Event::Fail { claim }),
        1 => Just(Event::Raise),
        2 => (0..4_usize).prop_map(|veto| Event::Lift { veto }),
        1 => any::<bool>().prop_map(|minor| Event::Open { minor }),
        2 => (0..4_usize, any::<bool>()).prop_map(|(finding, defer)| Event::Close { finding, defer }),
        8 => (0..4_usize).prop_map(|other| Event::Sync { other }),
    ]
}

impl World {
    /// The model: whether the gate is open, by what design says in words.
    fn model(&self) -> bool {
        let all = || (0..self.records.len()).filter(|at| self.genuine[*at]);
        let body = |at: usize| &self.records[at].block.body;
        let before = |one: usize, other: usize| self.ancestors[other].contains(&one);
        let at_of = |id: &RecordId| self.records.iter().position(|record| record.id == *id);
        let claims: Vec<usize> = all().filter(|at| matches!(body(*at), Body::Claim(_))).collect();
        let newest: Vec<usize> =
            claims.iter().copied().filter(|claim| !claims.iter().any(|other| before(*claim, *other))).collect();
        let [claim] = newest[..] else { return false };
        let vetoed = all().any(|at| {
            let lifted = |by: usize| match body(by) {
                Body::Veto(veto) => veto.lifts.as_ref().and_then(at_of) == Some(at) && before(at, by),
                _ => false,
            };
            matches!(body(at), Body::Veto(veto) if veto.lifts.is_none()) && !all().any(lifted)
        });
        let blocked = all().any(|at| match body(at) {
            Body::Finding(opened)
                if opened.act == FindingAct::Opened && opened.severity == Some(Severity::Blocking) =>
            {
                !all().any(|by| {
                    matches!(body(by), Body::Finding(f) if f.name == opened.name && f.act != FindingAct::Opened)
                        && before(at, by)
                })
            }
            _ => false,
        });
        let failed = all().any(|at| match body(at) {
            Body::Verdict(fail) if fail.ruling == Ruling::Fail && !before(at, claim) => !all().any(|by| {
                matches!(body(by), Body::Verdict(v) if v.supersedes == Some(self.records[at].id))
                    && self.records[by].signer == self.records[at].signer
                    && before(at, by)
            }),
            _ => false,
        });
        let passed = all().any(
            |at| matches!(body(at), Body::Verdict(v) if v.ruling == Ruling::Pass && v.claim == self.records[claim].id),
        );
        passed && !failed && !vetoed && !blocked
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_gate_is_open_when_the_model_says_so(
        events in proptest::collection::vec((0..4_usize, event(), 0..12_usize), 1..24),
        turn in 0..64_usize,
        ends_well in any::<bool>(),
    ) {
        let mut world = World::new();
        for (clone, event, forged) in &events {
            // One in six is signed with a key that is not the role's, or with the other role's.
            let clone = *clone;
            let other = if matches!(event, Event::Claim) { REVIEWERS[0] } else { BUILDER };
            let forger = match forged {
                0 => Some(STRANGER),
                1 => Some(other),
                _ => None,
            };
            world.play(clone, event, forger);
        }
        if ends_well {
            world.end_well();
        }
        prop_assert_eq!(world.judged(now()), world.model(), "{:?}", events);
        // The order in which the records are read says nothing.
        let by = turn % world.records.len();
        let mut turned = World { records: world.records.clone(), ancestors: world.ancestors.clone(), genuine: world.genuine.clone(), ..World::new() };
        turned.records.rotate_left(by);
        prop_assert_eq!(turned.judged(now()), world.model(), "turned by {}: {:?}", by, events);
        // A day and a second later nothing is open.
        prop_assert!(!world.judged("2026-06-14T05:34:14Z".parse().expect("a time")));
    }
}

/// The histories are worth something only if many of them open the gate.
#[test]
fn histories_open_the_gate_often_enough() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let events = proptest::collection::vec((0..4_usize, event()), 1..24);
    let mut open = 0;
    for _ in 0..300 {
        let history = events.new_tree(&mut runner).expect("a history").current();
        let mut world = World::new();
        history.iter().for_each(|(clone, event)| world.play(*clone, event, None));
        world.end_well();
        open += usize::from(world.judged(now()));
    }
    assert!((60..=240).contains(&open), "only {open} of 300 histories open the gate");
}
