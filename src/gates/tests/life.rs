//! The life of a gate: random histories, legal and illegal, of several clones, judged by the rules and by a small model that
//! knows nothing of them. The file is long because the histories, the model and the table that is played share one world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::block;
use crate::gates::evaluate::evaluate;
use crate::gates::inputs::{Host, Inputs, Known};
use crate::gates::standing::Standing;
use crate::model::claim::{plan_digest, subject_digest};
use crate::model::contract::{Contract, parse};
use crate::model::digest::Digest;
use crate::model::ids::RecordId;
use crate::model::observation::{Outcome, facts_digest};
use crate::model::record::{
    Adoption, Body, Claim, Evidence, Finding, FindingAct, From, Output, Record, Ruling, Severity, Verdict, Veto,
};
use crate::model::role::{Document, Role};
use crate::model::time::Time;

const BUILDER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYaX";
const REVIEWERS: [&str; 2] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYaY",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYaZ",
];
const STRANGER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYaW";

fn contract() -> Contract {
    let text = format!(
        r#"schema = 1
phase = "demo"
version = 1
title = "A phase"
engine = "unix:///var/run/docker.sock"
separation = "clone"

[roles.builder]
keys = ["{BUILDER}"]

[roles.adversary]
keys = ["{}", "{}"]

[[gate]]
id = "M1"
title = "Ready"
max_age = "24h"

[[gate.criterion]]
id = "guard"
title = "It stands"
probe = "file.contains"
file = "x"
patterns = ["y"]
"#,
        REVIEWERS[0], REVIEWERS[1]
    );
    parse::parse(&text, None).unwrap_or_else(|defects| panic!("{defects:?}"))
}

/// What one clone does next. Numbers pick among what there is to pick from.
#[derive(Debug, Clone)]
enum Event {
    Claim,
    Pass { claim: usize, replaces: Option<usize> },
    Fail { claim: usize },
    Raise,
    Lift { veto: usize },
    Open { minor: bool },
    Close { finding: usize, defer: bool },
    Sync { other: usize },
}

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

/// Four clones: two of the Builder, two of the Adversary, each Adversary with a key of its own.
struct World {
    contract: Contract,
    records: Vec<Arc<Record>>,
    ancestors: Vec<BTreeSet<usize>>,
    knows: [BTreeSet<usize>; 4],
    /// Whether the record was signed with a key of its role.
    genuine: Vec<bool>,
    /// What every clock says.
    at: Time,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            contract: contract(),
            records: Vec::new(),
            ancestors: Vec::new(),
            knows: [const { BTreeSet::new() }; 4],
            genuine: Vec::new(),
            at: now(),
        };
        let adoption = || {
            Body::Contract(Adoption {
                version: 1,
                digest: world.contract.digest,
                replaces: None,
                keys: world.contract.keys.clone(),
            })
        };
        let (one, other) = (adoption(), adoption());
        world.append(0, one, None);
        world.sync();
        world.append(2, other, None);
        world.sync();
        world
    }

    fn sync(&mut self) {
        let all: BTreeSet<usize> = (0..self.records.len()).collect();
        self.knows = std::array::from_fn(|_| all.clone());
    }

    /// The records of a document that a clone knows and that no other one it knows comes after.
    fn heads(&self, clone: usize, document: Document) -> Vec<RecordId> {
        let mine = || self.knows[clone].iter().filter(|at| self.records[**at].block.document == document);
        let head = |at: &&usize| !mine().any(|other| self.ancestors[*other].contains(at));
        mine().filter(head).map(|at| self.records[*at].id).collect()
    }

    fn append(&mut self, clone: usize, body: Body, forger: Option<&str>) -> usize {
        let (role, document) =
            if clone < 2 { (Role::Builder, Document::Status) } else { (Role::Adversary, Document::Review) };
        let mut block = block(body);
        (block.role, block.document, block.at) = (role, document, self.at);
        block.prev = self.heads(clone, document);
        let others = Document::ALL.into_iter().filter(|other| *other != document);
        block.seen = others.map(|other| (other, self.heads(clone, other))).collect();
        block.from =
            From { machine: Digest::of(b"m"), uid: 0, clone: Digest::of(&[u8::try_from(clone).expect("small")]) };
        if let Body::Contract(adoption) = &block.body {
            block.output = Some(Output { sha256: adoption.digest, bytes: 1, redactions: 0, file: None });
        }
        let at = self.records.len();
        let links: Vec<RecordId> = block.prev.iter().chain(block.seen.values().flatten()).copied().collect();
        let mut ancestors = BTreeSet::new();
        for (parent, record) in self.records.iter().enumerate().filter(|(_, record)| links.contains(&record.id)) {
            assert!(links.contains(&record.id));
            ancestors.insert(parent);
            ancestors.extend(&self.ancestors[parent]);
        }
        let own = if clone < 2 { BUILDER } else { REVIEWERS[clone - 2] };
        self.records.push(Arc::new(Record {
            id: RecordId::of_block(at.to_string().as_bytes()),
            block,
            signer: forger.unwrap_or(own).to_owned(),
            checked: true,
            range: 0..0,
            line: 1,
            output: None,
            remote_only: false,
        }));
        self.ancestors.push(ancestors);
        self.genuine.push(forger.is_none());
        self.knows[clone].insert(at);
        at
    }

    fn evidence(&mut self, clone: usize) -> RecordId {
        let facts = BTreeMap::from([("matched".to_owned(), toml::Value::Boolean(true))]);
        let at = self.append(
            clone,
            Body::Evidence(Evidence {
                gate: Some("M1".parse().expect("a gate")),
                criterion: "guard".parse().expect("a criterion"),
                probe: "file.contains".into(),
                outcome: Outcome::Held,
                measured: now(),
                took_ms: 1,
                contract: self.contract.digest,
                facts,
                readings: BTreeMap::new(),
            }),
            None,
        );
        self.records[at].id
    }

    /// The records of a kind that a clone knows.
    fn known(&self, clone: usize, is: impl Fn(&Body) -> bool) -> Vec<usize> {
        self.knows[clone].iter().copied().filter(|at| is(&self.records[*at].block.body)).collect()
    }

    fn play(&mut self, clone: usize, event: &Event, forger: Option<&str>) {
        let pick = |from: Vec<usize>, at: usize| from.get(at % from.len().max(1)).copied();
        match event {
            Event::Sync { other } => {
                let both: BTreeSet<usize> = self.knows[clone].union(&self.knows[*other]).copied().collect();
                self.knows[clone] = both.clone();
                self.knows[*other] = both;
            }
            Event::Claim => {
                let clone = clone % 2;
                let id = self.evidence(clone);
                let plan = plan_digest(&self.contract, &BTreeMap::new());
                let facts = BTreeMap::from([("matched".to_owned(), toml::Value::Boolean(true))]);
                let facts = BTreeMap::from([("guard".parse().expect("a criterion"), facts_digest(&facts))]);
                let tree = self.records[0].block.subject.tree.clone();
                let claim = Claim {
                    gate: "M1".parse().expect("a gate"),
                    contract: self.contract.digest,
                    plan,
                    strategy: BTreeMap::new(),
                    evidence: BTreeMap::from([("guard".parse().expect("a criterion"), id)]),
                    digest: subject_digest(&self.contract.digest, &plan, &tree, &facts),
                    what: String::new(),
                    how: String::new(),
                    expected: String::new(),
                    place: String::new(),
                };
                self.append(clone, Body::Claim(claim), forger);
            }
            Event::Pass { claim, replaces } => self.rule(clone % 2 + 2, *claim, Ruling::Pass, *replaces, forger),
            Event::Fail { claim } => self.rule(clone % 2 + 2, *claim, Ruling::Fail, None, forger),
            Event::Raise => {
                self.append(clone % 2 + 2, Body::Veto(Veto { lifts: None, reason: "r".into() }), forger);
            }
            Event::Lift { veto } => {
                let clone = clone % 2 + 2;
                let raised = self.known(clone, |body| matches!(body, Body::Veto(veto) if veto.lifts.is_none()));
                if let Some(at) = pick(raised, *veto) {
                    let lifts = Some(self.records[at].id);
                    self.append(clone, Body::Veto(Veto { lifts, reason: "r".into() }), forger);
                }
            }
            Event::Open { minor } => {
                let severity = Some(if *minor { Severity::Minor } else { Severity::Blocking });
                let name = format!("A{}", self.records.len());
                let opened = finding(FindingAct::Opened, name, severity);
                self.append(clone % 2 + 2, opened, forger);
            }
            Event::Close { finding: at, defer } => {
                let clone = clone % 2 + 2;
                let opened = self.known(clone, |body| matches!(body, Body::Finding(f) if f.act == FindingAct::Opened));
                if let Some(at) = pick(opened, *at)
                    && let Body::Finding(known) = &self.records[at].block.body
                {
                    let act = if *defer { FindingAct::Deferred } else { FindingAct::Closed };
                    let closed = finding(act, known.name.clone(), None);
                    self.append(clone, closed, forger);
                }
            }
        }
    }

    fn rule(&mut self, clone: usize, claim: usize, ruling: Ruling, replaces: Option<usize>, forger: Option<&str>) {
        let claims = self.known(clone, |body| matches!(body, Body::Claim(_)));
        let fails = self.known(clone, |body| matches!(body, Body::Verdict(v) if v.ruling == Ruling::Fail));
        let Some(&at) = claims.get(claim % claims.len().max(1)) else { return };
        let Body::Claim(of) = &self.records[at].block.body else { return };
        let (of, id) = (of.digest, self.records[at].id);
        let supersedes = replaces.and_then(|at| fails.get(at % fails.len().max(1))).map(|at| self.records[*at].id);
        let evidence = match ruling {
            Ruling::Pass => BTreeMap::from([("guard".parse().expect("a criterion"), self.evidence(clone))]),
            Ruling::Fail => BTreeMap::new(),
        };
        let verdict = Verdict {
            gate: "M1".parse().expect("a gate"),
            ruling,
            claim: id,
            digest: of,
            evidence,
            reason: None,
            supersedes,
            separation: None,
        };
        self.append(clone, Body::Verdict(verdict), forger);
    }

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

    /// Everybody knows everything, the Builder claims again, and it passes.
    fn end_well(&mut self) {
        self.sync();
        self.play(0, &Event::Claim, None);
        self.sync();
        let claims = self.known(2, |body| matches!(body, Body::Claim(_))).len();
        self.play(2, &Event::Pass { claim: claims - 1, replaces: None }, None);
        self.sync();
    }

    fn judged(&self, now: Time) -> bool {
        self.standing(now) == Standing::Open
    }

    fn standing(&self, now: Time) -> Standing {
        let subject = Known::Is(self.records[0].block.subject.clone());
        let host = Host::unknown("not looked at");
        let report = evaluate(Inputs {
            repository: &self.records[0].block.repository,
            contract: &self.contract,
            records: &self.records,
            defects: 0,
            host: &host,
            subject: &subject,
            now,
        });
        assert_eq!(report.general, [], "{:?}", report.distrusted);
        let gate = &report.gates[0];
        assert_eq!(gate.standing == Standing::Open, gate.reasons.is_empty());
        gate.standing
    }
}

fn finding(act: FindingAct, name: String, severity: Option<Severity>) -> Body {
    Body::Finding(Finding { act, name, gate: None, severity, text: "t".into(), owner: None })
}

fn now() -> Time {
    "2026-06-13T05:34:13Z".parse().expect("a time")
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

/// A world in which the gate stands as the row says, every clone knowing everything.
fn standing_as(row: &str) -> World {
    let mut world = World::new();
    let mut play = |clone: usize, event: Event| {
        world.play(clone, &event, None);
        world.sync();
    };
    if row != "unclaimed" {
        play(0, Event::Claim);
    }
    match row {
        "failed" => play(2, Event::Fail { claim: 0 }),
        "open" | "closed" | "stale" => play(2, Event::Pass { claim: 0, replaces: None }),
        _ => {}
    }
    if row == "closed" {
        play(2, Event::Raise);
    }
    if row == "stale" {
        world.at = "2026-06-14T05:34:14Z".parse().expect("a time");
    }
    world
}

fn happen(world: &mut World, column: &str) {
    let claims = world.known(0, |body| matches!(body, Body::Claim(_))).len();
    let claim = claims.saturating_sub(1);
    let event = match column {
        "claim" => Event::Claim,
        "claim beside it" => {
            // A clone that knows of the adoptions alone.
            world.knows[1] = BTreeSet::from([0, 1]);
            world.play(1, &Event::Claim, None);
            return world.sync();
        }
        "PASS" => Event::Pass { claim, replaces: None },
        "PASS, superseding" => Event::Pass { claim, replaces: Some(0) },
        "FAIL" => Event::Fail { claim },
        "veto" => Event::Raise,
        "lift" => Event::Lift { veto: 0 },
        "finding" => Event::Open { minor: false },
        other => panic!("no event `{other}`"),
    };
    world.play(0, &event, None);
    world.sync();
}

/// The table in ARCHITECTURE.md is the test: every cell of it is played.
#[test]
fn the_table_of_a_gate_is_what_happens() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md")).expect("read");
    let cells =
        |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect() };
    let table: Vec<Vec<String>> = text
        .lines()
        .skip_while(|line| !line.starts_with("| gate \\ event"))
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert_eq!(table.len(), 2 + 6, "the table of a gate has six rows");
    let mut found = String::new();
    for row in &table[2..] {
        let before = standing_as(&row[0]);
        assert_eq!(word(before.standing(before.at)), row[0]);
        found += &format!("| {} |", row[0]);
        for column in &table[0][1..] {
            let mut world = standing_as(&row[0]);
            happen(&mut world, column);
            found += &format!(" {} |", word(world.standing(world.at)));
        }
        found += "\n";
    }
    let wanted: String = table[2..].iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
    assert_eq!(found, wanted, "ARCHITECTURE.md says otherwise");
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Unclaimed => "unclaimed",
        Standing::Claimed => "claimed",
        Standing::Failed => "failed",
        Standing::Stale => "stale",
        Standing::Closed => "closed",
        Standing::Open => "open",
    }
}
