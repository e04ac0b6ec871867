//! Code of another language that an interpreter is given in the line: what stands in its quotes may be run.

use super::act::Act;
use super::carriers;
use super::reader::{ACTING, Reader};
use super::shell::{Input, Simple};
use super::word::{Piece, Word};

/// The letters of options before code, by the interpreter's name without its version.
const INTERPRETERS: &[(&str, &str)] = &[
    ("python", "c"),
    ("perl", "eE"),
    ("ruby", "e"),
    ("node", "ep"),
    ("deno", ""),
    ("bun", "e"),
    ("php", "r"),
    ("lua", "e"),
];
/// Longer ones.
const LONG: &[&str] = &["--eval", "--print", "eval"];

fn letters(program: &str) -> Option<&'static str> {
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.iter().find(|(known, _)| *known == name).map(|(_, letters)| *letters)
}

/// Whether a program is an interpreter.
pub fn is_one(program: &str) -> bool {
    letters(program).is_some()
}

/// Reads what an interpreter is given; says whether this was one.
pub fn read(reader: &mut Reader<'_>, program: &str, simple: &Simple) -> bool {
    let arguments = &simple.words[1..];
    if program.ends_with("awk") {
        for word in arguments {
            // Without a call or a pipe it runs nothing.
            if let Some(text) = word.text().filter(|text| text.contains("system(") || text.contains('|')) {
                quoted(reader, program, text);
            }
        }
        return true;
    }
    if program == "sed" {
        // GNU sed's command `e` runs what stands behind it.
        for text in arguments.iter().filter_map(Word::text) {
            let runs = |at: usize| text[..at].chars().last().is_none_or(|before| "0123456789$;{".contains(before));
            for (at, _) in text.match_indices("e ").filter(|(at, _)| runs(*at)) {
                reader.perhaps("what `sed` runs is not known", |reader| reader.text(&text[at + 2..]));
            }
        }
        return true;
    }
    let Some(letters) = letters(program) else { return false };
    for (at, word) in arguments.iter().enumerate() {
        let text = word.shown();
        let cluster = text.strip_prefix('-').filter(|text| !text.starts_with('-'));
        let behind = cluster.and_then(|text| text.split_once(|c| letters.contains(c))).map(|(_, behind)| behind);
        let long = LONG.iter().find_map(|option| text.strip_prefix(option)).map(|value| value.trim_start_matches('='));
        match behind.or(long) {
            Some("") => arguments.get(at + 1).into_iter().for_each(|code| quoted(reader, program, &code.shown())),
            Some(code) => quoted(reader, program, code),
            None => {}
        }
    }
    // A file that the same line writes.
    let file = arguments.iter().find(|word| !word.start().starts_with('-'));
    if let Some(text) = file.and_then(|file| reader.text_by_line(file)) {
        quoted(reader, program, &text);
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
    for text in texts(code) {
        let Some(text) = text else {
            words.push(Word::open());
            continue;
        };
        if text.contains(char::is_whitespace) {
            reader.perhaps(&doubt, |reader| reader.text(text));
        }
        words.extend(text.split_whitespace().map(filled));
    }
    let known = |word: &Word| word.program().is_some_and(|name| ACTING.contains(&name) || carriers::is_one(name));
    for at in (0..words.len()).filter(|at| known(&words[*at])) {
        let words = words[at..].to_vec();
        reader.perhaps(&doubt, |reader| reader.simple(&Simple::of(words, Input::Inherited)));
    }
    reader.does(Act::Code { program: program.to_owned(), code: code.to_owned() }, program);
}

/// The texts in quotes, and nothing for what stands between them. A quote ends in its own line, so that an apostrophe in a comment begins
/// nothing; one of three signs does not have to.
fn texts(code: &str) -> Vec<Option<&str>> {
    let mut found = Vec::new();
    let (mut at, mut between) = (0, false);
    while let Some(sign) = code[at..].chars().next() {
        let rest = &code[at..];
        let inner = match sign {
            '"' | '\'' if rest.starts_with("\"\"\"") || rest.starts_with("'''") => {
                rest[3..].find(&rest[..3]).map(|length| (3, length, 3))
            }
            '"' | '\'' | '`' => until(&rest[1..], sign).map(|length| (1, length, 1)),
            'q' | '%' => bracketed(rest),
            _ => None,
        };
        match inner {
            Some((before, length, after)) => {
                if std::mem::take(&mut between) {
                    found.push(None);
                }
                found.push(Some(&rest[before..before + length]));
                at += before + length + after;
            }
            None => {
                between |= sign.is_ascii_alphanumeric();
                at += sign.len_utf8();
            }
        }
    }
    if between {
        found.push(None);
    }
    found
}

/// Where a quote ends in its line, and not behind a backslash.
fn until(text: &str, sign: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == sign => return Some(at),
            _ => {}
        }
    }
    None
}

/// `qx(…)`, `qw{…}`, `%x[…]`: how long its beginning is, its text, and its end.
fn bracketed(text: &str) -> Option<(usize, usize, usize)> {
    let mut signs = text.chars();
    let (_, kind, open) = (signs.next()?, signs.next()?, signs.next()?);
    let close = match open {
        '(' => ')',
        '{' => '}',
        '[' => ']',
        '/' | '|' | '!' => open,
        _ => return None,
    };
    let is_one = matches!(kind, 'x' | 'w' | 'q' | 'W' | 'Q');
    is_one.then(|| text[3..].find(close)).flatten().map(|length| (3, length, close.len_utf8()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_told_from_apostrophes() {
        for (code, wanted) in [
            ("# don't\nf(\"a b\")", &[None, Some("a b")][..]),
            ("f('a', x, \"b\")", &[None, Some("a"), None, Some("b")]),
            ("'''a\nb''' + `c`", &[Some("a\nb"), Some("c")]),
            ("qx(a b); %w[c]", &[Some("a b"), Some("c")]),
            (r"'it\'s'", &[Some(r"it\'s")]),
            ("'a", &[None]),
        ] {
            assert_eq!(texts(code), wanted, "{code}");
        }
    }
}
