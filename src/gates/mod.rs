//! The rules: pure functions over nouns. No I/O, no clock, no async.
//!
//! [`evaluate`] is the one decision; [`permit`] and [`done`] are asked of its report.

pub mod break_glass;
pub mod done;
mod earlier;
pub mod evaluate;
mod evidence;
pub mod graph;
pub mod inputs;
mod moment;
pub mod objections;
pub mod permit;
pub mod progress;
pub mod reason;
pub mod separation;
pub mod standing;
pub mod trust;

#[cfg(test)]
mod tests;
