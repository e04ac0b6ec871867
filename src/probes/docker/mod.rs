//! Probes of the engine. Each is a pure judgement over the engine's own JSON, so that one recorded answer tests it.

pub mod fields;
pub mod hangs;
pub mod look;
pub mod network;
pub mod prune;
pub mod services;
pub mod signatures;
pub mod stacks;
pub mod subnet;
pub mod unit;
pub mod vips;
