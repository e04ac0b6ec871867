//! What the Adversary says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;
use crate::model::ids::{CriterionId, GateId, RecordId, StepId};
use crate::model::time::Time;

/// PASS or FAIL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Ruling {
    /// The claim's criteria were cold-verified.
    Pass,
    /// They were not.
    Fail,
}

impl Ruling {
    /// The word in headings.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
        }
    }
}

/// The Adversary's verdict on one claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The gate.
    pub gate: GateId,
    /// PASS or FAIL.
    pub ruling: Ruling,
    /// The claim ruled on.
    pub claim: RecordId,
    /// The claim's subject digest; recomputed by whoever relies on the verdict.
    pub digest: Digest,
    /// The cold run's own evidence, one record a criterion; empty only for a FAIL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<CriterionId, RecordId>,
    /// Why, for a FAIL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The verdict of the same key on the same claim that this one replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<RecordId>,
    /// The separation that was measured between claimant and reviewer: `none`, `clone`, `uid` or `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separation: Option<Separation>,
}

/// How far two parties stand apart, measured from their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Separation {
    /// The same clone and user.
    None,
    /// Different clones.
    Clone,
    /// Different clones and user ids.
    Uid,
    /// Different machines.
    Host,
}

impl Separation {
    /// The word as contracts write it.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Clone => "clone",
            Self::Uid => "uid",
            Self::Host => "host",
        }
    }
}

/// How bad a finding is. Only a blocking one closes a gate; every open one closes DONE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Closes its gate.
    Blocking,
    /// Does not.
    Minor,
}

/// What a finding record does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingAct {
    /// Opens a finding.
    Opened,
    /// Closes one.
    Closed,
    /// Puts one off, with an owner.
    Deferred,
}

/// An Adversary objection, opened, closed or deferred.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Opened, closed or deferred.
    pub act: FindingAct,
    /// The name people use, as in `A1`. Two clones that do not know of one another may give one name twice: what a finding is, its
    /// opening's record id says.
    pub name: String,
    /// The opening that is closed or deferred; absent in an opening. Where it is absent all the same, every opening of that name
    /// among the record's ancestors is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<RecordId>,
    /// The gate it closes while open; absent for the whole phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateId>,
    /// Set when opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What is wrong, or why it is closed or deferred.
    pub text: String,
    /// Who takes care of a deferred one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A veto raised or lifted. While one stands, no gate opens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Veto {
    /// The veto that is lifted; absent when one is raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifts: Option<RecordId>,
    /// Why.
    pub reason: String,
}

/// An exemption, signed by the Adversary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The criterion that need not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criterion: Option<CriterionId>,
    /// The step that need not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// The break-glass that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepts: Option<RecordId>,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub until: Time,
}
