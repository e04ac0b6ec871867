//! Shells that are given commands: as a text, as a script, on their standard input, or to the shell that reads the line itself.

use super::carriers;
use super::options::{Arguments, End, Known};
use super::reader::{ACTING, Reader};
use super::shell::{Input, Simple};
use super::word::{Piece, Word};

/// Files that set a shell up, by how their names end: what people source day by day.
const SETUPS: &[&str] = &[
    "activate",
    "rc",
    "profile",
    ".env",
    "/env",
    "env.sh",
    "nvm.sh",
    "conda.sh",
    "set-environment",
    "/nix.sh",
    "nix-daemon.sh",
    "completion.bash",
    "/setup.bash",
    "/setup.sh",
    "-release",
    "activate.fish",
];

/// What programs are told that print how a shell is set up: `direnv hook bash`, `ssh-agent -s`.
const SETTING_UP: &[&str] =
    &["hook", "init", "env", "shellenv", "show-env", "completion", "completions", "activate", "-s", "--init"];

/// Whether these commands are one that prints how a shell is set up.
fn sets_up(commands: &str) -> bool {
    let mut words = commands.split_whitespace();
    let program = words.next().unwrap_or_default();
    let simple = !commands.contains(|c: char| "|;&$`<>\"'".contains(c));
    let others = ["curl", "wget"].contains(&program) || ACTING.contains(&program) || carriers::only_shows(program);
    simple && !others && words.any(|word| SETTING_UP.contains(&word))
}

/// Words that a shell is given as one text.
pub(super) fn joined(reader: &mut Reader<'_>, words: &[&Word]) {
    if let [only] = words {
        return reader.given(only);
    }
    let mut text = Word::default();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            text.push(Piece::Plain(" ".into()));
        }
        text.push(Piece::Plain(word.for_a_shell()));
    }
    reader.given(&text);
}

pub(super) fn shell(reader: &mut Reader<'_>, simple: &Simple) {
    let arguments = &simple.words[1..];
    let read =
        Arguments::read(arguments, Known::Valued(&["-O", "+O", "-o", "+o", "--rcfile", "--init-file"]), End::First);
    if read.only_helps() || read.has(&["--version", "-n"]) {
        return;
    }
    match (read.rest.first(), read.has(&["-c"])) {
        (Some(text), true) => reader.under(&simple.input, |reader| reader.given(text)),
        (Some(script), false) if !read.has(&["-s"]) => {
            if !reader.script(script, false) {
                reader.unread(format!("the script `{}` is not looked into", script.shown()));
            }
        }
        _ => told(reader, &simple.input),
    }
}

/// What a shell reads from its standard input.
pub(super) fn told(reader: &mut Reader<'_>, input: &Input) {
    match input {
        Input::Inherited => {}
        Input::Text(text) => reader.given(text),
        Input::Elsewhere => reader.unread("a shell reads its commands from another program or a file".into()),
    }
}

pub(super) fn evaluates(reader: &mut Reader<'_>, program: &str, arguments: &[Word]) {
    let words: Vec<&Word> = arguments.iter().filter(|word| !word.is("--")).collect();
    match (program, words.as_slice()) {
        (_, []) => {}
        ("trap", [text, ..]) => {
            if !text.start().starts_with('-') {
                reader.given(text);
            }
        }
        (_, [only]) if only.output().is_some_and(sets_up) => {}
        (_, words) => joined(reader, words),
    }
}

pub(super) fn sourced(reader: &mut Reader<'_>, arguments: &[Word]) {
    let Some(file) = arguments.first() else { return };
    let known = file.output().is_some_and(sets_up);
    if !known && !reader.script(file, false) && !SETUPS.iter().any(|end| file.shown().ends_with(end)) {
        reader.unread(format!("the script `{}` is not looked into", file.shown()));
    }
}
