//! Records: the only thing that is state. One record is one signed TOML block in a document.
//!
//! The types here are the block's text, field for field: [`Block`] is what is signed, [`Record`] is a block that was read
//! back from a document together with what reading it established. The file is long because every kind of record stands here
//! with each of its fields: the on-disk format in one place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::ids::{CriterionId, GateId, ObjectId, PhaseName, RecordId, StepId};
use super::observation::{Outcome, Values};
use super::role::{Document, Role};
use super::time::Time;

/// The version of the block format that this program writes. A newer one opens nothing here.
pub const SCHEMA: u32 = 1;

/// The signed text of a record, as TOML. Unknown keys are an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Format version, [`SCHEMA`].
    pub schema: u32,
    /// The kind's name; equals the name of the one kind table that is there.
    pub record: Kind,
    /// The phase this belongs to.
    pub phase: PhaseName,
    /// The document this belongs to: a record pasted into another one is not that document's.
    pub document: Document,
    /// The role in which it was signed.
    pub role: Role,
    /// When it was written, by the tool's clock.
    pub at: Time,
    /// The repository: its root commit (the smallest id where there are several).
    pub repository: ObjectId,
    /// The version of the program that wrote it.
    pub tool: String,
    /// What people read above the block. Several lines make several paragraphs.
    pub summary: String,
    /// The heads of this document when it was written; empty only for its first record.
    pub prev: Vec<RecordId>,
    /// The heads of the other documents when it was written.
    pub seen: BTreeMap<Document, Vec<RecordId>>,
    /// Which state of the repository it speaks of.
    pub subject: Subject,
    /// For information: what was checked out and running.
    pub context: Surroundings,
    /// Where it was written.
    pub from: From,
    /// Which engine it speaks of, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Raw output bound to it by digest, shown above the block or kept in `evidence/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// What the record says, in the words of its kind.
    #[serde(flatten)]
    pub body: Body,
}

/// The subject: the repository without its state documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The newest commit that touched anything but state documents.
    pub commit: ObjectId,
    /// HEAD's tree without state documents.
    pub tree: ObjectId,
}

/// What was checked out and running when a record was written. Information only; nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surroundings {
    /// HEAD's commit.
    pub head: ObjectId,
    /// Whether the work tree differed from HEAD outside the state documents.
    pub dirty: bool,
    /// On NixOS, the store path of the running system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
}

/// Where a record was written: what separation is measured by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct From {
    /// Digest of the machine id (the id itself is not to be published; machine-id(5)).
    pub machine: Digest,
    /// The user id.
    pub uid: u32,
    /// Digest of the machine id and the real path of the git common directory: worktrees are one clone.
    pub clone: Digest,
}

/// Which engine was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The engine's id (`/info` `ID`).
    pub engine: String,
    /// The swarm's cluster id (`/info` `Swarm.Cluster.ID`).
    pub cluster: String,
    /// Digest of the machine id of the engine's node when its socket is a local one; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Digest>,
}

/// Raw output that belongs to a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// SHA-256 of the output's bytes after redaction.
    pub sha256: Digest,
    /// Its length in bytes.
    pub bytes: u64,
    /// How many secrets were taken out.
    pub redactions: u32,
    /// Extension of the file under `evidence/<phase>/` that holds it; absent when it stands in the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// The kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A role adopted a version of the contract.
    Contract,
    /// One observation for one criterion.
    Evidence,
    /// The Builder's word that a gate's criteria hold.
    Claim,
    /// PASS or FAIL on one claim.
    Verdict,
    /// An Adversary objection opened, closed or deferred.
    Finding,
    /// A veto raised or lifted.
    Veto,
    /// A signed, dated, reasoned exemption from one criterion or step.
    Waiver,
    /// The maintenance window opened or closed.
    Window,
    /// A step is about to be run.
    Intent,
    /// How a step ended.
    Outcome,
    /// Words that decide nothing.
    Note,
    /// The operator's permit for one step without a PASS.
    BreakGlass,
    /// The phase is done.
    Done,
}

impl Kind {
    /// The name in a block.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Evidence => "evidence",
            Self::Claim => "claim",
            Self::Verdict => "verdict",
            Self::Finding => "finding",
            Self::Veto => "veto",
            Self::Waiver => "waiver",
            Self::Window => "window",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Note => "note",
            Self::BreakGlass => "break-glass",
            Self::Done => "done",
        }
    }

    /// Which documents may hold it.
    pub fn documents(self) -> &'static [Document] {
        match self {
            Self::Contract => &[Document::Status, Document::Review],
            Self::Evidence => &[Document::Status, Document::Review],
            Self::Claim | Self::Window | Self::Done => &[Document::Status],
            Self::Verdict | Self::Finding | Self::Veto | Self::Waiver => &[Document::Review],
            Self::Intent | Self::Outcome | Self::Note | Self::BreakGlass => &[Document::Journal],
        }
    }
}

/// What a record says. Exactly one table, named as the kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// See [`Adoption`].
    Contract(Adoption),
    /// See [`Evidence`].
    Evidence(Evidence),
    /// See [`Claim`].
    Claim(Claim),
    /// See [`Verdict`].
    Verdict(Verdict),
    /// See [`Finding`].
    Finding(Finding),
    /// See [`Veto`].
    Veto(Veto),
    /// See [`Waiver`].
    Waiver(Waiver),
    /// See [`Window`].
    Window(Window),
    /// See [`Intent`].
    Intent(Intent),
    /// See [`StepOutcome`].
    Outcome(StepOutcome),
    /// See [`Note`].
    Note(Note),
    /// See [`BreakGlass`].
    BreakGlass(BreakGlass),
    /// See [`Done`].
    Done(Done),
}

impl Body {
    /// The kind this body belongs to.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Contract(_) => Kind::Contract,
            Self::Evidence(_) => Kind::Evidence,
            Self::Claim(_) => Kind::Claim,
            Self::Verdict(_) => Kind::Verdict,
            Self::Finding(_) => Kind::Finding,
            Self::Veto(_) => Kind::Veto,
            Self::Waiver(_) => Kind::Waiver,
            Self::Window(_) => Kind::Window,
            Self::Intent(_) => Kind::Intent,
            Self::Outcome(_) => Kind::Outcome,
            Self::Note(_) => Kind::Note,
            Self::BreakGlass(_) => Kind::BreakGlass,
            Self::Done(_) => Kind::Done,
        }
    }
}

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
    /// The name people use, as in `A1`.
    pub name: String,
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

/// A step is about to be run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The step.
    pub step: StepId,
    /// What it does: run, resume, undo.
    pub act: Act,
    /// The PASS that permits it; absent for recovery and break-glass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permit: Option<RecordId>,
    /// The break-glass that permits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<RecordId>,
    /// Digest of the plan that is run.
    pub plan: Digest,
    /// The strategy, where the step has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
}

/// What an intent announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// The step, for the first time or again.
    Run,
    /// Going on with a step in doubt.
    Resume,
    /// Its reverse.
    Undo,
}

/// How a step ended. The vocabulary is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Its postflight holds.
    Done,
    /// It failed and was walked back.
    Unwound,
    /// It failed and was not walked back.
    Failed,
    /// Its undo failed: a person is needed.
    Stuck,
}

impl Ending {
    /// The word as records and reports write it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unwound => "unwound",
            Self::Failed => "failed",
            Self::Stuck => "stuck",
        }
    }
}

/// The outcome of one intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepOutcome {
    /// The step.
    pub step: StepId,
    /// The intent it answers.
    pub intent: RecordId,
    /// How it ended.
    pub ending: Ending,
    /// When it ended. `{step.ID.finished}` is this.
    pub finished: Time,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What later criteria may use as `{step.ID.NAME}`.
    pub facts: Values,
    /// Shown, never compared: measured interruption, predictions.
    pub readings: Values,
    /// Set when a person said how it ended, with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_by_person: Option<String>,
}

/// Words that decide nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The words, one line or several.
    pub text: String,
}

/// The operator's permit for one step without a PASS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// The step.
    pub step: StepId,
    /// The subject digest for which it counts: over contract, plan and subject tree (see `gates::break_glass::digest`).
    pub digest: Digest,
    /// Why.
    pub reason: String,
    /// When it ends, at most an hour after `at`.
    pub until: Time,
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

/// A record as it was read from a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// SHA-256 of the block's exact bytes.
    pub id: RecordId,
    /// The block.
    pub block: Block,
    /// The public key that made the valid signature, OpenSSH form without comment.
    pub signer: String,
    /// Where it stands: line of its heading, 1 for the first. 0 when it was not read from a file in the work tree.
    pub line: usize,
    /// The raw output, where it stands in the document or its evidence file was read and matched.
    pub output: Option<String>,
    /// Whether it was read from the remote's branch only.
    pub remote_only: bool,
}
