//! Finding the repository from any subdirectory or work tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::objects::Answers;
use super::{GitError, Repository, home_of, raw};
use crate::model::ids::ObjectId;

impl Repository {
    /// Finds the repository that a directory lies in.
    ///
    /// `credentials` are the variables that commands which talk to a remote may use (`HOME`, `SSH_AUTH_SOCK`, …).
    ///
    /// # Errors
    ///
    /// There is none, it is bare, shallow or without a commit, or git refuses it (ownership).
    pub fn discover(directory: &Path, credentials: Vec<(String, String)>) -> Result<Self, GitError> {
        let home = home_of(&credentials);
        let ask = |args: &[&str]| raw(directory, args, &home, Duration::from_secs(30), b"");
        // Both at once: the roots count only where the first was answered well.
        let (found, roots) = std::thread::scope(|scope| {
            let roots = scope.spawn(|| ask(&["rev-list", "--max-parents=0", "HEAD"]));
            let found = ask(&[
                "rev-parse",
                "--is-bare-repository",
                "--is-shallow-repository",
                "--absolute-git-dir",
                "--git-common-dir",
                "--show-toplevel",
            ]);
            (found, roots.join())
        });
        let found = found?;
        let stopped = |_| GitError::Failed { command: "rev-list".into(), why: "the look at it stopped".into() };
        let text = found.text();
        let mut answers = text.splitn(5, '\n');
        let (Some(bare), Some(shallow), Some(git_dir), Some(common)) =
            (answers.next(), answers.next(), answers.next(), answers.next())
        else {
            // git's last line is the remedy it offers; what is wrong stands above it.
            let said = String::from_utf8_lossy(&found.stderr);
            if said.contains("not a git repository") {
                return Err(GitError::NoRepository(directory.to_owned()));
            }
            if said.contains("dubious ownership") {
                return Err(GitError::Unsuitable {
                    root: directory.to_owned(),
                    found: "belongs to another user, so git refuses it".into(),
                    wanted: "a clone of your own",
                    next: "git clone it as this user, or: git config --global --add safe.directory DIR",
                });
            }
            return Err(GitError::Failed { command: "rev-parse".into(), why: found.complaint() });
        };
        let unsuitable = |found: &str, wanted: &'static str, next: &'static str| GitError::Unsuitable {
            root: directory.to_owned(),
            found: found.to_owned(),
            wanted,
            next,
        };
        if bare == "true" {
            return Err(unsuitable("is bare", "a clone with a work tree", "git clone it, and work in the clone"));
        }
        if shallow == "true" {
            return Err(unsuitable(
                "is shallow, so its root commit cannot be known",
                "a full clone",
                "git fetch --unshallow",
            ));
        }
        // git answers in turn and stops at the question it has no answer to: the last, where there is no work tree.
        let Some(top) = answers.next().filter(|_| found.ok()) else {
            return Err(unsuitable("is git's own directory", "its work tree", "run it there, or name it with -C DIR"));
        };
        let root = real(Path::new(top))?;
        let git_dir = real(Path::new(git_dir))?;
        let common_dir = real(&directory.join(common))?;
        let roots = roots.map_err(stopped)??;
        let found: Vec<ObjectId> = roots.text().lines().filter_map(|line| line.parse().ok()).collect();
        let first = match found.as_slice() {
            [] | [_] => found.first().cloned(),
            // The line that HEAD's first parents make has one beginning.
            _ => ask(&["rev-list", "--max-parents=0", "--first-parent", "HEAD"])?.text().parse().ok(),
        };
        let Some(root_commit) = first.filter(|_| roots.ok()) else {
            return Err(unsuitable(
                "has no commit yet",
                "at least one, since records name it",
                "git add FILE, then git commit",
            ));
        };
        Ok(Self { root, git_dir, common_dir, root_commit, roots: found, credentials, answers: Answers::default() })
    }

    /// A repository whose directories and root commit are known otherwise: git is not asked for them.
    pub fn known_to_be(root: PathBuf, git_dir: PathBuf, common_dir: PathBuf, root_commit: ObjectId) -> Self {
        let (roots, credentials, answers) = (vec![root_commit.clone()], Vec::new(), Answers::default());
        Self { root, git_dir, common_dir, root_commit, roots, credentials, answers }
    }

    /// The same, with nothing asked of git yet.
    #[must_use]
    pub fn unasked(&self) -> Self {
        Self { answers: Answers::default(), ..self.clone() }
    }

    /// HEAD's commit.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn head(&self) -> Result<ObjectId, GitError> {
        self.object("HEAD")
    }

    /// Who commits here, as git writes it: name, address, time.
    ///
    /// # Errors
    ///
    /// git knows no name or address.
    pub fn identity(&self) -> Result<String, GitError> {
        self.git(&["var", "GIT_COMMITTER_IDENT"])
    }

    /// The branch that is checked out; `None` when HEAD is detached.
    pub fn branch(&self) -> Option<String> {
        // Never git's short name: where a tag is called like the branch that is `heads/NAME`, and another branch is published to.
        self.git(&["symbolic-ref", "-q", "HEAD"]).ok()?.strip_prefix("refs/heads/").map(str::to_owned)
    }

    /// The commit that a revision names.
    ///
    /// # Errors
    ///
    /// It names none.
    pub fn object(&self, revision: &str) -> Result<ObjectId, GitError> {
        let found = self.objects(&[format!("{revision}^{{commit}}")])?.pop().flatten();
        let id = found.and_then(|object| object.id.parse().ok());
        id.ok_or_else(|| GitError::Failed { command: "cat-file".into(), why: format!("`{revision}` is no commit") })
    }

    /// Whether one commit is the other or among its ancestors.
    ///
    /// # Errors
    ///
    /// git cannot tell.
    pub fn is_ancestor(&self, earlier: &ObjectId, later: &ObjectId) -> Result<bool, GitError> {
        if earlier == later {
            return Ok(true);
        }
        let args = ["merge-base", "--is-ancestor", earlier.as_str(), later.as_str()];
        let finished = raw(&self.root, &args, &self.home(), Duration::from_secs(30), b"")?;
        match finished.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(GitError::Failed { command: "merge-base".into(), why: finished.complaint() }),
        }
    }
}

fn real(path: &Path) -> Result<PathBuf, GitError> {
    fs::canonicalize(path).map_err(|source| GitError::Io { path: path.to_owned(), source })
}
