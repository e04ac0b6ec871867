//! Disruptive work: what a step does, from the permit to what its outcome says.
//!
//! A step is decided from the capture in the host's state and from what the engine shows, never from what an earlier run
//! remembered: so a run that was killed goes on where the engine stands.

pub mod act;
pub mod capture;
pub mod edit;
pub mod kinds;
pub mod recreate;
pub mod sampler;
pub mod wait;
