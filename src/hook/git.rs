//! `git push` in all its spellings (git-push(1)): `--force`, `-f` in a cluster of letters, `--force-with-lease`, an abbreviation of
//! either, `+` before a refspec, `--mirror`, `--prune`, and what removes a branch.

use super::act::Act;
use super::options::{Arguments, End, Known};
use super::reader::{Reader, Where};
use super::shell::{Input, Simple};
use super::word::Word;

const GLOBAL: &[&str] =
    &["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--super-prefix", "--config-env", "--exec-path"];
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
    for (name, value) in &read.options {
        let Some(place) = value.as_ref().filter(|_| matches!(name.as_str(), "-C" | "--work-tree" | "--git-dir")) else {
            continue;
        };
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
        Some(name) => alias(reader, &set, name, &rest),
        None => {
            if rest.iter().any(|word| forces(word.start())) || verb.is_open() && rest.is_empty() {
                reader.unread(format!("`{}` in `git` is known only when it runs", verb.shown()));
            }
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
            reader.simple(&Simple { words, input: Input::Inherited });
        }
        None => reader.unread(format!("the alias `{name}` is known only when it runs")),
    }
}

/// Whether a long option forces or removes.
fn forces(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or_default();
    FORCING.iter().any(|(full, least)| name.len() >= *least && full.starts_with(name))
}

fn push(reader: &mut Reader<'_>, arguments: &[Word], forced: Option<&Word>) {
    let read = Arguments::read(arguments, Known::Valued(PUSH), End::Anywhere);
    if read.has(&["-n", "--dry-run", "--help", "-h"]) {
        return;
    }
    let option = read.options.iter().map(|(name, _)| name.as_str());
    let how = option.filter(|name| forces(name) || matches!(*name, "-f" | "-d")).map(str::to_owned).next();
    let refspec = read.rest.iter().skip(1).find(|word| {
        let start = word.start();
        start.starts_with('+') || start.starts_with(':') && start.len() > 1
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
        // A refspec by a variable is what people push every day; in place of the options it may be one.
        None if read.rest.first().is_some_and(|word| word.is_open()) => {
            reader.doubting("what it is told is known only when it runs", |reader| {
                reader.does(Act::ForcePush { how: "…".into(), repository }, said);
            });
        }
        None => {}
    }
}
