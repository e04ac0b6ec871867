//! Where a section goes: at the end, and where people's text swallows it there, at the next place where both readers see it.
//! What people write never makes an append impossible.

use crate::docs::read::{self, ReadDocument, Signatures};
use crate::docs::store::{Store, StoreError};
use crate::model::ids::RecordId;
use crate::model::role::Document;

impl Store {
    /// The document with a section in it: at the end of a valid one, else after the last whole section, before what is left
    /// open, or as the first thing. Every byte that was there stays.
    ///
    /// # Errors
    ///
    /// It is read back nowhere, which no text can bring about.
    pub(super) fn insert(
        &self,
        document: Document,
        current: &ReadDocument,
        (id, section): (&RecordId, &str),
        files: &[(String, Vec<u8>)],
    ) -> Result<ReadDocument, StoreError> {
        let real = |read: &ReadDocument| read.defects.iter().filter(|defect| !defect.is_missing_link()).count();
        let mut other = None;
        for at in places(current) {
            let again = self.read_with(document, splice(&current.bytes, at, section), files, Signatures::All);
            let ids = || again.records.iter().map(|record| record.id);
            let mut wanted = current.records.iter().map(|record| record.id).chain([*id]);
            if ids().count() != current.records.len() + 1 || !wanted.all(|id| ids().any(|found| found == id)) {
                continue;
            }
            if real(&again) <= real(current) {
                return Ok(again);
            }
            other = other.or(Some(again));
        }
        other.ok_or_else(|| {
            let why = format!("record {} is read at no place in it", id.short());
            StoreError::NotReadBack { file: self.file(document), why }
        })
    }
}

/// The heads of a document that a new record links to: where something in it is damaged or left open also those that stand
/// in it unseen, so that a record follows all that were written before it.
pub(super) fn heads(read: &ReadDocument) -> Vec<RecordId> {
    let hidden = || read.hidden.iter().map(|hidden| &hidden.record);
    let named = |id: &RecordId| hidden().any(|record| record.block.prev.contains(id));
    let visible = read.heads.iter().filter(|head| !named(head));
    let follows = |id: &RecordId| read.records.iter().any(|record| record.block.prev.contains(id));
    visible.copied().chain(hidden().map(|record| record.id).filter(|id| !named(id) && !follows(id))).collect()
}

/// Where a section may go, the best place first.
fn places(current: &ReadDocument) -> Vec<usize> {
    let end = current.defects.is_empty().then_some(current.bytes.len());
    let last = (!current.records.is_empty()).then_some(current.end_of_last_section);
    let open = current.open.as_ref().map(|open| open.at);
    let mut places: Vec<usize> = Vec::new();
    for at in end.into_iter().chain(last).chain(open).chain([0]) {
        if !places.contains(&at) {
            places.push(at);
        }
    }
    places
}

/// The bytes with a section at a place, a blank line before and after it.
fn splice(bytes: &[u8], at: usize, section: &str) -> Vec<u8> {
    let (before, after) = bytes.split_at(at);
    let closing: &[u8] = if after.is_empty() || after.starts_with(b"\n") { b"" } else { b"\n" };
    [before, read::gap(before).as_bytes(), section.as_bytes(), closing, after].concat()
}

#[cfg(test)]
mod tests;
