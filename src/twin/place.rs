//! Where a twin keeps things, and what it is called: all from its directory.

use std::path::{Path, PathBuf};

use crate::model::digest::Digest;
use crate::twin::error::TwinError;

/// The paths and names of the twin of one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    dir: PathBuf,
    tag: String,
}

/// The kernel's limit for a unix socket's path is 108 bytes; some is kept for the engine's own sockets.
const LONGEST_SOCKET: usize = 99;

impl Place {
    /// The twin of a directory. It need not exist; its path is made absolute.
    pub fn new(dir: &Path) -> Result<Self, TwinError> {
        let dir = std::path::absolute(dir).map_err(TwinError::file(dir))?;
        let wrong = |why: String| TwinError::Directory { dir: dir.clone(), why };
        let Some(text) = dir.to_str() else { return Err(wrong("the path is not UTF-8".to_owned())) };
        if dir.components().count() < 3 || text.contains("/../") || text.ends_with("/..") {
            return Err(wrong("wanted a directory of its own, at least two levels deep, without `..`".to_owned()));
        }
        let tag = Digest::of(text.as_bytes()).short().chars().take(8).collect();
        let place = Self { dir: dir.clone(), tag };
        match place.socket().as_os_str().len() {
            0..=LONGEST_SOCKET => Ok(place),
            length => Err(wrong(format!("the engine's socket path has {length} bytes, at most {LONGEST_SOCKET} work"))),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The engine's socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("engine.sock")
    }

    /// The engine's address, as contracts and commands write it.
    pub fn engine_address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The engine's log.
    pub fn log(&self) -> PathBuf {
        self.dir.join("engine.log")
    }

    /// The state file: its presence makes the directory a twin's.
    pub fn state_file(&self) -> PathBuf {
        self.dir.join("twin.json")
    }

    /// The engine's data root.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The network namespace's name.
    pub fn netns(&self) -> String {
        format!("cs-{}", self.tag)
    }

    /// The link's end on the host.
    pub fn host_link(&self) -> String {
        format!("cs{}h", self.tag)
    }

    /// The link's end in the namespace.
    pub fn inner_link(&self) -> String {
        format!("cs{}n", self.tag)
    }

    /// The control group above the twin's containers.
    pub fn cgroup(&self) -> String {
        format!("cs-{}", self.tag)
    }

    /// A number that spreads twins over addresses.
    pub(super) fn spread(&self) -> u32 {
        u32::from_str_radix(&self.tag, 16).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_directories_share_nothing() {
        let (a, b) = (Place::new(Path::new("/tmp/a")).unwrap(), Place::new(Path::new("/tmp/b")).unwrap());
        assert_ne!((a.netns(), a.host_link(), a.socket()), (b.netns(), b.host_link(), b.socket()));
        assert!(a.host_link().len() <= 15, "an interface name has at most 15 bytes");
    }

    #[test]
    fn a_directory_that_cannot_work_is_refused() {
        let long = format!("/tmp/{}", "x".repeat(100));
        for wrong in ["/", "/tmp", "/tmp/a/../b", long.as_str()] {
            assert!(matches!(Place::new(Path::new(wrong)), Err(TwinError::Directory { .. })), "{wrong}");
        }
    }
}
