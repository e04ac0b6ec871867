//! What a request to the engine would do to something that a contract guards. Pure: no I/O, no clock, no engine.
//!
//! An engine's authorization plugin is shown each request before it is carried out: method, path, headers, and the body where the
//! engine could pass it on. [`classify`](classify::classify) says what kind of request it is; [`judge`](judge::judge) says what it
//! would do to what is guarded, in the swarm as it is. Both read as the engine reads: a path is decoded once, a body's keys are
//! compared without regard to case, a name may be an id or its beginning. Where two readings are possible, the worse one counts;
//! what cannot be read is [`Unreadable`](classify::Class::Unreadable), and whoever asks refuses that.

pub mod body;
pub mod classify;
pub mod judge;
pub mod lenient;
pub mod needs;
pub mod places;
pub mod prune;
pub mod request;
pub mod routes;
pub mod world;

#[cfg(test)]
mod tests;
