//! What changed since a base commit, without the state documents.

use std::collections::BTreeMap;

use super::subject::without_state;
use super::{GitError, Repository};
use crate::model::ids::ObjectId;

/// Whatever .gitmodules says: a submodule that is moved is a change.
const SUBMODULES: &str = "--ignore-submodules=none";

impl Repository {
    /// The paths that differ between two commits, outside the state documents.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn changed_paths(&self, base: &ObjectId, to: &ObjectId) -> Result<Vec<String>, GitError> {
        let pathspecs = without_state();
        let mut args = vec![
            "diff",
            "--name-only",
            "-z",
            "--no-renames",
            "--no-ext-diff",
            SUBMODULES,
            base.as_str(),
            to.as_str(),
            "--",
        ];
        args.extend(pathspecs.iter().map(String::as_str));
        Ok(self.git(&args)?.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// The patch between two commits, outside the state documents, in one normal form.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn patch(&self, base: &ObjectId, to: &ObjectId) -> Result<String, GitError> {
        let pathspecs = without_state();
        let mut args = vec![
            "diff",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            SUBMODULES,
            "--submodule=short",
            // Whatever an attribute says: a file that calls itself binary shows its lines as well.
            "--text",
            "--no-color",
            "--full-index",
            "--unified=3",
            "--diff-algorithm=myers",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            base.as_str(),
            to.as_str(),
            "--",
        ];
        args.extend(pathspecs.iter().map(String::as_str));
        self.git(&args)
    }

    /// Every commit between two with its message and its own patch, state documents included: what was added and removed again
    /// in between is in no comparison of the two ends. A merge is compared with each of its parents.
    ///
    /// # Errors
    ///
    /// git fails, or the answer is too large to be read whole.
    pub fn history(&self, base: &ObjectId, to: &ObjectId) -> Result<Vec<Change>, GitError> {
        let range = format!("{base}..{to}");
        // A message has no NUL. A patch may: it is asked for by itself.
        let told = self.git(&["log", "-z", "--format=%H %B", &range])?;
        // One that is empty may have lost its space at the end of the answer.
        let messages = told.split('\0').map(|one| one.split_once(' ').unwrap_or((one, "")));
        let messages: BTreeMap<&str, &str> = messages.map(|(id, message)| (id.trim(), message)).collect();
        let patches = self.git(&[
            "log",
            "--patch",
            "--diff-merges=separate",
            // Whatever an attribute says: a file that calls itself binary is looked into as well.
            "--text",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            SUBMODULES,
            "--submodule=short",
            "--no-color",
            "--full-index",
            "--unified=0",
            "--diff-algorithm=myers",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            "--format=%x00%H",
            &range,
        ])?;
        // As it is stored too: what is told was put into UTF-8 from whatever the commit calls its encoding.
        let ids: Vec<String> = messages.keys().filter(|id| !id.is_empty()).map(|id| (*id).to_owned()).collect();
        let stored: BTreeMap<&str, String> = ids
            .iter()
            .zip(self.objects(&ids)?)
            .filter_map(|(id, object)| Some((id.as_str(), String::from_utf8_lossy(&object?.bytes).into_owned())))
            .collect();
        let mut changes: Vec<Change> = Vec::new();
        for line in patches.split_inclusive('\n') {
            // A line of a patch begins with a sign or a word, whatever the file holds.
            if let Some(id) = line.strip_prefix('\0').map(str::trim_end) {
                let whole = messages.get(id).copied().zip(stored.get(id).cloned());
                let (message, stored) = whole.ok_or_else(|| GitError::Failed {
                    command: "log".to_owned(),
                    why: format!("it gave no message of commit {id}, which it gave the patch of"),
                })?;
                changes.push(Change {
                    commit: id.to_owned(),
                    message: message.to_owned(),
                    stored,
                    patch: String::new(),
                });
            } else if let Some(last) = changes.last_mut() {
                last.patch.push_str(line);
            }
        }
        Ok(changes)
    }
}

/// One commit of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its id.
    pub commit: String,
    /// Its message, in UTF-8.
    pub message: String,
    /// The whole commit as it is stored: its head, and its message in whatever encoding.
    pub stored: String,
    /// What it changed; of a merge, against one of its parents.
    pub patch: String,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::process::{Spec, run};

    #[test]
    fn a_commit_is_told_as_it_is_stored_whatever_it_calls_its_encoding() {
        let directory = tempfile::tempdir().expect("a directory");
        let git = |args: &[&str]| {
            let named = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"];
            let spec = Spec::new(named.iter().chain(args)).in_dir(directory.path()).timeout(Duration::from_secs(20));
            assert!(run(&spec).expect("git ran").ok(), "{args:?}");
        };
        git(&["init", "-q"]);
        git(&["commit", "-q", "--allow-empty", "-m", "base"]);
        git(&["-c", "i18n.commitEncoding=IBM037", "commit", "-q", "--allow-empty", "-m", "password = hunter2hunter2"]);
        let repository = Repository::discover(directory.path(), Vec::new()).expect("a repository");
        let base = repository.object("HEAD~1").expect("a commit");
        let history = repository.history(&base, &repository.head().expect("a head")).expect("told");
        assert!(!history[0].message.contains("hunter2"), "git tells it in another encoding");
        assert!(history[0].stored.contains("encoding IBM037\n\npassword = hunter2hunter2"), "{}", history[0].stored);
    }
}
