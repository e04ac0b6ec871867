//! The repository, by git's plumbing commands with a pinned environment.

pub mod branches;
pub mod checkout;
pub mod content;
pub mod diff;
pub mod entry;
pub mod history;
mod objects;
pub mod place;
pub mod remote;
pub mod root;
pub mod sides;
pub mod state;
pub mod subject;
pub mod sync;
mod tree;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::ids::ObjectId;
use crate::process::{self, Finished, ProcessError, Spec, Stream};
use objects::Answers;

/// Why git could not answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Not inside a repository.
    #[error("{} is in no git repository", .0.display())]
    NoRepository(PathBuf),
    /// A repository that cannot be used.
    #[error("the repository {} {found}; wanted {wanted}", .root.display())]
    Unsuitable {
        /// Its directory.
        root: PathBuf,
        /// What it is.
        found: String,
        /// What would do.
        wanted: &'static str,
        /// The command that leads there.
        next: &'static str,
    },
    /// A git command failed.
    #[error("git {command}: {why}")]
    Failed {
        /// The subcommand.
        command: String,
        /// Its complaint, without credentials.
        why: String,
    },
    /// The remote does not answer.
    #[error("remote `{remote}` could not be asked: {why}")]
    Remote {
        /// The remote's name.
        remote: String,
        /// Its complaint, without credentials.
        why: String,
    },
    /// The remote answers, and has no such branch.
    #[error("remote `{remote}` has no branch {branch}")]
    NoBranch {
        /// The remote's name.
        remote: String,
        /// The branch.
        branch: String,
    },
    /// An object has other bytes than its id says: somebody put them there.
    #[error("git object {0} is not what its id says: something in this clone gives other bytes for it")]
    Altered(String),
    /// Another process writes the state documents and does not come to an end.
    #[error("{0}")]
    Written(String),
    /// git itself could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file could not be handled.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// A repository that can carry a phase.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The work tree's top, real path.
    pub root: PathBuf,
    /// This work tree's git directory, real path.
    pub git_dir: PathBuf,
    /// The git directory that all its work trees share, real path.
    pub common_dir: PathBuf,
    /// The root commit. Where the history has several, that of the first-parent line, until the documents say which.
    pub root_commit: ObjectId,
    /// Every root commit that HEAD comes from.
    pub roots: Vec<ObjectId>,
    /// What keys and a home directory the caller's environment offers to commands that talk to a remote.
    pub credentials: Vec<(String, String)>,
    /// What answers for the objects.
    answers: Answers,
}

/// How long an answer may take that is as long as a history.
const STREAM_PATIENCE: Duration = Duration::from_secs(300);

/// Settings that no repository's own configuration may change: nothing of the repository runs.
const PINNED: &[&str] = &[
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.pager=cat",
    "-c",
    "diff.external=",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "diff.suppressBlankEmpty=false",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    "-c",
    "advice.detachedHead=false",
    "-c",
    "advice.graftFileDeprecated=false",
    // Parents are what a commit says, not what a file beside it says of it.
    "-c",
    "core.commitGraph=false",
];

/// Variables that no caller changes: nobody is asked, nothing is locked for a look, no object stands for another and no commit has
/// other parents than its own.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
];

/// How git is run in a directory.
fn spec(directory: &Path, args: &[&str], extra: &[(String, String)], timeout: Duration, stdin: &[u8]) -> Spec {
    let argv = ["git"].iter().chain(PINNED).chain(args).copied();
    let mut spec = Spec::new(argv).in_dir(directory).timeout(timeout);
    spec.stdin = stdin.to_vec();
    for (name, value) in extra {
        spec = spec.env(name, value);
    }
    for (name, value) in ENVIRONMENT {
        spec = spec.env(name, value);
    }
    spec
}

/// Runs git in a directory; what it answers is not judged, but never a part of it given for the whole.
fn raw(
    directory: &Path,
    args: &[&str],
    extra: &[(String, String)],
    timeout: Duration,
    stdin: &[u8],
) -> Result<Finished, GitError> {
    let finished = process::run(&spec(directory, args, extra, timeout, stdin))?;
    if finished.truncated {
        // Judging a part as the whole would let the rest pass unseen.
        let why =
            format!("answered more than {} bytes; wanted an answer that can be read whole", finished.stdout.len());
        return Err(GitError::Failed { command: args.first().copied().unwrap_or_default().to_owned(), why });
    }
    Ok(finished)
}

/// Merges two versions of a text that have a third in common, line by line; where both changed the same lines, those of both stay.
/// The paths are absolute.
///
/// # Errors
///
/// git fails, or the result is no text.
pub fn union(directory: &Path, base: &Path, ours: &Path, theirs: &Path) -> Result<String, GitError> {
    let [base, ours, theirs] = [base, ours, theirs].map(|path| path.to_string_lossy().into_owned());
    let args = ["merge-file", "-p", "-q", "--union", &ours, &base, &theirs];
    let finished = raw(directory, &args, &[], Duration::from_secs(60), b"")?;
    let failed = |why: String| GitError::Failed { command: "merge-file".into(), why };
    if !finished.ok() {
        return Err(failed(finished.complaint()));
    }
    String::from_utf8(finished.stdout).map_err(|error| failed(error.to_string()))
}

impl Repository {
    /// Runs git here and gives its standard output without the last newline.
    fn git(&self, args: &[&str]) -> Result<String, GitError> {
        self.git_with(args, &[], b"")
    }

    fn git_with(&self, args: &[&str], env: &[(String, String)], stdin: &[u8]) -> Result<String, GitError> {
        Ok(self.finished(args, env, stdin)?.text())
    }

    fn finished(&self, args: &[&str], env: &[(String, String)], stdin: &[u8]) -> Result<Finished, GitError> {
        let mut all = self.home();
        all.extend_from_slice(env);
        let finished = raw(&self.root, args, &all, Duration::from_secs(60), stdin)?;
        if finished.ok() {
            return Ok(finished);
        }
        Err(GitError::Failed {
            command: args.first().copied().unwrap_or_default().to_owned(),
            why: remote::without_credentials(&finished.complaint()),
        })
    }

    /// Runs git here and hands its standard output on as it comes, however much it is.
    fn stream(&self, args: &[&str], stdin: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), GitError> {
        let mut spec = spec(&self.root, args, &self.home(), STREAM_PATIENCE, stdin);
        // Kept for what git complains of; the answer itself is not.
        spec.max_output = 64 << 10;
        let finished = process::run_with(&spec, &mut |stream, piece| {
            if stream == Stream::Stdout {
                take(piece);
            }
        })?;
        if finished.ok() {
            return Ok(());
        }
        Err(GitError::Failed {
            command: args.first().copied().unwrap_or_default().to_owned(),
            why: remote::without_credentials(&finished.complaint()),
        })
    }

    /// The same repository in another work tree of its own.
    fn in_tree(&self, root: PathBuf) -> Self {
        Self { root, answers: Answers::default(), ..self.clone() }
    }

    /// The home directory and the author's name alone: nothing that opens a remote.
    fn home(&self) -> Vec<(String, String)> {
        home_of(&self.credentials)
    }
}

/// Of the caller's variables, those that local commands need: git reads the user's name and `safe.directory` there.
fn home_of(credentials: &[(String, String)]) -> Vec<(String, String)> {
    let prefixes = ["GIT_CONFIG_", "GIT_AUTHOR_", "GIT_COMMITTER_"];
    let kept = |name: &str| {
        matches!(name, "HOME" | "XDG_CONFIG_HOME") || prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    credentials.iter().filter(|(name, _)| kept(name)).cloned().collect()
}

#[cfg(test)]
mod tests;
