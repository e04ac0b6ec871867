//! `documents.lock`: one writer of a repository's documents at a time, for milliseconds.
//!
//! The lock is the operating system's and goes with its holder; the file itself is never rewritten by anything else, and the
//! name in it is for people only.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a writer waits for another one.
const PATIENCE: Duration = Duration::from_secs(20);

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct DocumentsLock {
    _file: File,
}

/// Why the lock is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is held by {holder}; waited {} s", .path.display(), PATIENCE.as_secs())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// What the holder wrote about itself.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Takes the lock. `holder` says who, for whoever waits.
///
/// # Errors
///
/// Another process holds it for longer than 20 s, or the file cannot be used.
pub fn take(git_common_dir: &Path, holder: &str) -> Result<DocumentsLock, LockError> {
    let directory = git_common_dir.join("countersign");
    let path = directory.join("documents.lock");
    let io = |source| LockError::Io { path: path.clone(), source };
    // Only in a repository that is there: one that was moved away meanwhile does not come into being again.
    match fs::create_dir(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(io(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(io(error)),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(3)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io)?;
                return Err(LockError::Busy { path, holder: super::clean::one_line(&holder) });
            }
        }
    }
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes())).map_err(io)?;
    Ok(DocumentsLock { _file: file })
}
