//! What a host remembers, apart from every repository: pins, ledger, window, captures, run lock.

pub mod captures;
pub mod decisions;
pub mod doors;
pub mod guarded;
pub mod ledger;
pub mod objections;
pub mod open_run;
pub mod origins;
pub mod parts;
pub mod pins;
pub mod run_lock;
pub mod stamp;
pub mod token;
pub mod window;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::fault;

/// Where host state lies unless `--state` says otherwise.
pub const DEFAULT_STATE: &str = "/var/lib/countersign";

/// Why host state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Reading or writing failed.
    #[error("host state {}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The directory is not one that can be trusted.
    #[error("host state {} {found}; wanted {wanted}", .path.display())]
    Unsuitable {
        /// The directory.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What would do.
        wanted: &'static str,
    },
    /// Another process runs a step on this engine.
    #[error("the run lock {} is held by {holder}", .path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// What the holder wrote about itself.
        holder: String,
    },
    /// A file holds something that this program did not write.
    #[error("host state {}, line {line}: {why}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, 1 for the first.
        line: usize,
        /// Why.
        why: String,
    },
}

/// The state directory of one engine.
#[derive(Debug, Clone)]
pub struct HostState {
    directory: PathBuf,
}

impl HostState {
    /// The state of this engine below `base`. Nothing is made or looked at yet.
    ///
    /// # Errors
    ///
    /// The engine id is no plain name, or `base` lies inside a repository.
    pub fn at(base: &Path, engine_id: &str) -> Result<Self, HostError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_');
        if engine_id.is_empty() || engine_id.len() > 128 || !engine_id.chars().all(plain) {
            return Err(HostError::Unsuitable {
                path: base.to_owned(),
                found: format!("cannot hold state for an engine called `{engine_id}`"),
                wanted: "an engine id of letters, digits, `:`, `-` and `_`",
            });
        }
        let existing = base.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        let real = fs::canonicalize(existing).map_err(|source| HostError::Io { path: base.to_owned(), source })?;
        if let Some(repository) = real.ancestors().find(|path| path.join(".git").exists()) {
            return Err(HostError::Unsuitable {
                path: base.to_owned(),
                found: format!("lies inside the repository {}", repository.display()),
                wanted: "a place outside every repository, since captures are not redacted",
            });
        }
        Ok(Self { directory: base.join(engine_id) })
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn io(&self, path: &Path, source: io::Error) -> HostError {
        HostError::Io { path: path.to_owned(), source }
    }

    /// Makes the directory, mode 0700, and checks that it is this user's own.
    ///
    /// # Errors
    ///
    /// It cannot be made, or belongs to somebody else, or others can write to it.
    pub fn prepare(&self) -> Result<(), HostError> {
        let io = |source| self.io(&self.directory, source);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(io)?;
        let metadata = fs::symlink_metadata(&self.directory).map_err(io)?;
        let own = metadata.uid() == rustix::process::geteuid().as_raw();
        if !metadata.is_dir() || !own || metadata.mode() & 0o077 != 0 {
            return Err(HostError::Unsuitable {
                path: self.directory.clone(),
                found: format!("has owner {} and mode {:04o}", metadata.uid(), metadata.mode() & 0o777),
                wanted: "a directory of this user with mode 0700",
            });
        }
        Ok(())
    }

    /// Replaces a file as a whole: temporary file (0600), sync, rename, directory sync.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), HostError> {
        let _held = crate::interrupt::finish_first();
        self.prepare()?;
        let path = self.directory.join(name);
        let io = |source| self.io(&path, source);
        let parent = path.parent().unwrap_or(&self.directory);
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(io)?;
        let kind = name.split('/').next().unwrap_or(name);
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(parent).map_err(io)?;
        fault::point(&format!("host.{kind}.write")).map_err(io)?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(io)?;
        fault::point(&format!("host.{kind}.rename")).map_err(io)?;
        file.persist(&path).map_err(|error| io(error.error))?;
        crate::interrupt::note(format!("{} was written, whole", path.display()));
        File::open(parent).and_then(|directory| directory.sync_all()).map_err(io)?;
        fault::point(&format!("host.{kind}.renamed")).map_err(io)
    }

    /// A directory of its own with nothing in it, removed when it is dropped: where a program runs that has no checkout to run in.
    ///
    /// # Errors
    ///
    /// The disk did not take it.
    pub fn empty_directory(&self) -> Result<tempfile::TempDir, HostError> {
        self.prepare()?;
        let made = tempfile::Builder::new().prefix("empty-").tempdir_in(&self.directory);
        made.map_err(|source| self.io(&self.directory, source))
    }

    /// Reads a file; `None` when it is not there.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        let path = self.directory.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io(&path, error)),
        }
    }

    /// Opens a file of this directory, mode 0600, for appending.
    fn open_append(&self, name: &str) -> Result<File, HostError> {
        self.prepare()?;
        let path = self.directory.join(name);
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
        opened.map_err(|source| self.io(&path, source))
    }
}

#[cfg(test)]
mod tests;
