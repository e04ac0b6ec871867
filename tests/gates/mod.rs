//! The gates through the command line: every hazard, by its number.

mod battery;
mod hazards;
