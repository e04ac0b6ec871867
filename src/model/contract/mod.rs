//! The contract: what a phase is held to. Written as `machine-docs/PHASE-<phase>.toml`.
//!
//! [`published`] is the schema for editors; [`schema`] is the table of every probe and step kind with its parameters; [`parse`] reads a contract and names every
//! defect at once; this file holds the nouns.

pub mod fill;
pub mod parse;
pub mod protect;
pub mod published;
pub mod schema;

use std::collections::BTreeMap;
use std::time::Duration;

use self::protect::Protect;
use super::digest::Digest;
use super::ids::{CriterionId, GateId, PhaseName, StepId};
use super::record::Separation;
use super::role::Role;
use super::time::Time;

/// A contract whose text had no defect.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// SHA-256 of the file's exact bytes.
    pub digest: Digest,
    /// The phase.
    pub phase: PhaseName,
    /// 1 or more; only rises.
    pub version: u32,
    /// One line for people.
    pub title: String,
    /// The engine's address, as in `unix:///var/run/docker.sock` or `tcp://127.0.0.1:2375`.
    pub engine: String,
    /// Name of each further node to the address of its engine; for facts that a manager cannot see.
    pub nodes: BTreeMap<String, String>,
    /// How far Builder and Adversary must stand apart for a PASS.
    pub separation: Separation,
    /// The uid under which Nix may be evaluated; absent: Nix is parsed only.
    pub nix_eval_uid: Option<u32>,
    /// Public keys of each role, OpenSSH form without comment. May lack a role before its key was added.
    pub keys: BTreeMap<Role, Vec<String>>,
    /// The values that `{name}` stands for.
    pub values: BTreeMap<String, String>,
    /// In order. The last one's PASS comes after the last step.
    pub gates: Vec<Gate>,
    /// When steps may run.
    pub window: WindowRules,
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// What an interlock guards.
    pub protect: Protect,
}

/// A named decision: criteria in, decision out.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// As in `M1`.
    pub id: GateId,
    /// One line for people.
    pub title: String,
    /// How long a PASS stays fresh.
    pub max_age: Duration,
    /// At least one.
    pub criteria: Vec<Criterion>,
}

/// One thing that must hold, and the probe that measures it.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// Unique in the contract.
    pub id: CriterionId,
    /// One line for people.
    pub title: String,
    /// A name of [`schema::PROBES`].
    pub probe: String,
    /// Checked against the probe's parameters; values filled in, `{subject}` and `{step.*}` as written.
    pub params: Params,
    /// How long the probe may take.
    pub timeout: Duration,
    /// The facts that are compared; empty: all that the probe reports.
    pub facts: Vec<String>,
}

/// When steps may run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowRules {
    /// What must hold for it to open, probed again before each step until one ends the quiet.
    pub requires: Vec<Criterion>,
    /// Not before this moment.
    pub not_before: Option<Time>,
    /// Not after this moment.
    pub not_after: Option<Time>,
    /// The longest it may be open at once.
    pub max_length: Option<Duration>,
}

/// One disruptive step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Unique in the contract.
    pub id: StepId,
    /// One line for people.
    pub title: String,
    /// The gate whose PASS permits it.
    pub gate: GateId,
    /// A name of [`schema::KINDS`].
    pub kind: String,
    /// Checked against the kind's parameters; values filled in, `{subject}` and `{step.*}` as written.
    pub params: Params,
    /// How long it may take.
    pub timeout: Duration,
    /// Criteria of its gate probed again right before it; their facts must equal the claim's.
    pub live: Vec<CriterionId>,
    /// What must hold after it. Empty only where the kind proves its own end.
    pub postflight: Vec<Criterion>,
    /// An argv that reverses it; absent: nothing does, or the kind knows how.
    pub undo: Option<Vec<String>>,
    /// A timer of the system reverses it by itself after this long, unless the step's end is confirmed before.
    pub back_within: Option<Duration>,
    /// It brings things back: it may run without a fresh PASS once a step of the run has an intent.
    pub restores: bool,
    /// From its outcome on, quiet is not probed again.
    pub ends_quiet: bool,
}

/// Parameters of a criterion or step, checked against its schema.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params(pub BTreeMap<String, Param>);

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// A duration.
    Duration(Duration),
    /// Named texts.
    Map(BTreeMap<String, String>),
    /// A list of tables with texts, numbers, flags or lists in them.
    Tables(Vec<Params>),
}

impl Params {
    /// The text of this name, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Param::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The list of this name; empty when it was not given.
    pub fn list(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(Param::List(list)) => list,
            _ => &[],
        }
    }

    /// The number of this name, if it was given.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(Param::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The flag of this name; no when it was not given.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Param::Flag(true)))
    }

    /// The duration of this name, if it was given.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.0.get(name) {
            Some(Param::Duration(duration)) => Some(*duration),
            _ => None,
        }
    }

    /// The named texts of this name, if they were given.
    pub fn map(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        match self.0.get(name) {
            Some(Param::Map(map)) => Some(map),
            _ => None,
        }
    }

    /// The tables of this name; empty when none was given.
    pub fn tables(&self, name: &str) -> &[Params] {
        match self.0.get(name) {
            Some(Param::Tables(tables)) => tables,
            _ => &[],
        }
    }
}

impl Contract {
    /// The gate of this id.
    pub fn gate(&self, id: &GateId) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.id == *id)
    }

    /// The step of this id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// Every criterion of every gate and of the window, with its gate.
    pub fn criteria(&self) -> impl Iterator<Item = (Option<&GateId>, &Criterion)> {
        let gates = self.gates.iter().flat_map(|gate| gate.criteria.iter().map(move |c| (Some(&gate.id), c)));
        gates.chain(self.window.requires.iter().map(|c| (None, c)))
    }

    /// The keys of a role; empty when it has none yet.
    pub fn keys_of(&self, role: Role) -> &[String] {
        self.keys.get(&role).map_or(&[], Vec::as_slice)
    }

    /// The first party that the contract lists no key for; nobody can adopt it before each has one.
    pub fn keyless(&self) -> Option<Role> {
        [Role::Builder, Role::Adversary].into_iter().find(|role| self.keys_of(*role).is_empty())
    }
}
