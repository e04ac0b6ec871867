//! A word of a command line: what is written in it, and where only the shell knows what will stand there.

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As written, without its quotes.
    Plain(String),
    /// A variable, a pattern: known only when the shell has run. It may be several words, or none.
    Open,
    /// The same in quotes: it is in one word.
    One,
    /// All that a script or a function is given: `$@`.
    Arguments,
    /// What these commands print.
    Output(String),
    /// A variable that is this text where nobody set it.
    Default(String),
}

impl Piece {
    fn is_open(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }
}

/// A word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word(Vec<Piece>);

impl Word {
    /// A word that says just this.
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Piece::Plain(text.into())])
    }

    /// A word, or several, or none, of which nothing is known.
    pub fn open() -> Self {
        Self(vec![Piece::Open])
    }

    /// Adds a part; parts as written become one, as do parts that are open, and nothing written beside something open says nothing.
    pub fn push(&mut self, piece: Piece) {
        let empty = |piece: &Piece| matches!(piece, Piece::Plain(text) if text.is_empty());
        if piece.is_open() && self.0.last().is_some_and(empty) {
            self.0.pop();
        }
        if empty(&piece) && !self.0.is_empty() {
            return;
        }
        match (self.0.last_mut(), piece) {
            (Some(Piece::Plain(text)), Piece::Plain(more)) => text.push_str(&more),
            (Some(last), piece) if last.is_open() && piece.is_open() => {
                *last = if *last == Piece::One && piece == Piece::One { Piece::One } else { Piece::Open };
            }
            (_, piece) => self.0.push(piece),
        }
    }

    /// The whole text, where it is known.
    pub fn text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it is known to say this.
    pub fn is(&self, text: &str) -> bool {
        self.text() == Some(text)
    }

    /// Whether nothing of it is known: it may be options.
    pub fn is_open(&self) -> bool {
        matches!(self.0.as_slice(), [piece] if piece.is_open())
    }

    /// Whether nothing of it is known but that it is one word.
    pub fn is_one(&self) -> bool {
        self.0 == [Piece::One]
    }

    /// Whether it is all that a script or a function is given.
    pub fn is_arguments(&self) -> bool {
        self.0 == [Piece::Arguments]
    }

    /// The commands whose output it is, and nothing else.
    pub fn output(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Output(commands)] => Some(commands),
            _ => None,
        }
    }

    /// What it is where nobody set its variable.
    pub fn preset(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Default(text)] => Some(text),
            _ => None,
        }
    }

    /// What it is known to begin with.
    pub fn start(&self) -> &str {
        match self.0.first() {
            Some(Piece::Plain(text)) => text,
            _ => "",
        }
    }

    /// What it is known to end with.
    pub fn end(&self) -> &str {
        match self.0.last() {
            Some(Piece::Plain(text)) => text,
            _ => "",
        }
    }

    /// A program's name: what is behind the last slash, where that is known.
    pub fn program(&self) -> Option<&str> {
        match (self.text(), self.end().rsplit_once('/')) {
            (_, Some((_, name))) => Some(name),
            (Some(name), None) => Some(name),
            (None, None) => None,
        }
    }

    /// Whether the program of this name may be what it turns out to be.
    pub fn may_run(&self, name: &str) -> bool {
        let mut last = self.clone();
        if let Some(Piece::Plain(text)) = last.0.first_mut() {
            *text = text.rsplit('/').next().unwrap_or_default().to_owned();
        }
        last.may_be(name)
    }

    /// Whether it may turn out to be this name; names are compared without regard to case.
    pub fn may_be(&self, name: &str) -> bool {
        let (name, start, end) = (name.to_lowercase(), self.start().to_lowercase(), self.end().to_lowercase());
        match self.text() {
            Some(text) => text.to_lowercase() == name,
            None => name.len() >= start.len() + end.len() && name.starts_with(&start) && name.ends_with(&end),
        }
    }

    /// The same without what it begins with; `None` where it does not begin so.
    pub fn without(&self, start: &str) -> Option<Self> {
        let rest = self.start().strip_prefix(start)?.to_owned();
        let mut word = Self::default();
        if !rest.is_empty() {
            word.push(Piece::Plain(rest));
        }
        self.0.iter().skip(1).cloned().for_each(|piece| word.push(piece));
        Some(word)
    }

    /// For people: what is not known is shown as `…`.
    pub fn shown(&self) -> String {
        let shown = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            _ => "…".to_owned(),
        };
        self.0.iter().map(shown).collect()
    }

    /// The text that another shell would be given, with something that it reads as one word in place of what is not known.
    pub fn for_a_shell(&self) -> String {
        let given = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            _ => "$_".to_owned(),
        };
        self.0.iter().map(given).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(pieces: &[&str]) -> Word {
        let mut word = Word::default();
        for piece in pieces {
            word.push(if *piece == "$" { Piece::Open } else { Piece::Plain((*piece).to_owned()) });
        }
        word
    }

    #[test]
    fn what_a_word_may_turn_out_to_be() {
        for (pieces, name, may) in [
            (&["proxy"][..], "Proxy", true),
            (&["prox", "y"], "proxy", true),
            (&["$"], "proxy", true),
            (&["pro", "$"], "proxy", true),
            (&["$", "xy"], "PROXY", true),
            (&["proxy", "$"], "proxy", true),
            (&["pro", "$", "oxy"], "proxy", false),
            (&["ci-", "$"], "proxy", false),
            (&["proxy2"], "proxy", false),
        ] {
            assert_eq!(word(pieces).may_be(name), may, "{pieces:?} {name}");
        }
    }

    #[test]
    fn a_program_is_named_behind_the_last_slash() {
        assert_eq!(word(&["/usr/bin/docker"]).program(), Some("docker"));
        assert_eq!(word(&["$", "/bin/docker"]).program(), Some("docker"));
        assert_eq!(word(&["docker"]).program(), Some("docker"));
        assert_eq!(word(&["do", "$"]).program(), None);
        assert_eq!(word(&["/usr/bin/", "$"]).program(), None);
        assert_eq!(word(&["--network=", "$"]).without("--network="), Some(Word::open()));
        assert_eq!(word(&["a", "$"]).shown(), "a…");
    }
}
