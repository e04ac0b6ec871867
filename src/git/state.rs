//! What git is in the middle of, in this work tree.

use std::path::PathBuf;

use super::Repository;

/// Something that git was told to do and that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnderWay {
    /// An operation, and the two commands that end it: the one that finishes it, and the one that takes it back.
    Operation(&'static str, &'static str, &'static str),
    /// A command that holds the index, or one that was killed while it did.
    IndexLocked(PathBuf),
}

/// The file or directory that git keeps while it is at it (gitrepository-layout(5)), what it is, and how it ends.
const OPERATIONS: &[(&str, &str, &str, &str)] = &[
    ("rebase-merge", "a rebase", "git rebase --continue", "git rebase --abort"),
    ("rebase-apply/applying", "git am", "git am --continue", "git am --abort"),
    ("rebase-apply", "a rebase", "git rebase --continue", "git rebase --abort"),
    ("MERGE_HEAD", "a merge", "git merge --continue", "git merge --abort"),
    ("CHERRY_PICK_HEAD", "a cherry-pick", "git cherry-pick --continue", "git cherry-pick --abort"),
    ("REVERT_HEAD", "a revert", "git revert --continue", "git revert --abort"),
    ("BISECT_LOG", "a bisect", "git bisect reset", "git bisect reset"),
];

impl Repository {
    /// What is under way here; `None` when git waits for nothing.
    pub fn under_way(&self) -> Option<UnderWay> {
        let operation = OPERATIONS.iter().find(|(file, ..)| self.git_dir.join(file).exists());
        if let Some((_, what, finish, back)) = operation {
            return Some(UnderWay::Operation(what, finish, back));
        }
        let lock = self.git_dir.join("index.lock");
        lock.exists().then_some(UnderWay::IndexLocked(lock))
    }

    /// The branches that can be named here, local and of remotes.
    pub fn branch_names(&self) -> Vec<String> {
        let args = ["for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes"];
        self.git(&args).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The commits between two, newest first.
    pub fn commits_since(&self, from: &crate::model::ids::ObjectId, to: &crate::model::ids::ObjectId) -> Vec<String> {
        let range = format!("{from}..{to}");
        self.git(&["rev-list", &range, "--"]).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}
