//! What of the work tree is not what HEAD holds, judged by content alone.
//!
//! git's own answer rests on the index: `assume-unchanged`, `skip-worktree`, a sparse checkout, equal sizes and times and a clean
//! filter of the clone's configuration each make it call a changed file unchanged. Here every file is read again against an index
//! that was made from HEAD a moment ago, with no filter and no setting of the clone that would look away.

use std::time::Duration;

use super::subject::{is_left_over, is_state};
use super::{GitError, Repository, raw};

/// Every file is read, so this takes as long as reading the work tree.
const PATIENCE: Duration = Duration::from_secs(300);

/// Settings by which a clone would make git look away from a change.
const LOOK: &[&str] = &[
    "core.fileMode=true",
    "core.symlinks=true",
    "core.ignoreStat=false",
    "core.sparseCheckout=false",
    "core.untrackedCache=false",
    "core.checkStat=default",
    "core.trustctime=true",
    "core.ignoreCase=false",
    "status.showUntrackedFiles=all",
];

impl Repository {
    /// What differs from HEAD outside the state documents, by content: changed, missing and untracked files (ignored ones are not
    /// looked at). Empty when there is nothing.
    ///
    /// # Errors
    ///
    /// git fails, or a content filter has a name that cannot be switched off.
    pub fn differences(&self) -> Result<Vec<String>, GitError> {
        let io = |source| GitError::Io { path: std::env::temp_dir(), source };
        let aside = tempfile::tempdir().map_err(io)?;
        let mut env = self.home();
        env.push(("GIT_INDEX_FILE".to_owned(), aside.path().join("index").to_string_lossy().into_owned()));
        let mut settings = self.filters_off()?;
        for setting in LOOK {
            settings.extend(["-c".to_owned(), (*setting).to_owned()]);
        }
        let ask = |args: &[&str]| {
            let all: Vec<&str> = settings.iter().map(String::as_str).chain(args.iter().copied()).collect();
            let finished = raw(&self.root, &all, &env, PATIENCE, b"")?;
            if finished.ok() && !finished.truncated {
                return Ok(finished);
            }
            Err(GitError::Failed { command: args[0].to_owned(), why: finished.complaint() })
        };
        ask(&["read-tree", "HEAD"])?;
        let status =
            ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none"];
        let text = ask(&status)?.text();
        let paths =
            text.split('\0').filter_map(|entry| entry.get(3..)).filter(|path| !is_state(path) && !is_left_over(path));
        Ok(paths.map(str::to_owned).collect())
    }

    /// Arguments that switch every content filter of the configuration off: a file is then what its bytes are.
    pub(super) fn filters_off(&self) -> Result<Vec<String>, GitError> {
        let args =
            ["config", "--null", "--name-only", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$"];
        let finished = raw(&self.root, &args, &self.home(), PATIENCE, b"")?;
        let mut settings = Vec::new();
        for name in finished.text().split('\0').filter(|name| !name.is_empty()) {
            if name.contains(['=', '\n']) {
                let why = format!("the content filter `{name}` cannot be switched off by its name");
                return Err(GitError::Failed { command: "config".into(), why });
            }
            let off = if name.ends_with(".required") { "false" } else { "" };
            settings.extend(["-c".to_owned(), format!("{name}={off}")]);
        }
        Ok(settings)
    }
}
