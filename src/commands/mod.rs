//! One file a command. Here is what ties the parts together; the parts do not know each other.

pub mod adopt;
pub mod adopted;
pub mod adversary;
pub mod break_glass;
pub mod builder;
pub mod check;
pub mod compose;
pub mod doctor;
pub mod engine;
pub mod guard;
pub mod init;
pub mod key;
pub mod maintenance;
pub mod measure;
pub mod merge_file;
pub mod names;
pub mod next;
pub mod open;
pub mod outlook;
pub mod probe;
pub mod status;
pub mod sync;
pub mod target;
pub mod trust;
pub mod twin;
pub mod vips;
