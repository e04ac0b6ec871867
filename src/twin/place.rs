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

/// One node of a twin: an engine with a network namespace of its own. Numbered from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    place: Place,
    number: usize,
}

/// The kernel's limit for a unix socket's path is 108 bytes; some is kept for the engine's own sockets.
const LONGEST_SOCKET: usize = 99;
/// The most nodes of a twin: what its range of addresses holds, with the host's own.
pub const MOST_NODES: usize = 9;

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
        match place.node(MOST_NODES).socket().as_os_str().len() {
            0..=LONGEST_SOCKET => Ok(place),
            length => Err(wrong(format!("the engine's socket path has {length} bytes, at most {LONGEST_SOCKET} work"))),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// One of its nodes, from 1.
    pub fn node(&self, number: usize) -> Node {
        Node { place: self.clone(), number }
    }

    /// The first node's socket: the one that everything asks unless told otherwise.
    pub fn socket(&self) -> PathBuf {
        self.node(1).socket()
    }

    /// The first node's address, as contracts and commands write it.
    pub fn engine_address(&self) -> String {
        self.node(1).engine_address()
    }

    /// The first node's log.
    pub fn log(&self) -> PathBuf {
        self.node(1).log()
    }

    /// The state file: its presence makes the directory a twin's.
    pub fn state_file(&self) -> PathBuf {
        self.dir.join("twin.json")
    }

    /// What the name of each of its network namespaces begins with.
    pub fn netns_prefix(&self) -> String {
        format!("cs-{}-", self.tag)
    }

    /// The network namespace in which the bridge between host and nodes is.
    pub fn switch(&self) -> String {
        format!("{}sw", self.netns_prefix())
    }

    /// The names of its network namespaces that are there, whoever made them, however far that came.
    pub fn namespaces(&self) -> Vec<String> {
        let entries = std::fs::read_dir("/run/netns").into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.starts_with(&self.netns_prefix())).collect()
    }

    /// The link's end on the host.
    pub fn host_link(&self) -> String {
        format!("cs{}h", self.tag)
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

impl Node {
    /// Its number, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Its name, which is its host name too.
    pub fn name(&self) -> String {
        format!("n{}", self.number)
    }

    /// Its directory: data and configuration of its engine.
    pub fn dir(&self) -> PathBuf {
        self.place.dir.join(self.name())
    }

    /// Its engine's socket. The first one's has no number.
    pub fn socket(&self) -> PathBuf {
        self.place.dir.join(self.file("sock"))
    }

    /// Its engine's address, as contracts and commands write it.
    pub fn engine_address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Its engine's log.
    pub fn log(&self) -> PathBuf {
        self.place.dir.join(self.file("log"))
    }

    fn file(&self, kind: &str) -> String {
        if self.number == 1 { format!("engine.{kind}") } else { format!("engine-{}.{kind}", self.name()) }
    }

    /// Its network namespace.
    pub fn netns(&self) -> String {
        format!("{}{}", self.place.netns_prefix(), self.name())
    }

    /// The control group above its containers.
    pub fn cgroup(&self) -> String {
        self.place.cgroup()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_directories_share_nothing() {
        let (a, b) = (Place::new(Path::new("/tmp/a")).unwrap(), Place::new(Path::new("/tmp/b")).unwrap());
        assert_ne!((a.switch(), a.host_link(), a.socket()), (b.switch(), b.host_link(), b.socket()));
        assert!(a.host_link().len() <= 15, "an interface name has at most 15 bytes");
        assert!(!b.switch().starts_with(&a.netns_prefix()));
    }

    #[test]
    fn a_directory_that_cannot_work_is_refused() {
        let long = format!("/tmp/{}", "x".repeat(100));
        for wrong in ["/", "/tmp", "/tmp/a/../b", long.as_str()] {
            assert!(matches!(Place::new(Path::new(wrong)), Err(TwinError::Directory { .. })), "{wrong}");
        }
    }
}
