//! The life of a gate: random histories, legal and illegal, of several clones, judged by the rules and by a small model that
//! knows nothing of them.

mod model;
mod play;
mod table;
mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use self::model::Model;
use self::play::Event;
use self::world::{BUILDERS, OPERATOR, REVIEWERS, STRANGER, World};
use crate::gates::permit::Basis;
use crate::model::record::Ending;

fn event() -> impl Strategy<Value = Event> {
    let seldom = || proptest::bool::weighted(0.15);
    let ending = prop_oneof![Just(Ending::Done), Just(Ending::Unwound), Just(Ending::Failed)];
    prop_oneof![
        4 => seldom().prop_map(|lacks| Event::Claim { lacks }),
        5 => (0..8_usize, proptest::option::weighted(0.3, 0..8_usize), seldom())
            .prop_map(|(claim, replaces, lacks)| Event::Pass { claim, replaces, lacks }),
        2 => (0..8_usize).prop_map(|claim| Event::Fail { claim }),
        1 => Just(Event::Raise),
        2 => (0..4_usize).prop_map(|veto| Event::Lift { veto }),
        1 => any::<bool>().prop_map(|minor| Event::Open { minor }),
        2 => (0..4_usize, any::<bool>()).prop_map(|(finding, defer)| Event::Close { finding, defer }),
        10 => (0..4_usize).prop_map(|other| Event::Sync { other }),
        2 => (any::<bool>(), any::<bool>(), proptest::bool::weighted(0.8))
            .prop_map(|(builder, adversary, rises)| Event::Amend { builder, adversary, rises }),
        1 => (0..4_usize).prop_map(|which| Event::PutBack { which }),
        5 => Just(Event::Adopt),
        1 => (1..48_u64).prop_map(|hours| Event::Waive { hours }),
        1 => (1..90_u64).prop_map(|minutes| Event::Glass { minutes }),
        1 => (seldom(), ending).prop_map(|(anyway, ending)| Event::Run { anyway, ending }),
        1 => (0..20_u64).prop_map(|hours| Event::Wait { hours }),
    ]
}

/// One in six is signed with a key of somebody else: a stranger's, another role's, one that is listed no more or not yet.
fn forger() -> impl Strategy<Value = Option<char>> {
    let letters = [STRANGER, BUILDERS[0], BUILDERS[1], REVIEWERS[0], REVIEWERS[1], REVIEWERS[2], OPERATOR];
    proptest::option::weighted(0.15, proptest::sample::select(letters.to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_gate_is_open_when_the_model_says_so(
        events in proptest::collection::vec((0..4_usize, event(), forger()), 1..32),
        turn in 0..64_usize,
        ends_well in any::<bool>(),
    ) {
        let mut world = World::new();
        for (clone, event, forger) in &events {
            world.play(*clone, event, *forger);
        }
        if ends_well {
            world.end_well();
        }
        let model = Model::of(&world, world.at);
        prop_assert_eq!(world.judged(world.at), !model.fresh().is_empty(), "{:?}", events);
        let basis = world.permitted(world.at);
        prop_assert!(model.permits(basis), "{:?}: {:?}", basis, events);
        // The order in which the records are read says nothing.
        let mut turned = world.clone();
        turned.records.rotate_left(turn % world.records.len());
        prop_assert_eq!(turned.judged(world.at), !model.fresh().is_empty(), "turned by {}: {:?}", turn, events);
        prop_assert!(model.permits(turned.permitted(world.at)), "turned by {}: {:?}", turn, events);
        // A day and a second later nothing is open.
        prop_assert!(!world.judged(world.at.plus(std::time::Duration::from_secs(86_401))));
    }
}

/// The histories are worth something only if many of them open the gate, and some let the step be run by each of both ways.
#[test]
fn histories_open_the_gate_often_enough() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let events = proptest::collection::vec((0..4_usize, event()), 1..24);
    let (mut open, mut by_pass, mut by_glass, mut amended) = (0, 0, 0, 0);
    for _ in 0..300 {
        let history = events.new_tree(&mut runner).expect("a history").current();
        let mut world = World::new();
        history.iter().for_each(|(clone, event)| world.play(*clone, event, None));
        by_glass += usize::from(matches!(world.permitted(world.at), Some(Basis::BreakGlass(_))));
        world.end_well();
        by_pass += usize::from(matches!(world.permitted(world.at), Some(Basis::Pass(_))));
        let is_open = world.judged(world.at);
        open += usize::from(is_open);
        amended += usize::from(is_open && world.contract().version > 1);
    }
    assert!((60..=240).contains(&open), "{open} of 300 histories open the gate");
    assert!(by_pass > 40 && by_glass > 5 && amended > 20, "{by_pass} {by_glass} {amended}");
}
