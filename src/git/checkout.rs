//! A fresh detached checkout of one commit, for steps to run in.

use std::path::Path;

use super::{GitError, Repository};
use crate::model::ids::ObjectId;

/// A detached work tree in a directory of its own. Removed when it is dropped.
#[derive(Debug)]
pub struct Checkout {
    repository: Repository,
    directory: tempfile::TempDir,
}

impl Checkout {
    /// Where it is.
    pub fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("tree")
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let path = self.path();
        // What cannot be removed is left to `git worktree prune`; nothing depends on it.
        self.repository.git(&["worktree", "remove", "--force", &path.to_string_lossy()]).ok();
    }
}

impl Repository {
    /// Checks a commit out, detached, into a new directory below `under`.
    ///
    /// # Errors
    ///
    /// git or the disk refuses.
    pub fn checkout(&self, commit: &ObjectId, under: &Path) -> Result<Checkout, GitError> {
        let io = |source| GitError::Io { path: under.to_owned(), source };
        let directory = tempfile::Builder::new().prefix("checkout-").tempdir_in(under).map_err(io)?;
        let checkout = Checkout { repository: self.clone(), directory };
        let path = checkout.path();
        self.git(&["worktree", "add", "--quiet", "--detach", &path.to_string_lossy(), commit.as_str()])?;
        Ok(checkout)
    }
}
