//! Command lines as people type them.

mod allowed;
mod asked;
mod denied;

pub use allowed::LINES as ALLOWED;
pub use asked::LINES as ASKED;
pub use denied::LINES as DENIED;
