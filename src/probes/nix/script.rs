//! What of a shell's script stands at its top level, where nothing holds it back, by a parser of bash's grammar. Pure.
//!
//! A command stands there if it is in no compound command, function or here-document, not behind `&&`, and not behind something
//! that may end the script, or wait for ever. Behind `||`, or after `if !`, it may stand, and that is told. What the commands before it
//! do is not known: a script also ends where one of them fails and `set -e` is on. An interpolation that stands where a command may
//! begin can be any text, unless it is the path of a program: behind it nothing is certain.

mod endless;
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::ops::Range;
use std::sync::LazyLock;
use std::thread;

use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundList, IfClauseCommand,
    Pipeline, SeparatorOperator, SimpleCommand,
};
use brush_parser::{Parser, ParserOptions};
use regex::Regex;

use self::endless::endless;
use self::program::{base, program};

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
    /// It runs only where what stands before its `||`, or behind its `if !`, fails.
    pub behind_or: bool,
    /// Where in the text the name of the program is that it runs; `None` where that cannot be told.
    program: Option<Range<usize>>,
}

impl TopLevel {
    /// Whether a pattern matches the command as itself, from its program's name on, and no words that it is given.
    pub fn is(&self, pattern: &Regex) -> bool {
        let (Some(program), Some(hit)) = (&self.program, pattern.find(&self.text)) else { return false };
        let at = hit.end() - hit.as_str().trim_start().len();
        // The name may have a path before it.
        let begins = at == program.start || self.text[..at].ends_with('/') || self.text[at..].starts_with('/');
        at == 0 || program.contains(&at) && begins
    }
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
            walk.list(list);
        }
        Ok(walk.commands)
    };
    let reader = thread::Builder::new().stack_size(STACK).spawn(read).map_err(|error| error.to_string())?;
    let read: Result<_, String> = reader.join().map_err(|_| "the parser gave it up".to_owned())?;
    read.map_err(|why| format!("it cannot be read as a shell's script: {}", why.replace(INTERPOLATED, "${…}")))
}

/// An interpolation, in no path of a program, where a command's name may stand.
static OPEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r#"{BEFORE}[^\s;&|()=]*{INTERPOLATED}["']*(?:[^/"']|$)"#)).ok());

/// What stands before a command's name.
const BEFORE: &str = r"(?:^|[\n;&|(){!`]|\b(?:then|else|do|if|elif|while|until|command|builtin)\b)\s*";

#[derive(Default)]
struct Walk {
    commands: Vec<TopLevel>,
    /// Functions of the script, and whether one may end it.
    functions: BTreeMap<String, bool>,
    aliases: BTreeSet<String>,
    /// What is walked stands behind an `if !`.
    behind: bool,
    over: bool,
    /// Nothing is certain any more, whatever the way to it was.
    lost: bool,
}

impl Walk {
    fn list(&mut self, list: &CompoundList) {
        for item in &list.0 {
            let before = self.over;
            self.and_or(&item.0);
            if matches!(item.1, SeparatorOperator::Async) {
                // A shell of its own, which nothing waits for.
                self.over = before || self.lost;
            }
        }
    }

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
                    self.over = before || self.lost;
                    tried = !self.always_succeeds(pipeline);
                }
                AndOr::Or(pipeline) | AndOr::And(pipeline) => {
                    tried = false;
                    self.over |= self.may_end(&pipeline.to_string()) || endless::in_pipeline(pipeline);
                }
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, behind_or: bool) {
        // Each part of a pipe is a shell of its own: what ends there ends that.
        let alone = pipeline.seq.len() == 1;
        for command in &pipeline.seq {
            match command {
                Command::Simple(simple) => self.simple(simple, behind_or, alone, pipeline.bang),
                Command::Function(function) => {
                    let ends = self.may_end(&function.body.to_string()) || endless(&function.body.0);
                    self.functions.insert(bare(&function.fname.value), ends);
                    self.over |= self.lost;
                }
                Command::Compound(compound, _) => {
                    if let CompoundCommand::IfClause(clause) = compound
                        && alone
                        && !pipeline.bang
                    {
                        self.where_it_fails(clause);
                    }
                    let ends = self.may_end(&command.to_string());
                    self.over |= ends && alone || self.lost || endless(compound);
                }
                Command::ExtendedTest(..) => {}
            }
        }
    }

    /// `if ! x; then y; fi` is `x || y`.
    fn where_it_fails(&mut self, clause: &IfClauseCommand) {
        let [condition] = clause.condition.0.as_slice() else { return };
        let asked = &condition.0.first;
        let simple = asked.seq.iter().all(|command| matches!(command, Command::Simple(_)));
        if !(condition.0.additional.is_empty() && asked.bang && simple) || self.always_succeeds(asked) {
            return;
        }
        let (over, behind) = (self.over, self.behind);
        self.pipeline(asked, false);
        self.behind = true;
        self.list(&clause.then);
        (self.over, self.behind) = (over, behind);
    }

    fn simple(&mut self, simple: &SimpleCommand, behind_or: bool, alone: bool, bang: bool) {
        let words = words(simple);
        // `command exit` is an exit too.
        let named = words.iter().map(|word| bare(word)).find(|word| !matches!(word.as_str(), "command" | "builtin"));
        let Some(name) = named else { return };
        let at = program(&words);
        // Up to the program: where an interpolation or an alias may be anything.
        let leading: Vec<String> = words.iter().take(at.unwrap_or_default() + 1).map(|word| bare(word)).collect();
        if [leading.first(), leading.last()].into_iter().flatten().any(|word| is_open(word)) {
            self.lost = true;
        }
        if self.lost || leading.iter().any(|word| self.aliases.contains(word)) {
            self.over = true;
            return;
        }
        if name == "alias" {
            let named = |word: &String| bare(word).split_once('=').map(|(name, _)| name.to_owned());
            self.aliases.extend(words.iter().filter_map(named));
        }
        let waits = leading.last().is_some_and(|word| base(word) == "sleep")
            && !leading.iter().any(|word| base(word) == "timeout")
            && words.iter().any(|word| bare(word).starts_with("inf"));
        let watched = name == "trap"
            && words
                .iter()
                .skip(2)
                .any(|word| bare(word).to_ascii_uppercase().ends_with("DEBUG") || word.contains('$'));
        let reads_no_more = name == "set" && reads_no_more(&words);
        let only_redirected = name == "exec" && words.len() == 1;
        let ends = match name.as_str() {
            "false" => !bang,
            name => (ENDS.contains(&name) || reads_no_more || watched) && !only_redirected,
        };
        match self.functions.get(&name) {
            Some(ends) => self.over |= ends & alone,
            None if self.over => {}
            None if ends && name != "exec" => self.over = alone,
            None if INERT.contains(&name.as_str()) || only_redirected => self.over = waits,
            None => {
                let shown: Vec<String> = words.iter().map(|word| word.replace(INTERPOLATED, "${}")).collect();
                let program = at.map(|at| {
                    let start = shown[..at].iter().map(|word| word.len() + 1).sum();
                    start..start + shown[at].len()
                });
                let behind_or = behind_or || self.behind;
                self.commands.push(TopLevel { text: shown.join(" "), behind_or, program });
                self.over = waits || ends && alone;
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

    /// Whether a text has, where a command's name may stand, one that may end the script or make another of those behind it; behind
    /// `||` it stands for a failure.
    fn may_end(&mut self, text: &str) -> bool {
        self.lost |= OPEN.as_ref().is_none_or(|open| open.is_match(text));
        let text = text.replace("|| exit", "|| fail").replace("|| return", "|| fail");
        let own = self.functions.iter().filter(|(_, ends)| **ends).map(|(name, _)| name.as_str());
        let own = own.chain(self.aliases.iter().map(String::as_str));
        let names: Vec<String> = ENDS.iter().copied().chain(own).map(regex::escape).collect();
        let names = names.join("|");
        let more = r#"alias|trap\s[^\n]*DEBUG|(?:\S*/)?sleep\s+["']?inf\w*["']?|[\w.-]+ \(\)"#;
        let found = Regex::new(&format!(r"{BEFORE}\\?(?:{names}|{more})(?:[\s;&|)}}`]|$)"));
        self.lost || found.map_or(true, |regex| regex.is_match(&text))
    }
}

/// Whether a word has an interpolation in it with no `/` behind, so that it is no path of a program.
fn is_open(word: &str) -> bool {
    word.split(INTERPOLATED).skip(1).any(|after| !after.starts_with('/'))
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
mod tests;
