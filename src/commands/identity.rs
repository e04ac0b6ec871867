//! Which repository this is, where its history has several beginnings: the one that the phase's first adoption names. Another history
//! that is merged in, on whichever side, changes nothing.

use crate::docs::store::{Documents, Store};
use crate::error::{CommandError, Exit};
use crate::gates::graph::Graph;
use crate::git::Repository;
use crate::model::ids::ObjectId;
use crate::model::record::{Kind, Record};
use crate::model::role::Document;

/// Settles it by the documents; before any adoption it is the root of the first-parent line, as git says.
pub fn settle(repository: &mut Repository, store: &Store) {
    if repository.roots.len() < 2 {
        return;
    }
    let documents = store.clone().without_missing().load().unwrap_or_default();
    let named = |document| {
        let records = &documents.0.get(&document)?.records;
        let graph = Graph::new(records);
        let adoption = |record: &&Record| record.block.record == Kind::Contract;
        let mut found = graph.records().filter(adoption).map(|record| &record.block.repository);
        found.find(|id| repository.roots.contains(id)).cloned()
    };
    // REVIEW is the Adversary's: who is judged must not choose which repository the objections belong to.
    if let Some(id) = named(Document::Review).or_else(|| named(Document::Status)) {
        repository.root_commit = id;
    }
}

/// The repository of another place that some of the records name.
fn other<'a>(repository: &Repository, documents: &'a Documents) -> Option<&'a ObjectId> {
    documents.records().map(|record| &record.block.repository).find(|id| **id != repository.root_commit)
}

/// Refuses documents that were written in another repository, or before its history was rewritten.
///
/// # Errors
///
/// They were (30).
pub fn of_this_repository(repository: &Repository, documents: &Documents) -> Result<(), CommandError> {
    let Some(other) = other(repository, documents) else { return Ok(()) };
    let message = format!(
        "the documents hold records of repository {} (its root commit), and this repository is {}",
        other.short(),
        repository.root_commit.short()
    );
    let hint = "bring back the history that they were written in, or open another phase: countersign init --phase NAME";
    Err(CommandError::new(Exit::Invalid, message, hint))
}
