//! The Builder's commands: plan, prove, claim.

mod believed;
pub mod claim;
pub mod done;
pub mod evidence;
pub mod execute;
pub mod journal;
pub mod kept;
pub mod note;
pub mod plan;
mod recalled;
pub mod resume;
pub mod run;
pub mod site;
pub mod task;
pub mod undo;
pub mod window;
