//! Why something is not open, in a form that people and programs read.

use serde::Serialize;

/// What kind of refusal a reason is. The edge turns it into an exit code (design §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// No PASS, a FAIL, a veto, outside the window: 10.
    Closed,
    /// There was a PASS, and something moved: 11.
    Stale,
    /// Not your role, a key that is not listed or not pinned, separation too low: 12.
    Role,
    /// Could not look: 13.
    Unknown,
    /// Looked, and a criterion does not hold: 14.
    Failed,
    /// A step is in doubt: 21.
    InDoubt,
    /// A person is needed: 22.
    Stuck,
    /// A document is invalid or altered: 30.
    Invalid,
    /// The contract is invalid or not adopted: 31.
    Contract,
}

/// One reason: the object and its state, what was wanted, and the next command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Its kind.
    pub class: Class,
    /// The object and the state it was found in.
    pub found: String,
    /// The state that would be right.
    pub wanted: String,
    /// The command that leads on; empty when none does.
    pub next: String,
}

impl Reason {
    /// A reason of these words.
    pub fn new(class: Class, found: impl Into<String>, wanted: impl Into<String>, next: impl Into<String>) -> Self {
        Self { class, found: found.into(), wanted: wanted.into(), next: next.into() }
    }
}
