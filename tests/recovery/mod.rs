//! Crashes, full disks and lost repositories, with real kills at every write: a step is never done twice, never forgotten.

mod calamities;
mod elsewhere;
mod ledger;
mod sweep;
