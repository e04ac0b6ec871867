//! What an interlock guards on this engine, as it last knew it: a contract that is gone from the work tree guards as before.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use super::{HostError, HostState};
use crate::model::contract::protect::Protect;
use crate::model::digest::Digest;
use crate::model::ids::{ObjectId, PhaseName};

const FILE: &str = "guarded";

/// A phase that guards something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guarded {
    /// Where its repository is.
    pub root: PathBuf,
    /// The repository's root commit.
    pub repository: ObjectId,
    /// The phase.
    pub phase: PhaseName,
    /// What it guards.
    pub protect: Protect,
    /// The contract that both roles had adopted then.
    pub adopted: Option<Digest>,
}

impl HostState {
    /// Whether what is remembered is still what it was.
    pub fn guarded_stamp(&self) -> Option<Stamp> {
        Stamp::of(&self.directory.join(FILE)).ok().flatten()
    }

    /// What was guarded last; nothing where nothing was written.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn guarded(&self) -> Result<Vec<Guarded>, HostError> {
        let Some(bytes) = self.read(FILE)? else { return Ok(Vec::new()) };
        serde_json::from_slice(&bytes).map_err(|error| HostError::Malformed {
            path: self.directory.join(FILE),
            line: error.line(),
            why: error.to_string(),
        })
    }

    /// Remembers what is guarded.
    ///
    /// # Errors
    ///
    /// The disk did not take it.
    pub fn keep_guarded(&self, guarded: &[Guarded]) -> Result<(), HostError> {
        let bytes = serde_json::to_vec(guarded).map_err(|error| self.io(&self.directory.join(FILE), error.into()))?;
        self.replace(FILE, &bytes)
    }
}
