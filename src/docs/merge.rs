//! Two versions of a document become one: the set union of their records, and people's text merged between them.
//!
//! Records are put in order by their links, then by id, so both clones come to the same bytes. The text after a record goes with
//! it. Where both sides changed the same text otherwise than by adding to its end, both stay, between conflict markers, which
//! readers refuse until a person has chosen. Nothing is ever dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf, absolute};

use super::open;
use super::read::conflict_markers;
use super::structure::{self, Structure};
use super::write::{self, WriteError};
use crate::model::ids::RecordId;
use crate::model::record::{Block, SCHEMA};

/// What came of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The new text.
    pub text: String,
    /// What a person must still decide; the text has conflict markers there.
    pub conflicts: Vec<String>,
}

/// Why three files could not be merged. What was there is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// One of them cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The result could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A version cut into its sections and the text between.
#[derive(Clone, Default)]
pub(super) struct Version {
    pub(super) sections: BTreeMap<RecordId, Section>,
    /// The text after each record; `None` is the text before the first.
    pub(super) prose: BTreeMap<Option<RecordId>, String>,
}

#[derive(Clone)]
pub(super) struct Section {
    pub(super) text: String,
    pub(super) prev: Vec<RecordId>,
}

/// Merges the files as git hands them to a merge driver: `ours` is replaced by the result. Gives what is left to decide.
///
/// # Errors
///
/// A file cannot be read or is no UTF-8, or `ours` cannot be written.
pub fn merge_files(base: &Path, ours: &Path, theirs: &Path) -> Result<Vec<String>, MergeError> {
    let text =
        |path: &Path| fs::read_to_string(path).map_err(|source| MergeError::Read { path: path.to_owned(), source });
    let path = absolute(ours).map_err(|source| MergeError::Read { path: ours.to_owned(), source })?;
    let merged = merge(&text(base)?, &text(ours)?, &text(theirs)?);
    write::replace(&path, merged.text.as_bytes())?;
    Ok(merged.conflicts)
}

/// Merges two versions of a document that have `base` in common.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Merged {
    let whole = |conflicts| Merged { text: marked(ours, theirs), conflicts };
    let (mut one, other) = match (cut(ours), cut(theirs)) {
        (Ok(one), Ok(other)) => (one, other),
        (one, other) => {
            let sides = [("this side", one.err()), ("the other side", other.err())];
            return whole(sides.into_iter().filter_map(|(side, why)| Some(format!("{side}: {}", why?))).collect());
        }
    };
    // A base that cannot be read only means that less is known to be unchanged.
    let base = if base.is_empty() { Version::default() } else { cut(base).unwrap_or_default() };
    for (id, section) in other.sections {
        let text = section.text.clone();
        if one.sections.entry(id).or_insert(section).text != text {
            return whole(vec![format!("record {} stands differently on the two sides", id.short())]);
        }
    }
    let mut conflicts = Vec::new();
    let keys: BTreeSet<Option<RecordId>> = one.prose.keys().chain(other.prose.keys()).copied().collect();
    let mut prose = BTreeMap::new();
    for key in keys {
        let [base, ours, theirs] =
            [&base.prose, &one.prose, &other.prose].map(|prose| prose.get(&key).map(String::as_str));
        let text = merge_prose(base, ours, theirs).unwrap_or_else(|text| {
            let place = key.map_or("before the first record".into(), |id| format!("after record {}", id.short()));
            conflicts.push(format!("both sides changed the text {place}"));
            text
        });
        prose.insert(key, text);
    }
    one.prose = prose;
    let text = join(&one, &order(&one.sections, |_| 0));
    // Nothing that people write hides a record: this is for what nobody thought of.
    if conflicts.is_empty() && !cut(&text).is_ok_and(|whole| whole.sections.keys().eq(one.sections.keys())) {
        return whole(vec!["the text of one side would hide records of the other".into()]);
    }
    Merged { text, conflicts }
}

/// A version as one text, its records in this order. What people's text leaves open (a fence, a comment) would swallow the
/// records after it, and so stands at the end.
pub(super) fn join(version: &Version, order: &[RecordId]) -> String {
    let (mut text, mut last) = (String::new(), String::new());
    let gap = |text: &str| match text.as_bytes() {
        [] | [.., b'\n', b'\n'] => "",
        [.., b'\n'] => "\n",
        _ => "\n\n",
    };
    let end = order.last().copied();
    for key in std::iter::once(None).chain(order.iter().copied().map(Some)) {
        if let Some(section) = key.and_then(|id| version.sections.get(&id)) {
            text.push_str(gap(&text));
            text.push_str(&section.text);
        }
        let prose = version.prose.get(&key).map_or("", String::as_str);
        let open = if key == end { None } else { open::find(prose) };
        let (stays, swallows) = prose.split_at(open.map_or(prose.len(), |open| open.at));
        text.push_str(stays);
        if !swallows.is_empty() {
            last.push_str(gap(&last));
            last.push_str(swallows);
        }
    }
    if !last.is_empty() {
        text.push_str(gap(&text));
        text.push_str(&last);
    }
    text
}

/// Cuts a version into sections and the text between; blank text between two records is nobody's.
fn cut(text: &str) -> Result<Version, String> {
    let Structure { candidates, torn, .. } = structure::by_comrak(text);
    if let Some((at, what)) = torn.first() {
        return Err(format!("line {}: {what}", text[..*at].matches('\n').count() + 1));
    }
    if candidates != structure::by_pulldown(text).candidates {
        return Err("two Markdown readers do not agree on its records".into());
    }
    let ranges: Vec<_> = candidates.iter().map(|candidate| candidate.range.clone()).collect();
    if !conflict_markers(text, &ranges).is_empty() {
        return Err("it has an unresolved conflict marker".into());
    }
    let mut version = Version::default();
    let (mut key, mut end) = (None, 0);
    let keep = |prose: &str| if prose.trim().is_empty() { String::new() } else { prose.to_owned() };
    for candidate in candidates {
        let prev = links(&candidate.block)?;
        version.prose.entry(key).or_default().push_str(&keep(&text[end..candidate.range.start]));
        let id = RecordId::of_block(candidate.block.as_bytes());
        end = candidate.range.end;
        let section = Section { text: text[candidate.range].to_owned(), prev };
        // A second copy is left out; were it another text, the record would be there in two versions.
        if version.sections.get(&id).is_some_and(|there| there.text != section.text) {
            return Err(format!("record {} stands twice with different text", id.short()));
        }
        version.sections.insert(id, section);
        key = Some(id);
    }
    version.prose.entry(key).or_default().push_str(&keep(&text[end..]));
    Ok(version)
}

/// What a record's block names in `prev`. Of a record of a newer schema that is all that is read of it.
pub(super) fn links(block: &str) -> Result<Vec<RecordId>, String> {
    let error = match toml::from_str::<Block>(block) {
        Ok(block) => return Ok(block.prev),
        Err(error) => format!("a block is no record: {}", error.message().replace('\n', " ")),
    };
    newer(block).ok_or(error)
}

/// The links of a record that a newer version wrote; `None` for any other block.
pub(super) fn newer(block: &str) -> Option<Vec<RecordId>> {
    let table: toml::Table = toml::from_str(block).ok()?;
    let schema = table.get("schema")?.as_integer()?;
    let prev = table.get("prev")?.clone().try_into().ok();
    prev.filter(|_| schema > i64::from(SCHEMA))
}

/// Links first, then rank, then ids: a record follows what it names in `prev`, and a run of records stays together.
pub(super) fn order(sections: &BTreeMap<RecordId, Section>, rank: impl Fn(&RecordId) -> usize) -> Vec<RecordId> {
    let mut waiting: BTreeMap<RecordId, usize> = BTreeMap::new();
    let mut children: BTreeMap<RecordId, BTreeSet<RecordId>> = BTreeMap::new();
    for (id, section) in sections {
        let known: BTreeSet<&RecordId> = section.prev.iter().filter(|prev| sections.contains_key(prev)).collect();
        waiting.insert(*id, known.len());
        for prev in known {
            children.entry(*prev).or_default().insert(*id);
        }
    }
    let ranked = |id: &RecordId| (rank(id), *id);
    let mut ready: BTreeSet<(usize, RecordId)> =
        waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| ranked(id)).collect();
    let mut ordered: Vec<RecordId> = Vec::with_capacity(sections.len());
    let none = BTreeSet::new();
    while let Some(first) = ready.first().copied() {
        let after = ordered.last().and_then(|last| children.get(last)).unwrap_or(&none);
        let follows = |id: &&RecordId| rank(id) == first.0 && ready.contains(&ranked(id));
        let next = after.iter().find(follows).map_or(first, ranked);
        ready.remove(&next);
        ordered.push(next.1);
        for child in children.get(&next.1).unwrap_or(&none) {
            if let Some(count) = waiting.get_mut(child) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(ranked(child));
                }
            }
        }
    }
    ordered
}

/// Three versions of one stretch of text become one; `Err` holds both between conflict markers.
fn merge_prose(base: Option<&str>, ours: Option<&str>, theirs: Option<&str>) -> Result<String, String> {
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (one, other) => return Ok(one.or(other).unwrap_or_default().to_owned()),
    };
    // Where it is not known what both began with, it is what both begin with.
    let base = base.unwrap_or_else(|| common_lines(ours, theirs));
    if ours == theirs || theirs == base {
        return Ok(ours.to_owned());
    }
    if ours == base {
        return Ok(theirs.to_owned());
    }
    match (ours.strip_prefix(base), theirs.strip_prefix(base)) {
        // Both added to the end of a whole line: both stay, in the order of their bytes.
        (Some(one), Some(other)) if base.is_empty() || base.ends_with('\n') => {
            let (first, second) = if one <= other { (one, other) } else { (other, one) };
            let gap = if first.ends_with('\n') { "" } else { "\n" };
            Ok(format!("{base}{first}{gap}{second}"))
        }
        _ => Err(marked(ours, theirs)),
    }
}

/// The whole lines that both texts begin with.
fn common_lines<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.split_inclusive('\n').zip(other.split_inclusive('\n')).take_while(|(one, other)| one == other);
    &one[..same.map(|(line, _)| line.len()).sum()]
}

/// Both texts, between the markers that git writes.
fn marked(ours: &str, theirs: &str) -> String {
    let line = |text: &str| if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("\n<<<<<<< ours\n{ours}{}=======\n{theirs}{}>>>>>>> theirs\n", line(ours), line(theirs))
}

#[cfg(test)]
mod tests;
