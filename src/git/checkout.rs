//! A fresh detached checkout of one commit, for steps to run in.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::subject::is_state;
use super::{GitError, Repository, tree};
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

    /// A work tree for a step to run in: each file, link and mode of the commit, with the very bytes that its id names, whatever
    /// attributes, filters and sparse settings the clone has. State documents are not in it: they are no part of what was passed.
    ///
    /// # Errors
    ///
    /// git or the disk refuses, or an object is missing or not what its id says.
    pub fn exact_checkout(&self, commit: &ObjectId, under: &Path) -> Result<Checkout, GitError> {
        let checkout = self.checkout_with(&["--no-checkout"], commit, under)?;
        let top = checkout.path();
        let files: Vec<tree::File> = self.files_of(commit)?.into_iter().filter(|file| !is_state_file(file)).collect();
        for file in &files {
            let path = top.join(OsStr::from_bytes(&file.path));
            let io = |source| GitError::Io { path: path.clone(), source };
            let above = path.parent().unwrap_or(&top);
            fs::create_dir_all(above).map_err(io)?;
            if file.mode == tree::MODULE_MODE {
                fs::create_dir(&path).map_err(io)?;
            }
        }
        let blobs: Vec<&tree::File> = files.iter().filter(|file| file.mode != tree::MODULE_MODE).collect();
        let ids: Vec<String> = blobs.iter().map(|file| file.id.clone()).collect();
        self.each_object(&ids, &mut |at, object| {
            let path = top.join(OsStr::from_bytes(&blobs[at].path));
            let object = object.filter(|object| object.kind == "blob").ok_or_else(|| {
                let why = format!("object {} of {} is not there", blobs[at].id, path.display());
                GitError::Failed { command: "cat-file".into(), why }
            })?;
            write(&path, &blobs[at].mode, &object.bytes).map_err(|source| GitError::Io { path, source })
        })?;
        // For whatever asks git in there: its index lists what was written.
        let line = |file: &tree::File| [&file.mode, format!(" {}\t", file.id).as_bytes(), &file.path, b"\0"].concat();
        let index: Vec<u8> = files.iter().flat_map(line).collect();
        let there = self.in_tree(top);
        there.git_with(&["update-index", "-z", "--index-info"], &[], &index)?;
        Ok(checkout)
    }

    fn checkout_with(&self, flags: &[&str], commit: &ObjectId, under: &Path) -> Result<Checkout, GitError> {
        let io = |source| GitError::Io { path: under.to_owned(), source };
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(under).map_err(io)?;
        let checkout = Checkout { repository: self.clone(), directory };
        let path = checkout.path();
        let path = path.to_string_lossy();
        let args = [&["worktree", "add", "--quiet", "--detach"], flags, &[&*path, commit.as_str()]].concat();
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
        let under = fs::canonicalize(under).map_err(|source| GitError::Io { path: under.to_owned(), source })?;
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
            fs::remove_dir_all(above).or_else(gone).map_err(|source| GitError::Io { path: above.into(), source })?;
            removed.push(above.to_owned());
        }
        Ok(removed)
    }
}

fn is_state_file(file: &tree::File) -> bool {
    std::str::from_utf8(&file.path).is_ok_and(is_state)
}

/// Writes a file or link that is not there yet.
fn write(path: &Path, mode: &[u8], bytes: &[u8]) -> std::io::Result<()> {
    if mode == tree::LINK_MODE {
        return symlink(OsStr::from_bytes(bytes), path);
    }
    let mode = if mode == b"100755" { 0o777 } else { 0o666 };
    fs::File::options().write(true).create_new(true).mode(mode).open(path)?.write_all(bytes)
}

fn gone(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
