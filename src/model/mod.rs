//! The nouns: ids, times, digests, contract, records, observations. No I/O and no rules.

pub mod characters;
pub mod claim;
pub mod contract;
pub mod counted;
pub mod digest;
pub mod ids;
pub mod key;
pub mod observation;
pub mod record;
pub mod role;
pub mod state_files;
mod text;
pub mod time;
