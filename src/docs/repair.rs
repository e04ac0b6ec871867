//! Repairing a document that something else damaged: conflict markers of a plain merge, the interleaved lines of a union merge,
//! doubled, torn or altered records, records that were cut out or that people's text hides. The result is proposed and written
//! only when told.
//!
//! Every record that is whole anywhere (both sides of a conflict, other versions of the document) is taken from there, once; and
//! every line of people's text stays. The new text is put together from these, so that none is doubled. Only lines of a record's
//! that are none any more go, and each place is named.

use std::collections::HashMap;

use super::merge::{Section, Version, join, order};
use super::open;
use super::read::{ReadDocument, conflict_markers};
use super::section::BLOCK_FENCE;
use crate::model::ids::RecordId;

mod cut;

use cut::{Known, Piece, cut, whole_sections};

pub use cut::evidence_named;

/// How often what was repaired is looked at again.
const ROUNDS: usize = 4;

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The new text.
    pub text: String,
    /// What was changed, a line each.
    pub changes: Vec<String>,
    /// What is still wrong with the new text.
    pub left: Vec<String>,
}

/// Proposes a repair of a text. `read` reads a text as the document; `others` are other versions of it, each with its name.
pub fn propose(text: &str, others: &[(String, String)], read: impl Fn(&str) -> ReadDocument) -> Repair {
    let left = read(text).defects.iter().map(ToString::to_string).collect();
    let mut best = Repair { text: text.to_owned(), changes: Vec::new(), left };
    let mut now = best.clone();
    // What hid records may have hidden debris too: more is wrong once they are out, until the next round takes it away.
    for _ in 0..ROUNDS {
        let more = once(&now.text, others, &read);
        if more.changes.is_empty() {
            break;
        }
        now = Repair { changes: [now.changes, more.changes].concat(), ..more };
        if now.left.len() <= best.left.len() {
            best = now.clone();
        }
    }
    best
}

/// One round of it: nothing is changed where that would lose a record.
fn once(text: &str, others: &[(String, String)], read: &dyn Fn(&str) -> ReadDocument) -> Repair {
    let mut changes = Vec::new();
    let plain = plain(text, &mut changes);
    let now = read(&plain);
    let sides = match sides(&plain, &now) {
        Some((ours, theirs, count)) => {
            changes.push(format!("takes out {count} conflict markers and keeps the records of both sides"));
            vec![ours, theirs]
        }
        None => vec![plain.clone()],
    };
    let mut known = Known::default();
    let mut versions: Vec<(&str, Vec<Piece>)> = Vec::new();
    for (name, other) in others {
        let read = read(other);
        let sections = whole_sections(other, &read);
        if read.defects.is_empty() {
            known.of_people(other, &sections);
        }
        versions.push((name, sections));
    }
    let itself = whole_sections(&plain, &now);
    versions.iter().flat_map(|(_, sections)| sections).chain(&itself).for_each(|piece| known.of_record(piece));
    let doubled = sides.iter().map(|side| doubles(&read(side))).max().unwrap_or(0);
    if doubled > 0 {
        let records = if doubled == 1 { "record" } else { "records" };
        changes.push(format!("takes out the second copy of {doubled} {records} (doubled)"));
    }
    let mut whole = Version::default();
    let mut rank: HashMap<RecordId, usize> = HashMap::new();
    for side in &sides {
        let cut = cut(side, &read(side), &known);
        for change in cut.changes {
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        for id in cut.order {
            let next = rank.len();
            rank.entry(id).or_insert(next);
        }
        take_in(&mut whole, cut.version);
    }
    let between = itself.iter().filter(|_| sides.len() > 1).cloned().collect();
    for (name, sections) in [("between the markers", between)].into_iter().chain(versions) {
        let mut back = Vec::new();
        for Piece { id, section, kind, .. } in sections {
            if whole.sections.insert(id, section).is_none() {
                back.push(format!("{kind} {}", id.short()));
            }
        }
        if !back.is_empty() {
            changes.push(format!("brings back {} from {name}", back.join(", ")));
        }
    }
    let ordered = order(&whole.sections, |id| rank.get(id).copied().unwrap_or(usize::MAX));
    close(&mut whole, ordered.last(), &mut changes);
    let mended = join(&whole, &ordered);
    let stood: Vec<RecordId> = itself.iter().map(|piece| piece.id).collect();
    if changes.is_empty() && ordered != stood {
        changes.push("puts the records into the order of their links".to_owned());
    }
    let after = read(&mended);
    let lost = || whole_sections(&mended, &after).len() < whole.sections.len();
    if changes.is_empty() || lost() {
        return Repair { text: text.to_owned(), changes: Vec::new(), left: Vec::new() };
    }
    Repair { text: mended, changes, left: after.defects.iter().map(ToString::to_string).collect() }
}

/// The text without what no document may have anywhere: byte order marks, carriage returns, NULs.
fn plain(text: &str, changes: &mut Vec<String>) -> String {
    let plain = text.replace("\r\n", "\n").replace('\r', "\n").replace(['\u{feff}', '\0'], "");
    if plain != text {
        changes.push("takes out byte order marks, carriage returns and NULs".to_owned());
    }
    plain
}

/// Takes one side's records and text into the whole; where a person would have to choose between two texts, both stay.
fn take_in(whole: &mut Version, side: Version) {
    for (id, section) in side.sections {
        whole.sections.entry(id).or_insert(section);
    }
    for (key, text) in side.prose {
        let there = whole.prose.entry(key).or_default();
        if there.trim().is_empty() {
            *there = text;
        } else if !text.trim().is_empty() && *there != text {
            let same = there.split_inclusive('\n').zip(text.split_inclusive('\n')).take_while(|(one, two)| one == two);
            let common: usize = same.map(|(line, _)| line.len()).sum();
            there.push_str(if there.ends_with('\n') { "" } else { "\n" });
            there.push_str(&text[common..]);
        }
    }
}

/// Closes what people's text leaves open before a record, and what looks like a record in it stays where it is, closed in.
fn close(whole: &mut Version, last: Option<&RecordId>, changes: &mut Vec<String>) {
    for (key, prose) in &mut whole.prose {
        let Some(open) = open::find(prose) else { continue };
        if key.as_ref() != last || prose[open.at..].lines().any(|line| line.starts_with(BLOCK_FENCE)) {
            let gap = if prose.ends_with('\n') { "" } else { "\n" };
            prose.push_str(&format!("{gap}{}\n", open.closing));
            let place = key.map_or("before the first record".into(), |id| format!("after record {}", id.short()));
            changes.push(format!("closes {} in the text {place} by `{}`", open.what, open.closing));
        }
    }
}

/// Where a line stands between git's conflict markers.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Both,
    Ours,
    Base,
    Theirs,
}

/// Both sides of a text with git's conflict markers, and how many markers there are.
fn sides(text: &str, read: &ReadDocument) -> Option<(String, String, usize)> {
    let ranges: Vec<_> = read.records.iter().map(|record| record.range.clone()).collect();
    let marked = conflict_markers(text, &ranges);
    let mut at = 0;
    let (mut ours, mut theirs, mut markers, mut side) = (String::new(), String::new(), 0, Side::Both);
    for line in text.split_inclusive('\n') {
        let is_marker = marked.binary_search(&at).is_ok();
        at += line.len();
        side = match (line.as_bytes().first(), side) {
            (Some(b'<'), _) if is_marker => Side::Ours,
            (Some(b'|'), _) if is_marker => Side::Base,
            (Some(b'>'), _) if is_marker => Side::Both,
            (_, Side::Ours | Side::Base) if line == "=======\n" => Side::Theirs,
            _ => {
                ours.push_str(if matches!(side, Side::Both | Side::Ours) { line } else { "" });
                theirs.push_str(if matches!(side, Side::Both | Side::Theirs) { line } else { "" });
                continue;
            }
        };
        markers += 1;
    }
    (markers > 0).then_some((ours, theirs, markers))
}

/// How many records stand in a text a second time.
fn doubles(read: &ReadDocument) -> usize {
    read.defects.iter().filter(|defect| defect.what.contains("stands here a second time")).count()
}

#[cfg(test)]
mod tests;
