//! What the Builder says (and adopting and evidence, which both roles do).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;
use crate::model::ids::{CriterionId, GateId, RecordId, StepId};
use crate::model::observation::{Outcome, Values};
use crate::model::role::Role;
use crate::model::time::Time;

/// A role adopts a version of the contract. The contract's whole text is the record's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adoption {
    /// The contract's version, 1 or more.
    pub version: u32,
    /// SHA-256 of the contract file's bytes.
    pub digest: Digest,
    /// Digest of the contract it replaces; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
    /// The public keys of each role, OpenSSH form without comment.
    pub keys: BTreeMap<Role, Vec<String>>,
}

/// One observation, taken for one criterion of one gate (or of the window, when `gate` is absent).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The gate; absent for the window's own criteria.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateId>,
    /// The criterion.
    pub criterion: CriterionId,
    /// The probe's name.
    pub probe: String,
    /// What came of it.
    pub outcome: Outcome,
    /// When the measurement began.
    pub measured: Time,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Digest of the contract whose criterion was measured.
    pub contract: Digest,
    /// Compared by plain equality.
    pub facts: Values,
    /// Shown, never compared.
    pub readings: Values,
}

/// The Builder's word that a gate's criteria hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The gate.
    pub gate: GateId,
    /// Digest of the contract in force.
    pub contract: Digest,
    /// Digest of the plan: the contract's steps with values filled in.
    pub plan: Digest,
    /// The strategy chosen for each step that has one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strategy: BTreeMap<StepId, String>,
    /// The evidence, one record a criterion.
    pub evidence: BTreeMap<CriterionId, RecordId>,
    /// Digest over contract, plan, subject tree and the evidence's facts (see `model::claim::subject_digest`).
    pub digest: Digest,
    /// What is claimed.
    pub what: String,
    /// How it can be checked.
    pub how: String,
    /// What a check should see.
    pub expected: String,
    /// Where it was seen.
    #[serde(rename = "where")]
    pub place: String,
}

/// The maintenance window opened or closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// When it ends; absent when this closes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// The window's own evidence: the host was quiet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<CriterionId, RecordId>,
}

/// The phase is done. Computed, never typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The PASS of each gate it rests on.
    pub passes: BTreeMap<GateId, RecordId>,
    /// The outcome (or waiver) of each step it rests on.
    pub steps: BTreeMap<StepId, RecordId>,
    /// Deferred findings with their owners, shown with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deferred: BTreeMap<String, String>,
}
