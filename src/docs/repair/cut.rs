//! Cutting a damaged text into what is whole, what is people's, and what is left of a record that is none any more.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::{Section, Version};
use crate::docs::merge::newer;
use crate::docs::read::ReadDocument;
use crate::docs::structure;
use crate::model::ids::RecordId;
use crate::model::record::{Block, Output};

/// The shortest line that by itself tells that it is a record's, in bytes: a fence or a word may be anybody's.
const TELLING: usize = 12;

/// A whole section in a text.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) id: RecordId,
    pub(super) section: Section,
    /// The kind's name, as people know it.
    pub(super) kind: &'static str,
    range: Range<usize>,
    hidden: bool,
}

/// Whose a line is, as far as the versions that can be read whole tell.
#[derive(Default)]
pub(super) struct Known {
    /// The lines of every record that is whole somewhere.
    records: HashSet<String>,
    /// Those records.
    sections: HashSet<String>,
    /// People's lines in versions without a defect.
    people: HashSet<String>,
}

impl Known {
    pub(super) fn of_record(&mut self, piece: &Piece) {
        self.records.extend(piece.section.text.lines().map(str::to_owned));
        self.sections.insert(piece.section.text.clone());
    }

    pub(super) fn of_people(&mut self, text: &str, sections: &[Piece]) {
        let mut at = 0;
        let end = text.len()..text.len();
        for range in sections.iter().map(|piece| &piece.range).chain([&end]) {
            let lines = text[at..range.start].lines().filter(|line| !line.trim().is_empty());
            self.people.extend(lines.map(str::to_owned));
            at = range.end;
        }
    }

    /// Whether a text is the beginning of a record, cut off.
    fn begins(&self, torn: &str) -> bool {
        let torn = torn.trim_end();
        torn.len() > 2 && torn.starts_with("##") && self.sections.iter().any(|section| section.starts_with(torn))
    }

    /// The lines of a torn record that are people's.
    fn peoples(&self, debris: &str) -> String {
        let theirs = |line: &str| self.people.contains(line) && !self.records.contains(line);
        debris.lines().filter(|line| theirs(line)).map(|line| format!("{line}\n")).collect()
    }
}

/// A text, cut.
#[derive(Default)]
pub(super) struct Cut {
    pub(super) version: Version,
    /// The records in the order in which they stand.
    pub(super) order: Vec<RecordId>,
    pub(super) changes: Vec<String>,
}

/// Every section of a text that is whole, in order: valid records, those that people's text hides, and those of a newer schema,
/// of which this version cannot say more than that they are whole.
pub(super) fn whole_sections(text: &str, read: &ReadDocument) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let piece = |id, range: Range<usize>, prev, kind, hidden| {
        let section = Section { text: text[range.clone()].to_owned(), prev };
        Piece { id, section, kind, range, hidden }
    };
    for record in &read.records {
        let kind = record.block.body.kind().name();
        found.push(piece(record.id, record.range.clone(), record.block.prev.clone(), kind, false));
    }
    if !read.defects.is_empty() {
        for candidate in structure::by_comrak(text).candidates {
            let id = RecordId::of_block(candidate.block.as_bytes());
            if let Some(prev) = newer(&candidate.block).filter(|_| found.iter().all(|piece| piece.id != id)) {
                found.push(piece(id, candidate.range, prev, "newer record", false));
            }
        }
    }
    for hidden in &read.hidden {
        let record = &hidden.record;
        let kind = record.block.body.kind().name();
        found.push(piece(record.id, hidden.range.clone(), record.block.prev.clone(), kind, true));
    }
    found.sort_by_key(|piece| piece.range.start);
    found
}

/// The outputs in evidence files that the sections of a text name, whether or not all else is right with them.
pub fn evidence_named(text: &str) -> Vec<Output> {
    let candidates = structure::by_comrak(text).candidates;
    let blocks = candidates.iter().filter_map(|candidate| toml::from_str::<Block>(&candidate.block).ok());
    blocks.filter_map(|block| block.output.filter(|output| output.file.is_some())).collect()
}

/// Cuts a text.
pub(super) fn cut(text: &str, read: &ReadDocument, known: &Known) -> Cut {
    let mut cut = Cut::default();
    let whole = whole_sections(text, read);
    let copies: HashSet<String> = whole.iter().map(|piece| piece.section.text.trim_end().to_owned()).collect();
    let hidden: Vec<String> =
        whole.iter().filter(|piece| piece.hidden).map(|piece| format!("{} {}", piece.kind, piece.id.short())).collect();
    if !hidden.is_empty() {
        cut.changes.push(format!("brings out {}, which people's text hid", hidden.join(", ")));
    }
    // Sections that have the shape of a record and are none.
    let mut marks: BTreeMap<usize, (Range<usize>, Option<Piece>)> = BTreeMap::new();
    if !read.defects.is_empty() {
        for candidate in structure::by_comrak(text).candidates {
            let range = candidate.range;
            let overlaps = |piece: &Piece| piece.range.start < range.end && range.start < piece.range.end;
            if !whole.iter().any(overlaps) {
                marks.insert(range.start, (range, None));
            }
        }
    }
    marks.extend(whole.into_iter().map(|piece| (piece.range.start, (piece.range.clone(), Some(piece)))));
    let end = text.len()..text.len();
    let (mut key, mut at, mut torn) = (None, 0, false);
    for (range, piece) in marks.into_values().chain([(end, None)]) {
        let debris = piece.is_none() && !range.is_empty();
        let mut people = People { text, read, known, copies: &copies, torn: torn || debris, changes: Vec::new() };
        let prose = people.of(at..range.start);
        cut.changes.append(&mut people.changes);
        cut.version.prose.entry(key).or_default().push_str(if prose.trim().is_empty() { "" } else { &prose });
        if debris {
            // A second copy goes without a word: it was counted before.
            if !copies.contains(text[range.clone()].trim_end()) {
                cut.changes.push(taken_out(text, &range));
                cut.version.prose.entry(key).or_default().push_str(&known.peoples(&text[range.clone()]));
            }
        }
        torn = debris;
        at = range.end;
        if let Some(piece) = piece {
            key = Some(piece.id);
            cut.order.push(piece.id);
            cut.version.sections.insert(piece.id, piece.section);
        }
    }
    cut
}

fn taken_out(text: &str, range: &Range<usize>) -> String {
    let first = text[..range.start].matches('\n').count() + 1;
    let lines = text[range.clone()].lines().count().max(1);
    format!("takes out lines {first} to {}: no whole, valid record", first + lines - 1)
}

/// What is people's in the text between two records.
struct People<'a> {
    text: &'a str,
    read: &'a ReadDocument,
    known: &'a Known,
    copies: &'a HashSet<String>,
    /// Whether a torn record stands beside it.
    torn: bool,
    changes: Vec<String>,
}

impl People<'_> {
    fn of(&mut self, stretch: Range<usize>) -> String {
        let pieces = pieces(&self.text[stretch.clone()]);
        let mut at = stretch.start;
        let mut kept: Vec<(Range<usize>, String)> = Vec::new();
        for piece in pieces {
            let range = at..at + piece.len();
            at = range.end;
            if range.end == self.text.len() && self.known.begins(piece) {
                self.changes.push(taken_out(self.text, &range));
            } else if is_debris(piece) && self.copies.contains(piece.trim_end()) {
                self.torn = true;
            } else if is_debris(piece) && self.is_wrong(&range) {
                self.torn = true;
                self.changes.push(taken_out(self.text, &range));
                kept.push((range, self.known.peoples(piece)));
            } else {
                kept.push((range, piece.to_owned()));
            }
        }
        let torn = self.torn;
        let of = |(range, piece): (Range<usize>, String)| if torn { self.without_lines(&range, piece) } else { piece };
        kept.into_iter().map(of).collect()
    }

    /// Whether something is wrong in these lines.
    fn is_wrong(&self, range: &Range<usize>) -> bool {
        let first = self.text[..range.start].matches('\n').count() + 1;
        let last = first + self.text[range.clone()].lines().count().saturating_sub(1);
        self.read.defects.iter().any(|defect| (first..=last).contains(&defect.line))
    }

    /// A piece without the lines that are left of a record.
    fn without_lines(&mut self, range: &Range<usize>, piece: String) -> String {
        let telling =
            |line: &str| line.len() >= TELLING && !line.starts_with("```") && self.known.records.contains(line);
        if !piece.lines().any(telling) {
            return piece;
        }
        self.changes.push(taken_out(self.text, range));
        let of_people =
            |line: &&str| line.trim().is_empty() || !self.known.records.contains(line.trim_end_matches('\n'));
        piece.split_inclusive('\n').filter(of_people).collect()
    }
}

/// A text cut before each H2 heading and after each signature fence.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut at) = (Vec::new(), 0, 0);
    let mut ended = false;
    for line in text.split_inclusive('\n') {
        let after_signature = ended && !line.starts_with("```");
        if (line.starts_with("## ") || after_signature) && at > start {
            pieces.push(&text[start..at]);
            start = at;
        }
        ended = line.starts_with("-----END SSH SIGNATURE-----") || (ended && line.starts_with("```"));
        at += line.len();
    }
    pieces.push(&text[start..]);
    pieces
}

fn is_debris(piece: &str) -> bool {
    let marks = ["```toml countersign", "```sshsig", "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"];
    piece.lines().any(|line| marks.iter().any(|mark| line.contains(mark)))
}
