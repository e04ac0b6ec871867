//! The documents of one phase on disk: loading, and transactions that append records.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::compose::{Composed, compose};
use super::lock::{DocumentsLock, LockError};
use super::read::{Defect, ReadDocument};
use super::write::{self, WriteError};
use crate::model::ids::{PhaseName, RecordId};
use crate::model::record::{Block, Output, Record};
use crate::model::role::Document;
use crate::sign::SignError;
use crate::sign::key_file::Key;

mod compose;
mod edit;
mod reading;
pub mod sections;
mod splice;

/// The directory of the state documents, below the repository's root.
pub const DIRECTORY: &str = "machine-docs";
/// How the name of the document without records begins.
pub const BACKLOG: &str = "BACKLOG-";
/// Output longer than this goes into a file of its own, in bytes.
const INLINE_LIMIT: usize = 8 * 1024;
/// A document or evidence file longer than this is refused, in bytes.
const FILE_LIMIT: u64 = 1 << 30;

/// Why documents cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A document is not there.
    #[error("{file} is missing")]
    Missing {
        /// The file, relative to the repository's root.
        file: String,
    },
    /// A file cannot be read.
    #[error("{file}: {why}")]
    Unreadable {
        /// The file, relative to the repository's root.
        file: String,
        /// Why.
        why: String,
    },
    /// A document is invalid, so nothing is appended to it.
    #[error("{} has {} defects, first {}", .0[0].file, .0.len(), .0[0])]
    Invalid(Vec<Defect>),
    /// The result of a splice did not read back as it should; nothing was written.
    #[error("the new text of {file} does not read back as the same records: {why}; nothing was written")]
    NotReadBack {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// A record could not be put into words.
    #[error("the record could not be written as TOML: {0}")]
    Encode(String),
    /// Another process writes.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The disk did not take it.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The documents of one phase.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    git_common_dir: PathBuf,
    phase: PhaseName,
    without_missing: bool,
}

/// The three documents with records.
#[derive(Debug, Clone, Default)]
pub struct Documents(pub BTreeMap<Document, ReadDocument>);

impl Documents {
    /// Every record of every document.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.0.values().flat_map(|document| &document.records).map(Arc::as_ref)
    }

    /// Every defect of every document.
    pub fn defects(&self) -> impl Iterator<Item = &Defect> {
        self.0.values().flat_map(|document| &document.defects)
    }

    /// The heads of a document.
    pub fn heads(&self, document: Document) -> &[RecordId] {
        self.0.get(&document).map_or(&[], |read| &read.heads)
    }
}

/// The union of local and remote records by id; those that only the remote has are marked.
pub fn union(local: &Documents, remote: Option<&Documents>) -> Vec<Arc<Record>> {
    let all = |documents: &Documents| documents.0.values().flat_map(|read| read.records.clone()).collect();
    let mut records: Vec<Arc<Record>> = all(local);
    if let Some(remote) = remote {
        let known: HashSet<RecordId> = records.iter().map(|record| record.id).collect();
        records.extend(all(remote).into_iter().filter(|record| !known.contains(&record.id)));
    }
    records
}

/// A record before it is linked and signed.
pub struct Draft {
    /// The block; `prev` and `seen` are filled in when it is appended.
    pub block: Block,
    /// Raw output, already redacted.
    pub output: Option<DraftOutput>,
}

/// Raw output of a draft.
pub struct DraftOutput {
    /// The text, already redacted.
    pub text: String,
    /// How many secrets were taken out.
    pub redactions: u32,
    /// The file extension if it goes into a file of its own.
    pub extension: &'static str,
    /// Whether every byte of it counts: then a text that no newline ends goes into a file, since a fence would add one.
    pub exact: bool,
}

impl Store {
    /// The documents of a phase in the repository with this root and git common directory.
    pub fn new(root: &Path, git_common_dir: &Path, phase: PhaseName) -> Self {
        Self { root: root.to_owned(), git_common_dir: git_common_dir.to_owned(), phase, without_missing: false }
    }

    /// The same documents; of the Builder's, one that is missing or cannot be read is a defect and no error. For what the Adversary
    /// must be able to say whatever the Builder did to its own documents.
    #[must_use]
    pub fn without_missing(mut self) -> Self {
        self.without_missing = true;
        self
    }

    /// The phase.
    pub fn phase(&self) -> &PhaseName {
        &self.phase
    }

    /// A document's file, relative to the repository's root.
    pub fn file(&self, document: Document) -> String {
        format!("{DIRECTORY}/{}-{}.md", document.name(), self.phase)
    }

    /// An evidence file, relative to the repository's root.
    pub fn evidence_file(&self, output: &Output) -> String {
        format!("{DIRECTORY}/evidence/{}/{}.{}", self.phase, output.sha256, output.file.as_deref().unwrap_or("txt"))
    }

    /// Begins a transaction on one document: takes the lock and reads again inside it.
    ///
    /// # Errors
    ///
    /// The lock is not to be had, or a document is missing or cannot be read.
    pub fn begin(&self, document: Document, holder: &str) -> Result<Transaction<'_>, StoreError> {
        let lock = self.lock(holder)?;
        let documents = self.load()?;
        Ok(Transaction {
            store: self,
            document,
            documents,
            files: Vec::new(),
            tolerant: false,
            appended: 0,
            _lock: lock,
        })
    }
}

/// Appends to one document, held in memory until [`Transaction::publish`].
#[must_use = "a transaction that is not published writes nothing"]
pub struct Transaction<'a> {
    store: &'a Store,
    document: Document,
    documents: Documents,
    files: Vec<(String, Vec<u8>)>,
    tolerant: bool,
    appended: usize,
    _lock: DocumentsLock,
}

impl Transaction<'_> {
    /// The documents as they were inside the lock, with what was appended since.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Appends even to an invalid document, after its last whole section: for FAIL, veto, findings and recovery.
    pub fn tolerate_defects(&mut self) {
        self.tolerant = true;
    }

    /// Links, signs and appends one record, in memory.
    ///
    /// # Errors
    ///
    /// The document is invalid, the key cannot sign, or the result does not read back.
    pub fn append(&mut self, draft: Draft, key: &Key) -> Result<RecordId, StoreError> {
        let mut current = self.documents.0.get(&self.document).cloned().unwrap_or_default();
        if !current.defects.is_empty() && !self.tolerant {
            return Err(StoreError::Invalid(current.defects));
        }
        let seen = Document::ALL
            .into_iter()
            .filter(|other| *other != self.document)
            .map(|other| (other, self.documents.0.get(&other).map_or_else(Vec::new, splice::heads)))
            .collect();
        let prev = splice::heads(&current);
        let Composed { id, section, evidence, .. } = compose(draft, prev, seen, key)?;
        self.files.extend(evidence.map(|(output, text)| (self.store.evidence_file(&output), text.into_bytes())));
        let grown =
            current.defects.is_empty() && self.store.grow(self.document, &mut current, &section, &self.files).is_ok();
        if !grown {
            current = self.store.insert(self.document, &current, (&id, &section), &self.files)?;
        }
        self.documents.0.insert(self.document, current);
        self.appended += 1;
        Ok(id)
    }

    /// A record that is in the document, with its section.
    pub fn record(&self, id: &RecordId) -> Option<(&Record, String)> {
        let record = self.documents.0.get(&self.document)?.records.iter().find(|record| record.id == *id)?;
        Some((record, self.documents.section(self.document, id)?))
    }

    /// Writes what was appended: evidence files first, then the document, each as a whole.
    ///
    /// # Errors
    ///
    /// The disk did not take it; the document is then as it was.
    pub fn publish(self) -> Result<(), StoreError> {
        if self.appended == 0 {
            return Ok(());
        }
        let _held = crate::interrupt::finish_first();
        for (file, bytes) in &self.files {
            let path = self.store.path(file)?;
            if !fs::read(&path).is_ok_and(|there| there == *bytes) {
                write::replace(&path, bytes)?;
            }
        }
        let read = self.documents.0.get(&self.document).map(|read| read.bytes.as_slice()).unwrap_or_default();
        write::replace(&self.store.path(&self.store.file(self.document))?, read)?;
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
