//! A command line as the shell reads it, by a maintained parser of bash's grammar (the crate `brush-parser`): every simple command in
//! it, wherever it stands, in the order in which it is written.
//!
//! Nothing is expanded and nothing is run. What a word would be made of by a variable, a substitution or a pattern stays open; the
//! commands of a substitution are commands of the line like any other.

use std::io::Cursor;

use brush_parser::ast::{self, CommandPrefixOrSuffixItem as Item, CompoundCommand, IoRedirect};
use brush_parser::{Parser, ParserOptions, SourceSpan, word};

use super::word::{Piece, Word};

/// The longest text that is read, in bytes.
pub const LONGEST: usize = 64 << 10;
/// How deep brackets and compound commands may stand in one another: the parser goes as deep as they do. Whoever reads has a stack for it,
/// and a time: what is not closed may take long.
const DEEPEST: usize = 1000;

/// Where a command's standard input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// From wherever the line's own comes.
    Inherited,
    /// Text that stands in the line.
    Text(Word),
    /// Another command, or a file.
    Elsewhere,
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simple {
    /// Its words, the program's name first.
    pub words: Vec<Word>,
    /// Where its standard input comes from.
    pub input: Input,
    /// Files that its standard output goes to.
    pub writes: Vec<Word>,
    /// Variables that are set before it, as `NAME=VALUE`.
    pub sets: Vec<Word>,
}

impl Simple {
    /// A command of these words.
    pub fn of(words: Vec<Word>, input: Input) -> Self {
        Self { words, input, writes: Vec::new(), sets: Vec::new() }
    }
}

/// What is met on the way through a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A simple command.
    Run(Simple),
    /// A shell of its own begins: what it does to the directory ends with it.
    Begin,
    /// It ends.
    End,
    /// Something that could not be read, and why.
    Unread(String),
}

/// Reads a text.
///
/// # Errors
///
/// It is no shell text, too long or too deep; why.
pub fn read(text: &str) -> Result<Vec<Event>, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {} KiB", LONGEST >> 10));
    }
    if depth(text) > DEEPEST {
        return Err(format!("its brackets stand more than {DEEPEST} deep"));
    }
    let options = ParserOptions::default();
    let parsed = |text: &str| Parser::new(Cursor::new(text), &options).parse_program();
    // The grammar has no `select`, which goes as `for` does.
    let instead = || parsed(&text.replace("select ", "for    ")).ok();
    let program = parsed(text).or_else(|error| instead().ok_or(error)).map_err(|error| error.to_string())?;
    let mut walk = Walk { options, source: text, events: Vec::new() };
    for list in &program.complete_commands {
        walk.list(list, &Input::Inherited);
    }
    Ok(walk.events)
}

/// How deep brackets and compound commands stand in one another at most, quoted ones too.
fn depth(text: &str) -> usize {
    let (mut now, mut most, mut quoted) = (0_usize, 0, false);
    for word in text.split_inclusive(|c: char| c.is_whitespace() || ";(){}`".contains(c)) {
        let name = word.trim_end_matches(|c: char| c.is_whitespace() || ";(){}`".contains(c));
        let opens = word.chars().filter(|c| "({".contains(*c)).count();
        let closes = word.chars().filter(|c| ")}".contains(*c)).count();
        let begins = usize::from(matches!(name, "if" | "while" | "until" | "for" | "case" | "select" | "!"));
        let ends = usize::from(matches!(name, "fi" | "done" | "esac"));
        // A backtick opens, and the next one closes.
        quoted ^= word.contains('`');
        now = (now + opens + begins).saturating_sub(closes + ends);
        most = most.max(now + usize::from(quoted));
    }
    most
}

/// What `cat <<END` and `echo TEXT` print.
fn said(simple: &Simple) -> Option<Word> {
    let (name, rest) = simple.words.split_first()?;
    match (name.text()?, rest, &simple.input) {
        ("cat", [], Input::Text(text)) => Some(text.clone()),
        ("echo", [first, ..], _) if !first.start().starts_with('-') => {
            let words: Option<Vec<&str>> = rest.iter().map(Word::text).collect();
            Some(Word::plain(words?.join(" ")))
        }
        _ => None,
    }
}

pub(super) struct Walk<'a> {
    pub(super) options: ParserOptions,
    pub(super) source: &'a str,
    pub(super) events: Vec<Event>,
}

impl Walk<'_> {
    fn list(&mut self, list: &ast::CompoundList, input: &Input) {
        for ast::CompoundListItem(and_or, _) in &list.0 {
            self.pipeline(&and_or.first, input);
            for next in &and_or.additional {
                match next {
                    ast::AndOr::And(pipeline) | ast::AndOr::Or(pipeline) => self.pipeline(pipeline, input),
                }
            }
        }
    }

    fn pipeline(&mut self, pipeline: &ast::Pipeline, input: &Input) {
        let several = pipeline.seq.len() > 1;
        let mut input = input.clone();
        for command in &pipeline.seq {
            if several {
                self.events.push(Event::Begin);
            }
            self.command(command, &input);
            // What is said here, the next one reads.
            input = match self.events.last() {
                Some(Event::Run(simple)) => said(simple).map_or(Input::Elsewhere, Input::Text),
                _ => Input::Elsewhere,
            };
            if several {
                self.events.push(Event::End);
            }
        }
    }

    fn command(&mut self, command: &ast::Command, input: &Input) {
        match command {
            ast::Command::Simple(simple) => self.simple(simple, input),
            ast::Command::Compound(compound, redirects) => {
                let input = self.redirected(redirects.as_ref(), input);
                self.compound(compound, &input);
            }
            // What a function does counts as done: it may be called later.
            ast::Command::Function(function) => {
                let input = self.redirected(function.body.1.as_ref(), &Input::Elsewhere);
                self.compound(&function.body.0, &input);
            }
            ast::Command::ExtendedTest(test, redirects) => {
                self.redirected(redirects.as_ref(), input);
                self.test(&test.expr);
            }
        }
    }

    fn test(&mut self, test: &ast::ExtendedTestExpr) {
        match test {
            ast::ExtendedTestExpr::And(one, other) | ast::ExtendedTestExpr::Or(one, other) => {
                self.test(one);
                self.test(other);
            }
            ast::ExtendedTestExpr::Not(one) | ast::ExtendedTestExpr::Parenthesized(one) => self.test(one),
            ast::ExtendedTestExpr::UnaryTest(_, word) => drop(self.word(word)),
            ast::ExtendedTestExpr::BinaryTest(_, one, other) => {
                self.word(one);
                self.word(other);
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand, input: &Input) {
        match compound {
            CompoundCommand::Arithmetic(arithmetic) => match self.nested(&arithmetic.loc) {
                Some(shell) => self.inner(&shell),
                None => self.within(&arithmetic.expr.value),
            },
            CompoundCommand::ArithmeticForClause(each) => {
                for part in [&each.initializer, &each.condition, &each.updater].into_iter().flatten() {
                    self.within(&part.value);
                }
                self.list(&each.body.list, input);
            }
            CompoundCommand::BraceGroup(group) => self.list(&group.list, input),
            CompoundCommand::Subshell(shell) => self.apart(&shell.list, input),
            CompoundCommand::ForClause(each) => {
                each.values.iter().flatten().for_each(|value| drop(self.word(value)));
                self.list(&each.body.list, input);
            }
            CompoundCommand::CaseClause(case) => {
                self.word(&case.value);
                for item in &case.cases {
                    item.patterns.iter().for_each(|pattern| drop(self.word(pattern)));
                    item.cmd.iter().for_each(|list| self.list(list, input));
                }
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition, input);
                self.list(&clause.then, input);
                for other in clause.elses.iter().flatten() {
                    other.condition.iter().for_each(|list| self.list(list, input));
                    self.list(&other.body, input);
                }
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0, input);
                self.list(&clause.1.list, input);
            }
            CompoundCommand::Coprocess(beside) => self.command(&beside.body, &Input::Elsewhere),
        }
    }

    /// What stands in `( ( … ) )`, which is a shell in a shell and which the parser takes for `((…))`.
    fn nested(&self, span: &SourceSpan) -> Option<String> {
        let (begin, end) = (span.start.index, span.end.index);
        let text: String = self.source.chars().skip(begin).take(end.saturating_sub(begin)).collect();
        let inner = text.strip_prefix('(')?.strip_suffix(')')?;
        (!inner.starts_with('(')).then(|| inner.to_owned())
    }

    /// A shell of its own.
    fn apart(&mut self, list: &ast::CompoundList, input: &Input) {
        self.events.push(Event::Begin);
        self.list(list, input);
        self.events.push(Event::End);
    }

    fn simple(&mut self, simple: &ast::SimpleCommand, input: &Input) {
        let mut command = Simple::of(Vec::new(), input.clone());
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            let Simple { sets, input, .. } = &mut command;
            self.item(item, sets, input);
            command.writes.extend(self.written(item));
        }
        command.words.extend(simple.word_or_name.iter().map(|name| self.word(name)));
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            let Simple { words, input, .. } = &mut command;
            self.item(item, words, input);
            command.writes.extend(self.written(item));
        }
        if !command.words.is_empty() || !command.sets.is_empty() {
            self.events.push(Event::Run(command));
        }
    }

    fn item(&mut self, item: &Item, words: &mut Vec<Word>, input: &mut Input) {
        match item {
            Item::IoRedirect(redirect) => self.redirect(redirect, input),
            Item::Word(word) | Item::AssignmentWord(_, word) => words.push(self.word(word)),
            Item::ProcessSubstitution(_, shell) => {
                self.apart(&shell.list, &Input::Elsewhere);
                let mut word = Word::default();
                word.push(Piece::Output(shell.list.to_string()));
                words.push(word);
            }
        }
    }

    /// The file that a command's standard output goes to.
    fn written(&self, item: &Item) -> Option<Word> {
        use ast::IoFileRedirectKind::{Append, Clobber, Write};
        match item {
            Item::IoRedirect(IoRedirect::File(None | Some(1), Write | Append | Clobber, target)) => match target {
                ast::IoFileRedirectTarget::Filename(word) => Some(self.apart_from_line(word)),
                _ => None,
            },
            _ => None,
        }
    }

    fn redirected(&mut self, redirects: Option<&ast::RedirectList>, input: &Input) -> Input {
        let mut input = input.clone();
        for redirect in redirects.iter().flat_map(|list| &list.0) {
            self.redirect(redirect, &mut input);
        }
        input
    }

    fn redirect(&mut self, redirect: &IoRedirect, input: &mut Input) {
        match redirect {
            IoRedirect::File(_, kind, target) => {
                let reads = matches!(kind, ast::IoFileRedirectKind::Read | ast::IoFileRedirectKind::ReadAndWrite);
                match target {
                    ast::IoFileRedirectTarget::Filename(word) | ast::IoFileRedirectTarget::Duplicate(word) => {
                        self.word(word);
                    }
                    ast::IoFileRedirectTarget::ProcessSubstitution(_, shell) => {
                        self.apart(&shell.list, &Input::Elsewhere);
                    }
                    ast::IoFileRedirectTarget::Fd(_) => {}
                }
                if reads || matches!(kind, ast::IoFileRedirectKind::DuplicateInput) {
                    *input = Input::Elsewhere;
                }
            }
            IoRedirect::HereDocument(_, document) => {
                *input = Input::Text(match document.requires_expansion {
                    true => self.expanded(&document.doc.value, word::parse_heredoc),
                    false => Word::plain(&document.doc.value),
                });
            }
            IoRedirect::HereString(_, word) => *input = Input::Text(self.word(word)),
            IoRedirect::OutputAndError(word, _) => drop(self.word(word)),
        }
    }
}
