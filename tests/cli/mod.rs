//! Transcripts: what people and agents do with the command line.

mod bad_input;
mod forgery;
mod phase;
