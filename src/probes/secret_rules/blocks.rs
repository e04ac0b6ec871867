//! Secrets that stand on the lines below their name.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// The key of a YAML block value that is a secret: `password: |`, also in a list and in a patch.
pub(super) static BLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let names = "password|passwd|passphrase|passwort|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|secret[_-]?key|credentials?";
    Regex::new(&format!(r#"(?i)^[+-]?(?:\s|-\s)*(?<k>["']?[\w.-]*(?:{names})["']?)\s*:\s*[|>][0-9+-]*\s*(?:#.*)?$"#))
        .ok()
});

/// The block values of secrets: the lines below such a key that are indented deeper than it.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let starts: Vec<usize> = lines
        .iter()
        .scan(0, |at, line| {
            *at += line.len();
            Some(*at - line.len())
        })
        .collect();
    let block = move |at: usize| {
        let header = lines[at];
        let key = BLOCK.as_ref()?.captures(header.trim_end())?.name("k")?.start();
        let patch = header.chars().next().filter(|first| matches!(first, '+' | '-'));
        let mut range: Option<Range<usize>> = None;
        for below in at + 1..lines.len() {
            let line = lines[below].trim_end();
            let bare = match patch.and_then(|sign| line.strip_prefix(sign)) {
                Some(rest) => rest,
                None => line,
            };
            let inner = bare.trim_start();
            if inner.is_empty() {
                continue;
            }
            let column = line.len() - inner.len();
            if column <= key || inner.starts_with("[redacted: ") {
                break;
            }
            let start = range.map_or(starts[below] + column, |range| range.start);
            range = Some(start..starts[below] + line.len());
        }
        range
    };
    let all = text.split_inclusive('\n').count();
    (0..all).filter_map(block)
}
