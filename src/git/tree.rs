//! Trees as git stores them, and their ids (gitformat-pack(5), git-cat-file(1)).

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Which digest a repository names its objects by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Sha1,
    Sha256,
}

/// A tree that was read.
pub(super) struct Tree<'a> {
    bytes: &'a [u8],
    pub(super) format: Format,
}

/// One line of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Octal, without leading zeros.
    pub(super) mode: &'a [u8],
    pub(super) name: &'a [u8],
    /// The id's bytes.
    pub(super) id: &'a [u8],
}

impl Format {
    fn id_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The id of a tree with these bytes.
    pub(super) fn id(self, tree: &[u8]) -> Vec<u8> {
        let object = [format!("tree {}\0", tree.len()).as_bytes(), tree].concat();
        match self {
            Self::Sha1 => Sha1::digest(&object).to_vec(),
            Self::Sha256 => Sha256::digest(&object).to_vec(),
        }
    }
}

impl<'a> Tree<'a> {
    /// The first object in what `git cat-file --batch` answered, and the rest of the answer; `None` where it is no tree.
    pub(super) fn first_of(answer: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let end = memchr::memchr(b'\n', answer)?;
        let mut words = std::str::from_utf8(&answer[..end]).ok()?.split(' ');
        let format = match words.next()?.len() {
            40 => Format::Sha1,
            64 => Format::Sha256,
            _ => return None,
        };
        let length: usize = (words.next()? == "tree").then(|| words.next()?.parse().ok())??;
        let (bytes, rest) = answer[end + 1..].split_at_checked(length)?;
        Some((Self { bytes, format }, rest.strip_prefix(b"\n")?))
    }

    /// Its entries in their order; `None` where it is cut off.
    pub(super) fn entries(&self) -> Option<Vec<Entry<'a>>> {
        let (mut entries, mut rest) = (Vec::new(), self.bytes);
        while !rest.is_empty() {
            let (mode, after) = rest.split_at_checked(memchr::memchr(b' ', rest)?)?;
            let (name, after) = after[1..].split_at_checked(memchr::memchr(0, &after[1..])?)?;
            let (id, after) = after[1..].split_at_checked(self.format.id_length())?;
            entries.push(Entry { mode, name, id });
            rest = after;
        }
        Some(entries)
    }
}

impl Entry<'_> {
    /// Adds it to a tree's bytes.
    pub(super) fn write(&self, tree: &mut Vec<u8>) {
        for part in [self.mode, b" ", self.name, b"\0", self.id] {
            tree.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_written_as_it_was_read_and_a_cut_one_is_none() {
        let tree = [&b"100644 a b\0"[..], &[0; 20], b"40000 c\0", &[b'\n'; 20]].concat();
        let answer = [format!("{} tree {}\n", "a".repeat(40), tree.len()).as_bytes(), &tree, b"\nmore"].concat();
        let (read, rest) = Tree::first_of(&answer).expect("a tree");
        assert_eq!((read.format, rest), (Format::Sha1, &b"more"[..]));
        let entries = read.entries().expect("whole");
        assert_eq!(entries.iter().map(|entry| entry.name).collect::<Vec<_>>(), [&b"a b"[..], b"c"]);
        let mut again = Vec::new();
        entries.iter().for_each(|entry| entry.write(&mut again));
        assert_eq!(again, tree);
        // Only after nothing and after the first entry a tree may end.
        let whole = |length: &usize| Tree { bytes: &tree[..*length], format: Format::Sha1 }.entries().is_some();
        assert_eq!((0..tree.len()).filter(whole).collect::<Vec<_>>(), [0, 31]);
        for wrong in [&b"HEAD:machine-docs missing\n"[..], b"", &answer[..60]] {
            assert!(Tree::first_of(wrong).is_none());
        }
        let blob = String::from_utf8_lossy(&answer).replace(" tree ", " blob ");
        assert!(Tree::first_of(blob.as_bytes()).is_none());
    }
}
