//! Whether a file is still what it was when it was read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What a file was: its length, its inode and when it was last changed, by the file system's own word, which nobody dates back. Taken
/// before the file is read: whatever comes after has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    inode: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// That of a file, not of what a link leads to; `None` where there is none.
    ///
    /// # Errors
    ///
    /// It cannot be looked at, which is no reason to believe that it is what it was.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Ok(file) => {
                Ok(Some(Self { length: file.len(), inode: file.ino(), changed: (file.ctime(), file.ctime_nsec()) }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
