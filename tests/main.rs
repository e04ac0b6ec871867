//! The one integration binary: transcripts of use, and the tests that hold the house's habits.

mod cli;
mod docs;
mod gates;
mod live;
mod meta;
#[cfg(feature = "test-hooks")]
mod recovery;
mod support;
