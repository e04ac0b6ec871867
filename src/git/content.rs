//! What of the work tree is not what HEAD holds, judged by content alone.
//!
//! git's own answer rests on the index, on attributes and on settings: `assume-unchanged`, `skip-worktree`, a sparse checkout, equal
//! sizes and times, `ident`, an encoding, line ends and a clean filter each make it call a changed file unchanged. Here every file is
//! read, and its bytes are held against the id that HEAD's own trees name.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::subject::{is_left_over, is_state};
use super::tree::{self, Format};
use super::{GitError, Repository, raw};

/// Every file of a submodule is read, so this takes as long as reading it.
const PATIENCE: Duration = Duration::from_secs(300);

/// Settings by which a clone would make git look away from a change.
const LOOK: &[&str] = &[
    "-c",
    "core.fileMode=true",
    "-c",
    "core.symlinks=true",
    "-c",
    "core.ignoreStat=false",
    "-c",
    "core.sparseCheckout=false",
    "-c",
    "core.untrackedCache=false",
    "-c",
    "core.checkStat=default",
    "-c",
    "core.trustctime=true",
    "-c",
    "core.ignoreCase=false",
    "-c",
    "status.showUntrackedFiles=all",
];

impl Repository {
    /// What differs from HEAD outside the state documents, by content: changed, missing and untracked files (ignored ones are not
    /// looked at). Empty when there is nothing.
    ///
    /// # Errors
    ///
    /// git fails, or an object is missing or not what its id says.
    pub fn differences(&self) -> Result<Vec<String>, GitError> {
        let files = self.files_of(&self.head()?)?;
        let mut found = Vec::new();
        for file in &files {
            let path = String::from_utf8_lossy(&file.path).into_owned();
            if file.mode != tree::MODULE_MODE && !is_state(&path) && !self.is_as(file) {
                found.push(path);
            }
        }
        found.extend(self.untracked_or_moved(&files)?);
        Ok(found)
    }

    /// Whether the work tree has this file with these bytes.
    fn is_as(&self, file: &tree::File) -> bool {
        let path = self.root.join(OsStr::from_bytes(&file.path));
        let Ok(there) = fs::symlink_metadata(&path) else { return false };
        let bytes = if file.mode == tree::LINK_MODE {
            fs::read_link(&path).map(|target| target.as_os_str().as_bytes().to_vec())
        } else if there.is_file() && (there.permissions().mode() & 0o100 != 0) == (file.mode == b"100755") {
            fs::read(&path)
        } else {
            return false;
        };
        let id = |bytes: Vec<u8>| {
            Format::of(&file.id).is_some_and(|format| tree::hex(&format.id("blob", &bytes)) == file.id)
        };
        bytes.is_ok_and(id)
    }

    /// Files that HEAD does not hold and nothing ignores, and submodules that are not at its commit: by an index made from HEAD now.
    fn untracked_or_moved(&self, files: &[tree::File]) -> Result<Vec<String>, GitError> {
        let io = |source| GitError::Io { path: std::env::temp_dir(), source };
        let aside = tempfile::tempdir().map_err(io)?;
        let mut env = self.home();
        env.push(("GIT_INDEX_FILE".to_owned(), aside.path().join("index").to_string_lossy().into_owned()));
        env.push(("GIT_LITERAL_PATHSPECS".to_owned(), "1".to_owned()));
        let ask = |args: &[&str]| {
            let finished = raw(&self.root, &[LOOK, args].concat(), &env, PATIENCE, b"")?;
            if finished.ok() {
                return Ok(finished.text());
            }
            Err(GitError::Failed { command: args[0].to_owned(), why: finished.complaint() })
        };
        ask(&["read-tree", "HEAD"])?;
        let mut found: Vec<String> = ask(&["ls-files", "--others", "--exclude-standard", "-z"])?
            .split('\0')
            .filter(|path| !path.is_empty() && !is_state(path) && !is_left_over(path))
            .map(str::to_owned)
            .collect();
        let modules = files.iter().filter(|file| file.mode == tree::MODULE_MODE);
        let modules: Vec<String> = modules.map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect();
        if !modules.is_empty() {
            let status = [
                "status",
                "--porcelain=v1",
                "-z",
                "--untracked-files=no",
                "--no-renames",
                "--ignore-submodules=none",
                "--",
            ];
            let paths: Vec<&str> = modules.iter().map(String::as_str).collect();
            let text = ask(&[&status[..], &paths].concat())?;
            found.extend(text.split('\0').filter_map(|entry| entry.get(3..)).map(str::to_owned));
        }
        Ok(found)
    }
}
