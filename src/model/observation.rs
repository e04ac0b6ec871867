//! What a probe saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::ids::CriterionId;
use super::time::Time;

/// Facts or readings by name. The map is sorted, so equal maps have equal bytes.
pub type Values = BTreeMap<String, toml::Value>;

/// Whether a criterion holds. `Unknown` is "could not look", and never counts as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Looked, and it holds.
    Held,
    /// Looked, and it does not hold.
    Failed,
    /// Could not look.
    Unknown,
}

impl Outcome {
    /// The word as records and reports write it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// What one probe saw for one criterion: typed, bounded, re-runnable.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The criterion it was taken for.
    pub criterion: CriterionId,
    /// The probe's name, as in `docker.network`.
    pub probe: String,
    /// Held, failed or unknown.
    pub outcome: Outcome,
    /// One line for people: what was seen; and when it did not hold, what was wanted and what to do.
    pub says: String,
    /// Compared by plain equality between Builder and Adversary, and digested. Empty only when the outcome is not `held`.
    pub facts: Values,
    /// Shown and never compared.
    pub readings: Values,
    /// What the probe really saw (command output, API answers), already redacted, UTF-8 text.
    pub raw: String,
    /// How many secrets were taken out of `raw` and the values.
    pub redactions: u32,
    /// When the measurement began.
    pub at: Time,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Observation {
    /// The digest of the facts: SHA-256 of their TOML text, keys sorted.
    pub fn facts_digest(&self) -> Digest {
        facts_digest(&self.facts)
    }
}

/// The digest of facts: SHA-256 of their TOML text, keys sorted.
pub fn facts_digest(facts: &Values) -> Digest {
    // A map of plain TOML values always serialises; an empty text stands for "cannot", and equals no real facts.
    Digest::of(toml::to_string(facts).unwrap_or_default().as_bytes())
}
