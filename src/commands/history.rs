//! Records that git's history of the documents holds and the documents lack: cut off in some commit, with or without force.

use std::collections::HashSet;

use crate::docs::history::may_hold_others;
use crate::docs::read::Defect;
use crate::docs::section;
use crate::docs::store::{Documents, Store};
use crate::error::CommandError;
use crate::gates::trust;
use crate::git::history::Cut;
use crate::git::{GitError, Repository};
use crate::model::ids::{ObjectId, RecordId};
use crate::model::record::{Output, Record};
use crate::model::role::Document;

/// What is run where records went missing in the history.
pub const BRING_BACK: &str = "countersign check --repair, which brings it back from there";

/// A record that went missing.
pub struct Lost {
    /// The record.
    pub id: RecordId,
    /// Its document.
    pub document: Document,
    kind: &'static str,
    heading: String,
    /// The commit in which it went missing.
    pub commit: ObjectId,
    /// The version of the document before that commit, as git's object.
    pub before: String,
}

impl Lost {
    /// As a defect of its document.
    pub fn defect(&self, store: &Store) -> Defect {
        Defect { file: store.file(self.document), line: 1, column: 1, what: self.says(), remedy: BRING_BACK.to_owned() }
    }

    /// In one line.
    pub fn says(&self) -> String {
        format!(
            "{} {} ({}) is in the history and in no document: it went missing in commit {}",
            self.kind,
            self.id.short(),
            self.heading,
            self.commit.short()
        )
    }
}

/// Every whole, valid record of this repository that an ancestor of some commits held and that is not among the known ones.
///
/// # Errors
///
/// git fails.
pub fn lost(
    repository: &Repository,
    store: &Store,
    of: &[&ObjectId],
    known: &HashSet<RecordId>,
) -> Result<Vec<Lost>, GitError> {
    let is_here = |record: &Record| trust::is_of(record, &repository.root_commit, &repository.roots);
    let mut lost: Vec<Lost> = Vec::new();
    for (cut, document, records) in cut_off(repository, store, of, &[], known)? {
        for record in records.iter().filter(|record| is_here(record)) {
            if known.contains(&record.id) || lost.iter().any(|lost| lost.id == record.id) {
                continue;
            }
            lost.push(Lost {
                id: record.id,
                document,
                kind: record.block.body.kind().name(),
                heading: section::heading(&record.block),
                commit: cut.commit.clone(),
                before: cut.before.clone(),
            });
        }
    }
    Ok(lost)
}

/// The versions of the documents from which a commit took lines away and that hold records which are not known, with their records.
///
/// # Errors
///
/// git fails.
pub fn cut_off(
    repository: &Repository,
    store: &Store,
    of: &[&ObjectId],
    without: &[&ObjectId],
    known: &HashSet<RecordId>,
) -> Result<Vec<(Cut, Document, Vec<Record>)>, GitError> {
    let files = Document::ALL.map(|document| store.file(document));
    let cuts = repository.cuts(of, without, &files)?;
    let objects: Vec<String> = cuts.iter().map(|cut| cut.before.clone()).collect();
    let mut found = Vec::new();
    for (cut, bytes) in cuts.into_iter().zip(repository.contents(&objects)?) {
        let Some(document) = Document::ALL.into_iter().find(|document| store.file(*document) == cut.path) else {
            continue;
        };
        if may_hold_others(&bytes, known) {
            let records = read_version(repository, store, document, bytes, &cut.commit);
            found.push((cut, document, records));
        }
    }
    Ok(found)
}

/// The records of an older version of a document; output that is in a file is looked for around the commit that came after it.
fn read_version(
    repository: &Repository,
    store: &Store,
    document: Document,
    bytes: Vec<u8>,
    after: &ObjectId,
) -> Vec<Record> {
    let evidence = |output: &Output| {
        let file = store.evidence_file(output);
        let revisions = ["^1", "^2", ""].map(|parent| format!("{after}{parent}"));
        let found = revisions.iter().find_map(|revision| repository.show(revision, &file).ok()?);
        found.ok_or_else(|| format!("{file} is missing"))
    };
    store.read_given(&[(document, bytes)].into(), &evidence).records().cloned().collect()
}

/// The ids of the records of some documents.
pub fn ids<'a>(documents: impl IntoIterator<Item = &'a Documents>) -> HashSet<RecordId> {
    documents.into_iter().flat_map(Documents::records).map(|record| record.id).collect()
}

/// Refuses where records went missing in the history.
///
/// # Errors
///
/// There are such (30).
pub fn refuse(lost: &[Lost]) -> Result<(), CommandError> {
    if lost.is_empty() {
        return Ok(());
    }
    Err(CommandError {
        exit: crate::error::Exit::Invalid,
        message: format!("{} records are in the history of the documents and in no document any more", lost.len()),
        details: lost.iter().map(Lost::says).collect(),
        hint: Some("countersign check --repair brings them back from there, then countersign sync".into()),
    })
}
