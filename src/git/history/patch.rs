//! Reading what `git log --raw --patch` says of some files, as it comes.

use std::collections::HashSet;

use super::Cut;
use crate::model::ids::ObjectId;

/// What one commit did to one file, held against one parent.
#[derive(Debug, Clone, Default)]
struct Change {
    /// The object before; none where there was no file.
    before: Option<String>,
    /// How many stretches of it were changed.
    stretches: usize,
    /// Whether a line was taken away.
    takes: bool,
    /// Whether the last line of the last stretch was added: nothing follows it then.
    ends_added: bool,
}

impl Change {
    /// Whether anything but an addition at the end was done to a version.
    fn is_cut(&self) -> bool {
        self.before.is_some() && (self.takes || self.stretches != 1 || !self.ends_added)
    }
}

/// Takes git's answer in pieces. Which line is which follows from the counts that stand before each stretch, never from what the
/// line says: that is anybody's text.
pub(super) struct Reader<'a> {
    paths: &'a [String],
    commit: Option<ObjectId>,
    changes: Vec<Change>,
    /// The file whose patch is being read.
    file: Option<usize>,
    /// How many lines of the stretch are still to come, of the version before and of the one after.
    left: (usize, usize),
    /// The line that has not ended yet.
    line: Vec<u8>,
    seen: HashSet<String>,
    cuts: Vec<Cut>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(paths: &'a [String]) -> Self {
        Self {
            paths,
            commit: None,
            changes: vec![Change::default(); paths.len()],
            file: None,
            left: (0, 0),
            line: Vec::new(),
            seen: HashSet::new(),
            cuts: Vec::new(),
        }
    }

    /// Reads on.
    pub(super) fn take(&mut self, mut piece: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            if self.line.is_empty() {
                self.of_line(&piece[..end]);
            } else {
                self.line.extend_from_slice(&piece[..end]);
                let line = std::mem::take(&mut self.line);
                self.of_line(&line);
            }
            piece = &piece[end + 1..];
        }
        self.line.extend_from_slice(piece);
    }

    /// What was found, in the order of the commits.
    pub(super) fn cuts(mut self) -> Vec<Cut> {
        let line = std::mem::take(&mut self.line);
        self.of_line(&line);
        self.end_of_commit();
        self.cuts
    }

    fn of_line(&mut self, line: &[u8]) {
        if self.left != (0, 0) {
            return self.of_stretch(line);
        }
        let text = String::from_utf8_lossy(line);
        if let Some(commit) = text.strip_prefix('\0') {
            self.end_of_commit();
            self.commit = commit.split(' ').next().and_then(|id| id.parse().ok());
        } else if let Some(about) = text.strip_prefix(':') {
            if let Some((at, before)) = self.old_object(about) {
                self.changes[at].before = Some(before.to_owned());
            }
        } else if let Some(names) = text.strip_prefix("diff --git ") {
            self.file = self.paths.iter().position(|path| *names == format!("a/{path} b/{path}"));
        } else if let Some(counts) = text.strip_prefix("@@ -") {
            self.left = counts_of(counts).unwrap_or_default();
            if let Some(at) = self.file {
                self.changes[at].stretches += 1;
                self.changes[at].ends_added = false;
            }
        }
    }

    fn of_stretch(&mut self, line: &[u8]) {
        let (old, new) = self.left;
        let first = line.first().copied().unwrap_or(b' ');
        self.left = match first {
            // "\ No newline at end of file" is no line of either.
            b'\\' => return,
            b'+' => (old, new.saturating_sub(1)),
            b'-' => (old.saturating_sub(1), new),
            _ => (old.saturating_sub(1), new.saturating_sub(1)),
        };
        if let Some(at) = self.file {
            self.changes[at].takes |= first == b'-';
            self.changes[at].ends_added = first == b'+';
        }
    }

    /// The object before, of a raw line (`mode mode before after status TAB path`), and whose it is; none where there was none.
    fn old_object<'b>(&self, about: &'b str) -> Option<(usize, &'b str)> {
        let (about, name) = about.split_once('\t')?;
        let mut words = about.split(' ');
        let (mode, before) = (words.next()?, words.nth(1)?);
        let at = self.paths.iter().position(|path| path == name)?;
        // A link or a directory was no document.
        mode.starts_with("100").then_some((at, before))
    }

    fn end_of_commit(&mut self) {
        self.file = None;
        let changes = std::mem::replace(&mut self.changes, vec![Change::default(); self.paths.len()]);
        let Some(commit) = self.commit.take() else { return };
        for (path, change) in self.paths.iter().zip(changes).filter(|(_, change)| change.is_cut()) {
            let before = change.before.unwrap_or_default();
            if self.seen.insert(before.clone()) {
                self.cuts.push(Cut { commit: commit.clone(), path: path.clone(), before });
            }
        }
    }
}

/// How many lines of both versions a stretch has (`from[,count] +from[,count] @@`).
fn counts_of(text: &str) -> Option<(usize, usize)> {
    let mut words = text.split(' ');
    let count = |word: &str| word.split_once(',').map_or(Some(1), |(_, count)| count.parse().ok());
    Some((count(words.next()?)?, count(words.next()?.strip_prefix('+')?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1111111111111111111111111111111111111111";

    /// What is said of a file `f` after this patch, given in pieces of every size.
    fn is_cut(patch: &str) -> bool {
        let raw = format!("\0{OLD}\n\n:100644 100644 {OLD} {} M\tf\n\ndiff --git a/f b/f\n{patch}", "2".repeat(40));
        let paths = ["f".to_owned()];
        let found: Vec<usize> = (1..40)
            .map(|size| {
                let mut reader = Reader::new(&paths);
                raw.as_bytes().chunks(size).for_each(|piece| reader.take(piece));
                reader.cuts().len()
            })
            .collect();
        assert!(found.iter().all(|count| *count == found[0]), "{found:?}");
        found[0] == 1
    }

    #[test]
    fn only_what_is_added_at_the_end_takes_nothing() {
        assert!(!is_cut("--- a/f\n+++ b/f\n@@ -3 +3,3 @@ x\n a\n+@@ -1 +1 @@\n+diff --git a/f b/f\n"));
        assert!(!is_cut("@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n"));
        // A line before a record, one in it, one taken away, a new end of the last line, a mode.
        for patch in [
            "@@ -3,2 +3,3 @@\n a\n+<!--\n b\n",
            "@@ -1 +1,2 @@\n+<!--\n b\n",
            "@@ -3,2 +3 @@\n a\n-b\n",
            "@@ -3 +3 @@\n-a\n\\ No newline at end of file\n+a\n",
            "@@ -1 +1,2 @@\n+x\n a\n@@ -9 +10,2 @@\n a\n+\0x\n",
            "old mode 100644\nnew mode 100755\n",
            "",
        ] {
            assert!(is_cut(patch), "{patch}");
        }
    }
}
