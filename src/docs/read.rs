//! Reading a document: its records, every defect at once with its place, and what looks like state and is none.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;
use serde::Serialize;

use super::hidden::{self, Hidden};
use super::open::{self, Open};
use super::section::{BLOCK_INFO, OUTPUT_INFO, SIGNATURE_INFO};
use super::structure;
use super::unsigned::{self, Unsigned};
use super::utf8::readable;
use crate::model::ids::{PhaseName, RecordId};
use crate::model::record::{Output, Record};
use crate::model::role::Document;

mod record;

pub use record::check_signatures;

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

impl Defect {
    /// Whether all that is wrong is that a record's predecessor is not there.
    pub fn is_missing_link(&self) -> bool {
        self.what.ends_with(NOT_HERE)
    }
}

/// Which signatures are checked while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// Every one.
    All,
    /// Those of records that decide something wherever they stand. The others are marked as not checked and count for nothing
    /// until [`check_signatures`] has looked at them. For commands that show and do not decide.
    Deciding,
}

/// What is read, and for which document of which phase it counts.
pub struct Source<'a> {
    /// Which document it is.
    pub document: Document,
    /// The phase it belongs to.
    pub phase: &'a PhaseName,
    /// The file name for messages, relative to the repository's root.
    pub file: &'a str,
    /// Gives the bytes of an evidence file, or why they cannot be had.
    pub evidence: &'a (dyn Fn(&Output) -> Result<Vec<u8>, String> + Sync),
    /// Whether it is the remote's version.
    pub remote: bool,
    /// Which signatures are checked.
    pub signatures: Signatures,
}

/// A document that was read.
#[derive(Debug, Clone, Default)]
pub struct ReadDocument {
    /// Its valid records, in the order of the text.
    pub records: Vec<Arc<Record>>,
    /// The records that no other record of the document names in `prev`.
    pub heads: Vec<RecordId>,
    /// Everything that is wrong.
    pub defects: Vec<Defect>,
    /// What is odd and makes nothing invalid.
    pub warnings: Vec<Defect>,
    /// The block of people's text that is open at the end.
    pub open: Option<Open>,
    /// Records that are whole and that nobody reads where they stand; looked for where something is wrong.
    pub hidden: Vec<Hidden>,
    /// What looks like state and is none.
    pub unsigned: Vec<Unsigned>,
    /// The end of the last whole section with a valid record, in bytes.
    pub end_of_last_section: usize,
    /// The document's bytes.
    pub bytes: Vec<u8>,
}

const RESTORE: &str = "restore the bytes from git (git log -p on this file) or from another clone";
const PLAIN: &str = "save it as plain UTF-8 with LF line ends: countersign check --repair";
/// How a defect ends that says of a record's predecessor that it is missing.
const NOT_HERE: &str = ", which is not in the document";
/// About how long a piece of a document is that one core reads at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// A defect before its line and column are counted: where, what, remedy.
type Raw = (usize, String, &'static str);

/// Reads a document's bytes.
pub fn read(source: &Source<'_>, bytes: Vec<u8>) -> ReadDocument {
    let mut read = ReadDocument::default();
    let (text, wrong) = readable(&bytes);
    read_text(source, &text, &wrong, &mut read);
    read.bytes = bytes;
    read
}

/// Adds a section to the end of a document that is valid. Only what stands after its last record is read again: there no block
/// is open (see [`structure`]). Every byte that was there stays.
///
/// # Errors
///
/// Why the section does not read back as one valid record; the document is then as it was.
pub fn grow(source: &Source<'_>, read: &mut ReadDocument, section: &str) -> Result<(), String> {
    let start = read.end_of_last_section;
    let tail = [&read.bytes[start..], gap(&read.bytes).as_bytes(), section.as_bytes()].concat();
    let text = std::str::from_utf8(&tail).map_err(|error| error.to_string())?;
    let mut more = ReadDocument::default();
    let mut known: HashSet<RecordId> = read.records.iter().map(|record| record.id).collect();
    read_text(source, text, &[], &mut more);
    let dangling = |record: &Record| record.block.prev.iter().any(|prev| !known.contains(prev));
    let linked = more.records.iter().filter(|record| dangling(record)).count();
    // A piece of a document misses the records that came before it; whatever else is wrong with it is wrong with the whole.
    if let Some(defect) = more.defects.iter().find(|defect| !defect.is_missing_link()) {
        return Err(defect.to_string());
    }
    let [record] = more.records.as_slice() else {
        return Err(format!("{} records are read in what was added; wanted one", more.records.len()));
    };
    if linked > 0 || !known.insert(record.id) || record.range.end != tail.len() {
        return Err("the record is not linked to the document, or stands in it already".into());
    }
    let mut record = Arc::unwrap_or_clone(more.records.remove(0));
    record.range = start + record.range.start..start + record.range.end;
    let before = std::str::from_utf8(&read.bytes[..start]).map_err(|error| error.to_string())?;
    record.line += unsigned::lines(before);
    let heads = std::mem::take(&mut read.heads).into_iter().filter(|head| !record.block.prev.contains(head));
    read.heads = heads.chain([record.id]).collect();
    read.bytes.truncate(start);
    read.bytes.extend(tail);
    read.end_of_last_section = record.range.end;
    read.records.push(Arc::new(record));
    Ok(())
}

/// What goes between a document and the section after it: a blank line.
pub fn gap(before: &[u8]) -> &'static str {
    match before {
        [] | [.., b'\n', b'\n'] => "",
        [.., b'\n'] => "\n",
        _ => "\n\n",
    }
}

/// Reads a text; `wrong` are the places where bytes of the document are not UTF-8.
fn read_text(source: &Source<'_>, text: &str, wrong: &[usize], read: &mut ReadDocument) {
    let mut defects = records(source, text, wrong, read);
    let ranges: Vec<Range<usize>> = read.records.iter().map(|record| record.range.clone()).collect();
    let remedy = "keep the records of both sides and remove the marker lines: countersign check --repair";
    let marker = |at: usize| (at, "an unresolved conflict marker".to_owned(), remedy);
    defects.extend(conflict_markers(text, &ranges).into_iter().map(marker));
    read.unsigned = unsigned::find(text, &ranges);
    left_open(source, text, read, &mut defects);
    links(source, text, read, &mut defects);
    read.defects = placed(source, text, defects);
}

/// Reads the records of a text, one by one; gives what is wrong with them.
fn records(source: &Source<'_>, text: &str, wrong: &[usize], read: &mut ReadDocument) -> Vec<Raw> {
    let mut defects = plain_bytes(text);
    if let Some(at) = wrong.first() {
        defects.push((*at, format!("a byte that is not UTF-8: {} in the file", wrong.len()), PLAIN));
    }
    let mut ids = HashSet::new();
    let mut line = Lines::new(text);
    for piece in read_pieces(source, text) {
        defects.extend(piece.defects);
        for checked in piece.checked {
            match checked {
                Ok(record) if !ids.insert(record.id) => {
                    let what = format!("record {} stands here a second time", record.id.short());
                    defects.push((record.range.start, what, "remove the second copy: countersign check --repair"));
                }
                Ok(mut record) => {
                    record.line = line.at(record.range.start);
                    read.end_of_last_section = record.range.end;
                    read.records.push(Arc::new(record));
                }
                Err((at, ..)) if wrong.contains(&at) => {
                    defects.push((at, "a byte that is not UTF-8 inside a record".to_owned(), RESTORE));
                }
                Err(defect) => defects.push(defect),
            }
        }
    }
    defects
}

/// What people's text leaves open: a defect where it hides what looks like a record, else a warning. After a valid record
/// nothing is open.
fn left_open(source: &Source<'_>, text: &str, read: &mut ReadDocument, defects: &mut Vec<Raw>) {
    let start = read.end_of_last_section;
    let Some(open) = open::find(&text[start..]) else { return };
    let open = Open { at: start + open.at, ..open };
    let first = text[open.at..].lines().next().unwrap_or_default().trim_matches(['`', ' ']);
    if [BLOCK_INFO, OUTPUT_INFO, SIGNATURE_INFO].contains(&first) {
        // A torn record's own fence is no text of people's, and a defect already.
        return;
    }
    let what =
        format!("{} opened here is never closed ({} is missing); what follows it is not read", open.what, open.closing);
    let remedy = "close it, or take the line out: countersign check --repair";
    let line = unsigned::lines(&text[..open.at]) + 1;
    if read.unsigned.iter().any(|unsigned| unsigned.looks_like == unsigned::RECORD && unsigned.line > line) {
        defects.push((open.at, what, remedy));
    } else {
        read.warnings = placed(source, text, vec![(open.at, what, "close it")]);
    }
    read.open = Some(open);
}

/// Counts lines along a text, once.
struct Lines<'a> {
    text: &'a str,
    counted: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, counted: 0, line: 1 }
    }

    /// The line of a byte that is not before the one asked for last.
    fn at(&mut self, at: usize) -> usize {
        self.line += unsigned::lines(&self.text[self.counted..at.max(self.counted)]);
        self.counted = at.max(self.counted);
        self.line
    }
}

/// Defects in the order of their places, each with line and column.
fn placed(source: &Source<'_>, text: &str, mut defects: Vec<Raw>) -> Vec<Defect> {
    defects.sort_by_key(|(at, ..)| *at);
    let mut lines = Lines::new(text);
    let place = |(at, what, remedy): Raw| {
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
        let column = text[start..at].chars().count() + 1;
        Defect { file: source.file.to_owned(), line: lines.at(at), column, what, remedy: remedy.to_owned() }
    };
    defects.into_iter().map(place).collect()
}

/// What no document may have anywhere: a BOM, NUL, CR.
fn plain_bytes(text: &str) -> Vec<Raw> {
    let mut defects = Vec::new();
    for (c, name) in [("\u{feff}", "a byte order mark"), ("\0", "a NUL"), ("\r", "a carriage return")] {
        let mut all = memmem::find_iter(text.as_bytes(), c);
        if let Some(at) = all.next() {
            let what = format!("{name}: {} in the file", all.count() + 1);
            defects.push((at, what, PLAIN));
        }
    }
    defects
}

/// Where git's conflict markers stand. What a record says is its own, even a line that looks like one.
pub fn conflict_markers(text: &str, records: &[Range<usize>]) -> Vec<usize> {
    let starts_line = |at: &usize| *at == 0 || text.as_bytes()[at - 1] == b'\n';
    let outside = |at: &usize| {
        let next = records.partition_point(|range| range.end <= *at);
        records.get(next).is_none_or(|range| !range.contains(at))
    };
    let of = |marker: &'static str| memmem::find_iter(text.as_bytes(), marker).filter(starts_line).filter(outside);
    let mut found: Vec<usize> = ["<<<<<<< ", ">>>>>>> ", "||||||| "].into_iter().flat_map(of).collect();
    found.sort_unstable();
    found
}

/// What was read in one piece of a document.
struct Piece {
    checked: Vec<Result<Record, Raw>>,
    defects: Vec<Raw>,
    whole: bool,
}

/// Reads a document's pieces on all cores; signatures are what costs.
fn read_pieces(source: &Source<'_>, text: &str) -> Vec<Piece> {
    let ranges = structure::pieces(text, PIECE);
    let pieces = structure::on_all_cores(&ranges, |range| read_piece(source, text, range.clone()));
    let before_last = pieces.len() - 1;
    if pieces.iter().take(before_last).any(|piece| piece.as_ref().is_some_and(|piece| !piece.whole)) {
        return vec![read_piece(source, text, 0..text.len())];
    }
    let stopped = |range: &Range<usize>| Piece {
        checked: Vec::new(),
        defects: vec![(range.start, "the check of the records from here on stopped".to_owned(), "report this bug")],
        whole: false,
    };
    pieces.into_iter().zip(&ranges).map(|(piece, range)| piece.unwrap_or_else(|| stopped(range))).collect()
}

fn read_piece(source: &Source<'_>, text: &str, range: Range<usize>) -> Piece {
    let base = range.start;
    let part = &text[range];
    let structure = structure::by_comrak(part);
    let second = structure::by_pulldown(part);
    let mut defects = Vec::new();
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
        let remedy = "look at the text before this record: an open fence, list or HTML block";
        defects.push((base + at, what, remedy));
    }
    defects.extend(structure.torn.iter().map(|(at, what)| (base + at, (*what).to_owned(), RESTORE)));
    let shift = |(at, what, remedy): Raw| (base + at, what, remedy);
    let checked = structure.candidates.iter().map(|candidate| {
        let mut record = record::check(source, part, candidate).map_err(shift)?;
        record.range = base + candidate.range.start..base + candidate.range.end;
        Ok(record)
    });
    Piece { checked: checked.collect(), defects, whole: structure.ends_whole && second.ends_whole }
}

/// The links inside the document: every `prev` is there, if unseen (which is a defect of its own); the heads are those that
/// nothing names.
fn links(source: &Source<'_>, text: &str, read: &mut ReadDocument, defects: &mut Vec<Raw>) {
    let mut ids: HashSet<RecordId> = read.records.iter().map(|record| record.id).collect();
    let mut named = HashSet::with_capacity(ids.len());
    let gone = |id: &RecordId| !ids.contains(id);
    if !defects.is_empty() || read.open.is_some() || read.records.iter().any(|r| r.block.prev.iter().any(gone)) {
        let alone = |part: &str| {
            let mut alone = ReadDocument::default();
            records(source, part, &[], &mut alone);
            alone
        };
        let hidden = hidden::find(text, &read.records, &alone);
        read.hidden = hidden.into_iter().filter(|hidden| ids.insert(hidden.record.id)).collect();
    }
    for record in &read.records {
        for prev in &record.block.prev {
            named.insert(*prev);
            if !ids.contains(prev) {
                let what = format!("record {} comes after {}{NOT_HERE}", record.id.short(), prev.short());
                defects.push((record.range.start, what, RESTORE));
            }
        }
    }
    read.heads = read.records.iter().map(|record| record.id).filter(|id| !named.contains(id)).collect();
}
