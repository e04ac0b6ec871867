//! The documents under everything that happens to files: crashes, cuts, full disks, crowds, merges.

mod clones;
mod crash;
mod crowd;
mod fuzz;
mod history;
mod mended;
mod readme;
mod swallowed;
