//! The rules: pure functions over nouns. No I/O, no clock, no async.

pub mod permit;
