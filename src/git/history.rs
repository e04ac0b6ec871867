//! What stood in some files in the course of their history and may not stand in them any more.

mod patch;

use patch::Reader;

use super::{GitError, Repository};
use crate::model::ids::ObjectId;

/// A version of a file to which a commit did more than add at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The commit that did.
    pub commit: ObjectId,
    /// The file.
    pub path: String,
    /// The object of the version before.
    pub before: String,
}

/// Each change of a file with one line around it: what is added at the end has no line after it. A group of lines that could stand
/// in several places is put as far down as it can be.
const CHANGES: &[&str] = &[
    "log",
    "--format=%x00%H",
    "--full-history",
    "--parents",
    "--diff-merges=separate",
    "--raw",
    "--patch",
    "--unified=1",
    "--inter-hunk-context=0",
    "--diff-algorithm=myers",
    "--no-indent-heuristic",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--no-abbrev",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--text",
    "--no-color",
    "--no-show-signature",
];

impl Repository {
    /// The versions of these files to which a commit did anything but add at the end, among the ancestors of some commits and not
    /// among those of others; newest first, each version once. One line that is put before a record, or into it, is enough to hide
    /// it. A merge is held against each of its parents, so that dropping one side is seen.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn cuts(&self, of: &[&ObjectId], without: &[&ObjectId], paths: &[String]) -> Result<Vec<Cut>, GitError> {
        let mut args: Vec<String> = CHANGES.iter().map(|arg| (*arg).to_owned()).collect();
        args.extend(of.iter().map(ToString::to_string));
        args.extend(without.iter().map(|commit| format!("^{commit}")));
        args.push("--".to_owned());
        args.extend(paths.iter().map(|path| format!(":(top,literal){path}")));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut reader = Reader::new(paths);
        self.stream(&args, b"", &mut |piece| reader.take(piece))?;
        Ok(reader.cuts())
    }

    /// Whether one of some commits or of their ancestors had this object at a path.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn has_held(&self, of: &[&ObjectId], path: &str, object: &str) -> Result<bool, GitError> {
        let shown = ["--format=", "--full-history", "--diff-merges=separate", "--raw", "--no-abbrev", "--no-renames"];
        let path = format!(":(top,literal){path}");
        let of = of.iter().map(|commit| commit.as_str());
        let args: Vec<&str> = ["log"].into_iter().chain(shown).chain(of).chain(["--", path.as_str()]).collect();
        Ok(self.git(&args)?.split(' ').any(|word| word == object))
    }
}
