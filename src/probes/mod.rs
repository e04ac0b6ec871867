//! Probes: read-only measurements of a target, each bounded by its timeout.
//!
//! A probe looks and answers with a [`seen::Seen`]; [`runner::measure`] makes observations of that: it runs all criteria at
//! once, turns a timeout or a panic into `unknown`, redacts what came back and keeps facts and readings apart. Nothing in
//! here changes the target.

pub mod command;
pub mod docker;
pub mod explain;
pub mod file;
pub mod git;
pub mod http;
pub mod nix;
pub mod place;
pub mod prober;
pub mod quiet;
pub mod redact;
pub mod runner;
pub mod secret_reference;
pub mod secret_rules;
pub mod seen;
