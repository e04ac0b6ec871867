//! Probes of the repository: pushed, patched as declared, without secrets.

pub mod patch;
pub mod pushed;
pub mod secrets;

use crate::git::Repository;
use crate::model::ids::ObjectId;

/// The commit that `base` names in full, if it is in the repository's history.
///
/// # Errors
///
/// One line that says what is wrong with it.
fn base_of(repository: &Repository, base: Option<&str>) -> Result<ObjectId, String> {
    let base = base.unwrap_or_default();
    let id: ObjectId = base.parse().map_err(|_| format!("base `{base}` is no commit id in full"))?;
    let commit = repository.object(id.as_str()).map_err(|error| format!("base {}: {error}", id.short()))?;
    let head = repository.head().map_err(|error| error.to_string())?;
    match repository.is_ancestor(&commit, &head) {
        Ok(true) => Ok(commit),
        Ok(false) => Err(format!("base {} is not an ancestor of HEAD", commit.short())),
        Err(error) => Err(error.to_string()),
    }
}
