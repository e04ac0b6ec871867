//! Reading a document: its records, every defect at once with its place, and what looks like state and is none.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::clean::is_hidden;
use super::section;
use super::structure::{self, Candidate};
use super::unsigned::{self, Unsigned};
use crate::model::digest::Digest;
use crate::model::ids::{PhaseName, RecordId};
use crate::model::record::{Block, Output, Record, SCHEMA};
use crate::model::role::Document;
use crate::sign;

/// Something that makes a document invalid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defect {
    /// The file, relative to the repository's root.
    pub file: String,
    /// Line, 1 for the first.
    pub line: usize,
    /// Column in characters, 1 for the first.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}; {}", self.file, self.line, self.column, self.what, self.remedy)
    }
}

/// What is read, and for which document of which phase it counts.
pub struct Source<'a> {
    /// Which document it is.
    pub document: Document,
    /// The phase it belongs to.
    pub phase: &'a PhaseName,
    /// The file name for messages, relative to the repository's root.
    pub file: &'a str,
    /// Its exact bytes.
    pub bytes: &'a [u8],
    /// Gives the bytes of an evidence file, or why they cannot be had.
    pub evidence: &'a (dyn Fn(&Output) -> Result<Vec<u8>, String> + Sync),
    /// Whether it is the remote's version.
    pub remote: bool,
}

/// A document that was read.
#[derive(Debug, Clone, Default)]
pub struct ReadDocument {
    /// Its valid records, in the order of the text.
    pub records: Vec<Record>,
    /// The records that no other record of the document names in `prev`.
    pub heads: Vec<RecordId>,
    /// Everything that is wrong.
    pub defects: Vec<Defect>,
    /// What looks like state and is none.
    pub unsigned: Vec<Unsigned>,
    /// The end of the last whole section with a valid record, in bytes.
    pub end_of_last_section: usize,
    /// The document's bytes.
    pub bytes: Vec<u8>,
}

const RESTORE: &str = "restore the bytes from git (git log -p on this file) or from another clone";

/// Reads a document.
pub fn read(source: &Source<'_>) -> ReadDocument {
    let mut read = ReadDocument { bytes: source.bytes.to_vec(), ..ReadDocument::default() };
    let text = match std::str::from_utf8(source.bytes) {
        Ok(text) => text,
        Err(error) => {
            let whole = String::from_utf8_lossy(&source.bytes[..error.valid_up_to()]).into_owned();
            let what = format!("byte {} is not UTF-8", error.valid_up_to());
            read.defects.push(defect(source, &whole, whole.len(), what, RESTORE));
            return read;
        }
    };
    plain_bytes(source, text, &mut read.defects);
    let structure = structure::by_comrak(text);
    let second = structure::by_pulldown(text);
    if structure.candidates != second.candidates {
        let differs = structure.candidates.iter().zip(&second.candidates).find(|(one, other)| one != other);
        let at = differs.map_or_else(
            || {
                let longer = if structure.candidates.len() > second.candidates.len() { &structure } else { &second };
                let shorter = structure.candidates.len().min(second.candidates.len());
                longer.candidates.get(shorter).map_or(0, |candidate| candidate.range.start)
            },
            |(one, _)| one.range.start,
        );
        let what = "two Markdown readers do not agree on the records from here on".to_owned();
        read.defects.push(defect(
            source,
            text,
            at,
            what,
            "look at the text before this record: an open fence, list or HTML block",
        ));
    }
    for (at, what) in &structure.torn {
        read.defects.push(defect(source, text, *at, (*what).to_owned(), RESTORE));
    }
    let checked = check_all(source, text, &structure.candidates);
    let mut ids = HashSet::new();
    let mut ranges = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for (candidate, outcome) in structure.candidates.iter().zip(checked) {
        line += text[counted..candidate.range.start].matches('\n').count();
        counted = candidate.range.start;
        match outcome {
            Ok(record) if !ids.insert(record.id) => {
                let what = format!("record {} stands here a second time", record.id.short());
                let remedy = "remove the second copy, byte for byte (countersign check --repair)";
                read.defects.push(defect(source, text, candidate.range.start, what, remedy));
            }
            Ok(mut record) => {
                record.line = line;
                read.end_of_last_section = candidate.range.end;
                ranges.push(candidate.range.clone());
                read.records.push(record);
            }
            Err((at, what)) => read.defects.push(defect(source, text, at, what, RESTORE)),
        }
    }
    links(source, text, &ranges, &mut read);
    read.unsigned = unsigned::find(text, &ranges);
    read.defects.sort_by_key(|defect| (defect.line, defect.column));
    read
}

fn defect(source: &Source<'_>, text: &str, at: usize, what: String, remedy: &str) -> Defect {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Defect {
        file: source.file.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
        what,
        remedy: remedy.to_owned(),
    }
}

/// What no document may have anywhere: a BOM, NUL, CR, unresolved conflicts.
fn plain_bytes(source: &Source<'_>, text: &str, defects: &mut Vec<Defect>) {
    for (c, name) in [('\u{feff}', "a byte order mark"), ('\0', "a NUL"), ('\r', "a carriage return")] {
        if let Some(at) = text.find(c) {
            let what = format!("{name}: {} in the file", text.matches(c).count());
            defects.push(defect(source, text, at, what, "save it as plain UTF-8 with LF line ends"));
        }
    }
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") || line.starts_with("||||||| ") {
            let what = "an unresolved conflict marker".to_owned();
            defects.push(defect(source, text, at, what, "keep the records of both sides and remove the marker lines"));
        }
        at += line.len();
    }
}

/// Checks every candidate, on all cores: signatures are what costs.
fn check_all(source: &Source<'_>, text: &str, candidates: &[Candidate]) -> Vec<Result<Record, (usize, String)>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if candidates.len() < 8 || cores == 1 {
        return candidates.iter().map(|candidate| check(source, text, candidate)).collect();
    }
    let share = candidates.len().div_ceil(cores);
    std::thread::scope(|scope| {
        let workers: Vec<_> = candidates
            .chunks(share)
            .map(|chunk| {
                scope.spawn(move || chunk.iter().map(|candidate| check(source, text, candidate)).collect::<Vec<_>>())
            })
            .collect();
        let failed = || {
            candidates
                .iter()
                .take(1)
                .map(|c| Err((c.range.start, "the check of this record stopped".to_owned())))
                .collect()
        };
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|_| failed())).collect()
    })
}

fn check(source: &Source<'_>, text: &str, candidate: &Candidate) -> Result<Record, (usize, String)> {
    let start = candidate.range.start;
    let at = |what: String| (start, what);
    let section = &text[candidate.range.clone()];
    if let Some((offset, c)) = section.char_indices().find(|(_, c)| is_hidden(*c)) {
        return Err((start + offset, format!("a hidden character U+{:04X} inside a record", u32::from(c))));
    }
    let foreign = |schema: i64| {
        at(format!(
            "the record has schema {schema}; this countersign reads {SCHEMA}: a newer one wrote a higher one and reads it"
        ))
    };
    let block: Block = toml::from_str(&candidate.block).map_err(|error| {
        // A newer format has keys that are unknown here: its number says more than they do.
        let table = toml::from_str::<toml::Table>(&candidate.block).ok();
        let schema = table.and_then(|table| table.get("schema")?.as_integer());
        schema
            .filter(|schema| *schema > i64::from(SCHEMA))
            .map_or_else(|| at(format!("the block is not a record: {}", error.message().replace('\n', " "))), foreign)
    })?;
    if block.schema != SCHEMA {
        return Err(foreign(i64::from(block.schema)));
    }
    if block.record != block.body.kind() {
        return Err(at(format!("the block says `{}` and holds a {}", block.record.name(), block.body.kind().name())));
    }
    if block.phase != *source.phase {
        return Err(at(format!(
            "the record belongs to phase {}; this document is phase {}'s",
            block.phase, source.phase
        )));
    }
    if block.document != source.document || !block.record.documents().contains(&source.document) {
        return Err(at(format!(
            "the {} record belongs into {}, not into {}",
            block.record.name(),
            block.document,
            source.document
        )));
    }
    let signer = sign::verify(&candidate.armor, candidate.block.as_bytes()).map_err(|error| at(error.to_string()))?;
    let output = output(source, &block, candidate).map_err(at)?;
    let again = section::render(&block, &candidate.block, candidate.output.as_deref(), &candidate.armor);
    if again != section {
        let same = again.bytes().zip(section.bytes()).take_while(|(one, other)| one == other).count();
        let same = (0..=same).rev().find(|at| section.is_char_boundary(*at)).unwrap_or(0);
        return Err((start + same, "the text here is not what the record's signed block renders to".into()));
    }
    Ok(Record {
        id: RecordId::of_block(candidate.block.as_bytes()),
        block,
        signer,
        // Filled in by the caller, in one pass over the text.
        line: 0,
        output,
        remote_only: source.remote,
    })
}

/// The raw output that a record binds: in the document or in its evidence file, exactly one of them, with this digest.
fn output(source: &Source<'_>, block: &Block, candidate: &Candidate) -> Result<Option<String>, String> {
    match (&block.output, &candidate.output) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err("an output stands here that the record does not bind".into()),
        (Some(output), Some(text)) if output.file.is_none() => {
            let right = Digest::of(text.as_bytes()) == output.sha256 && text.len() as u64 == output.bytes;
            if right {
                Ok(Some(text.clone()))
            } else {
                Err("the output was changed: its digest is not the signed one".into())
            }
        }
        (Some(_), Some(_)) => Err("the output stands here and in a file".into()),
        (Some(output), None) if output.file.is_some() => {
            let bytes = (source.evidence)(output)?;
            if Digest::of(&bytes) != output.sha256 || bytes.len() as u64 != output.bytes {
                return Err(format!("the evidence file {}… was changed", output.sha256.short()));
            }
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        (Some(_), None) => Err("the output that the record binds is not here".into()),
    }
}

/// The links inside the document: every `prev` is there; the heads are those that nothing names.
fn links(source: &Source<'_>, text: &str, ranges: &[Range<usize>], read: &mut ReadDocument) {
    let ids: HashMap<RecordId, usize> = read.records.iter().enumerate().map(|(at, record)| (record.id, at)).collect();
    let mut named = BTreeSet::new();
    for (record, range) in read.records.iter().zip(ranges) {
        for prev in &record.block.prev {
            named.insert(*prev);
            if !ids.contains_key(prev) {
                let what =
                    format!("record {} comes after {}, which is not in the document", record.id.short(), prev.short());
                read.defects.push(defect(source, text, range.start, what, RESTORE));
            }
        }
    }
    read.heads = read.records.iter().map(|record| record.id).filter(|id| !named.contains(id)).collect();
}
