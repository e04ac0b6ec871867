//! The gates through the command line: every hazard, by its number.

mod battery;
#[cfg(feature = "test-hooks")]
mod branches;
#[cfg(feature = "test-hooks")]
mod clocks;
mod contract_text;
mod court;
#[cfg(feature = "test-hooks")]
mod forged;
#[cfg(feature = "test-hooks")]
mod forged_objects;
mod hazards;
mod identity;
#[cfg(feature = "test-hooks")]
mod meanwhile;
mod objections;
#[cfg(feature = "test-hooks")]
mod remote;
#[cfg(feature = "test-hooks")]
mod subject;
#[cfg(feature = "test-hooks")]
mod two_commits;
#[cfg(feature = "test-hooks")]
mod verdicts;
