//! The roles of a phase and the documents that each writes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who signs. The Builder proposes and acts, the Adversary tries to refute, the operator breaks glass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Plans, proves, claims, runs steps.
    Builder,
    /// Cold-reviews, countersigns, objects.
    Adversary,
    /// A third key, absent by default, for break-glass and lost keys.
    Operator,
}

impl Role {
    /// All roles, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Builder, Self::Adversary, Self::Operator];

    /// The name as contracts and the command line write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Adversary => "adversary",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role: wanted builder, adversary or operator")]
pub struct NotARole(String);

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| NotARole(text.chars().take(40).collect()))
    }
}

/// The documents that hold records. Each has one writing role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Document {
    /// Builder: adoption, evidence, claims, window, DONE.
    Status,
    /// Adversary: adoption, evidence, verdicts, findings, vetoes, waivers.
    Review,
    /// Builder: intents and outcomes, notes, break-glass.
    Journal,
}

impl Document {
    /// All documents with records.
    pub const ALL: [Self; 3] = [Self::Status, Self::Review, Self::Journal];

    /// The first part of the file name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "STATUS",
            Self::Review => "REVIEW",
            Self::Journal => "JOURNAL",
        }
    }

    /// The role whose keys sign this document's records (break-glass apart, which the operator signs).
    pub fn role(self) -> Role {
        match self {
            Self::Status | Self::Journal => Role::Builder,
            Self::Review => Role::Adversary,
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
