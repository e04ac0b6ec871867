//! Signed sections outside their document: kept elsewhere, read back, put back byte for byte, or signed with no document at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compose::{Composed, compose};
use super::{Documents, Draft, StoreError, Transaction};
use crate::docs::read::{self, Signatures, Source};
use crate::docs::structure;
use crate::docs::utf8::readable;
use crate::model::digest::Digest;
use crate::model::ids::{PhaseName, RecordId};
use crate::model::record::{Output, Record};
use crate::model::role::Document;
use crate::sign::key_file::Key;

/// A section and the text of its evidence file, where its output is in one.
pub type Kept<'a> = (&'a str, Option<&'a str>);

impl Documents {
    /// The exact bytes of a record's section.
    pub fn section(&self, document: Document, id: &RecordId) -> Option<String> {
        let read = self.0.get(&document)?;
        let (text, _) = readable(&read.bytes);
        let candidates = structure::by_comrak(&text).candidates.into_iter();
        let found = candidates.rev().find(|candidate| RecordId::of_block(candidate.block.as_bytes()) == *id)?;
        Some(text[found.range].to_owned())
    }
}

/// The valid records among kept sections of one document, in their order.
pub fn read_kept<'a>(phase: &PhaseName, document: Document, kept: impl IntoIterator<Item = Kept<'a>>) -> Vec<Record> {
    let (mut text, mut files) = (String::new(), BTreeMap::new());
    for (section, evidence) in kept {
        text += section;
        text += "\n";
        files.extend(evidence.map(|evidence| (Digest::of(evidence.as_bytes()), evidence.as_bytes().to_vec())));
    }
    let evidence =
        |output: &Output| files.get(&output.sha256).cloned().ok_or_else(|| "the evidence file was not kept".to_owned());
    let signatures = Signatures::All;
    let source = Source { document, phase, file: "kept", evidence: &evidence, remote: false, signatures };
    read::read(&source, text.into_bytes()).records.into_iter().map(Arc::unwrap_or_clone).collect()
}

/// Signs a record that comes after `prev` and `seen`, with no document at hand; gives it with its section.
///
/// # Errors
///
/// The key cannot sign, or the section does not read back.
pub fn signed_alone(
    draft: Draft,
    prev: Vec<RecordId>,
    seen: BTreeMap<Document, Vec<RecordId>>,
    key: &Key,
) -> Result<(Record, String), StoreError> {
    let Composed { block, section, evidence, .. } = compose(draft, prev, seen, key)?;
    let evidence = evidence.as_ref().map(|(_, text)| text.as_str());
    let mut records = read_kept(&block.phase, block.document, [(section.as_str(), evidence)]);
    match (records.pop(), records.is_empty()) {
        (Some(record), true) => Ok((record, section)),
        _ => Err(StoreError::NotReadBack { file: "a section".into(), why: "it holds no valid record".into() }),
    }
}

impl Transaction<'_> {
    /// Puts a kept section back, after the last whole section; gives whether it was missing. Links that it misses are defects of
    /// the document then, as they are without it.
    ///
    /// # Errors
    ///
    /// The result does not read back with this record in it.
    pub fn put_back(&mut self, id: &RecordId, (section, evidence): Kept<'_>) -> Result<bool, StoreError> {
        let current = self.documents.0.get(&self.document).cloned().unwrap_or_default();
        if current.records.iter().any(|record| record.id == *id) {
            return Ok(false);
        }
        let of_kept = read_kept(&self.store.phase, self.document, [(section, evidence)]);
        if let (Some(output), Some(evidence)) = (of_kept.first().and_then(|r| r.block.output.as_ref()), evidence) {
            self.files.push((self.store.evidence_file(output), evidence.as_bytes().to_vec()));
        }
        let again = self.store.insert(self.document, &current, (id, section), &self.files)?;
        self.documents.0.insert(self.document, again);
        self.appended += 1;
        Ok(true)
    }
}
