//! The Markdown state: reading, composing, and the one write path.
//!
//! comrak reads the structure and composes new fragments; pulldown-cmark reads the same bytes independently; what they do not
//! agree on is a defect. Files are edited by splicing bytes, and every byte outside the splice stays.

mod adoptions;
pub mod backlog;
mod block;
pub mod clean;
pub mod hidden;
pub mod history;
pub mod lock;
pub mod merge;
pub mod open;
pub mod read;
pub mod repair;
pub mod section;
pub mod skeleton;
pub mod store;
pub mod structure;
pub mod unsigned;
pub mod utf8;
pub mod write;
