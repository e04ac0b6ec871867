//! Four clones in which a gate lives: its contracts, its records and who knows which, and how the rules judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::block;
use super::model;
use crate::gates::evaluate::{PhaseReport, evaluate};
use crate::gates::inputs::{Host, Inputs, Known};
use crate::gates::permit::{Basis, permit};
use crate::gates::standing::Standing;
use crate::model::contract::{Contract, parse};
use crate::model::digest::Digest;
use crate::model::ids::RecordId;
use crate::model::record::{Body, From, Output, Record, Subject};
use crate::model::role::{Document, Role};
use crate::model::time::Time;

/// A key that nobody listed.
pub const STRANGER: char = 'W';
/// What a contract of a phase may list: each letter is a key.
pub const BUILDERS: [char; 2] = ['X', 'V'];
pub const REVIEWERS: [char; 3] = ['Y', 'Z', 'U'];
pub const OPERATOR: char = 'T';

/// A key by its letter, OpenSSH form.
pub fn key(letter: char) -> String {
    format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyfgRAhmVAATXCMaCf1EwmaPmDBhRfJDqKXVhbuVYa{letter}")
}

/// A version of the contract with these keys.
pub fn contract(version: u32, title: &str, builders: &[char], reviewers: &[char]) -> Contract {
    let listed = |keys: &[char]| keys.iter().map(|letter| format!("{:?}", key(*letter))).collect::<Vec<_>>().join(", ");
    let criterion = |id: &str| {
        format!(
            "[[gate.criterion]]\nid = \"{id}\"\ntitle = \"t\"\nprobe = \"file.contains\"\nfile = \"x\"\npatterns = [\"y\"]\n"
        )
    };
    let text = format!(
        r#"schema = 1
phase = "demo"
version = {version}
title = "{title}"
engine = "unix:///var/run/docker.sock"
separation = "clone"

[roles.builder]
keys = [{}]

[roles.adversary]
keys = [{}]

[roles.operator]
keys = ["{}"]

[[gate]]
id = "M1"
title = "Ready"
max_age = "24h"

{}{}
[[step]]
id = "one"
title = "t"
gate = "M1"
kind = "command"
argv = ["true"]
timeout = "1m"

[[step.postflight]]
id = "one-p"
title = "t"
probe = "command"
argv = ["true"]
stdout = "x"
"#,
        listed(builders),
        listed(reviewers),
        key(OPERATOR),
        criterion("guard"),
        criterion("shape"),
    );
    parse::parse(&text, None).unwrap_or_else(|defects| panic!("{defects:?}"))
}

/// Two clones of the Builder and two of the Adversary; the operator writes from the first.
#[derive(Clone)]
pub struct World {
    /// Every version that was ever written.
    pub contracts: Vec<Contract>,
    /// Which of them the work tree has.
    pub file: usize,
    pub records: Vec<Arc<Record>>,
    /// What each record comes after; by the order in which they were written.
    pub ancestors: Vec<BTreeSet<usize>>,
    pub knows: [BTreeSet<usize>; 4],
    /// What every clock says.
    pub at: Time,
}

impl World {
    pub fn new() -> Self {
        let mut world = Self {
            contracts: vec![contract(1, "first", &BUILDERS[..1], &REVIEWERS[..2])],
            file: 0,
            records: Vec::new(),
            ancestors: Vec::new(),
            knows: [const { BTreeSet::new() }; 4],
            at: now(),
        };
        world.adopt_by_both();
        world
    }

    pub fn sync(&mut self) {
        let all: BTreeSet<usize> = (0..self.records.len()).collect();
        self.knows = std::array::from_fn(|_| all.clone());
    }

    pub fn contract(&self) -> &Contract {
        &self.contracts[self.file]
    }

    /// The records of a document that a clone knows and that no other one it knows comes after.
    fn heads(&self, clone: usize, document: Document) -> Vec<RecordId> {
        let mine = || self.knows[clone].iter().filter(|at| self.records[**at].block.document == document);
        let head = |at: &&usize| !mine().any(|other| self.ancestors[*other].contains(at));
        mine().filter(head).map(|at| self.records[*at].id).collect()
    }

    /// The key with which a clone signs: its own where the contract that it believes in lists it, else the first that is listed.
    fn own_key(&self, clone: usize, role: Role) -> String {
        let versions = model::versions(&self.records, &self.ancestors);
        let believed = model::in_force(&versions, &self.knows[clone]);
        let own = key(if clone < 2 { BUILDERS[0] } else { REVIEWERS[clone - 2] });
        let listed = believed.map_or(&self.contracts[0].keys, |version| &version.keys).clone();
        let listed = &listed[&role];
        if listed.contains(&own) { own } else { listed[0].clone() }
    }

    /// Writes a record into a document from a clone, with a key that is not the clone's where `forger` names one.
    pub fn append(&mut self, clone: usize, document: Document, body: Body, forger: Option<char>) -> usize {
        let role = if matches!(body, Body::BreakGlass(_)) { Role::Operator } else { document.role() };
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
        let ancestors = self.knows[clone].clone();
        self.records.push(Arc::new(Record {
            id: RecordId::of_block(at.to_string().as_bytes()),
            block,
            signer: forger.map_or_else(|| self.own_key(clone, role), key),
            checked: true,
            range: 0..0,
            line: 1,
            output: None,
            remote_only: false,
        }));
        self.ancestors.push(ancestors);
        self.knows[clone].insert(at);
        at
    }

    /// The records of a kind that a clone knows.
    pub fn known(&self, clone: usize, is: impl Fn(&Body) -> bool) -> Vec<usize> {
        self.knows[clone].iter().copied().filter(|at| is(&self.records[*at].block.body)).collect()
    }

    pub fn subject(&self) -> Subject {
        self.records[0].block.subject.clone()
    }

    fn ask<T>(&self, now: Time, then: impl FnOnce(&PhaseReport<'_>) -> T) -> T {
        let pins = REVIEWERS.iter().map(|letter| key(*letter)).collect();
        let host = Host {
            pins: Known::Is(pins),
            spent: Known::Is(BTreeSet::new()),
            window: Known::Is(Some(now.plus(std::time::Duration::from_secs(60)))),
            unjournaled: Known::Is(Vec::new()),
            vanished: Known::Is(Vec::new()),
            doors: Known::Is(Vec::new()),
            ..Host::unknown("not looked at")
        };
        then(&evaluate(Inputs {
            repository: &self.records[0].block.repository,
            roots: &[],
            contract: self.contract(),
            records: &self.records,
            defects: 0,
            host: &host,
            subject: &Known::Is(self.subject()),
            now,
        }))
    }

    /// Whether the rules open the gate.
    pub fn judged(&self, now: Time) -> bool {
        self.ask(now, |report| {
            let gate = &report.gates[0];
            assert_eq!(gate.standing == Standing::Open, gate.reasons.is_empty());
            report.general.is_empty() && gate.standing == Standing::Open
        })
    }

    /// What the rules let the step be run by.
    pub fn permitted(&self, now: Time) -> Option<Basis> {
        self.ask(now, |report| permit(report, &self.contract().steps[0], &[]).ok().map(|permit| permit.basis()))
    }

    pub fn standing(&self, now: Time) -> Standing {
        self.ask(now, |report| {
            assert_eq!(report.general, [], "{:?}", report.distrusted);
            report.gates[0].standing
        })
    }
}

pub fn now() -> Time {
    "2026-06-13T05:34:13Z".parse().expect("a time")
}

/// Facts as every look finds them.
pub fn facts() -> BTreeMap<String, toml::Value> {
    BTreeMap::from([("matched".to_owned(), toml::Value::Boolean(true))])
}
