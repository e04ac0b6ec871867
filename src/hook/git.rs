//! `git push` in all its spellings (git-push(1)): `--force`, `-f` in a cluster of letters, `--force-with-lease`, an abbreviation of
//! either, `+` before a refspec, `--mirror`, `--prune`, and what removes a branch.

use super::act::Act;
use super::options::{Arguments, End, Known};
use super::reader::{Reader, Where};
use super::shell::{Input, Simple};
use super::word::Word;

const GLOBAL: &[&str] =
    &["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--super-prefix", "--config-env", "--attr-source"];
const PUSH: &[&str] = &["-o", "--push-option", "--repo", "--receive-pack", "--exec", "--recurse-submodules"];
/// Long options that force or remove, each with the letters that tell it from others.
const FORCING: &[(&str, usize)] =
    &[("--force", 4), ("--force-with-lease", 9), ("--mirror", 3), ("--delete", 4), ("--prune", 4)];

/// Reads a command line.
pub fn read(reader: &mut Reader<'_>, arguments: &[Word]) {
    let read = Arguments::read(arguments, Known::Valued(GLOBAL), End::First);
    let Some((verb, rest)) = read.rest.split_first() else { return };
    let rest: Vec<Word> = rest.iter().map(|word| (*word).clone()).collect();
    let before = reader.directory.clone();
    let by_variable = reader.variable("GIT_DIR");
    let by_option = |(name, _): &&(String, Option<Word>)| matches!(name.as_str(), "-C" | "--work-tree" | "--git-dir");
    let by_option = read.options.iter().filter(by_option).filter_map(|(_, value)| value.as_ref());
    for place in by_variable.iter().chain(by_option) {
        reader.directory = match (place.text(), &reader.directory) {
            (Some(place), Some(from)) => Some(from.join(place)),
            _ => None,
        };
        reader.visited.extend(reader.directory.clone());
    }
    let set = read.values(&["-c"]);
    let forced = set.iter().find(|word| {
        let text = word.shown().to_lowercase();
        text.starts_with("remote.") && (text.contains(".mirror=") || text.contains("push=+"))
    });
    match verb.text() {
        Some("push" | "send-pack") => push(reader, &rest, forced),
        Some(name @ ("submodule" | "rebase" | "bisect" | "filter-branch")) => {
            let doubt = format!("what `git {name}` runs is not known");
            reader.guess(&doubt, &rest);
            for text in rest.iter().filter(|word| word.shown().contains(' ')) {
                reader.perhaps(&doubt, |reader| reader.given(text));
            }
        }
        Some(name) => alias(reader, &set, name, &rest),
        None => match rest.iter().position(|word| word.is("push")) {
            Some(at) => reader.doubting("what `git` is told is known only when it runs", |reader| {
                push(reader, &rest[at + 1..], forced);
            }),
            None if rest.iter().any(|word| forces(word.start())) || verb.is_open() && rest.is_empty() => {
                reader.unread(format!("`{}` in `git` is known only when it runs", verb.shown()));
            }
            None => {}
        },
    }
    // A pager, an editor, a transport: git runs what its settings say.
    for value in set.iter().filter_map(|word| word.text()?.split_once('=')).map(|(_, value)| value) {
        if value.contains(' ') && !value.starts_with('!') {
            reader.perhaps("whether git runs its setting is not known", |reader| reader.text(value));
        }
    }
    reader.directory = before;
}

/// An alias that the line itself makes.
fn alias(reader: &mut Reader<'_>, set: &[Word], name: &str, rest: &[Word]) {
    let start = format!("alias.{name}=");
    let Some(meant) = set.iter().find_map(|word| word.without(&start)) else { return };
    match meant.text() {
        Some(text) if text.starts_with('!') => reader.text(&text[1..]),
        Some(text) => {
            let words = std::iter::once("git").chain(text.split_whitespace()).map(Word::plain);
            let words = words.chain(rest.iter().cloned()).collect();
            reader.simple(&Simple::of(words, Input::Inherited));
        }
        None => reader.unread(format!("the alias `{name}` is known only when it runs")),
    }
}

/// Whether a long option forces or removes.
fn forces(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or_default();
    FORCING.iter().any(|(full, least)| name.len() >= *least && full.starts_with(name))
}

/// Whether among these words options may come to light. A remote and a refspec by variables are what people push every day; where both are
/// there already, or one stands in place of both, another may be an option.
fn options_perhaps(words: &[&Word]) -> bool {
    match words {
        [first, rest @ ..] if first.is_open() => !first.is_one() || rest.len() != 1,
        [_, _, rest @ ..] => rest.iter().any(|word| word.is_open() && !word.is_one()),
        _ => false,
    }
}

fn push(reader: &mut Reader<'_>, arguments: &[Word], forced: Option<&Word>) {
    let read = Arguments::read(arguments, Known::Valued(PUSH), End::Anywhere);
    let dry = read.options.iter().rev().find(|(name, _)| matches!(name.as_str(), "-n" | "--dry-run" | "--no-dry-run"));
    if read.has(&["--help", "-h"]) || dry.is_some_and(|(name, _)| name != "--no-dry-run") {
        return;
    }
    let option = read.options.iter().map(|(name, _)| name.as_str());
    let how = option.filter(|name| forces(name) || matches!(*name, "-f" | "-d")).map(str::to_owned).next();
    let refspec = read.rest.iter().skip(1).find(|word| {
        let start = word.start();
        start.starts_with('+') || start.starts_with(':') && start.len() > 1 && !start.starts_with(":refs/tags/")
    });
    let how = how.or(refspec.map(|word| word.shown())).or(forced.map(Word::shown));
    let said = format!("git push {}", arguments.iter().map(Word::shown).collect::<Vec<_>>().join(" "));
    let repository = match reader.repository() {
        Where::In(repository) => Some(repository),
        // In no repository there is nothing to push.
        Where::Nowhere => return,
        Where::Open => None,
    };
    match how {
        Some(how) => reader.does(Act::ForcePush { how, repository }, said),
        None if !reader.doubts() && options_perhaps(&read.rest) => {
            reader.doubting("what it is told is known only when it runs", |reader| {
                reader.does(Act::ForcePush { how: "…".into(), repository }, said);
            });
        }
        None => {}
    }
}
