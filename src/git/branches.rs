//! Every branch of the remote: fetched to private names in one fetch, and what each of them has at a path, in one process.

use std::time::Duration;

use super::remote::without_credentials;
use super::{GitError, Repository, raw};
use crate::model::ids::ObjectId;

/// A branch of the remote, as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name, which whoever pushed it chose.
    pub name: String,
    /// Its commit.
    pub commit: ObjectId,
}

impl Repository {
    /// Fetches every branch of the remote to its private name, in one fetch and without tags. What the remote has no more loses its
    /// name here as well, so that no old branch stands in the way of one that is called like its directory.
    ///
    /// # Errors
    ///
    /// The remote does not answer in time.
    pub fn fetch_branches(&self, remote: &str, patience: Duration) -> Result<(), GitError> {
        let refspec = format!("+refs/heads/*:refs/countersign/{remote}/*");
        let args = [
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--end-of-options",
            remote,
            &refspec,
        ];
        let failed = |why: String| GitError::Remote { remote: remote.to_owned(), why: without_credentials(&why) };
        let finished =
            raw(&self.root, &args, &self.credentials, patience, b"").map_err(|error| failed(error.to_string()))?;
        if finished.ok() { Ok(()) } else { Err(failed(finished.complaint())) }
    }

    /// The branches of a remote as they were last seen.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn branches_seen(&self, remote: &str) -> Result<Vec<Branch>, GitError> {
        self.below(&format!("refs/countersign/{remote}/"))
    }

    /// The commits of a remote's branches that are kept for an objection to a phase that this clone lacked, each under the
    /// objection's id.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn objections_kept(&self, remote: &str, phase: &str) -> Result<Vec<Branch>, GitError> {
        self.below(&objections(remote, phase))
    }

    /// Keeps a commit for an objection that it holds: whatever becomes of its branch, the objection is not forgotten.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn keep_objection(&self, remote: &str, phase: &str, id: &str, commit: &ObjectId) -> Result<(), GitError> {
        self.name(&format!("{}{id}", objections(remote, phase)), commit)
    }

    /// Lets go of what was kept for an objection that is in the documents now.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn forget_objection(&self, remote: &str, phase: &str, id: &str) -> Result<(), GitError> {
        self.git(&["update-ref", "-d", &format!("{}{id}", objections(remote, phase))]).map(drop)
    }

    /// The commits below a private name.
    pub(super) fn below(&self, prefix: &str) -> Result<Vec<Branch>, GitError> {
        let listed = self.git(&["for-each-ref", "--format=%(objectname) %(refname)", "--", prefix])?;
        let branch = |line: &str| {
            let (commit, reference) = line.split_once(' ')?;
            Some(Branch { name: reference.strip_prefix(prefix)?.to_owned(), commit: commit.parse().ok()? })
        };
        Ok(listed.lines().filter_map(branch).collect())
    }
}

fn objections(remote: &str, phase: &str) -> String {
    format!("refs/countersign-objections/{remote}/{phase}/")
}
