//! The subject: the repository without its state documents.

use super::tree::{self, DIRECTORY_MODE, Entry, Format};
use super::{GitError, Repository};
use crate::model::ids::ObjectId;
use crate::model::record::Subject;
pub use crate::model::state_files::is_state;
use crate::model::state_files::{PATTERNS, matches};

/// Whether a path is what a killed writer of documents left; the next writer removes it.
pub(super) fn is_left_over(path: &str) -> bool {
    path.strip_prefix("machine-docs/")
        .and_then(|rest| rest.rsplit('/').next())
        .is_some_and(|name| name.starts_with(".countersign-"))
}

/// Arguments that name everything but the state documents.
pub(super) fn without_state() -> Vec<String> {
    let excluded = PATTERNS.iter().map(|pattern| format!(":(top,exclude,glob){pattern}"));
    std::iter::once(":/".to_owned()).chain(excluded).collect()
}

/// Arguments that name the state documents alone.
pub(super) fn only_state() -> Vec<String> {
    named(&PATTERNS)
}

/// Those of them that match one of these paths at least.
pub(super) fn only_state_among(paths: &str) -> Vec<String> {
    named(PATTERNS.iter().filter(|pattern| paths.split('\0').any(|path| matches(pattern, path))))
}

fn named<'a>(patterns: impl IntoIterator<Item = &'a &'a str>) -> Vec<String> {
    patterns.into_iter().map(|pattern| format!(":(top,glob){pattern}")).collect()
}

const DIRECTORY: &str = "machine-docs";

/// Whether an entry of `machine-docs` is a state document, or the directory of the evidence.
fn is_state_entry(entry: &Entry<'_>) -> bool {
    let Ok(name) = std::str::from_utf8(entry.name) else { return false };
    if entry.mode == DIRECTORY_MODE { name == "evidence" } else { is_state(&format!("{DIRECTORY}/{name}")) }
}

impl Repository {
    /// The subject at HEAD.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn subject(&self) -> Result<Subject, GitError> {
        self.subject_at("HEAD")
    }

    /// The subject at a revision: the newest commit that touched anything but state documents, and the tree without them. Both
    /// survive a rebase of commits that touch only state documents.
    ///
    /// # Errors
    ///
    /// git fails, or no commit touches anything else.
    pub fn subject_at(&self, revision: &str) -> Result<Subject, GitError> {
        let pathspecs = without_state();
        let mut args = vec!["rev-list", "-1", revision, "--"];
        args.extend(pathspecs.iter().map(String::as_str));
        let (commit, tree) = std::thread::scope(|scope| {
            let tree = scope.spawn(|| self.tree_without_state(revision));
            (self.git(&args), tree.join())
        });
        let commit = commit?.parse().map_err(|_| GitError::Unsuitable {
            root: self.root.clone(),
            found: "has no commit of anything but state documents".into(),
            wanted: "one of what the phase is about",
            next: "git add FILE, then git commit",
        })?;
        let tree = tree.unwrap_or_else(|_| {
            Err(GitError::Failed { command: "cat-file".into(), why: "the look at the tree stopped".into() })
        });
        Ok(Subject { commit, tree: tree? })
    }

    /// The tree without state documents. Only the two trees that they stand in are read, so this costs the same in a repository of
    /// any size. Nothing is written: the id is computed here.
    fn tree_without_state(&self, revision: &str) -> Result<ObjectId, GitError> {
        let unread = || {
            let why = format!("the tree of {revision}, or {DIRECTORY} in it, could not be read");
            GitError::Failed { command: "cat-file".into(), why }
        };
        let (top, docs) = self.two_trees(revision, DIRECTORY)?.ok_or_else(unread)?;
        let format = Format::of(&top.id).ok_or_else(unread)?;
        let mut kept = Vec::new();
        for entry in tree::entries(&top.bytes, &top.id).ok_or_else(unread)? {
            if entry.name != DIRECTORY.as_bytes() || entry.mode != DIRECTORY_MODE {
                entry.write(&mut kept);
                continue;
            }
            // There is such a directory, so that it could not be read is an error.
            let docs = docs.as_ref().ok_or_else(unread)?;
            let mut others = Vec::new();
            let entries = tree::entries(&docs.bytes, &docs.id).ok_or_else(unread)?;
            entries.iter().filter(|entry| !is_state_entry(entry)).for_each(|entry| entry.write(&mut others));
            if !others.is_empty() {
                Entry { id: &format.id("tree", &others), ..entry }.write(&mut kept);
            }
        }
        tree::hex(&format.id("tree", &kept)).parse().map_err(|_| unread())
    }

    /// What differs from HEAD outside the state documents: staged, unstaged and untracked files. Empty when clean.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn dirt(&self) -> Result<Vec<String>, GitError> {
        let text = self.git(&["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"])?;
        let paths =
            text.split('\0').filter_map(|entry| entry.get(3..)).filter(|path| !is_state(path) && !is_left_over(path));
        Ok(paths.map(str::to_owned).collect())
    }
}
