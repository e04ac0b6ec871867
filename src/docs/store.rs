//! The documents of one phase on disk: loading, and transactions that append records.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use self::compose::{Composed, compose};
use super::lock::{self, DocumentsLock, LockError};
use super::read::{self, Defect, ReadDocument, Source};
use super::write::{self, WriteError};
use crate::model::ids::{PhaseName, RecordId};
use crate::model::record::{Block, Output, Record};
use crate::model::role::Document;
use crate::sign::SignError;
use crate::sign::key_file::Key;

mod compose;
mod edit;
pub mod sections;

/// The directory of the state documents, below the repository's root.
pub const DIRECTORY: &str = "machine-docs";
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
}

/// The three documents with records.
#[derive(Debug, Clone, Default)]
pub struct Documents(pub BTreeMap<Document, ReadDocument>);

impl Documents {
    /// Every record of every document.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.0.values().flat_map(|document| &document.records)
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
pub fn union(local: &Documents, remote: Option<&Documents>) -> Vec<Record> {
    let mut records: Vec<Record> = local.records().cloned().collect();
    let known: std::collections::HashSet<RecordId> = records.iter().map(|record| record.id).collect();
    records
        .extend(remote.into_iter().flat_map(Documents::records).filter(|record| !known.contains(&record.id)).cloned());
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
}

impl Store {
    /// The documents of a phase in the repository with this root and git common directory.
    pub fn new(root: &Path, git_common_dir: &Path, phase: PhaseName) -> Self {
        Self { root: root.to_owned(), git_common_dir: git_common_dir.to_owned(), phase }
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

    /// Reads the three documents.
    ///
    /// # Errors
    ///
    /// One is missing or cannot be read. What is wrong inside is in the documents' defects.
    pub fn load(&self) -> Result<Documents, StoreError> {
        let mut documents = BTreeMap::new();
        for document in Document::ALL {
            let file = self.file(document);
            let bytes = self.bytes(&file)?;
            documents.insert(document, self.read(document, &bytes));
        }
        Ok(Documents(documents))
    }

    /// Reads documents from given bytes: the remote's versions.
    pub fn read_given(
        &self,
        bytes: &BTreeMap<Document, Vec<u8>>,
        evidence: &(dyn Fn(&Output) -> Result<Vec<u8>, String> + Sync),
    ) -> Documents {
        let read = |(document, bytes): (&Document, &Vec<u8>)| {
            let file = format!("{} on the remote", self.file(*document));
            let source = Source { document: *document, phase: &self.phase, file: &file, bytes, evidence, remote: true };
            (*document, read::read(&source))
        };
        Documents(bytes.iter().map(read).collect())
    }

    fn read(&self, document: Document, bytes: &[u8]) -> ReadDocument {
        let evidence = |output: &Output| {
            let plain = |ext: &str| !ext.is_empty() && ext.len() <= 8 && ext.bytes().all(|b| b.is_ascii_alphanumeric());
            if !output.file.as_deref().is_some_and(plain) {
                return Err("the evidence file's extension is not plain letters".to_owned());
            }
            self.bytes(&self.evidence_file(output)).map_err(|error| error.to_string())
        };
        let file = self.file(document);
        read::read(&Source { document, phase: &self.phase, file: &file, bytes, evidence: &evidence, remote: false })
    }

    /// A regular file's bytes: no link, FIFO, device or huge file is opened.
    fn bytes(&self, file: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.root.join(file);
        let unreadable = |why: String| StoreError::Unreadable { file: file.to_owned(), why };
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Missing { file: file.to_owned() });
            }
            other => other.map_err(|error| unreadable(error.to_string()))?,
        };
        if !metadata.is_file() {
            return Err(unreadable("not a regular file".into()));
        }
        if metadata.len() > FILE_LIMIT {
            return Err(unreadable(format!("{} bytes; wanted at most {FILE_LIMIT}", metadata.len())));
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(&path).map_err(|error| unreadable(error.to_string()))?;
        file.take(FILE_LIMIT).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
        Ok(bytes)
    }

    /// Begins a transaction on one document: takes the lock and reads again inside it.
    ///
    /// # Errors
    ///
    /// The lock is not to be had, or a document is missing or cannot be read.
    pub fn begin(&self, document: Document, holder: &str) -> Result<Transaction<'_>, StoreError> {
        let lock = lock::take(&self.git_common_dir, holder)?;
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
        let file = self.store.file(self.document);
        let current = self.documents.0.get(&self.document).cloned().unwrap_or_default();
        if !current.defects.is_empty() && !self.tolerant {
            return Err(StoreError::Invalid(current.defects));
        }
        let seen = Document::ALL
            .into_iter()
            .filter(|other| *other != self.document)
            .map(|other| (other, self.documents.heads(other).to_vec()))
            .collect();
        let Composed { id, section, evidence, .. } = compose(draft, current.heads.clone(), seen, key)?;
        self.files.extend(evidence.map(|(output, text)| (self.store.evidence_file(&output), text.into_bytes())));
        let bytes = splice(&current, &section);
        let again = self.store.read_with(self.document, &bytes, &self.files);
        let expected: Vec<RecordId> = current.records.iter().map(|record| record.id).chain([id]).collect();
        let found: Vec<RecordId> = again.records.iter().map(|record| record.id).collect();
        let same = expected.iter().all(|id| found.contains(id)) && expected.len() == found.len();
        if !same || again.defects.len() > current.defects.len() {
            let why = again.defects.first().map_or_else(|| "a record is missing".to_owned(), ToString::to_string);
            return Err(StoreError::NotReadBack { file, why });
        }
        self.documents.0.insert(self.document, again);
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
            let path = self.store.root.join(file);
            if !fs::read(&path).is_ok_and(|there| there == *bytes) {
                write::replace(&path, bytes)?;
            }
        }
        let read = self.documents.0.get(&self.document).map(|read| read.bytes.as_slice()).unwrap_or_default();
        write::replace(&self.store.root.join(self.store.file(self.document)), read)?;
        Ok(())
    }
}

impl Store {
    /// Reads bytes that are about to be written, with evidence files that are not on disk yet.
    fn read_with(&self, document: Document, bytes: &[u8], files: &[(String, Vec<u8>)]) -> ReadDocument {
        let evidence = |output: &Output| {
            let file = self.evidence_file(output);
            match files.iter().find(|(name, _)| *name == file) {
                Some((_, bytes)) => Ok(bytes.clone()),
                None => self.bytes(&file).map_err(|error| error.to_string()),
            }
        };
        let file = self.file(document);
        read::read(&Source { document, phase: &self.phase, file: &file, bytes, evidence: &evidence, remote: false })
    }
}

/// The document with a section after its last byte (in an invalid one: after its last whole section), a blank line between.
fn splice(current: &ReadDocument, section: &str) -> Vec<u8> {
    let at = if current.defects.is_empty() { current.bytes.len() } else { current.end_of_last_section };
    let (before, after) = current.bytes.split_at(at);
    let gap: &[u8] = match before {
        [] => b"",
        [.., b'\n', b'\n'] => b"",
        [.., b'\n'] => b"\n",
        _ => b"\n\n",
    };
    let closing: &[u8] = if after.is_empty() || after.starts_with(b"\n") { b"" } else { b"\n" };
    [before, gap, section.as_bytes(), closing, after].concat()
}

#[cfg(test)]
pub(super) mod tests;
