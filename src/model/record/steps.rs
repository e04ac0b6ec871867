//! What JOURNAL holds: steps begun and ended, words, break-glass.

use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;
use crate::model::ids::{RecordId, StepId};
use crate::model::observation::Values;
use crate::model::time::Time;

/// A step is about to be run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The step.
    pub step: StepId,
    /// What it does: run, resume, undo.
    pub act: Act,
    /// The PASS that permits it; absent for recovery and break-glass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permit: Option<RecordId>,
    /// The break-glass that permits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<RecordId>,
    /// Digest of the plan that is run.
    pub plan: Digest,
    /// The strategy, where the step has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
}

/// What an intent announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// The step, for the first time or again.
    Run,
    /// Going on with a step in doubt.
    Resume,
    /// Its reverse.
    Undo,
}

/// How a step ended. The vocabulary is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Its postflight holds.
    Done,
    /// It failed and was walked back.
    Unwound,
    /// It failed and was not walked back.
    Failed,
    /// Its undo failed: a person is needed.
    Stuck,
}

impl Ending {
    /// The word as records and reports write it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unwound => "unwound",
            Self::Failed => "failed",
            Self::Stuck => "stuck",
        }
    }
}

/// The outcome of one intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepOutcome {
    /// The step.
    pub step: StepId,
    /// The intent it answers.
    pub intent: RecordId,
    /// How it ended.
    pub ending: Ending,
    /// When it ended. `{step.ID.finished}` is this.
    pub finished: Time,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What later criteria may use as `{step.ID.NAME}`.
    pub facts: Values,
    /// Shown, never compared: measured interruption, predictions.
    pub readings: Values,
    /// Set when a person said how it ended, with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_by_person: Option<String>,
}

/// Words that decide nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The words, one line or several.
    pub text: String,
}

/// The operator's permit for one step without a PASS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// The step.
    pub step: StepId,
    /// The subject digest for which it counts: over contract, plan and subject tree (see `gates::break_glass::digest`).
    pub digest: Digest,
    /// Why.
    pub reason: String,
    /// When it ends, at most an hour after `at`.
    pub until: Time,
}
