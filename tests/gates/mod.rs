//! The gates through the command line: every hazard, by its number.

mod battery;
#[cfg(feature = "test-hooks")]
mod clocks;
mod court;
mod hazards;
#[cfg(feature = "test-hooks")]
mod meanwhile;
mod objections;
#[cfg(feature = "test-hooks")]
mod remote;
#[cfg(feature = "test-hooks")]
mod subject;
#[cfg(feature = "test-hooks")]
mod verdicts;
