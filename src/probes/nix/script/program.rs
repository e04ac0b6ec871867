//! Which program a simple command runs, past what only runs another one.

use super::bare;

/// The place among a command's words of the program that it runs. `None` where none can be told, or where what stands before it does
/// not run it: `command -v` only looks for it.
pub(super) fn program(words: &[String]) -> Option<usize> {
    let mut at = 0;
    let is = |at: usize, what: fn(&str) -> bool| words.get(at).is_some_and(|word| what(&bare(word)));
    loop {
        let word = bare(words.get(at)?);
        at += 1;
        match base(&word) {
            "nohup" | "exec" => {}
            "sudo" => {
                while is(at, |word| matches!(word, "-n" | "-E" | "-H")) {
                    at += 1;
                }
            }
            "env" => {
                while is(at, |word| word.split_once('=').is_some_and(|(name, _)| is_name(name))) {
                    at += 1;
                }
            }
            "command" => at += usize::from(is(at, |word| word == "-p")),
            "timeout" if is(at, is_time) => at += 1,
            "timeout" => return None,
            name => return (!name.starts_with('-') && !word.contains(char::is_whitespace)).then_some(at - 1),
        }
    }
}

/// A program's name without its path.
pub(super) fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_time(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.trim_end_matches(['s', 'm', 'h', 'd']).chars().all(|c| c.is_ascii_digit() || c == '.')
}
