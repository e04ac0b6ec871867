//! The permit: proof, inside this process, that a gate is open for one step until a moment.

use crate::model::digest::Digest;
use crate::model::ids::{RecordId, StepId};
use crate::model::time::Time;

/// Proof that one step may be run now. Only `gates` makes one, and only from an evaluation that opened the gate.
#[derive(Debug)]
#[must_use = "a permit that is not used permits nothing"]
pub struct Permit {
    pub(in crate::gates) step: StepId,
    pub(in crate::gates) basis: Basis,
    pub(in crate::gates) plan: Digest,
    pub(in crate::gates) strategy: Option<String>,
    pub(in crate::gates) until: Time,
}

/// What a permit rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A fresh PASS.
    Pass(RecordId),
    /// An operator's break-glass.
    BreakGlass(RecordId),
    /// The step brings things back, and a step of this run has an intent.
    Restores,
}

impl Permit {
    /// The step it permits.
    pub fn step(&self) -> &StepId {
        &self.step
    }

    /// What it rests on.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Digest of the plan that may be run.
    pub fn plan(&self) -> Digest {
        self.plan
    }

    /// The strategy that was claimed, where the step has one.
    pub fn strategy(&self) -> Option<&str> {
        self.strategy.as_deref()
    }

    /// From this moment on the step may not begin.
    pub fn until(&self) -> Time {
        self.until
    }
}
