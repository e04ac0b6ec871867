//! Transcripts: what people and agents do with the command line.

mod agent;
#[cfg(feature = "test-hooks")]
mod around;
mod bad_input;
#[cfg(feature = "test-hooks")]
mod break_glass;
mod brief;
mod doctor;
mod every_probe;
mod forgery;
mod guard;
mod guard_acts;
mod guard_managers;
mod hook;
mod interlock;
mod interrupt;
mod json;
mod names;
mod newcomer;
mod phase;
mod recorded;
mod redaction;
mod schema;
mod standing;
#[cfg(feature = "test-hooks")]
mod steps;
mod vips;
