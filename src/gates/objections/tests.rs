//! Findings of one name, vetoes and their lifts, waivers and their ends.

use std::time::Duration;

use super::*;
use crate::gates::tests::{block, record};
use crate::model::record::{Block, Veto, Waiver};

fn told(number: usize, body: Body, after: &[RecordId]) -> Record {
    let note = record(number, after.to_vec());
    Record { block: Block { prev: after.to_vec(), ..block(body) }, ..note }
}

fn of(name: &str, act: FindingAct, opening: Option<RecordId>, owner: Option<&str>) -> Body {
    let owner = owner.map(str::to_owned);
    let severity = (act == FindingAct::Opened).then_some(Severity::Blocking);
    Body::Finding(Finding { act, name: name.into(), opening, gate: None, severity, text: "t".into(), owner })
}

/// How the findings stand, whatever the order in which the records are read.
#[track_caller]
fn stand(records: &[Record]) -> Vec<(String, FindingAct, Option<String>)> {
    let mut found: Option<Vec<FindingState>> = None;
    for turn in 0..records.len() {
        let mut turned = records.to_vec();
        turned.rotate_left(turn);
        for turned in [turned.clone(), turned.into_iter().rev().collect()] {
            let graph = Graph::new(&turned);
            let counted: Vec<&Record> = graph.records().collect();
            let now = findings(&graph, &counted);
            assert_eq!(*found.get_or_insert(now.clone()), now, "turned by {turn}");
        }
    }
    let states = found.unwrap_or_default();
    states.into_iter().map(|state| (state.label(), state.state, state.owner)).collect()
}

#[test]
fn a_finding_is_its_opening_and_not_its_name() {
    use FindingAct::{Closed, Deferred, Opened};
    let open = |number, after: &[RecordId]| told(number, of("A1", Opened, None, None), after);
    let (one, two) = (open(1, &[]), open(2, &[]));
    let labels = |states: &[FindingAct; 2]| -> Vec<(String, FindingAct, Option<String>)> {
        let mut both = [(&one, states[0]), (&two, states[1])];
        both.sort_by_key(|(record, _)| record.id);
        both.iter().map(|(record, state)| (format!("A1 ({})", record.id.short()), *state, None)).collect()
    };
    let both = [one.clone(), two.clone()];
    let closed = |opening, after: &[RecordId]| told(3, of("A1", Closed, opening, None), after);
    let (first, second, all) = ([one.id], [two.id], [one.id, two.id]);
    for (close, wanted) in [
        // By name, in the clone that knows of one of both.
        (closed(None, &first), [Closed, Opened]),
        (closed(None, &second), [Opened, Closed]),
        (closed(None, &all), [Closed, Closed]),
        // By id, knowing of both.
        (closed(Some(one.id), &all), [Closed, Opened]),
        (closed(Some(two.id), &all), [Opened, Closed]),
        // What it closes, it comes after.
        (closed(Some(two.id), &first), [Opened, Opened]),
        (closed(Some(one.id), &[]), [Opened, Opened]),
    ] {
        assert_eq!(stand(&[&both[..], &[close]].concat()), labels(&wanted));
    }
    // A name that no other finding has stands alone; opened again by one name it is another finding.
    let close = closed(None, &first);
    assert_eq!(stand(&[one.clone(), close.clone()]), [("A1".to_owned(), Closed, None)]);
    let again = open(4, &[close.id]);
    let states: Vec<_> = stand(&[one.clone(), close, again]).into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states.iter().filter(|state| **state == Opened).count(), 1, "{states:?}");
    // The last word counts; of two that know nothing of one another, the one that is shown for longer.
    let put_off = |number, owner, after: &[RecordId]| told(number, of("A1", Deferred, None, Some(owner)), after);
    let (ann, ben) = (put_off(5, "ann", &first), put_off(6, "ben", &first));
    let over = told(7, of("A1", Closed, None, None), &first);
    let settled = told(8, of("A1", Closed, None, None), &[ann.id, ben.id]);
    let just = |state, owner: Option<&str>| vec![("A1".to_owned(), state, owner.map(str::to_owned))];
    assert_eq!(stand(&[one.clone(), ann.clone()]), just(Deferred, Some("ann")));
    assert_eq!(stand(&[one.clone(), ann.clone(), over]), just(Deferred, Some("ann")));
    assert_eq!(stand(&[one.clone(), ben.clone(), ann.clone()]), just(Deferred, Some("ann and ben")));
    assert_eq!(stand(&[one, ann, ben, settled]), just(Closed, None));
}

#[test]
fn a_finding_closes_its_gate_or_every_one_while_it_is_open_and_blocking() {
    let gate = |name: &str| -> GateId { name.parse().expect("a gate") };
    let opened = told(1, of("A1", FindingAct::Opened, None, None), &[]);
    let graph = Graph::new(std::slice::from_ref(&opened));
    let [state] = &findings(&graph, &[&opened])[..] else { panic!("one finding") };
    let closes = |of: Option<&str>, severity, act| {
        let state = FindingState { gate: of.map(gate), severity, state: act, ..state.clone() };
        [state.closes(&gate("M1")), state.closes(&gate("M2"))]
    };
    use FindingAct::{Closed, Deferred, Opened};
    assert_eq!(closes(None, Severity::Blocking, Opened), [true, true]);
    assert_eq!(closes(Some("M1"), Severity::Blocking, Opened), [true, false]);
    assert_eq!(closes(Some("M2"), Severity::Blocking, Opened), [false, true]);
    assert_eq!(closes(None, Severity::Minor, Opened), [false, false]);
    assert_eq!(closes(None, Severity::Blocking, Closed), [false, false]);
    assert_eq!(closes(None, Severity::Blocking, Deferred), [false, false]);
}

#[test]
fn a_lift_comes_after_its_veto_and_is_of_no_other() {
    let veto = |number, lifts, after: &[RecordId]| told(number, Body::Veto(Veto { lifts, reason: "r".into() }), after);
    let (one, two) = (veto(1, None, &[]), veto(2, None, &[]));
    let left = |lift: Record| {
        let records = [one.clone(), two.clone(), lift];
        let graph = Graph::new(&records);
        let counted: Vec<&Record> = graph.records().collect();
        vetoes(&graph, &counted).into_iter().map(|veto| veto.id).collect::<Vec<_>>()
    };
    assert_eq!(left(veto(3, Some(one.id), &[one.id])), [two.id]);
    assert_eq!(left(veto(3, Some(one.id), &[two.id])), [one.id, two.id]);
    assert_eq!(left(veto(3, Some(two.id), &[one.id, two.id])), [one.id]);
}

#[test]
fn a_waiver_is_of_one_thing_and_counts_to_its_very_end() {
    let id = |name: &str| -> CriterionId { name.parse().expect("an id") };
    let step = |name: &str| -> StepId { name.parse().expect("a step") };
    let begun = block(of("A1", FindingAct::Opened, None, None)).at;
    let until = begun.plus(Duration::from_secs(60));
    let waiver = |criterion: Option<&str>, of: Option<&str>| {
        let body =
            Waiver { criterion: criterion.map(id), step: of.map(step), accepts: None, reason: "r".into(), until };
        told(1, Body::Waiver(body), &[])
    };
    let (criterion, of_step) = (waiver(Some("one"), None), waiver(None, Some("one")));
    let at = |seconds| begun.plus(Duration::from_secs(seconds));
    let (on_criterion, on_step) = ([&criterion], [&of_step]);
    let (one, other) = (Graph::new(std::slice::from_ref(&criterion)), Graph::new(std::slice::from_ref(&of_step)));
    for (now, counts) in [(at(0), true), (at(59), true), (at(60), false), (at(61), false)] {
        assert_eq!(waives_criterion(&one, &on_criterion, &id("one"), now).is_some(), counts);
        assert_eq!(waives_step(&other, &on_step, &step("one"), now).is_some(), counts);
        assert!(waives_criterion(&one, &on_criterion, &id("two"), now).is_none());
        assert!(waives_step(&other, &on_step, &step("two"), now).is_none());
        assert!(waives_criterion(&other, &on_step, &id("one"), now).is_none());
        assert!(waives_step(&one, &on_criterion, &step("one"), now).is_none());
    }
}

#[test]
fn a_waiver_ends_by_what_came_after_it_whatever_a_later_moment_says() {
    let begun = block(of("A1", FindingAct::Opened, None, None)).at;
    let day = Duration::from_secs(86_400);
    let until = begun.plus(day);
    let step: StepId = "one".parse().expect("a step");
    let body = Waiver { criterion: None, step: Some(step.clone()), accepts: None, reason: "r".into(), until };
    let waiver = told(1, Body::Waiver(body), &[]);
    let note = |number, after: &[RecordId], at| {
        let mut note = record(number, after.to_vec());
        note.block.at = at;
        note
    };
    let counts = |others: &[Record]| {
        let records = [std::slice::from_ref(&waiver), others].concat();
        let graph = Graph::new(&records);
        let counted: Vec<&Record> = graph.records().collect();
        waives_step(&graph, &counted, &step, begun).is_some()
    };
    assert!(counts(&[note(2, &[waiver.id], begun.plus(day / 2))]));
    assert!(!counts(&[note(2, &[waiver.id], begun.plus(day * 3))]));
    // What the waiver came after it has answered: that clock was ahead.
    let early = note(3, &[], begun.plus(day * 3));
    let mut late = told(4, waiver.block.body.clone(), &[early.id]);
    late.id = RecordId::of_block(b"late");
    let records = [early, late];
    let graph = Graph::new(&records);
    let counted: Vec<&Record> = graph.records().collect();
    assert!(waives_step(&graph, &counted, &step, begun).is_some());
}

#[test]
fn what_objects_is_a_fail_a_veto_and_a_finding_that_is_opened() {
    use crate::model::record::Verdict;
    let verdict = |ruling| {
        Body::Verdict(Verdict {
            gate: "M1".parse().expect("a gate"),
            ruling,
            claim: RecordId::of_block(b"claim"),
            digest: crate::model::digest::Digest::of(b"subject"),
            evidence: Default::default(),
            reason: None,
            supersedes: None,
            separation: None,
        })
    };
    let veto = |lifts| Body::Veto(Veto { lifts, reason: "r".into() });
    let finding = |act| of("A1", act, None, None);
    for (body, wanted) in [
        (verdict(Ruling::Fail), true),
        (verdict(Ruling::Pass), false),
        (veto(None), true),
        (veto(Some(RecordId::of_block(b"veto"))), false),
        (finding(FindingAct::Opened), true),
        (finding(FindingAct::Closed), false),
        (finding(FindingAct::Deferred), false),
        (record(1, Vec::new()).block.body, false),
    ] {
        assert_eq!(objects(&body), wanted, "{body:?}");
    }
}

#[test]
fn a_finding_of_another_name_is_another_and_one_of_the_same_ends_none() {
    use FindingAct::{Closed, Opened};
    let one = told(1, of("A1", Opened, None, None), &[]);
    let (other, same) = (of("A2", Opened, None, None), of("A1", Opened, None, None));
    let both = |second: Body, act: Option<Body>| {
        let second = told(2, second, &[one.id]);
        let act = act.map(|act| told(3, act, &[second.id]));
        let records = [vec![one.clone(), second], act.into_iter().collect()].concat();
        let graph = Graph::new(&records);
        let counted: Vec<&Record> = graph.records().collect();
        let states = findings(&graph, &counted);
        let first = states.iter().find(|state| state.id == one.id).expect("the first");
        (first.handle(), first.state, states.iter().filter(|state| state.state == Opened).count())
    };
    assert_eq!(both(other.clone(), None), ("A1".to_owned(), Opened, 2));
    assert_eq!(both(same, None), (one.id.short(), Opened, 2));
    assert_eq!(both(other, Some(of("A2", Closed, None, None))), ("A1".to_owned(), Opened, 1));
}

#[test]
fn a_waiver_that_is_dated_after_now_counts_for_nothing_and_accepts_only_what_it_names() {
    let now = block(of("A1", FindingAct::Opened, None, None)).at;
    let (step, until): (StepId, _) = ("one".parse().expect("a step"), now.plus(Duration::from_secs(600)));
    let glass = RecordId::of_block(b"glass");
    for (ahead, counts) in [(0, true), (120, true), (121, false)] {
        let body = Waiver { criterion: None, step: Some(step.clone()), accepts: None, reason: "r".into(), until };
        let mut waiver = told(1, Body::Waiver(body), &[]);
        waiver.block.at = now.plus(Duration::from_secs(ahead));
        let records = [waiver.clone()];
        assert_eq!(waives_step(&Graph::new(&records), &[&waiver], &step, now).is_some(), counts, "{ahead}");
        assert!(!accepts(&[&waiver], &glass));
    }
    for (named, counts) in [(glass, true), (RecordId::of_block(b"another"), false)] {
        let body = Waiver { criterion: None, step: None, accepts: Some(named), reason: "r".into(), until };
        assert_eq!(accepts(&[&told(1, Body::Waiver(body), &[])], &glass), counts);
    }
}
