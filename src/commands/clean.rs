//! A work tree that is what HEAD holds: what was claimed and passed is then what is there to be run.

use crate::error::{CommandError, Exit};
use crate::git::Repository;
use crate::model::counted::counted;
use crate::report;

/// Refuses unless every file of the subject is what HEAD holds, by content.
///
/// # Errors
///
/// One is not (14), or git cannot tell.
pub fn wanted(repository: &Repository, next: &str) -> Result<(), CommandError> {
    match found(&repository.differences()?) {
        None => Ok(()),
        Some(message) => Err(CommandError::new(Exit::Failed, message, next)),
    }
}

/// Says that the work tree is not what HEAD holds, to whoever recovers all the same.
pub fn say(repository: &Repository) {
    let found = repository.differences().map(|paths| found(&paths));
    match found {
        Ok(None) => {}
        Ok(Some(message)) => report::say(&format!("! {message}; going on, as recovery does")),
        Err(error) => report::say(&format!("! whether the work tree is what HEAD holds could not be seen: {error}")),
    }
}

fn found(paths: &[String]) -> Option<String> {
    let first = paths.first()?;
    Some(format!("the work tree differs from HEAD in {}, first {first}", counted(paths.len(), "file")))
}
