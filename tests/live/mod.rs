//! On a real engine in a real swarm: each test starts its own and takes it down. Named `live::`, so that they can be left out.

mod bad_input;
mod doctor;
mod drain;
mod guard;
mod holders;
#[cfg(feature = "test-hooks")]
mod interlock;
#[cfg(feature = "test-hooks")]
mod journal;
#[cfg(feature = "test-hooks")]
mod killed;
#[cfg(feature = "test-hooks")]
mod manager;
mod nodes;
mod place;
mod queue;
#[cfg(feature = "test-hooks")]
mod recovery;
mod recreate;
mod resize;
#[cfg(feature = "test-hooks")]
mod systemd;
mod twin;
mod units;
mod vips;
mod walk;
