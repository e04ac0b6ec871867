//! Why a twin could not be made, used or removed.

use std::path::PathBuf;

use crate::engine::error::EngineError;
use crate::process::ProcessError;

/// Why a twin could not be made, used or removed.
#[derive(Debug, thiserror::Error)]
pub enum TwinError {
    /// Namespaces, mounts and an engine need root.
    #[error("a twin needs root: it makes a network namespace and starts an engine (this is uid {uid})")]
    NotRoot {
        /// The effective uid.
        uid: u32,
    },
    /// The directory cannot be a twin's.
    #[error("{}: {why}", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no twin in the directory.
    #[error("{} holds no twin; `countersign twin up` makes one", dir.display())]
    NoTwin {
        /// The directory.
        dir: PathBuf,
    },
    /// A twin is up there already.
    #[error("a twin is up in {} already; `countersign twin down` removes it", dir.display())]
    AlreadyUp {
        /// The directory.
        dir: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A program ran and failed.
    #[error("`{command}` failed: {why}")]
    Command {
        /// What was run.
        command: String,
        /// What it said.
        why: String,
    },
    /// The engine refused or did not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Something did not come about in time.
    #[error("{what} did not come about within {seconds} s; last seen: {seen}")]
    NotInTime {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// The state at the end.
        seen: String,
    },
}

impl TwinError {
    /// A file error with its path.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
