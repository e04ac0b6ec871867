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

/// What is kept of a remote for a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its branches as they were last seen.
    pub seen: Vec<Branch>,
    /// As [`Repository::memories`].
    pub memories: Vec<Branch>,
    /// As [`Repository::objections_kept`].
    pub objections: Vec<Branch>,
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

    /// What is kept here of a remote for a phase.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn kept_of(&self, remote: &str, phase: &str) -> Result<Kept, GitError> {
        let [seen, memories, objections] = self.below_each([
            &format!("refs/countersign/{remote}/"),
            &memories(remote, phase),
            &objections(remote, phase),
        ])?;
        Ok(Kept { seen, memories: memories_named(memories), objections })
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
        let [below] = self.below_each([prefix])?;
        Ok(below)
    }

    /// The commits below several private names, in one process.
    pub(super) fn below_each<const N: usize>(&self, prefixes: [&str; N]) -> Result<[Vec<Branch>; N], GitError> {
        let listed =
            self.git(&[&["for-each-ref", "--format=%(objectname) %(refname)", "--"], &prefixes[..]].concat())?;
        Ok(prefixes.map(|prefix| {
            let branch = |line: &str| {
                let (commit, reference) = line.split_once(' ')?;
                Some(Branch { name: reference.strip_prefix(prefix)?.to_owned(), commit: commit.parse().ok()? })
            };
            listed.lines().filter_map(branch).collect()
        }))
    }
}

/// Where [`Repository::memories`] are kept.
pub(super) fn memories(remote: &str, phase: &str) -> String {
    format!("refs/countersign-records/{remote}/{phase}/")
}

/// Memories by the names of their branches, which are kept without slashes.
pub(super) fn memories_named(mut kept: Vec<Branch>) -> Vec<Branch> {
    kept.iter_mut().for_each(|branch| branch.name = branch.name.replace("%2F", "/").replace("%25", "%"));
    kept
}

fn objections(remote: &str, phase: &str) -> String {
    format!("refs/countersign-objections/{remote}/{phase}/")
}
