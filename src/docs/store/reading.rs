//! Reading the documents of a phase: from disk, from other bytes, and with what is about to be written.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;

use super::{Documents, FILE_LIMIT, Store, StoreError};
use crate::docs::adoptions::adopt_no_other;
use crate::docs::read::{self, Defect, ReadDocument, Signatures, Source};
use crate::model::digest::Digest;
use crate::model::ids::RecordId;
use crate::model::record::Output;
use crate::model::role::Document;

impl Store {
    /// Reads the three documents.
    ///
    /// # Errors
    ///
    /// One is missing or cannot be read. What is wrong inside is in the documents' defects.
    pub fn load(&self) -> Result<Documents, StoreError> {
        self.load_with(Signatures::All)
    }

    /// Reads the three documents, checking only these signatures: for commands that show and do not decide.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_with(&self, signatures: Signatures) -> Result<Documents, StoreError> {
        let read = |document| match self.bytes(&self.file(document)) {
            Ok(bytes) => Ok((document, self.read_with(document, bytes, &[], signatures))),
            Err(error) if self.without_missing && document != Document::Review => {
                Ok((document, not_there(self, document, &error)))
            }
            Err(error) => Err(error),
        };
        Ok(Documents(Document::ALL.into_iter().map(read).collect::<Result<_, StoreError>>()?))
    }

    /// Reads the three documents; one that is missing or cannot be read is a defect, so that nothing hides what else is wrong.
    pub fn load_any(&self) -> Documents {
        let read = |document| {
            let read = match self.bytes(&self.file(document)) {
                Ok(bytes) => self.read_with(document, bytes, &[], Signatures::All),
                Err(error) => not_there(self, document, &error),
            };
            (document, read)
        };
        Documents(Document::ALL.into_iter().map(read).collect())
    }

    /// Whether no record in any document, valid or not, adopts another contract than this one; told by their bytes alone, and no where
    /// it cannot be told.
    pub fn adopt_no_other(&self, known: Option<&Digest>) -> bool {
        Document::ALL.into_iter().all(|document| match self.bytes(&self.file(document)) {
            Ok(bytes) => adopt_no_other(&bytes, known),
            Err(error) => matches!(error, StoreError::Missing { .. }),
        })
    }

    /// Whether a document is a regular file that can be read.
    pub fn is_there(&self, document: Document) -> bool {
        self.bytes(&self.file(document)).is_ok()
    }

    /// Whether an evidence file is there, with the bytes that its name says.
    pub fn has_evidence(&self, output: &Output) -> bool {
        self.bytes(&self.evidence_file(output)).is_ok_and(|bytes| Digest::of(&bytes) == output.sha256)
    }

    /// Checks the signatures of these records, where [`load_with`](Self::load_with) left them out.
    pub fn check_signatures(&self, documents: &mut Documents, wanted: &HashSet<RecordId>) {
        for (document, read) in &mut documents.0 {
            read::check_signatures(read, &self.file(*document), |id| wanted.contains(id));
        }
    }

    /// Reads some text as a document would be read.
    #[cfg(test)]
    pub fn read_as(&self, document: Document, text: &str) -> ReadDocument {
        self.read_with(document, text.as_bytes().to_vec(), &[], Signatures::All)
    }

    /// Reads some text as a document would be read beside these evidence files, each with its name.
    pub fn read_mended(&self, document: Document, text: &str, evidence: &[(String, Vec<u8>)]) -> ReadDocument {
        self.read_with(document, text.as_bytes().to_vec(), evidence, Signatures::All)
    }

    /// Reads documents from given bytes: the remote's versions.
    pub fn read_given(
        &self,
        bytes: &BTreeMap<Document, Vec<u8>>,
        evidence: &(dyn Fn(&Output) -> Result<Vec<u8>, String> + Sync),
    ) -> Documents {
        let read = |(document, bytes): (&Document, &Vec<u8>)| {
            let file = format!("{} on the remote", self.file(*document));
            let source = Source {
                document: *document,
                phase: &self.phase,
                file: &file,
                evidence,
                remote: true,
                signatures: Signatures::All,
            };
            (*document, read::read(&source, bytes.clone()))
        };
        Documents(bytes.iter().map(read).collect())
    }

    /// Where a file is: no directory on the way to it is a link, which would lead out of the repository.
    pub(super) fn path(&self, file: &str) -> Result<PathBuf, StoreError> {
        let path = self.root.join(file);
        let above = path.ancestors().skip(1).take_while(|above| *above != self.root);
        for directory in above {
            if fs::symlink_metadata(directory).is_ok_and(|there| !there.is_dir()) {
                let why =
                    format!("{} is a link or a file, and is not followed; wanted a directory", directory.display());
                return Err(StoreError::Unreadable { file: file.to_owned(), why });
            }
        }
        Ok(path)
    }

    /// A regular file's bytes: no link, FIFO, device or huge file is opened.
    pub(super) fn bytes(&self, file: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.path(file)?;
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

    /// Reads a document's bytes, with evidence files that are not on disk yet.
    pub(super) fn read_with(
        &self,
        document: Document,
        bytes: Vec<u8>,
        files: &[(String, Vec<u8>)],
        signatures: Signatures,
    ) -> ReadDocument {
        self.with_source(document, files, signatures, |source| read::read(source, bytes))
    }

    /// Adds a section to the end of a valid document; `Err` says why it does not read back, and nothing was added.
    pub(super) fn grow(
        &self,
        document: Document,
        read: &mut ReadDocument,
        section: &str,
        files: &[(String, Vec<u8>)],
    ) -> Result<(), String> {
        self.with_source(document, files, Signatures::All, |source| read::grow(source, read, section))
    }

    fn with_source<T>(
        &self,
        document: Document,
        files: &[(String, Vec<u8>)],
        signatures: Signatures,
        then: impl FnOnce(&Source<'_>) -> T,
    ) -> T {
        let evidence = |output: &Output| {
            let plain = |ext: &str| !ext.is_empty() && ext.len() <= 8 && ext.bytes().all(|b| b.is_ascii_alphanumeric());
            if !output.file.as_deref().is_some_and(plain) {
                return Err("the evidence file's extension is not plain letters".to_owned());
            }
            let file = self.evidence_file(output);
            match files.iter().find(|(name, _)| *name == file) {
                Some((_, bytes)) => Ok(bytes.clone()),
                None => self.bytes(&file).map_err(|error| error.to_string()),
            }
        };
        let file = self.file(document);
        then(&Source { document, phase: &self.phase, file: &file, evidence: &evidence, remote: false, signatures })
    }
}

impl Store {
    /// A version of a document that is there and cannot be read: one without records, and with this as its defect.
    pub fn unread(&self, document: Document, why: String) -> ReadDocument {
        not_there(self, document, &StoreError::Unreadable { file: self.file(document), why })
    }
}

/// A document that cannot be read, as one without records.
fn not_there(store: &Store, document: Document, error: &StoreError) -> ReadDocument {
    let what = match error {
        StoreError::Unreadable { why, .. } => format!("the document cannot be read: {why}"),
        other => other.to_string(),
    };
    let remedy = "countersign check --repair puts it back as git has it".to_owned();
    let defect = Defect { file: store.file(document), line: 1, column: 1, what, remedy };
    ReadDocument { defects: vec![defect], ..ReadDocument::default() }
}
