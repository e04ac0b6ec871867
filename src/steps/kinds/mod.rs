//! Step kinds beside the recreate of a network, one a file. Each looks first and does only what is left to do, so that it goes on
//! after a kill at any point; each reads back what it did before it says that it is done.

pub mod drain;
pub mod queue;
mod settle;
pub mod unit;
pub mod way_back;
