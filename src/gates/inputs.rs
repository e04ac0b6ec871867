//! What a decision is made from. Gathered by commands; nothing here looks at anything by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::trust;
use crate::model::contract::Contract;
use crate::model::ids::{ObjectId, RecordId, StepId};
use crate::model::record::{Record, Subject, Target};
use crate::model::time::Time;

/// A value, or why it could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known<T> {
    /// Looked: this.
    Is(T),
    /// Could not look, and why.
    Unknown(String),
}

impl<T> Known<T> {
    /// The value where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

/// What the host that runs steps remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The engine that is asked here.
    pub target: Known<Target>,
    /// What the clock of that engine says.
    pub clock: Known<Time>,
    /// Adversary keys that an operator pinned for this engine, OpenSSH form without comment.
    pub pins: Known<BTreeSet<String>>,
    /// PASSes spent, with the step that spent each, by the ledger.
    pub spent: Known<BTreeSet<(RecordId, StepId)>>,
    /// The end of the open window; `None` when none is open.
    pub window: Known<Option<Time>>,
    /// Records of this repository and phase that the ledger holds and the documents lack.
    pub unjournaled: Known<Vec<RecordId>>,
    /// Objections to this repository's phase that this host saw earlier and that are in no document now, each with its heading.
    pub vanished: Known<Vec<(RecordId, String)>>,
    /// Openings of the door past this host's interlock that concern this repository's phase, each with its reason.
    pub doors: Known<Vec<(RecordId, String)>>,
}

impl Host {
    /// A host whose state could not be looked at.
    pub fn unknown(why: &str) -> Self {
        Self {
            target: Known::Unknown(why.to_owned()),
            clock: Known::Unknown(why.to_owned()),
            pins: Known::Unknown(why.to_owned()),
            spent: Known::Unknown(why.to_owned()),
            window: Known::Unknown(why.to_owned()),
            unjournaled: Known::Unknown(why.to_owned()),
            vanished: Known::Unknown(why.to_owned()),
            doors: Known::Unknown(why.to_owned()),
        }
    }
}

/// Everything that a decision is made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The repository's root commit: records of another one open nothing here.
    pub repository: &'a ObjectId,
    /// The root commits of every history that is merged into it.
    pub roots: &'a [ObjectId],
    /// The contract as it stands in the work tree.
    pub contract: &'a Contract,
    /// The union of local and remote records whose signatures are valid.
    pub records: &'a [Arc<Record>],
    /// How many defects the documents have; with any, nothing opens.
    pub defects: usize,
    /// What the host remembers.
    pub host: &'a Host,
    /// The subject as it is now, or why it could not be read.
    pub subject: &'a Known<Subject>,
    /// Now.
    pub now: Time,
}

impl Inputs<'_> {
    /// Whether a record is of this repository.
    pub fn is_here(&self, record: &Record) -> bool {
        trust::is_of(record, self.repository, self.roots)
    }
}
