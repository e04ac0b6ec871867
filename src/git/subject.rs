//! The subject: the repository without its state documents.

use super::{GitError, Repository};
use crate::interrupt;
use crate::model::ids::ObjectId;
use crate::model::record::Subject;

/// Pathspecs that leave out the state documents of every phase: contracts, documents, evidence and the merge attributes.
const STATE: &[&str] = &[
    "machine-docs/PHASE-*.toml",
    "machine-docs/STATUS-*.md",
    "machine-docs/REVIEW-*.md",
    "machine-docs/JOURNAL-*.md",
    "machine-docs/BACKLOG-*.md",
    "machine-docs/evidence/**",
    "machine-docs/.gitattributes",
];

/// Whether a path, relative to the root, is a state document.
pub fn is_state(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("machine-docs/") else { return false };
    let named = |prefix: &str, suffix: &str| rest.starts_with(prefix) && rest.ends_with(suffix) && !rest.contains('/');
    rest == ".gitattributes"
        || rest.starts_with("evidence/")
        || named("PHASE-", ".toml")
        || ["STATUS-", "REVIEW-", "JOURNAL-", "BACKLOG-"].iter().any(|prefix| named(prefix, ".md"))
}

/// Arguments that name everything but the state documents.
pub(super) fn without_state() -> Vec<String> {
    let excluded = STATE.iter().map(|pattern| format!(":(top,exclude,glob){pattern}"));
    std::iter::once(":/".to_owned()).chain(excluded).collect()
}

/// Arguments that name the state documents alone.
pub(super) fn only_state() -> Vec<String> {
    STATE.iter().map(|pattern| format!(":(top,glob){pattern}")).collect()
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
        let commit = self.git(&args)?;
        let commit = commit.parse().map_err(|_| GitError::Unsuitable {
            root: self.root.clone(),
            found: "has only state documents in it".into(),
            wanted: "a commit with the subject",
        })?;
        Ok(Subject { commit, tree: self.tree_without_state(revision)? })
    }

    /// Writes the tree without state documents, through an index of its own: the user's index is not touched.
    fn tree_without_state(&self, revision: &str) -> Result<ObjectId, GitError> {
        let _held = interrupt::finish_first();
        let io = |source| GitError::Io { path: self.git_dir.clone(), source };
        let directory = tempfile::Builder::new().prefix("countersign-index-").tempdir_in(&self.git_dir).map_err(io)?;
        let index = directory.path().join("index");
        let env = [("GIT_INDEX_FILE".to_owned(), index.to_string_lossy().into_owned())];
        self.git_with(&["read-tree", revision], &env, b"")?;
        let pathspecs = only_state();
        let mut args = vec!["rm", "-r", "-q", "--cached", "--ignore-unmatch", "--"];
        args.extend(pathspecs.iter().map(String::as_str));
        self.git_with(&args, &env, b"")?;
        let tree = self.git_with(&["write-tree"], &env, b"")?;
        tree.parse().map_err(|_| GitError::Failed { command: "write-tree".into(), why: format!("answered `{tree}`") })
    }

    /// What differs from HEAD outside the state documents: staged, unstaged and untracked files. Empty when clean.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn dirt(&self) -> Result<Vec<String>, GitError> {
        let text = self.git(&["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"])?;
        let paths = text.split('\0').filter_map(|entry| entry.get(3..)).filter(|path| !is_state(path));
        Ok(paths.map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documents_of_phases_are_state() {
        for state in ["machine-docs/STATUS-pvfix.md", "machine-docs/PHASE-x.toml", "machine-docs/evidence/x/y.txt"] {
            assert!(is_state(state), "{state}");
        }
        for other in
            ["STATUS-pvfix.md", "machine-docs/README.md", "machine-docs/STATUS-x.md/y", "src/machine-docs/STATUS-x.md"]
        {
            assert!(!is_state(other), "{other}");
        }
    }
}
