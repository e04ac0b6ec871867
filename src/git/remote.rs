//! The remote: asked, never trusted to stay the same, never forced.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::branches::{Branch, memories, memories_named};
use super::{GitError, Repository, raw};
use crate::model::ids::ObjectId;

/// What the remote's branch was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The branch's commit.
    pub commit: ObjectId,
    /// A local name of it, to read files at.
    pub reference: String,
    /// Whether a tip that was known here is not among its ancestors: somebody forced. It stays so until the remote has that
    /// tip again, or a person removes the name by which it is kept ([`Tip::known`]).
    pub forced: bool,
    /// The local name of the newest tip that came without force.
    pub known: String,
}

/// A branch's name without the slash that would make a directory of it: a branch `a` must not stand in the way of `a/b`.
fn flat(branch: &str) -> String {
    branch.replace('%', "%25").replace('/', "%2F")
}

/// Takes user names, passwords and what stands after a `?` or `#` out of the URLs in a message: a token may be in any of them.
pub fn without_credentials(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "'\"<>`".contains(c)).unwrap_or(after.len());
        let (url, next) = after.split_at(end);
        let query = |text: &str| text.find(['?', '#']);
        // A password may hold a slash and even a question mark, so what stands before the last @ is none of it shown.
        let shown = match url.rfind('@') {
            Some(sign) if query(&url[..sign]).is_some() => "",
            Some(sign) => &url[sign + 1..],
            None => url,
        };
        match query(shown) {
            Some(at) => out = out + &shown[..at] + "?…",
            None if shown.len() < url.len() && shown.is_empty() => out.push('…'),
            None => out.push_str(shown),
        }
        rest = next;
    }
    out + rest
}

/// The git directory that is shared by all work trees of the one at a path, real; `None` where there is none.
fn common_of(place: &Path) -> Option<PathBuf> {
    let named = |file: PathBuf, before: &str| {
        let text = fs::read_to_string(&file).ok()?;
        Some(file.parent()?.join(text.trim_end().strip_prefix(before)?))
    };
    let git = if place.is_file() { named(place.to_owned(), "gitdir: ")? } else { place.to_owned() };
    fs::canonicalize(named(git.join("commondir"), "").unwrap_or(git)).ok()
}

impl Repository {
    /// Asks the remote for a branch: every branch of it is fetched to a private name, and this one is judged.
    ///
    /// # Errors
    ///
    /// The remote does not answer in time; there is no such branch there.
    pub fn ask(&self, remote: &str, branch: &str, patience: Duration) -> Result<Tip, GitError> {
        self.is_elsewhere(remote)?;
        self.fetch_branches(remote, patience)?;
        let reference = self.last_seen(remote, branch);
        let Ok(commit) = self.object(&reference) else {
            return Err(GitError::NoBranch { remote: remote.to_owned(), branch: branch.to_owned() });
        };
        self.tip(remote, branch, commit)
    }

    /// The same with this one branch fetched alone: whatever is wrong with others keeps nothing from being published on it.
    ///
    /// # Errors
    ///
    /// The remote does not answer in time; there is no such branch there.
    pub(super) fn ask_alone(&self, remote: &str, branch: &str, patience: Duration) -> Result<Tip, GitError> {
        let reference = self.last_seen(remote, branch);
        let refspec = format!("+refs/heads/{branch}:{reference}");
        let args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", remote, &refspec];
        let failed = |why: String| GitError::Remote { remote: remote.to_owned(), why: without_credentials(&why) };
        let finished =
            raw(&self.root, &args, &self.credentials, patience, b"").map_err(|error| failed(error.to_string()))?;
        if !finished.ok() {
            let why = finished.complaint();
            if why.contains("couldn't find remote ref") {
                return Err(GitError::NoBranch { remote: remote.to_owned(), branch: branch.to_owned() });
            }
            return Err(failed(why));
        }
        let commit = self.object(&reference)?;
        self.tip(remote, branch, commit)
    }

    /// What is said of a branch at this commit, by what was known of it; without force it is what is known from now on.
    fn tip(&self, remote: &str, branch: &str, commit: ObjectId) -> Result<Tip, GitError> {
        let (reference, known) = (self.last_seen(remote, branch), self.known(remote, branch));
        let before = self.object(&known).ok();
        let forced = match &before {
            Some(before) => !self.is_ancestor(before, &commit)?,
            None => false,
        };
        if !forced && before.as_ref() != Some(&commit) {
            self.name(&known, &commit)?;
        }
        Ok(Tip { commit, reference, forced, known })
    }

    /// Refuses a remote that is this clone itself, by whatever name: what is there has left it for nowhere.
    fn is_elsewhere(&self, remote: &str) -> Result<(), GitError> {
        let told = self.git(&["remote", "get-url", "--all", "--end-of-options", remote]);
        for url in told.as_deref().unwrap_or(remote).lines() {
            let path = url.strip_prefix("file://").map_or(url, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
            // What git tries in turn for a path (its enter_repo); of a work tree beside others, the directory that they share.
            for end in ["", ".git", "/.git", ".git/.git"] {
                let place = self.root.join(format!("{}{end}", path.trim_end_matches('/')));
                if common_of(&place).is_some_and(|common| common == self.common_dir) {
                    let why =
                        format!("`{}` is this clone itself; wanted a repository elsewhere", without_credentials(url));
                    return Err(GitError::Remote { remote: remote.to_owned(), why });
                }
            }
        }
        Ok(())
    }

    /// The local name of what was last seen of a remote's branch; it may not be there.
    pub fn last_seen(&self, remote: &str, branch: &str) -> String {
        format!("refs/countersign/{remote}/{branch}")
    }

    /// The local name of the newest tip of a remote's branch that came without force; it may not be there.
    pub fn known(&self, remote: &str, branch: &str) -> String {
        format!("refs/countersign-known/{remote}/{}", flat(branch))
    }

    /// The local name of the newest commit seen on a remote's branch whose documents of a phase had lost nothing; it may not be
    /// there.
    pub fn memory(&self, remote: &str, phase: &str, branch: &str) -> String {
        format!("{}{}", memories(remote, phase), flat(branch))
    }

    /// What is kept under [`Self::memory`] of every branch of a remote.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn memories(&self, remote: &str, phase: &str) -> Result<Vec<Branch>, GitError> {
        Ok(memories_named(self.below(&memories(remote, phase))?))
    }

    /// The phases whose documents were seen on a remote.
    pub fn remembered(&self, remote: &str) -> Vec<String> {
        let kept = self.below(&format!("refs/countersign-records/{remote}/")).unwrap_or_default();
        let mut phases: Vec<String> =
            kept.iter().filter_map(|branch| Some(branch.name.split_once('/')?.0.to_owned())).collect();
        phases.dedup();
        phases
    }

    /// Gives a commit a local name.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn name(&self, reference: &str, commit: &ObjectId) -> Result<(), GitError> {
        self.git(&["update-ref", "--end-of-options", reference, commit.as_str()]).map(drop)
    }

    /// The URL of a remote, without credentials.
    pub fn remote_url(&self, remote: &str) -> Option<String> {
        self.git(&["remote", "get-url", remote]).ok().map(|url| without_credentials(&url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Spec, run};

    #[test]
    fn a_remote_that_is_this_clone_is_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let git = |at: &str, args: &[&str]| {
            let named = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"];
            let spec = Spec::new(named.iter().chain(args)).in_dir(&directory.path().join(at));
            assert!(run(&spec).expect("git ran").ok(), "{args:?}");
        };
        git(".", &["init", "-q", "--initial-branch=main", "a"]);
        git("a", &["commit", "-q", "--allow-empty", "-m", "one"]);
        git(".", &["clone", "-q", "--bare", "a", "elsewhere.git"]);
        git("a", &["worktree", "add", "-q", "../beside", "-b", "side"]);
        git("a", &["remote", "add", "origin", "."]);
        std::os::unix::fs::symlink("a", directory.path().join("link")).expect("linked");
        let ask = |clone: &str, remote: &str| {
            let clone = Repository::discover(&directory.path().join(clone), Vec::new()).expect("a repository");
            clone.ask(remote, "main", Duration::from_secs(20)).map(drop).map_err(|error| error.to_string())
        };
        let at = |name: &str| directory.path().join(name).display().to_string();
        let own =
            [".", "./", ".git", &at("a"), &at("a/.git/"), &at("link"), &at("beside"), &format!("file://{}", at("a"))];
        for url in own {
            git("a", &["remote", "set-url", "origin", url]);
            for clone in ["a", "beside"] {
                // What a relative one names in the other work tree is that tree.
                assert!(
                    ask(clone, "origin").is_err_and(|why| why.contains("is this clone itself")),
                    "{url} in {clone}"
                );
            }
        }
        assert!(ask("a", "..").is_err_and(|why| !why.contains("is this clone itself")), "no repository at all");
        for url in [at("elsewhere.git"), at("elsewhere"), "../elsewhere.git".to_owned()] {
            git("a", &["remote", "set-url", "origin", &url]);
            assert_eq!(ask("a", "origin"), Ok(()), "{url}");
        }
    }

    #[test]
    fn credentials_leave_messages() {
        let text = "fatal: 'https://user:secret@host/x.git' and ssh://git@host/y: refused";
        assert_eq!(without_credentials(text), "fatal: 'https://host/x.git' and ssh://host/y: refused");
        for (url, shown) in [
            ("https://user:s3/cr3t@host/x.git", "https://host/x.git"),
            ("https://user:s3?cr3t@host/x.git", "https://…"),
            ("https://host/x.git?access_token=secret", "https://host/x.git?…"),
            ("https://host/x.git?access_token=s@cret", "https://…"),
            ("\"https://user@host/x.git#secret\" b://c", "\"https://host/x.git?…\" b://c"),
            ("/srv/x@y.git", "/srv/x@y.git"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
