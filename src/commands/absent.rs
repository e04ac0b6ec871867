//! Where no phase is found: it may only be gone from the work tree.

use crate::docs::store::DIRECTORY;
use crate::error::{CommandError, Exit};
use crate::git::Repository;

/// The error for it: the command that brings a phase back which HEAD has, else the one that opens one.
pub fn no_phase(repository: &Repository, message: String, init: &str) -> CommandError {
    let there = repository.listed("HEAD", &format!("{DIRECTORY}/"));
    let name = |file: &String| Some(file.rsplit('/').next()?.strip_prefix("PHASE-")?.strip_suffix(".toml")?.to_owned());
    let known: Vec<String> = there.iter().filter_map(name).collect();
    if known.is_empty() {
        return CommandError::new(Exit::Usage, message, init);
    }
    let message = format!("{message}, and HEAD has phase {} there", known.join(", "));
    CommandError::new(Exit::Usage, message, format!("git checkout HEAD -- {DIRECTORY}"))
}
