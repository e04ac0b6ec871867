//! A word of the grammar, taken apart: what is written in it, what stays open, and the commands of its substitutions.

use brush_parser::ParserOptions;
use brush_parser::ast;
use brush_parser::word::{self, ParameterExpr, WordPiece, WordPieceWithSource};

use super::shell::{Event, Walk, read};
use super::word::{Piece, Word};

impl Walk<'_> {
    /// A word, after the commands of its substitutions.
    pub(super) fn word(&mut self, word: &ast::Word) -> Word {
        self.expanded(&word.value, word::parse)
    }

    pub(super) fn expanded<E: std::fmt::Display>(
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
                WordPiece::AnsiCQuotedText(text) => word.push(unescaped(text).map_or(Piece::One, Piece::Plain)),
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
                    word.push(Piece::Output(text.clone()));
                }
                WordPiece::BackquotedCommandSubstitution(text) => {
                    self.inner(&text.replace("\\`", "`"));
                    word.push(Piece::Output(text.clone()));
                }
                WordPiece::ParameterExpansion(parameter) => {
                    // Its default, its subscript and the like may hold substitutions.
                    if let Some(inner) = own.strip_prefix("${").and_then(|own| own.strip_suffix('}')) {
                        self.within(inner);
                    }
                    word.push(expansion(parameter, own, quoted));
                }
                WordPiece::ArithmeticExpression(arithmetic) => {
                    self.within(&arithmetic.value);
                    word.push(if quoted { Piece::One } else { Piece::Open });
                }
            }
        }
    }

    /// The commands of a substitution.
    pub(super) fn inner(&mut self, text: &str) {
        self.events.push(Event::Begin);
        match read(text) {
            Ok(events) => self.events.extend(events),
            Err(why) => self.events.push(Event::Unread(why)),
        }
        self.events.push(Event::End);
    }

    /// Text that is no word, whose substitutions are run all the same: an expression, a default, a subscript.
    pub(super) fn within(&mut self, text: &str) {
        if text.contains(['$', '`']) {
            self.expanded(text, word::parse_heredoc);
        }
    }

    /// A word whose commands were met already.
    pub(super) fn apart_from_line(&self, word: &ast::Word) -> Word {
        let mut walk = Walk { options: self.options.clone(), source: self.source, events: Vec::new() };
        walk.word(word)
    }
}

/// What a variable becomes.
fn expansion(parameter: &ParameterExpr, own: &str, quoted: bool) -> Piece {
    match parameter {
        // Where the shell is: a path from here is the same path.
        _ if matches!(own, "$PWD" | "${PWD}") => Piece::Plain(".".to_owned()),
        ParameterExpr::UseDefaultValues { default_value, .. }
        | ParameterExpr::AssignDefaultValues { default_value, .. } => {
            let text = default_value.as_deref().unwrap_or_default().trim_matches(['"', '\'']);
            match text.contains(['$', '`', '"', '\'', '\\', '*']) {
                true => Piece::Open,
                false => Piece::Default(text.to_owned()),
            }
        }
        _ if own.starts_with("$@") || own.starts_with("${@") || own == "$*" => Piece::Arguments,
        // `"${x[@]}"` is many words.
        _ if quoted && !own.contains('@') => Piece::One,
        _ => Piece::Open,
    }
}

/// What stands in `$'…'`; `None` where an escape is rare.
fn unescaped(text: &str) -> Option<String> {
    let mut found = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        found += before;
        let sign = behind.chars().next()?;
        let (digits, radix, most) = match sign {
            'x' => (&behind[1..], 16, 2),
            '0'..='7' => (behind, 8, 3),
            _ => ("", 8, 0),
        };
        let length = digits.chars().take(most).take_while(|c| c.is_digit(radix)).count();
        rest = if length > 0 {
            let byte = u8::from_str_radix(&digits[..length], radix).ok().filter(u8::is_ascii)?;
            found.push(char::from(byte));
            &digits[length..]
        } else {
            found.push(match sign {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                '\\' | '\'' | '"' | '?' => sign,
                _ => return None,
            });
            &behind[1..]
        };
    }
    Some(found + rest)
}

/// Whether unquoted text is a pattern of files, or several words by braces.
fn is_pattern(text: &str) -> bool {
    let braces = text.contains('{') && (text.contains(',') || text.contains(".."));
    // A bracket that is not closed is one: `[ -f x ]` is a command.
    let brackets = text.find('[').is_some_and(|at| text[at..].contains(']'));
    text.contains(['*', '?']) || brackets || braces || grouped(text)
}

/// Whether it has one of bash's own patterns in it, as in `@(a|b)`.
fn grouped(text: &str) -> bool {
    ["@(", "+(", "!("].iter().any(|sign| text.contains(sign))
}

/// A pattern: known up to its first sign and from its last.
fn patterned(text: &str, word: &mut Word) {
    const SIGNS: [char; 8] = ['*', '?', '[', ']', '{', '}', ',', '!'];
    if grouped(text) {
        return word.push(Piece::Open);
    }
    let (first, last) = (text.find(SIGNS).unwrap_or(0), text.rfind(SIGNS).map_or(0, |at| at + 1));
    if first > 0 {
        word.push(Piece::Plain(text[..first].to_owned()));
    }
    word.push(Piece::Open);
    if last < text.len() {
        word.push(Piece::Plain(text[last..].to_owned()));
    }
}
