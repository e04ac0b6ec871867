//! Records: the only thing that is state. One record is one signed TOML block in a document.
//!
//! The types here are the block's text, field for field: [`Block`] is what is signed, [`Record`] is a block that was read
//! back from a document together with what reading it established. What each kind says is in the files beside this one.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::ids::{ObjectId, PhaseName, RecordId};
use super::role::{Document, Role};
use super::time::Time;

mod block;
mod claims;
mod review;
mod steps;

pub use claims::{Adoption, Claim, Done, Evidence, Window};
pub use review::{Finding, FindingAct, Ruling, Separation, Severity, Verdict, Veto, Waiver};
pub use steps::{Act, BreakGlass, Ending, Intent, Note, StepOutcome};

/// The version of the block format that this program writes. A newer one opens nothing here.
pub const SCHEMA: u32 = 1;

/// The signed text of a record, as TOML. Unknown keys are an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "block::Keys")]
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

impl Target {
    /// Whether both are the same engine of the same swarm. The machine is left out: who may not read the socket as a local one does
    /// not know it.
    pub fn is_same_engine(&self, other: &Self) -> bool {
        (&self.engine, &self.cluster) == (&other.engine, &other.cluster)
    }
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
#[derive(Debug, Clone, PartialEq, Serialize)]
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

/// A record as it was read from a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// SHA-256 of the block's exact bytes.
    pub id: RecordId,
    /// The block.
    pub block: Block,
    /// The public key that made the valid signature, OpenSSH form without comment.
    pub signer: String,
    /// Whether its signature was checked; one that was not counts for nothing.
    pub checked: bool,
    /// Where its section stands, in bytes of its document.
    pub range: Range<usize>,
    /// Where it stands: line of its heading, 1 for the first. 0 when it was not read from a file in the work tree.
    pub line: usize,
    /// The raw output, where it stands in the document or its evidence file was read and matched.
    pub output: Option<String>,
    /// Whether it was read from the remote's branch only.
    pub remote_only: bool,
}
