//! Whether a file is still what it was when it was read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What a file was: its length, its device and inode and when it was last changed, by the file system's own word, which nobody dates back. Taken
/// before the file is read: whatever comes after has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    inode: (u64, u64),
    changed: (i64, i64),
}

impl Stamp {
    /// That of a file, or of what a link to it leads to, since that is what is read; `None` where there is none.
    ///
    /// # Errors
    ///
    /// It cannot be looked at, which is no reason to believe that it is what it was.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(file) => Ok(Some(Self {
                length: file.len(),
                inode: (file.dev(), file.ino()),
                changed: (file.ctime(), file.ctime_nsec()),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_read_through_a_link_is_what_counts() {
        let home = tempfile::tempdir().expect("a directory");
        let (file, link) = (home.path().join("file"), home.path().join("link"));
        symlink(&file, &link).expect("linked");
        let of = |path: &Path| Stamp::of(path).expect("looked at");
        assert_eq!(of(&link), None, "it leads nowhere yet");
        fs::write(&file, "a").expect("written");
        let before = of(&link);
        assert!(before.is_some() && before == of(&file));
        fs::write(&file, "ab").expect("written");
        assert_ne!(of(&link), before);
        assert!(Stamp::of(&file.join("beneath")).is_err(), "no directory leads there");
    }
}
