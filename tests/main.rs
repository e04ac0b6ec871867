//! The one integration binary: transcripts of use, and the tests that hold the house's habits.

mod cli;
mod live;
mod meta;
mod support;
