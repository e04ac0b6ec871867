//! Trees as git stores them, and the ids of objects (gitformat-pack(5), git-cat-file(1)).

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// The mode of a directory in a tree, as git stores it.
pub(super) const DIRECTORY_MODE: &[u8] = b"40000";
/// The mode of a symlink.
pub(super) const LINK_MODE: &[u8] = b"120000";
/// The mode of a submodule: the commit is another repository's.
pub(super) const MODULE_MODE: &[u8] = b"160000";

/// Which digest a repository names its objects by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Sha1,
    Sha256,
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

/// A file, link or submodule of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// As of [`Entry`].
    pub(super) mode: Vec<u8>,
    pub(super) id: String,
    /// Relative to the root; not always UTF-8.
    pub(super) path: Vec<u8>,
}

impl Format {
    /// That of an object's id; `None` where it is none.
    pub(super) fn of(id: &str) -> Option<Self> {
        let format = match id.len() {
            40 => Self::Sha1,
            64 => Self::Sha256,
            _ => return None,
        };
        id.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(format)
    }

    fn id_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The id of an object with these bytes.
    pub(super) fn id(self, kind: &str, bytes: &[u8]) -> Vec<u8> {
        let head = format!("{kind} {}\0", bytes.len());
        match self {
            Self::Sha1 => Sha1::new().chain_update(head).chain_update(bytes).finalize().to_vec(),
            Self::Sha256 => Sha256::new().chain_update(head).chain_update(bytes).finalize().to_vec(),
        }
    }
}

/// An id as people write it.
pub(super) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The entries of a tree in their order; its own id says how long those in it are. `None` where it is cut off.
pub(super) fn entries<'a>(tree: &'a [u8], id: &str) -> Option<Vec<Entry<'a>>> {
    let length = Format::of(id)?.id_length();
    let (mut entries, mut rest) = (Vec::new(), tree);
    while !rest.is_empty() {
        let (mode, after) = rest.split_at_checked(memchr::memchr(b' ', rest)?)?;
        let (name, after) = after[1..].split_at_checked(memchr::memchr(0, &after[1..])?)?;
        let (id, after) = after[1..].split_at_checked(length)?;
        entries.push(Entry { mode, name, id });
        rest = after;
    }
    Some(entries)
}

/// Whether an entry's name may be written into a directory: it leads nowhere else, and is not git's own.
pub(super) fn is_plain(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'/') && name != b"." && name != b".." && !name.eq_ignore_ascii_case(b".git")
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
        let id = "a".repeat(40);
        let read = entries(&tree, &id).expect("whole");
        assert_eq!(read.iter().map(|entry| entry.name).collect::<Vec<_>>(), [&b"a b"[..], b"c"]);
        let mut again = Vec::new();
        read.iter().for_each(|entry| entry.write(&mut again));
        assert_eq!(again, tree);
        // Only after nothing and after the first entry a tree may end.
        let whole = |length: &usize| entries(&tree[..*length], &id).is_some();
        assert_eq!((0..tree.len()).filter(whole).collect::<Vec<_>>(), [0, 31]);
    }

    #[test]
    fn ids_are_those_that_git_computes() {
        assert_eq!(hex(&Format::Sha1.id("blob", b"hello\n")), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(hex(&Format::Sha1.id("tree", b"")), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        let empty = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321";
        assert_eq!(hex(&Format::Sha256.id("tree", b"")), empty);
        assert_eq!(
            (Format::of(empty), Format::of("HEAD"), Format::of(&"g".repeat(40))),
            (Some(Format::Sha256), None, None)
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_plain() {
        for name in ["", ".", "..", ".git", ".GIT", "a/b"] {
            assert!(!is_plain(name.as_bytes()), "{name}");
        }
        assert!(is_plain(b".gitattributes") && is_plain(b"\xff"));
    }
}
