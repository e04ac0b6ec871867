//! Reading a contract: strict, and every defect at once with its place.

mod gates;
mod params;
mod protect;
mod steps;
mod table;
mod top;

use std::fmt;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use self::table::Reader;
use super::Contract;
use crate::model::characters::is_hidden;
use crate::model::digest::Digest;

/// One thing that is wrong with a contract's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Line, 1 for the first.
    pub line: usize,
    /// Column in characters, 1 for the first.
    pub column: usize,
    /// Byte range in the text.
    pub span: Range<usize>,
    /// What was found.
    pub what: String,
    /// What would be right.
    pub wanted: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; wanted {}", self.line, self.column, self.what, self.wanted)
    }
}

/// Reads a contract.
///
/// `repository` is the root of the work tree it stands in: no argv of a probe may name a file there, since the Adversary
/// must not run the Builder's code with its key in reach. `None` leaves that check out (a template, another repository's).
///
/// # Errors
///
/// Every defect of the text, in order of place; never an empty list.
pub fn parse(text: &str, repository: Option<&Path>) -> Result<Contract, Vec<Defect>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut found = Defects::default();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        found.add(span, format!("this is not TOML: {}", error.message()), "TOML 1.1, see https://toml.io");
    }
    hidden(text, &mut found);
    if !found.0.is_empty() {
        return Err(found.placed(text));
    }
    let span = table.span();
    let mut reader = Reader::new(table.get_ref(), span, "the contract");
    let contract = top::read(&mut reader, Digest::of(text.as_bytes()), repository, &mut found);
    reader.finish(&mut found);
    match contract {
        Some(contract) if found.0.is_empty() => Ok(contract),
        _ => {
            if found.0.is_empty() {
                found.add(0..0, "the contract could not be read".into(), "a complete contract");
            }
            Err(found.placed(text))
        }
    }
}

/// How many hidden characters of a text are each named by their place.
const NAMED: usize = 10;

/// Reports every character that people do not see, or see elsewhere than it stands: both sign what they read.
fn hidden(text: &str, found: &mut Defects) {
    let places: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| is_hidden(*c)).collect();
    for (at, c) in places.iter().take(NAMED) {
        let more = if places.len() > NAMED { format!(" (the first of {})", places.len()) } else { String::new() };
        let what = format!("a hidden character U+{:04X}{more}", u32::from(*c));
        found.add(
            *at..at + c.len_utf8(),
            what,
            "text that is what it looks like, in lines that end with a newline alone",
        );
    }
}

/// Defects by byte range, before their lines are known.
#[derive(Default)]
struct Defects(Vec<(Range<usize>, String, String)>);

impl Defects {
    fn add(&mut self, span: Range<usize>, what: String, wanted: impl Into<String>) {
        self.0.push((span, what, wanted.into()));
    }

    fn placed(mut self, text: &str) -> Vec<Defect> {
        self.0.sort_by_key(|(span, ..)| span.start);
        let place = |(span, what, wanted): (Range<usize>, String, String)| {
            let before = text.get(..span.start).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            let line = before.matches('\n').count() + 1;
            let column = before[line_start..].chars().count() + 1;
            Defect { line, column, span, what, wanted }
        };
        self.0.into_iter().map(place).collect()
    }
}

#[cfg(test)]
mod tests;
