//! `docker.stack.drain`: stacks are captured and taken down in the order that leaks no address: services, then, when the last of
//! their tasks has ended, networks. Secrets and configs stay where they are: they hold no address, and a secret's content cannot
//! be read back, so that a removed one could not be restored.

mod picture;
mod restore;
mod take_down;

pub use restore::undo;
pub use take_down::act;
