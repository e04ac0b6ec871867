//! `sync`: the state documents alone are committed, rebased onto the remote's branch (or merged with it, where a merge would be
//! flattened) and pushed, never with force; everything else in the work tree and the index stays as it is.

use std::any::Any;
use std::time::Duration;

use super::remote::without_credentials;
use super::subject::{is_state, only_state, only_state_among};
use super::{GitError, Repository, raw};
use crate::interrupt;
use crate::model::ids::ObjectId;

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Synced {
    /// Whether documents were committed.
    pub committed: bool,
    /// Whether commits of the remote were taken in.
    pub pulled: bool,
    /// Whether commits were pushed.
    pub pushed: bool,
}

/// Keeps every writer of the state documents waiting until what it gives is dropped; or the words of why it cannot.
pub type Hold<'a> = &'a dyn Fn() -> Result<Box<dyn Any>, String>;

const REMOTE_PATIENCE: Duration = Duration::from_secs(60);
const RACES: usize = 5;

impl Repository {
    /// Commits the state documents with this message, rebases onto `remote`'s `branch` and pushes. `seen` is the commit of that branch
    /// where the remote was asked a moment ago. Writers wait while documents are committed and moved, and only then.
    ///
    /// # Errors
    ///
    /// The remote does not answer, commits conflict or uncommitted work stands in the way (the work tree is then as it was), a writer
    /// does not end, the push or the writers win five races, or what was pushed is not on the remote that is asked.
    pub fn sync(
        &self,
        remote: &str,
        branch: &str,
        message: &str,
        seen: Option<&ObjectId>,
        hold: Hold<'_>,
    ) -> Result<Synced, GitError> {
        let mut synced = Synced::default();
        for race in 0..RACES {
            synced.committed |= self.commit_state(message, hold)?;
            let head = self.head()?;
            let tip = match seen.filter(|_| race == 0) {
                Some(seen) => Some(seen.clone()),
                None => match self.ask_alone(remote, branch, REMOTE_PATIENCE) {
                    Ok(tip) => Some(tip.commit),
                    Err(GitError::NoBranch { .. }) => None,
                    Err(error) => return Err(error),
                },
            };
            if let Some(tip) = &tip {
                if *tip == head {
                    return Ok(synced);
                }
                if !self.is_ancestor(tip, &head)? {
                    if !self.take_in(tip, hold)? {
                        continue;
                    }
                    synced.pulled = true;
                    if self.head()? == *tip {
                        return Ok(synced);
                    }
                }
            }
            let refspec = format!("HEAD:refs/heads/{branch}");
            let args = ["push", "--quiet", "--end-of-options", remote, &refspec];
            let pushed = raw(&self.root, &args, &self.credentials, REMOTE_PATIENCE, b"")?;
            if pushed.ok() {
                synced.pushed = true;
                interrupt::note("the commits are pushed");
                self.is_there(remote, branch)?;
                return Ok(synced);
            }
            let why = without_credentials(&String::from_utf8_lossy(&pushed.stderr));
            if !(why.contains("fetch first") || why.contains("non-fast-forward") || why.contains("cannot lock ref")) {
                return Err(GitError::Remote {
                    remote: remote.to_owned(),
                    why: without_credentials(&pushed.complaint()),
                });
            }
        }
        Err(GitError::Remote {
            remote: remote.to_owned(),
            why: format!("lost {RACES} races for branch {branch}, to pushes or to writers here"),
        })
    }

    /// Whether state documents are not on the remote's branch, as far as it was last asked.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn unpublished(&self, remote: &str, branch: &str) -> Result<bool, GitError> {
        if self.changed_state()? {
            return Ok(true);
        }
        let Ok(tip) = self.object(&format!("refs/countersign/{remote}/{branch}")) else { return Ok(false) };
        Ok(!self.is_ancestor(&self.head()?, &tip)?)
    }

    /// Whether state documents differ from HEAD.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn changed_state(&self) -> Result<bool, GitError> {
        let args = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", "machine-docs"];
        Ok(self.git(&args)?.split('\0').filter_map(|entry| entry.get(3..)).any(is_state))
    }

    /// Commits the state documents alone; gives whether there was anything to commit.
    fn commit_state(&self, message: &str, hold: Hold<'_>) -> Result<bool, GitError> {
        let _written_by_nobody = hold().map_err(GitError::Written)?;
        if !self.changed_state()? {
            return Ok(false);
        }
        // Pathspecs that match nothing are an error for commit, so only those that do are named.
        let all = only_state();
        let mut list = vec!["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--full-name", "--"];
        list.extend(all.iter().map(String::as_str));
        let pathspecs = only_state_among(&self.git(&list)?);
        let pathspecs: Vec<&str> = pathspecs.iter().map(String::as_str).collect();
        let mut add = vec!["add", "--force", "--"];
        add.extend(&pathspecs);
        // The index and the commit belong together.
        let _held = interrupt::finish_first();
        self.git(&add)?;
        let mut commit = vec!["commit", "--quiet", "--no-verify", "--no-gpg-sign", "--only", "-m", message, "--"];
        commit.extend(&pathspecs);
        self.git(&commit)?;
        interrupt::note("the documents are committed");
        Ok(true)
    }

    /// Whether the remote that is asked has what was pushed: a remote may be pushed to at another place than it is fetched from.
    fn is_there(&self, remote: &str, branch: &str) -> Result<(), GitError> {
        let head = self.head()?;
        let urls = |which: &[&str]| self.git(&[&["remote", "get-url"], which, &["--all", remote]].concat());
        let asked = urls(&[])?;
        if !asked.contains('\n') && urls(&["--push"])? == asked {
            self.name(&self.last_seen(remote, branch), &head)?;
            return Ok(());
        }
        let found = match self.ask_alone(remote, branch, REMOTE_PATIENCE) {
            Ok(tip) if self.is_ancestor(&head, &tip.commit)? => return Ok(()),
            Ok(tip) => format!("has {} there", tip.commit.short()),
            Err(GitError::NoBranch { .. }) => "has no such branch".to_owned(),
            Err(error) => return Err(error),
        };
        let shown = |urls: String| without_credentials(&urls.replace('\n', ", "));
        let (asked, pushed) = (shown(asked), shown(urls(&["--push"])?));
        let why = format!(
            "{} was pushed to {branch} at {pushed}, and {asked}, which is asked, {found}; wanted one place for both: git remote \
             set-url --push {remote} URL",
            head.short()
        );
        Err(GitError::Remote { remote: remote.to_owned(), why })
    }

    /// Brings the remote's commits and those of this clone together in a checkout of its own, then moves this work tree and index
    /// forward: staged, changed and untracked files stay as they are, and where they stand in the way nothing is moved. Gives whether
    /// it did; not where somebody wrote state documents meanwhile, which are to be committed first.
    ///
    /// A rebase would flatten a merge, and lose what only the merge holds: where there is one, the remote's branch is merged.
    fn take_in(&self, tip: &ObjectId, hold: Hold<'_>) -> Result<bool, GitError> {
        let _held = interrupt::finish_first();
        let before = self.head()?;
        if self.is_ancestor(&before, tip)? {
            return self.move_forward(&before, tip, "fast-forward", hold);
        }
        let aside = self.checkout(&before, &self.common_dir)?;
        let there = self.in_tree(aside.path());
        let merges = self.git(&["rev-list", "--merges", "-n", "1", before.as_str(), &format!("^{tip}")])?;
        let (rebase, merge) = (
            ["rebase", "--quiet", "--no-autostash", "--no-gpg-sign", tip.as_str()],
            ["merge", "--quiet", "--no-ff", "--no-edit", "--no-gpg-sign", "--no-verify-signatures", tip.as_str()],
        );
        let how = if merges.is_empty() { &rebase[..] } else { &merge[..] };
        let driver = merge_driver();
        let settings: Vec<&str> = driver.iter().flat_map(|driver| ["-c", driver.as_str()]).collect();
        there.git(&[&settings, how].concat()).map_err(|error| match error {
            GitError::Failed { why, .. } => GitError::Failed { command: how[0].to_owned(), why },
            other => other,
        })?;
        self.move_forward(&before, &there.head()?, how[0], hold)
    }

    /// Moves the branch, the index and the work tree from one commit to another; not where state documents were written meanwhile.
    fn move_forward(&self, before: &ObjectId, after: &ObjectId, how: &str, hold: Hold<'_>) -> Result<bool, GitError> {
        // git looks whether a file was changed and then writes it: what a writer put there in between would be lost.
        let _written_by_nobody = hold().map_err(GitError::Written)?;
        if self.changed_state()? {
            return Ok(false);
        }
        // Exits with 1 where files differ, which is no failure here: it only renews what the index knows of the files.
        raw(&self.root, &["update-index", "-q", "--refresh"], &self.home(), REMOTE_PATIENCE, b"")?;
        self.git(&["read-tree", "-m", "-u", before.as_str(), after.as_str()])?;
        let why = format!("countersign sync: {how}");
        self.git(&["update-ref", "-m", &why, "HEAD", after.as_str(), before.as_str()])?;
        Ok(true)
    }
}

/// The setting that lets git merge documents by this very program, whatever the clone's configuration; none where this
/// process is not `countersign` itself.
fn merge_driver() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let name = program.file_name()?.to_str()?;
    let path = program.to_str().filter(|path| !path.contains('\''))?;
    (name == "countersign").then(|| format!("merge.countersign.driver='{path}' merge-file %O %A %B %P"))
}
