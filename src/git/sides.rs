//! Where other versions of a document may be: what HEAD and its merges were made of, what was seen of remotes, and what an
//! operation that git is in the middle of brings together.

use super::Repository;
use crate::model::ids::ObjectId;

/// How many of HEAD's merges are looked into.
const MERGES: &str = "20";
/// Names of commits, and of the index's three versions of a file in conflict.
const UNDER_WAY: [&str; 8] =
    ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD", "ORIG_HEAD", "stash@{0}", ":1", ":2", ":3"];

impl Repository {
    /// Revisions at which [`show`](Self::show) may find a version of a file, HEAD first; not each of them need be there.
    pub fn versions(&self) -> Vec<String> {
        let lines = |args: &[&str]| self.git(args).unwrap_or_default();
        let merges = lines(&["rev-list", "--merges", "--parents", "-n", MERGES, "HEAD"]);
        let parents = merges.lines().flat_map(|line| line.split(' ').skip(1));
        let seen = ["refs/remotes/", "refs/countersign/", "refs/countersign-known/", "refs/countersign-records/"];
        let refs = lines(&[&["for-each-ref", "--format=%(refname)", "--"], &seen[..]].concat());
        let mut found: Vec<String> = vec!["HEAD".to_owned()];
        for name in UNDER_WAY.into_iter().chain(parents).chain(refs.lines()) {
            if !found.iter().any(|known| known == name) {
                found.push(name.to_owned());
            }
        }
        found
    }

    /// The bytes of a regular file at a revision; `None` where there is none, or it cannot be read.
    pub fn file_at(&self, revision: &str, path: &str) -> Option<Vec<u8>> {
        let listed = self.git(&["ls-tree", "--full-tree", "--format=%(objectmode)", revision, path]).ok()?;
        if !listed.starts_with("100") {
            return None;
        }
        self.show(revision, path).ok()?
    }

    /// The newest commit among HEAD's ancestors that has a directory at a path where HEAD has something else.
    pub fn last_directory(&self, path: &str) -> Option<ObjectId> {
        let here = format!(":(top,literal){path}");
        let listed = self.git(&["log", "--format=%H %P", "-n", MERGES, "--full-history", "HEAD", "--", &here]).ok()?;
        let is_directory =
            |commit: &&str| self.git(&["cat-file", "-t", &format!("{commit}:{path}")]).is_ok_and(|kind| kind == "tree");
        listed.split_whitespace().find(is_directory)?.parse().ok()
    }

    /// The names of the files that a revision has in a directory, as in `machine-docs/`.
    pub fn listed(&self, revision: &str, directory: &str) -> Vec<String> {
        let listed =
            self.git(&["ls-tree", "--name-only", "--full-tree", "-z", revision, directory]).unwrap_or_default();
        listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }
}
