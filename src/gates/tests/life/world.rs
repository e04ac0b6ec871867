//! Four clones in which a gate lives: what happens to it there, and how the rules judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::block;
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

pub const BUILDER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYaX";
pub const REVIEWERS: [&str; 2] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYaY",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYaZ",
];
pub const STRANGER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYaW";

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
pub enum Event {
    Claim,
    Pass { claim: usize, replaces: Option<usize> },
    Fail { claim: usize },
    Raise,
    Lift { veto: usize },
    Open { minor: bool },
    Close { finding: usize, defer: bool },
    Sync { other: usize },
}

/// Four clones: two of the Builder, two of the Adversary, each Adversary with a key of its own.
pub struct World {
    pub contract: Contract,
    pub records: Vec<Arc<Record>>,
    pub ancestors: Vec<BTreeSet<usize>>,
    pub knows: [BTreeSet<usize>; 4],
    /// Whether the record was signed with a key of its role.
    pub genuine: Vec<bool>,
    /// What every clock says.
    pub at: Time,
}

impl World {
    pub fn new() -> Self {
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

    pub fn sync(&mut self) {
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
    pub fn known(&self, clone: usize, is: impl Fn(&Body) -> bool) -> Vec<usize> {
        self.knows[clone].iter().copied().filter(|at| is(&self.records[*at].block.body)).collect()
    }

    pub fn play(&mut self, clone: usize, event: &Event, forger: Option<&str>) {
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

    /// Everybody knows everything, the Builder claims again, and it passes.
    pub fn end_well(&mut self) {
        self.sync();
        self.play(0, &Event::Claim, None);
        self.sync();
        let claims = self.known(2, |body| matches!(body, Body::Claim(_))).len();
        self.play(2, &Event::Pass { claim: claims - 1, replaces: None }, None);
        self.sync();
    }

    pub fn judged(&self, now: Time) -> bool {
        self.standing(now) == Standing::Open
    }

    pub fn standing(&self, now: Time) -> Standing {
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

pub fn now() -> Time {
    "2026-06-13T05:34:13Z".parse().expect("a time")
}
