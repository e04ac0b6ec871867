//! The remote: asked, never trusted to stay the same, never forced.

use std::time::Duration;

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

/// Takes user names and passwords out of URLs in a message.
pub fn without_credentials(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c == '/' || c.is_whitespace() || c == '\'').unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(sign) => &after[sign + 1..],
            None => after,
        };
    }
    out + rest
}

impl Repository {
    /// Asks the remote for a branch and fetches it to a private name.
    ///
    /// # Errors
    ///
    /// The remote does not answer in time; there is no such branch there.
    pub fn ask(&self, remote: &str, branch: &str, patience: Duration) -> Result<Tip, GitError> {
        let reference = self.last_seen(remote, branch);
        let known = self.known(remote, branch);
        let refspec = format!("+refs/heads/{branch}:{reference}");
        let args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", remote, &refspec];
        let failed = |why: String| GitError::Remote { remote: remote.to_owned(), why: without_credentials(&why) };
        let finished =
            raw(&self.root, &args, &self.credentials, patience, b"").map_err(|error| failed(error.to_string()))?;
        if !finished.ok() {
            return Err(failed(finished.complaint()));
        }
        let commit = self.object(&reference)?;
        let forced = match self.object(&known) {
            Ok(known) => !self.is_ancestor(&known, &commit)?,
            Err(_) => false,
        };
        if !forced {
            self.name(&known, &commit)?;
        }
        Ok(Tip { commit, reference, forced, known })
    }

    /// The local name of what was last seen of a remote's branch; it may not be there.
    pub fn last_seen(&self, remote: &str, branch: &str) -> String {
        format!("refs/countersign/{remote}/{branch}")
    }

    /// The local name of the newest tip of a remote's branch that came without force; it may not be there.
    pub fn known(&self, remote: &str, branch: &str) -> String {
        format!("refs/countersign-known/{remote}/{branch}")
    }

    /// The local name of the newest commit seen on a remote whose documents of a phase had lost nothing; it may not be there.
    pub fn memory(&self, remote: &str, phase: &str) -> String {
        format!("refs/countersign-records/{remote}/{phase}")
    }

    /// The phases whose documents were seen on a remote.
    pub fn remembered(&self, remote: &str) -> Vec<String> {
        let below = format!("refs/countersign-records/{remote}/");
        let names = self.git(&["for-each-ref", "--format=%(refname)", "--end-of-options", &below]).unwrap_or_default();
        names.lines().filter_map(|name| Some(name.strip_prefix(&below)?.to_owned())).collect()
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

    #[test]
    fn credentials_leave_messages() {
        let text = "fatal: 'https://user:secret@host/x.git' and ssh://git@host/y: refused";
        assert_eq!(without_credentials(text), "fatal: 'https://host/x.git' and ssh://host/y: refused");
    }
}
