//! The Builder's commands: plan, prove, claim.

pub mod claim;
pub mod done;
pub mod evidence;
pub mod note;
pub mod plan;
pub mod run;
pub mod task;
pub mod window;
