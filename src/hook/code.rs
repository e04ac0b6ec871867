//! Code of another language that an interpreter is given in the line: what stands in its quotes may be run.

use super::carriers;
use super::reader::{ACTING, Reader};
use super::shell::{Input, Simple};
use super::word::{Piece, Word};

/// Options before code, by the interpreter's name without its version.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("perl", &["-e", "-E"]),
    ("ruby", &["-e"]),
    ("node", &["-e", "-p", "--eval", "--print"]),
    ("deno", &["eval"]),
    ("bun", &["-e"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
];

/// Reads what an interpreter is given; says whether this was one.
pub fn read(reader: &mut Reader<'_>, program: &str, simple: &Simple) -> bool {
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let arguments = &simple.words[1..];
    if name.ends_with("awk") {
        for word in arguments {
            // Without a call or a pipe it runs nothing.
            if let Some(text) = word.text().filter(|text| text.contains("system(") || text.contains('|')) {
                quoted(reader, program, text);
            }
        }
        return true;
    }
    let Some((_, options)) = INTERPRETERS.iter().find(|(known, _)| *known == name) else { return false };
    for (at, word) in arguments.iter().enumerate() {
        if options.iter().any(|option| word.is(option))
            && let Some(text) = arguments.get(at + 1)
        {
            quoted(reader, program, &text.shown());
        }
    }
    if let Input::Text(text) = &simple.input {
        quoted(reader, program, &text.shown());
    }
    true
}

/// Reads the texts in quotes: each as a command line, and all of them as the words of one.
fn quoted(reader: &mut Reader<'_>, program: &str, code: &str) {
    let doubt = format!("what `{program}` does with it is not known");
    let mut words = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(['"', '\'']) {
        if rest[..at].contains(|c: char| c.is_ascii_alphanumeric()) {
            words.push(Word::open());
        }
        let quote = if rest[at..].starts_with('"') { '"' } else { '\'' };
        let inner = &rest[at + 1..];
        let end = inner.find(quote).unwrap_or(inner.len());
        let text = &inner[..end];
        if text.contains(char::is_whitespace) {
            reader.perhaps(&doubt, |reader| reader.text(text));
        }
        words.extend(text.split_whitespace().map(filled));
        rest = inner.get(end + 1..).unwrap_or_default();
    }
    if rest.contains(|c: char| c.is_ascii_alphanumeric()) {
        words.push(Word::open());
    }
    let known = |word: &Word| word.program().is_some_and(|name| ACTING.contains(&name) || carriers::is_one(name));
    for at in (0..words.len()).filter(|at| known(&words[*at])) {
        let words = words[at..].to_vec();
        reader.perhaps(&doubt, |reader| reader.simple(&Simple { words, input: Input::Inherited }));
    }
}

/// A word in which something is filled in is open there.
fn filled(text: &str) -> Word {
    let mut word = Word::default();
    for (at, part) in text.split(['{', '}', '%', '$', '#']).enumerate() {
        if at > 0 {
            word.push(Piece::Open);
        }
        if !part.is_empty() {
            word.push(Piece::Plain(part.to_owned()));
        }
    }
    word
}
