//! Two keys for disruptive maintenance.
//!
//! A **Builder** plans and proves, an **Adversary** cold-reviews and countersigns, and nothing disruptive runs until it has.
//! The state is Markdown in the repository; every fact in it was measured by this tool, signed, and linked to what came before.
//!
//! How the parts hang together (the table of who may import whom is held by a test):
//!
//! - [`model`] are the nouns: no I/O, no rules. [`gates`] are the rules: pure functions over nouns, no clock.
//! - [`docs`] reads and writes the Markdown documents; [`sign`] makes and checks signatures; [`git`] is the repository.
//! - [`engine`] is the one door to the Docker Engine, [`process`] the one door to subprocesses.
//! - [`probes`] measure and change nothing; [`steps`] change things and journal every move; [`host`] is what a host remembers.
//! - [`interlock`] says what a request to the engine would do to what a contract guards: pure.
//! - [`hook`] says the same of a shell's command line, before it is run.
//! - [`commands`] tie them together, one file a command; [`report`] is what people and programs see.
//! - [`twin`] is a private swarm for demos, tests and rehearsals.
//! - [`interrupt`] is what Ctrl-C waits for and says.
//! - [`fault`] are points at which a test can order a crash or a full disk; a release build has none.

pub mod cli;
pub mod commands;
pub mod context;
pub mod docs;
pub mod engine;
pub mod error;
pub mod fault;
pub mod gates;
pub mod git;
pub mod hook;
pub mod host;
pub mod interlock;
pub mod interrupt;
pub mod model;
pub mod probes;
pub mod process;
pub mod report;
pub mod sign;
pub mod steps;
pub mod twin;
