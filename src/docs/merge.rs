//! Two versions of a document become one: the set union of their records, and people's text merged between them.
//!
//! Records are put in order by their links, then by id, so both clones come to the same bytes. The text after a record goes with
//! it. Where both sides changed the same text otherwise than by adding to its end, both stay, between conflict markers, which
//! readers refuse until a person has chosen. Nothing is ever dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf, absolute};

use super::structure::{self, Structure};
use super::write::{self, WriteError};
use crate::model::ids::RecordId;
use crate::model::record::Block;

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
#[derive(Default)]
struct Version {
    sections: BTreeMap<RecordId, Section>,
    /// The text after each record; `None` is the text before the first.
    prose: BTreeMap<Option<RecordId>, String>,
}

struct Section {
    text: String,
    prev: Vec<RecordId>,
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
    let mut merged = Merged { text: String::new(), conflicts: Vec::new() };
    for key in std::iter::once(None).chain(order(&one.sections).into_iter().map(Some)) {
        if let Some(section) = key.and_then(|id| one.sections.get(&id)) {
            merged.text.push_str(match merged.text.as_bytes() {
                [] | [.., b'\n', b'\n'] => "",
                [.., b'\n'] => "\n",
                _ => "\n\n",
            });
            merged.text.push_str(&section.text);
        }
        let [base, ours, theirs] =
            [&base.prose, &one.prose, &other.prose].map(|prose| prose.get(&key).map(String::as_str));
        match merge_prose(base, ours, theirs) {
            Ok(text) => merged.text.push_str(&text),
            Err(text) => {
                merged.text.push_str(&text);
                let place = key.map_or("before the first record".into(), |id| format!("after record {}", id.short()));
                merged.conflicts.push(format!("both sides changed the text {place}"));
            }
        }
    }
    // People's text of one side may hide records of the other: an open fence, an HTML block.
    let hides = merged.conflicts.is_empty()
        && !cut(&merged.text).is_ok_and(|whole| whole.sections.keys().eq(one.sections.keys()));
    if hides {
        return whole(vec!["the text of one side would hide records of the other: an open fence or HTML block".into()]);
    }
    merged
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
    if text.lines().any(|line| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ")) {
        return Err("it has an unresolved conflict marker".into());
    }
    let mut version = Version::default();
    let (mut key, mut end) = (None, 0);
    let keep = |prose: &str| if prose.trim().is_empty() { String::new() } else { prose.to_owned() };
    for candidate in candidates {
        let block: Block = toml::from_str(&candidate.block)
            .map_err(|error| format!("a block is no record: {}", error.message().replace('\n', " ")))?;
        version.prose.entry(key).or_default().push_str(&keep(&text[end..candidate.range.start]));
        let id = RecordId::of_block(candidate.block.as_bytes());
        end = candidate.range.end;
        let section = Section { text: text[candidate.range].to_owned(), prev: block.prev };
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

/// Links first, then ids: a record follows what it names in `prev`, and a run of records stays together.
fn order(sections: &BTreeMap<RecordId, Section>) -> Vec<RecordId> {
    let mut waiting: BTreeMap<RecordId, usize> = BTreeMap::new();
    let mut children: BTreeMap<RecordId, BTreeSet<RecordId>> = BTreeMap::new();
    for (id, section) in sections {
        let known: BTreeSet<&RecordId> = section.prev.iter().filter(|prev| sections.contains_key(prev)).collect();
        waiting.insert(*id, known.len());
        for prev in known {
            children.entry(*prev).or_default().insert(*id);
        }
    }
    let mut ready: BTreeSet<RecordId> = waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    let mut ordered: Vec<RecordId> = Vec::with_capacity(sections.len());
    let none = BTreeSet::new();
    while let Some(first) = ready.first().copied() {
        let after = ordered.last().and_then(|last| children.get(last)).unwrap_or(&none);
        let next = after.iter().find(|id| ready.contains(id)).copied().unwrap_or(first);
        ready.remove(&next);
        ordered.push(next);
        for child in children.get(&next).unwrap_or(&none) {
            if let Some(count) = waiting.get_mut(child) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*child);
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
