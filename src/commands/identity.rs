//! Which repository this is, where its history has several beginnings: the one that the phase's first adoption names. Another history
//! that is merged in, on whichever side, changes nothing.

use crate::docs::store::{Documents, Store};
use crate::error::{CommandError, Exit};
use crate::gates::graph::Graph;
use crate::gates::trust;
use crate::git::Repository;
use crate::model::contract::parse;
use crate::model::ids::ObjectId;
use crate::model::record::{Adoption, Body, Record};
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
        let mut found = graph.records().filter(|record| begins(record)).map(|record| &record.block.repository);
        found.find(|id| repository.roots.contains(id)).cloned()
    };
    // REVIEW is the Adversary's: who is judged must not choose which repository the objections belong to.
    if let Some(id) = named(Document::Review).or_else(|| named(Document::Status)) {
        repository.root_commit = id;
    }
}

/// Whether a record is a first adoption by the role whose document it stands in: with a key that its text lists for that role.
fn begins(record: &Record) -> bool {
    let role = record.block.document.role();
    let Body::Contract(Adoption { replaces: None, digest, keys, .. }) = &record.block.body else { return false };
    let text = record.output.as_deref().and_then(|text| parse::parse(text, None).ok());
    let own = text.is_some_and(|text| text.digest == *digest && text.keys == *keys);
    own && record.block.role == role && keys.get(&role).is_some_and(|keys| keys.contains(&record.signer))
}

/// The repository of another place that some of the records name.
fn other<'a>(repository: &Repository, documents: &'a Documents) -> Option<&'a ObjectId> {
    let is_here = |record: &&Record| trust::is_of(record, &repository.root_commit, &repository.roots);
    documents.records().find(|record| !is_here(record)).map(|record| &record.block.repository)
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
