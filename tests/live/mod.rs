//! On a real engine in a real swarm: each test starts its own and takes it down. Named `live::`, so that they can be left out.

mod bad_input;
mod doctor;
mod drain;
mod queue;
mod recreate;
mod twin;
mod units;
mod vips;
mod walk;
