//! What a probe hands back, before redaction.

use crate::model::observation::{Outcome, Values};

/// What one probe saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Held, failed or unknown.
    pub outcome: Outcome,
    /// One line: the object, what was found, and when it did not hold what was wanted and what to do next.
    pub says: String,
    /// Compared by plain equality: only what two honest probes of an unchanged target agree on.
    pub facts: Values,
    /// Shown and never compared.
    pub readings: Values,
    /// What was really seen, as text.
    pub raw: String,
}

impl Seen {
    /// An answer without values.
    pub fn new(outcome: Outcome, says: impl Into<String>) -> Self {
        Self { outcome, says: says.into(), facts: Values::new(), readings: Values::new(), raw: String::new() }
    }

    /// Looked, and it holds. Counts as `unknown` unless it has a fact.
    pub fn held(says: impl Into<String>) -> Self {
        Self::new(Outcome::Held, says)
    }

    /// Looked, and it does not hold.
    pub fn failed(says: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, says)
    }

    /// Could not look.
    pub fn unknown(says: impl Into<String>) -> Self {
        Self::new(Outcome::Unknown, says)
    }

    /// The same with one more fact.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<toml::Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// The same with one more reading.
    #[must_use]
    pub fn reading(mut self, name: &str, value: impl Into<toml::Value>) -> Self {
        self.readings.insert(name.to_owned(), value.into());
        self
    }

    /// The same with this raw text.
    #[must_use]
    pub fn raw(mut self, raw: impl Into<String>) -> Self {
        self.raw = raw.into();
        self
    }
}

/// A TOML array of texts.
pub fn texts<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> toml::Value {
    toml::Value::Array(list.into_iter().map(|text| toml::Value::String(text.as_ref().to_owned())).collect())
}
