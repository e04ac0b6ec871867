//! What looks like state and is none: headings and lines in the operators' own style, without a valid record.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

/// A line that looks like state, outside every record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsigned {
    /// Line, 1 for the first.
    pub line: usize,
    /// The line's text, cut to 120 characters.
    pub text: String,
    /// The word it uses: CLAIMED, PASS, FAIL, DONE or VETO; RECORD for a record's block that is not read as one.
    pub looks_like: &'static str,
}

static LIKE_STATE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^(?:##\s+|[-*]\s+\*\*|\*\*).*?\b(CLAIMED|PASS|FAIL|DONE|VETO|BREAK-GLASS)\b";
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a fixed pattern: {error}"))
});

/// What a record's block looks like that is in no record.
pub(super) const RECORD: &str = "RECORD";
const WORDS: [&str; 6] = ["CLAIMED", "PASS", "FAIL", "DONE", "VETO", "BREAK-GLASS"];

/// Finds them. `records` are the byte ranges of whole sections with a valid record, in order.
pub fn find(text: &str, records: &[Range<usize>]) -> Vec<Unsigned> {
    let mut found = Vec::new();
    let (mut at, mut number) = (0, 1);
    let end = text.len()..text.len();
    for record in records.iter().chain([&end]) {
        for line in text[at..record.start].split_inclusive('\n') {
            if let Some(looks_like) = looks_like(line) {
                let text = super::clean::one_line(line).chars().take(120).collect();
                found.push(Unsigned { line: number, text, looks_like });
            }
            number += 1;
        }
        number += lines(&text[record.clone()]);
        at = record.end;
    }
    found
}

/// How many line ends a text has.
pub(super) fn lines(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count()
}

fn looks_like(line: &str) -> Option<&'static str> {
    // A block that is in no record: in a fence, a quote, a list, an HTML block, or under an open one.
    if line.trim_start_matches(['>', ' ', '-']).starts_with(super::section::BLOCK_FENCE) {
        return Some(RECORD);
    }
    // Nothing else can match; the expression is for the few lines that are left.
    if !line.starts_with(['#', '-', '*']) {
        return None;
    }
    let word = LIKE_STATE.captures(line)?.get(1)?.as_str();
    WORDS.into_iter().find(|known| *known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_the_wild_are_recognised() {
        let wild = [
            "## Gate: M1 — CLAIMED @2026-06-17T00:40Z (HEAD e1b32ea)",
            "- **Gate: M1 CLAIMED, awaiting Adversary.**",
            "## Gate: M1 — PASS @2026-06-13T13:00Z (Adversary cold-verified)",
            "## M1 — Implementation complete (pre-merge): **PASS** @ 2026-06-11T07:54Z",
            "## Q2 — FAIL @2026-05-28 (…)",
            "## DONE — 2026-05-27",
            "## VETO not like this",
        ];
        for line in wild {
            assert_eq!(find(line, &[]).len(), 1, "{line}");
        }
        for line in ["## What is done", "Gate: (none yet)", "# DONE", "a PASS in prose"] {
            assert!(find(line, &[]).is_empty(), "{line}");
        }
    }
}
