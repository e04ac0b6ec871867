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
    /// The word it uses: CLAIMED, PASS, FAIL, DONE or VETO.
    pub looks_like: &'static str,
}

static LIKE_STATE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^(?:##\s+|[-*]\s+\*\*|\*\*).*?\b(CLAIMED|PASS|FAIL|DONE|VETO|BREAK-GLASS)\b";
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a fixed pattern: {error}"))
});

/// Finds them. `records` are the byte ranges of whole sections with a valid record.
pub fn find(text: &str, records: &[Range<usize>]) -> Vec<Unsigned> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut records = records.iter().peekable();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let start = at;
        at += line.len();
        while records.peek().is_some_and(|range| range.end <= start) {
            records.next();
        }
        if records.peek().is_some_and(|range| range.contains(&start)) {
            continue;
        }
        let word = LIKE_STATE.captures(line).and_then(|captures| captures.get(1));
        let words = ["CLAIMED", "PASS", "FAIL", "DONE", "VETO", "BREAK-GLASS"];
        if let Some(looks_like) = word.and_then(|word| words.into_iter().find(|known| *known == word.as_str())) {
            let text = super::clean::one_line(line).chars().take(120).collect();
            found.push(Unsigned { line: number + 1, text, looks_like });
        }
    }
    found
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
