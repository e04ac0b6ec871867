//! An engine that asks the interlock: what a phase guards is refused by every door, the executor's own step goes through, and
//! without an interlock the engine refuses everything until somebody opens the door.

mod door;
mod lab;
mod managers;
mod refused;
mod systemd;
mod window;
