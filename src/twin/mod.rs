//! A private swarm on this machine, for demos, tests and rehearsals: real engines, each in a network namespace of its own.
//!
//! Everything of a twin lies under one directory or carries a name that is derived from it, so a twin whose maker was killed
//! can be found and removed, and several can be up at once. The host's own engine is never touched.

pub mod address;
pub mod control;
pub mod engine_log;
pub mod error;
pub mod exhaust;
pub mod http;
pub mod image;
pub mod lifecycle;
pub mod network;
pub mod node;
pub mod place;
pub mod processes;
pub mod serve;
pub mod spec;
pub mod state;
pub mod topology;
