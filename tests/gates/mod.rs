//! The gates through the command line: every hazard, by its number.

mod battery;
mod clocks;
mod hazards;
mod meanwhile;
mod objections;
mod remote;
