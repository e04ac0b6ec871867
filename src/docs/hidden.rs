//! Records that are whole and stand where no reader sees them: under an open fence or comment of people's text. They count for
//! nothing there; but what is appended links to them, and a repair brings them out.

use std::ops::Range;
use std::sync::Arc;

use super::read::ReadDocument;
use super::structure::CUT;
use crate::model::record::Record;

/// How many ends of signatures are tried for one heading: raw output of a record may hold some.
const ENDS: usize = 8;

/// A section that reads as one valid record when it stands alone.
#[derive(Debug, Clone)]
pub struct Hidden {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// The record.
    pub record: Arc<Record>,
}

/// The sections outside these records of a text that are whole and valid, in order. `read` reads a text as the document.
pub fn find(text: &str, records: &[Arc<Record>], read: &dyn Fn(&str) -> ReadDocument) -> Vec<Hidden> {
    let mut found = Vec::new();
    let end = text.len()..text.len();
    let mut from = 0;
    for record in records.iter().map(|record| &record.range).chain([&end]) {
        within(text, from..record.start, read, &mut found);
        from = record.end;
    }
    found
}

fn within(text: &str, stretch: Range<usize>, read: &dyn Fn(&str) -> ReadDocument, found: &mut Vec<Hidden>) {
    let mut at = stretch.start;
    while let Some(start) = heading(text, at..stretch.end) {
        let mut end = start;
        let mut whole = None;
        for _ in 0..ENDS {
            let Some(cut) = text[end..stretch.end].find(CUT) else { break };
            let fence = end + cut + CUT.len();
            end = text[fence..stretch.end].find('\n').map_or(stretch.end, |line| fence + line + 1);
            let alone = read(&text[start..end]);
            if let [record] = alone.records.as_slice()
                && record.range == (0..end - start)
            {
                whole = Some(Hidden { range: start..end, record: record.clone() });
                break;
            }
        }
        if end == start {
            // No signature ends from here on.
            return;
        }
        at = whole.as_ref().map_or(start + 1, |hidden| hidden.range.end);
        found.extend(whole);
    }
}

/// The next line of a stretch that begins as a section's heading does.
fn heading(text: &str, stretch: Range<usize>) -> Option<usize> {
    let starts_line = |at: &usize| *at == 0 || text.as_bytes()[at - 1] == b'\n';
    let places = text[stretch.clone()].match_indices("## ").map(|(at, _)| stretch.start + at);
    places.into_iter().find(starts_line)
}
