//! One thing that doctor looked at.

use serde_json::{Value, json};

use crate::error::{CommandError, Exit};

/// What is wanted of whatever is unknown; people are not told it on every such line.
const LOOKABLE: &str = "that it can be looked at";

/// How it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Ok,
    /// It works, and could be better; or it is worth knowing. Fails nothing.
    Advice,
    /// Could not be looked at.
    Unknown,
    /// Not as it should be.
    Wrong,
}

impl Mark {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Advice => "advice",
            Self::Unknown => "unknown",
            Self::Wrong => "WRONG",
        }
    }
}

/// What was looked at, what was found, what was wanted, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was looked at.
    pub what: String,
    /// How it was found.
    pub mark: Mark,
    /// What was found.
    pub found: String,
    /// What would be right; empty where it is.
    pub wanted: String,
    /// The command that leads on; empty where none is needed.
    pub next: String,
    /// The exit code that commands which need it would give.
    pub exit: Exit,
}

impl Line {
    /// As it should be.
    pub fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(Mark::Ok, Exit::Ok, what, found, "", "")
    }

    /// Worth knowing.
    pub fn advice(
        what: impl Into<String>,
        found: impl Into<String>,
        wanted: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self::new(Mark::Advice, Exit::Ok, what, found, wanted, next)
    }

    /// Could not be looked at, and why.
    pub fn unknown(what: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Mark::Unknown, Exit::Unknown, what, why, LOOKABLE, next)
    }

    /// Not as it should be.
    pub fn wrong(
        exit: Exit,
        what: impl Into<String>,
        found: impl Into<String>,
        wanted: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self::new(Mark::Wrong, exit, what, found, wanted, next)
    }

    /// What a command would refuse with.
    pub fn refused(what: impl Into<String>, error: &CommandError, wanted: &str) -> Self {
        let mark = if error.exit == Exit::Unknown { Mark::Unknown } else { Mark::Wrong };
        let mut found = error.message.clone();
        error.details.iter().for_each(|detail| found += &format!("; {detail}"));
        Self::new(mark, error.exit, what, found, wanted, error.hint.clone().unwrap_or_default())
    }

    fn new(
        mark: Mark,
        exit: Exit,
        what: impl Into<String>,
        found: impl Into<String>,
        wanted: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        let (what, found, wanted, next) = (what.into(), found.into(), wanted.into(), next.into());
        Self { what, mark, found, wanted, next, exit }
    }

    /// For people: one line, and what was wanted and next below it where it is not ok.
    pub fn text(&self) -> String {
        let mut out = format!("  {:<8} {:<22} {}\n", self.mark.label(), self.what, self.found);
        for (word, text) in [("wanted", &self.wanted), ("next", &self.next)] {
            if !text.is_empty() && text != LOOKABLE {
                out += &format!("{:33}{word}: {text}\n", "");
            }
        }
        out
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "what": self.what, "outcome": self.mark.label().to_lowercase(), "found": self.found, "wanted": self.wanted,
            "next": self.next, "exit": self.exit.code(),
        })
    }
}

/// The exit code of all lines together: 0 unless one is wrong or unknown.
pub fn exit(lines: &[Line]) -> Exit {
    let bad = lines.iter().filter(|line| matches!(line.mark, Mark::Wrong | Mark::Unknown));
    Exit::first_of(bad.map(|line| line.exit)).unwrap_or(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_fails_nothing_and_unknown_is_never_ok() {
        let (ok, advice) = (Line::ok("a", "b"), Line::advice("a", "b", "c", "d"));
        let unknown = Line::unknown("a", "b", "c");
        let wrong = Line::wrong(Exit::Role, "a", "b", "c", "d");
        assert_eq!(exit(&[ok.clone(), advice.clone()]), Exit::Ok);
        assert_eq!(exit(&[ok.clone(), unknown.clone(), advice]), Exit::Unknown);
        assert_eq!(exit(&[unknown, wrong, ok]), Exit::Role, "12 comes before 13");
    }
}
