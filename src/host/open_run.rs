//! What recovery needs when the repository cannot be asked any more: written before each intent, kept until the next one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{HostError, HostState};
use crate::model::ids::{ObjectId, PhaseName, RecordId, StepId};
use crate::model::record::{From, Subject, Surroundings, Target};
use crate::model::role::Document;

/// A run of a phase on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRun {
    /// The repository's root commit.
    pub repository: ObjectId,
    /// The phase.
    pub phase: PhaseName,
    /// Where the repository was.
    pub root: PathBuf,
    /// The engine's address.
    pub engine: String,
    /// The contract's exact text.
    pub contract: String,
    /// The step that was begun last.
    pub step: StepId,
    /// Its strategy, where it has one.
    pub strategy: Option<String>,
    /// What its late placeholders stand for.
    pub values: BTreeMap<String, String>,
    /// The subject.
    pub subject: Subject,
    /// What was checked out and running.
    pub context: Surroundings,
    /// Where it was run.
    pub from: From,
    /// Which engine it was run on.
    pub target: Option<Target>,
    /// The heads of the other documents.
    pub seen: BTreeMap<Document, Vec<RecordId>>,
}

impl HostState {
    /// Keeps what recovery of this run needs.
    ///
    /// # Errors
    ///
    /// The disk did not take it: the step must then not be begun.
    pub fn keep_run(&self, run: &OpenRun) -> Result<(), HostError> {
        let file = format!("runs/{}-{}", run.repository.short(), run.phase);
        let bytes = serde_json::to_vec(run).map_err(|error| self.io(&self.directory.join(&file), error.into()))?;
        self.replace(&file, &bytes)
    }

    /// Every run that this host keeps. One that cannot be read is an error of its own, so that it hides no other.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn runs(&self) -> Result<Vec<Result<OpenRun, HostError>>, HostError> {
        let directory = self.directory.join("runs");
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| self.io(&directory, error))?,
        };
        let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        Ok(names.iter().map(|name| self.one_run(&format!("runs/{name}"))).collect())
    }

    fn one_run(&self, file: &str) -> Result<OpenRun, HostError> {
        let bytes = self.read(file)?.unwrap_or_default();
        serde_json::from_slice(&bytes).map_err(|error| HostError::Malformed {
            path: self.directory.join(file),
            line: error.line(),
            why: error.to_string(),
        })
    }
}
