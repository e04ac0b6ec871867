//! The Adversary's commands: review, countersign, object.

pub mod brief;
pub mod fail;
pub mod finding;
pub mod objection;
pub mod pass;
pub mod veto;
pub mod waive;
