//! A word of a command line: what is written in it, and where only the shell knows what will stand there.

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As written, without its quotes.
    Plain(String),
    /// A variable, a substitution, a pattern: known only when the shell has run.
    Open,
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

    /// Adds a part; parts as written become one, and nothing written beside something open says nothing.
    pub fn push(&mut self, piece: Piece) {
        let empty = |piece: &Piece| matches!(piece, Piece::Plain(text) if text.is_empty());
        if piece == Piece::Open && self.0.last().is_some_and(empty) {
            self.0.pop();
        }
        if empty(&piece) && !self.0.is_empty() {
            return;
        }
        match (self.0.last_mut(), piece) {
            (Some(Piece::Plain(text)), Piece::Plain(more)) => text.push_str(&more),
            (Some(Piece::Open), Piece::Open) => {}
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

    /// Whether nothing of it is known: it may be several words, or options.
    pub fn is_open(&self) -> bool {
        self.0 == [Piece::Open]
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
            Piece::Open => "…".to_owned(),
        };
        self.0.iter().map(shown).collect()
    }

    /// The text that another shell would be given, with something that it reads as one word in place of what is not known.
    pub fn for_a_shell(&self) -> String {
        let given = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Open => "$_".to_owned(),
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
