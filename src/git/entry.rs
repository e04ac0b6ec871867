//! A file as the subject has it: out of the commit, whatever the work tree holds.

use super::subject::is_state;
use super::{GitError, Repository};

/// What a commit has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Absent,
    /// A state document: no part of the subject.
    State,
    /// A regular file.
    File {
        /// Its object id.
        id: String,
        /// How many bytes it has.
        size: u64,
    },
    /// A symlink, a directory or a submodule.
    Other(&'static str),
}

impl Repository {
    /// What the subject at HEAD has at a path relative to the root.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn subject_entry(&self, path: &str) -> Result<Entry, GitError> {
        if is_state(path) {
            return Ok(Entry::State);
        }
        let args = ["ls-tree", "-z", "-l", "--full-tree", "HEAD", "--", path];
        let listed = self.git_with(&args, &[("GIT_LITERAL_PATHSPECS".to_owned(), "1".to_owned())], b"")?;
        // mode SP type SP id SP+ size TAB path NUL; a directory with a slash at its end would list what is in it.
        let found = listed.split('\0').filter_map(|line| line.split_once('\t')).find(|(_, name)| *name == path);
        let Some((about, _)) = found else { return Ok(Entry::Absent) };
        let parts: Vec<&str> = about.split_whitespace().collect();
        Ok(match parts[..] {
            ["120000", ..] => Entry::Other("a symlink"),
            [_, "tree", ..] => Entry::Other("a directory"),
            [_, "blob", id, size] => match size.parse() {
                Ok(size) => Entry::File { id: id.to_owned(), size },
                Err(_) => Entry::Other("an object without a size"),
            },
            _ => Entry::Other("a submodule"),
        })
    }
}
