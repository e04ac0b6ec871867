//! What changed since a base commit, without the state documents.

use super::subject::without_state;
use super::{GitError, Repository};
use crate::model::ids::ObjectId;

impl Repository {
    /// The paths that differ between two commits, outside the state documents.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn changed_paths(&self, base: &ObjectId, to: &ObjectId) -> Result<Vec<String>, GitError> {
        let pathspecs = without_state();
        let mut args =
            vec!["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", base.as_str(), to.as_str(), "--"];
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

    /// The messages of the commits between two, each as `id` and text.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn messages(&self, base: &ObjectId, to: &ObjectId) -> Result<Vec<(String, String)>, GitError> {
        let text = self.git(&["log", "-z", "--format=%H %B", &format!("{base}..{to}")])?;
        let entry = |entry: &str| entry.split_once(' ').map(|(id, text)| (id.to_owned(), text.to_owned()));
        Ok(text.split('\0').filter_map(entry).collect())
    }
}
