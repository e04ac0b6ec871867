//! What was taken out of some files in the course of their history.

use super::{GitError, Repository};
use crate::model::ids::ObjectId;

/// A version of a file from which a commit took something away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The commit that took it away.
    pub commit: ObjectId,
    /// The file.
    pub path: String,
    /// The object of the version before.
    pub before: String,
}

impl Repository {
    /// The versions of these files from which a commit took lines away, among the ancestors of some commits and not among those of
    /// others; newest first, each version once. A merge is held against each of its parents, so that dropping one side is seen.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn cuts(&self, of: &[&ObjectId], without: &[&ObjectId], paths: &[String]) -> Result<Vec<Cut>, GitError> {
        let mut args: Vec<String> = [
            "log",
            "--format=%x00%H",
            "--full-history",
            "--parents",
            "--diff-merges=separate",
            "--raw",
            "--numstat",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--text",
            "--no-color",
            "--no-show-signature",
        ]
        .map(str::to_owned)
        .into();
        args.extend(of.iter().map(ToString::to_string));
        args.extend(without.iter().map(|commit| format!("^{commit}")));
        args.push("--".to_owned());
        args.extend(paths.iter().map(|path| format!(":(top,literal){path}")));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut cuts: Vec<Cut> = Vec::new();
        for part in self.git(&args)?.split('\0').skip(1) {
            let mut lines = part.lines();
            let Some(commit) = lines.next().and_then(|line| line.parse::<ObjectId>().ok()) else { continue };
            let lines: Vec<&str> = lines.collect();
            for path in paths {
                let Some(before) = lines.iter().find_map(|line| old_object(line, path)) else { continue };
                let took = lines.iter().any(|line| takes_lines(line, path));
                if took && !cuts.iter().any(|cut| cut.before == before) {
                    cuts.push(Cut { commit: commit.clone(), path: path.clone(), before: before.to_owned() });
                }
            }
        }
        Ok(cuts)
    }
}

/// The object before, of a raw line (`:mode mode before after status TAB path`); none where there was none.
fn old_object<'a>(line: &'a str, path: &str) -> Option<&'a str> {
    let (about, name) = line.strip_prefix(':')?.split_once('\t')?;
    let mut words = about.split(' ');
    let (mode, before) = (words.next()?, words.nth(1)?);
    // A link or a directory was no document.
    (name == path && mode.starts_with("100")).then_some(before)
}

/// Whether a line of counts (added TAB deleted TAB path) says that something went; where nothing was counted, it may have.
fn takes_lines(line: &str, path: &str) -> bool {
    let mut words = line.split('\t');
    let (_, deleted, name) = (words.next(), words.next(), words.next());
    name == Some(path) && !line.starts_with(':') && deleted != Some("0")
}
