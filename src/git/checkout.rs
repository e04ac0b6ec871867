//! A fresh detached checkout of one commit, for steps to run in.

use std::path::{Path, PathBuf};

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
    pub fn path(&self) -> PathBuf {
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

/// How the directories of checkouts begin.
const PREFIX: &str = "checkout-";

impl Repository {
    /// Checks a commit out, detached, into a new directory below `under`.
    ///
    /// # Errors
    ///
    /// git or the disk refuses.
    pub fn checkout(&self, commit: &ObjectId, under: &Path) -> Result<Checkout, GitError> {
        self.checkout_with(&[], commit, under)
    }

    /// The same for a step to run in: each file with the very bytes that the commit holds, whatever content filter the clone's
    /// configuration names.
    ///
    /// # Errors
    ///
    /// git or the disk refuses.
    pub fn exact_checkout(&self, commit: &ObjectId, under: &Path) -> Result<Checkout, GitError> {
        self.checkout_with(&self.filters_off()?, commit, under)
    }

    fn checkout_with(&self, settings: &[String], commit: &ObjectId, under: &Path) -> Result<Checkout, GitError> {
        let io = |source| GitError::Io { path: under.to_owned(), source };
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(under).map_err(io)?;
        let checkout = Checkout { repository: self.clone(), directory };
        let path = checkout.path();
        let path = path.to_string_lossy();
        let mut args: Vec<&str> = settings.iter().map(String::as_str).collect();
        args.extend(["worktree", "add", "--quiet", "--detach", &path, commit.as_str()]);
        self.git(&args)?;
        Ok(checkout)
    }

    /// Removes the checkouts below `under` that a process of this repository left when it was killed, and gives where they were.
    /// For a caller that holds what keeps others from making one there.
    ///
    /// # Errors
    ///
    /// git cannot list or remove them.
    pub fn remove_left_checkouts(&self, under: &Path) -> Result<Vec<PathBuf>, GitError> {
        let under = std::fs::canonicalize(under).map_err(|source| GitError::Io { path: under.to_owned(), source })?;
        let listed = self.git(&["worktree", "list", "--porcelain", "-z"])?;
        let mut removed = Vec::new();
        for path in listed.split('\0').filter_map(|line| line.strip_prefix("worktree ")).map(Path::new) {
            let above = path.parent().filter(|_| path.ends_with("tree"));
            let Some(above) = above.filter(|above| above.parent() == Some(under.as_path())) else { continue };
            if !above.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX)) {
                continue;
            }
            // Twice: one that was killed while git made it is still marked as being made.
            self.git(&["worktree", "remove", "--force", "--force", &path.to_string_lossy()])?;
            std::fs::remove_dir_all(above)
                .or_else(gone)
                .map_err(|source| GitError::Io { path: above.into(), source })?;
            removed.push(above.to_owned());
        }
        Ok(removed)
    }
}

fn gone(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
