//! A command line as the shell reads it, by a maintained parser of bash's grammar (the crate `brush-parser`): every simple command in
//! it, wherever it stands, in the order in which it is written.
//!
//! Nothing is expanded and nothing is run. What a word would be made of by a variable, a substitution or a pattern stays open; the
//! commands of a substitution are commands of the line like any other.

use std::io::Cursor;

use brush_parser::ast::{self, CommandPrefixOrSuffixItem as Item, CompoundCommand, IoRedirect};
use brush_parser::word::{self, ParameterExpr, WordPiece, WordPieceWithSource};
use brush_parser::{Parser, ParserOptions};

use super::word::{Piece, Word};

/// The longest text that is read, in bytes.
pub const LONGEST: usize = 64 << 10;
/// How deep brackets and compound commands may stand in one another: the parser goes as deep as they do.
const DEEPEST: usize = 40;

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
    let program = Parser::new(Cursor::new(text), &options).parse_program().map_err(|error| error.to_string())?;
    let mut walk = Walk { options, events: Vec::new() };
    for list in &program.complete_commands {
        walk.list(list, &Input::Inherited);
    }
    Ok(walk.events)
}

/// How deep brackets and compound commands stand in one another at most, quoted ones too.
fn depth(text: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for word in text.split_inclusive(|c: char| c.is_whitespace() || ";(){}`".contains(c)) {
        let name = word.trim_end_matches(|c: char| c.is_whitespace() || ";(){}`".contains(c));
        let opens = word.chars().filter(|c| "({`".contains(*c)).count();
        let closes = word.chars().filter(|c| ")}".contains(*c)).count();
        let begins = usize::from(matches!(name, "if" | "while" | "until" | "for" | "case" | "select" | "!"));
        let ends = usize::from(matches!(name, "fi" | "done" | "esac"));
        now = (now + opens + begins).saturating_sub(closes + ends);
        most = most.max(now);
    }
    most
}

struct Walk {
    options: ParserOptions,
    events: Vec<Event>,
}

impl Walk {
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
        for (at, command) in pipeline.seq.iter().enumerate() {
            if several {
                self.events.push(Event::Begin);
            }
            self.command(command, if at == 0 { input } else { &Input::Elsewhere });
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
            CompoundCommand::Arithmetic(arithmetic) => self.arithmetic(&arithmetic.expr.value),
            CompoundCommand::ArithmeticForClause(each) => {
                for part in [&each.initializer, &each.condition, &each.updater].into_iter().flatten() {
                    self.arithmetic(&part.value);
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

    /// A shell of its own.
    fn apart(&mut self, list: &ast::CompoundList, input: &Input) {
        self.events.push(Event::Begin);
        self.list(list, input);
        self.events.push(Event::End);
    }

    fn simple(&mut self, simple: &ast::SimpleCommand, input: &Input) {
        let mut command = Simple { words: Vec::new(), input: input.clone() };
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            // What is set for one command has no word of its own.
            let mut before = Vec::new();
            self.item(item, &mut before, &mut command.input);
        }
        command.words.extend(simple.word_or_name.iter().map(|name| self.word(name)));
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            let Simple { words, input } = &mut command;
            self.item(item, words, input);
        }
        if !command.words.is_empty() {
            self.events.push(Event::Run(command));
        }
    }

    fn item(&mut self, item: &Item, words: &mut Vec<Word>, input: &mut Input) {
        match item {
            Item::IoRedirect(redirect) => self.redirect(redirect, input),
            Item::Word(word) | Item::AssignmentWord(_, word) => words.push(self.word(word)),
            Item::ProcessSubstitution(_, shell) => {
                self.apart(&shell.list, &Input::Elsewhere);
                words.push(Word::open());
            }
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

    /// A word, after the commands of its substitutions.
    fn word(&mut self, word: &ast::Word) -> Word {
        self.expanded(&word.value, word::parse)
    }

    fn expanded<E: std::fmt::Display>(
        &mut self,
        text: &str,
        parse: fn(&str, &ParserOptions) -> Result<Vec<WordPieceWithSource>, E>,
    ) -> Word {
        match parse(text, &self.options) {
            Ok(pieces) => {
                let mut word = Word::default();
                self.pieces(&pieces, text, false, &mut word);
                word
            }
            Err(error) => {
                self.events.push(Event::Unread(error.to_string()));
                Word::open()
            }
        }
    }

    fn pieces(&mut self, pieces: &[WordPieceWithSource], source: &str, quoted: bool, word: &mut Word) {
        for WordPieceWithSource { piece, start_index, end_index } in pieces {
            let own = source.get(*start_index..*end_index).unwrap_or(source);
            match piece {
                WordPiece::Text(text) if !quoted && is_pattern(text) => patterned(text, word),
                WordPiece::Text(text) | WordPiece::SingleQuotedText(text) => word.push(Piece::Plain(text.clone())),
                WordPiece::AnsiCQuotedText(text) if !text.contains('\\') => word.push(Piece::Plain(text.clone())),
                WordPiece::EscapeSequence(text) => {
                    let text = text.strip_prefix('\\').unwrap_or(text);
                    // A backslash before the end of a line joins two lines.
                    word.push(Piece::Plain(text.strip_prefix('\n').unwrap_or(text).to_owned()));
                }
                WordPiece::DoubleQuotedSequence(inner) | WordPiece::GettextDoubleQuotedSequence(inner) => {
                    word.push(Piece::Plain(String::new()));
                    self.pieces(inner, source, true, word);
                }
                WordPiece::TildeExpansion(_) => word.push(Piece::Plain(own.to_owned())),
                WordPiece::CommandSubstitution(text) => {
                    self.inner(text);
                    word.push(Piece::Open);
                }
                WordPiece::BackquotedCommandSubstitution(text) => {
                    self.inner(&text.replace("\\`", "`"));
                    word.push(Piece::Open);
                }
                WordPiece::ParameterExpansion(parameter) => {
                    // A variable alone runs nothing; its default may hold a substitution.
                    if !matches!(parameter, ParameterExpr::Parameter { .. }) {
                        self.arithmetic(own);
                    }
                    word.push(Piece::Open);
                }
                WordPiece::ArithmeticExpression(arithmetic) => {
                    self.arithmetic(&arithmetic.value);
                    word.push(Piece::Open);
                }
                WordPiece::AnsiCQuotedText(_) => word.push(Piece::Open),
            }
        }
    }

    /// The commands of a substitution.
    fn inner(&mut self, text: &str) {
        self.events.push(Event::Begin);
        match read(text) {
            Ok(events) => self.events.extend(events),
            Err(why) => self.events.push(Event::Unread(why)),
        }
        self.events.push(Event::End);
    }

    /// An expression whose parts are not taken apart: it must hold no substitution.
    fn arithmetic(&mut self, text: &str) {
        // Each `$((` has a `$(` in it.
        if text.matches("$(").count() > text.matches("$((").count() || text.contains('`') {
            self.events.push(Event::Unread(format!("`{}` runs something to find a value", text.trim())));
        }
    }
}

/// Whether unquoted text is a pattern of files, or several words by braces.
fn is_pattern(text: &str) -> bool {
    let braces = text.contains('{') && (text.contains(',') || text.contains(".."));
    // A bracket that is not closed is one: `[ -f x ]` is a command.
    let brackets = text.find('[').is_some_and(|at| text[at..].contains(']'));
    text.contains(['*', '?']) || brackets || braces
}

/// A pattern: known up to its first sign and from its last.
fn patterned(text: &str, word: &mut Word) {
    const SIGNS: [char; 8] = ['*', '?', '[', ']', '{', '}', ',', '!'];
    let (first, last) = (text.find(SIGNS).unwrap_or(0), text.rfind(SIGNS).map_or(0, |at| at + 1));
    if first > 0 {
        word.push(Piece::Plain(text[..first].to_owned()));
    }
    word.push(Piece::Open);
    if last < text.len() {
        word.push(Piece::Plain(text[last..].to_owned()));
    }
}
