//! What of a shell's script stands at its top level, where nothing holds it back, by a parser of bash's grammar. Pure.
//!
//! A command stands there if it is in no compound command, function or here-document, not behind `&&`, and not behind something
//! that may end the script. Behind `||` it may stand, and that is told. What the commands before it do is not known: a script also
//! ends where one of them fails and `set -e` is on.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::thread;

use brush_parser::ast::{AndOr, AndOrList, Command, CommandPrefixOrSuffixItem as Item, Pipeline, SimpleCommand};
use brush_parser::{Parser, ParserOptions};
use regex::Regex;

/// The longest script that is read, in bytes.
const LONGEST: usize = 64 << 10;
/// The parser goes as deep as brackets stand in one another.
const STACK: usize = 256 << 20;
/// The most brackets that stand open.
const DEEPEST: usize = 1000;
/// What an interpolation is to the parser: a part of a word that no shell expands.
const INTERPOLATED: &str = "\u{e000}";

/// A simple command at the top level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopLevel {
    /// Its words as they are written, with one space between them.
    pub text: String,
    /// It runs only where what stands before its `||` fails.
    pub behind_or: bool,
}

/// Commands that do nothing with what they are given but say it, keep it or compare it.
const INERT: &[&str] = &[
    ":", "true", "echo", "printf", "test", "[", "export", "declare", "typeset", "local", "readonly", "alias", "trap",
    "cat", "unset", "read", "set", "shopt", "let", "logger", "which", "type", "hash", "sleep", "cd",
];

/// Commands after which nothing is certain to be run: they end the script, or run a text that may.
const ENDS: &[&str] = &["exit", "exec", "return", "false", "kill", "eval", "source", ".", "logout", "suspend"];

/// The commands at the top level of a script, up to the first that may end it.
///
/// # Errors
///
/// It is no shell's script, or too long or too deep to be read.
pub fn top_level(script: &str) -> Result<Vec<TopLevel>, String> {
    let opened = script.chars().filter(|c| "({`".contains(*c)).count();
    let begun =
        script.split_whitespace().filter(|word| matches!(*word, "if" | "while" | "until" | "for" | "case")).count();
    if script.len() > LONGEST || opened + begun > DEEPEST {
        return Err("it is too long to be read as a shell's".to_owned());
    }
    let text = script.replace("${}", INTERPOLATED);
    let read = move || {
        let options = ParserOptions::default();
        let program = Parser::new(Cursor::new(&text), &options).parse_program().map_err(|error| error.to_string())?;
        let mut walk = Walk::default();
        for list in &program.complete_commands {
            for item in &list.0 {
                walk.and_or(&item.0);
            }
        }
        Ok(walk.commands)
    };
    let reader = thread::Builder::new().stack_size(STACK).spawn(read).map_err(|error| error.to_string())?;
    let read: Result<_, String> = reader.join().map_err(|_| "the parser gave it up".to_owned())?;
    read.map_err(|why| format!("it cannot be read as a shell's script: {}", why.replace(INTERPOLATED, "${…}")))
}

#[derive(Default)]
struct Walk {
    commands: Vec<TopLevel>,
    /// Functions of the script, and whether one may end it.
    functions: BTreeMap<String, bool>,
    over: bool,
}

impl Walk {
    fn and_or(&mut self, list: &AndOrList) {
        if self.over {
            return;
        }
        self.pipeline(&list.first, false);
        // Something that always succeeds lets nothing behind its || run.
        let mut tried = !self.always_succeeds(&list.first);
        for next in &list.additional {
            match next {
                AndOr::Or(pipeline) if tried => {
                    // `x || exit` ends where x fails, as x alone does under `set -e`.
                    let before = self.over;
                    self.pipeline(pipeline, true);
                    self.over = before;
                    tried = !self.always_succeeds(pipeline);
                }
                AndOr::Or(pipeline) | AndOr::And(pipeline) => {
                    tried = false;
                    self.over |= self.may_end(&pipeline.to_string());
                }
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, behind_or: bool) {
        // Each part of a pipe is a shell of its own: what ends there ends that.
        let alone = pipeline.seq.len() == 1;
        for command in &pipeline.seq {
            match command {
                Command::Simple(simple) => self.simple(simple, behind_or, alone && !pipeline.bang),
                Command::Function(function) => {
                    let ends = self.may_end(&function.body.to_string());
                    self.functions.insert(bare(&function.fname.value), ends);
                }
                Command::Compound(..) | Command::ExtendedTest(..) if alone => {
                    self.over |= self.may_end(&command.to_string());
                }
                Command::Compound(..) | Command::ExtendedTest(..) => {}
            }
        }
    }

    fn simple(&mut self, simple: &SimpleCommand, behind_or: bool, alone: bool) {
        let words = words(simple);
        // `command exit` is an exit too.
        let named = words.iter().map(|word| bare(word)).find(|word| !matches!(word.as_str(), "command" | "builtin"));
        let Some(name) = named else { return };
        let reads_no_more = name == "set" && reads_no_more(&words);
        let only_redirected = name == "exec" && words.len() == 1;
        let ends = (ENDS.contains(&name.as_str()) || reads_no_more) && !only_redirected;
        match self.functions.get(&name) {
            Some(ends) => self.over |= ends & alone,
            None if ends => self.over |= alone,
            None if INERT.contains(&name.as_str()) || only_redirected => {}
            None if self.over => {}
            None => {
                let text = words.join(" ").replace(INTERPOLATED, "${}");
                self.commands.push(TopLevel { text, behind_or });
            }
        }
    }

    fn always_succeeds(&self, pipeline: &Pipeline) -> bool {
        let last = match pipeline.seq.last() {
            Some(Command::Simple(last)) => last,
            Some(Command::ExtendedTest(..)) => return false,
            _ => return true,
        };
        let name = words(last).first().map(|word| bare(word)).unwrap_or_default();
        let tests = matches!(name.as_str(), "test" | "[" | "which" | "type" | "hash" | "cd");
        name.is_empty() || self.functions.contains_key(&name) || INERT.contains(&name.as_str()) && !tests
    }

    /// Whether a text has, where a command's name may stand, one that may end the script; behind `||` it stands for a failure.
    fn may_end(&self, text: &str) -> bool {
        let text = text.replace("|| exit", "|| fail").replace("|| return", "|| fail");
        let own = self.functions.iter().filter(|(_, ends)| **ends).map(|(name, _)| name.as_str());
        let names: Vec<String> = ENDS.iter().copied().chain(own).map(regex::escape).collect();
        let before = r"(?:^|[\n;&|(){!`]|\b(?:then|else|do|if|elif|while|until|command|builtin)\b)\s*";
        Regex::new(&format!(r"{before}\\?(?:{})(?:[\s;&|)}}`]|$)", names.join("|")))
            .map_or(true, |regex| regex.is_match(&text))
    }
}

/// The words of a command, without what is set before it and where its output goes.
fn words(simple: &SimpleCommand) -> Vec<String> {
    let given = simple.suffix.iter().flat_map(|suffix| &suffix.0).filter_map(|item| match item {
        Item::Word(word) | Item::AssignmentWord(_, word) => Some(&word.value),
        Item::IoRedirect(_) | Item::ProcessSubstitution(..) => None,
    });
    simple.word_or_name.iter().map(|name| &name.value).chain(given).cloned().collect()
}

/// Whether the words of a `set` tell the shell to read on without doing anything: `-n`, alone or among others, or `-o noexec`.
fn reads_no_more(words: &[String]) -> bool {
    let options = words.iter().skip(1).take_while(|word| !matches!(word.as_str(), "--" | "-"));
    options.into_iter().any(|word| {
        let word = bare(word);
        word == "noexec" || word.starts_with('-') && word.contains('n') || word.contains('$')
    })
}

/// A word without what quotes it.
fn bare(word: &str) -> String {
    word.replace(['\\', '"', '\''], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nothing_holds_back_stands_at_the_top_level() {
        let found = |script: &str| {
            let commands = top_level(script).expect(script);
            let made = commands.into_iter().find(|command| command.text.contains("create /16"));
            made.map(|command| command.behind_or)
        };
        for script in [
            "create /16",
            "set -euo pipefail\ncreate /16",
            "set -o noglob\nset +o monitor\nset -- $(x n)\ncreate /16",
            "if ! x; then\n  y || exit 1\n  z\nfi\ncreate /16 | tee log",
            "x=$(y)\ncreate \\\n  /16 &",
            "exec 2>&1\n! create /16",
            "die() { exit 1; }\ncreate /16",
            "x || exit 1\ncreate /16",
            "exit $? | x\ncreate /16",
            "for i in 1 2; do x; done; create /16 # exit",
            "${}/bin/create /16",
            "for i in 1 2; do x && break; sleep 1; done\ncreate /16",
            "x || { echo no; exit 1; }\ncreate /16",
            "x --internal=false\nsudo create /16",
            "case $x in a) y ;; esac\ncreate /16",
        ] {
            assert_eq!(found(script), Some(false), "{script}");
        }
        for script in [
            "inspect x >/dev/null 2>&1 || create /16",
            "[ -e x ] || \\\n create /16",
            "[[ -e x ]] || create /16",
            "x || y || create /16",
        ] {
            assert_eq!(found(script), Some(true), "{script}");
        }
        for script in [
            "exit;\ncreate /16",
            "exec true\ncreate /16",
            "return 0\ncreate /16",
            "command exit\ncreate /16",
            "\\exit\ncreate /16",
            "set -n\ncreate /16",
            "set -en\ncreate /16",
            "set -o noexec\ncreate /16",
            "set $x\ncreate /16",
            "eval \"$x\"\ncreate /16",
            ". ./x\ncreate /16",
            ": <<'END'\ncreate /16\nEND\n",
            "cat <<END | sh\ncreate /16\nEND\n",
            "if false; then\ncreate /16\nfi",
            "false && create /16",
            "x && y || create /16",
            "true || create /16",
            "echo x || create /16",
            "set -e; false\ncreate /16",
            "f() {\n create /16\n}",
            "f() { exit 0; }\nf\ncreate /16",
            "create() { :; }\ncreate /16",
            "{ exit; }\ncreate /16",
            "x && exit 0\ncreate /16",
            "if x; then exit 0; fi\ncreate /16",
            "while x; do create /16; done",
            "(create /16)",
            "echo create /16",
            "x='create /16'",
            "# create /16",
            "x # create /16",
        ] {
            assert_eq!(found(script), None, "{script}");
        }
        assert!(top_level("if x; then").is_err() && top_level(&"(".repeat(2000)).is_err());
    }
}
