//! Pins: the Adversary keys that an operator told this host to trust, per engine. Readable by all, written by an operator.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::HostError;
use crate::model::digest::Digest;
use crate::model::key;

/// Where pins lie unless a test says otherwise.
pub const DEFAULT_PINS: &str = "/etc/countersign";

/// The pins of one engine.
#[derive(Debug, Clone)]
pub struct Pins {
    directory: PathBuf,
}

impl Pins {
    /// The pins of this engine below `base`.
    pub fn at(base: &Path, engine_id: &str) -> Self {
        Self { directory: base.join(engine_id.replace('/', "_")).join("pins") }
    }

    /// Their directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The pinned keys; none when nothing was ever pinned.
    ///
    /// # Errors
    ///
    /// The directory or a file in it cannot be read, or holds something else.
    pub fn keys(&self) -> Result<BTreeSet<String>, HostError> {
        let io = |path: &Path, source| HostError::Io { path: path.to_owned(), source };
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            other => other.map_err(|error| io(&self.directory, error))?,
        };
        let mut keys = BTreeSet::new();
        for entry in entries {
            let path = entry.map_err(|error| io(&self.directory, error))?.path();
            let text = fs::read_to_string(&path).map_err(|error| io(&path, error))?;
            let words: Vec<&str> = text.split_whitespace().collect();
            let [kind @ (key::PLAIN | key::HARDWARE), body] = words.as_slice() else {
                return Err(HostError::Malformed {
                    path,
                    line: 1,
                    why: "not one public key of kind ssh-ed25519 or ed25519-sk".into(),
                });
            };
            keys.insert(format!("{kind} {body}"));
        }
        Ok(keys)
    }

    /// Pins a key (OpenSSH form without comment); gives whether it was new.
    ///
    /// # Errors
    ///
    /// The directory cannot be written: an operator does this.
    pub fn add(&self, key: &str) -> Result<bool, HostError> {
        let _held = crate::interrupt::finish_first();
        let path = self.directory.join(format!("{}.pub", Digest::of(key.as_bytes()).short()));
        let io = |source| HostError::Io { path: path.clone(), source };
        if self.keys()?.contains(key) {
            return Ok(false);
        }
        fs::create_dir_all(&self.directory).map_err(io)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.directory).map_err(io)?;
        io::Write::write_all(&mut file, format!("{key}\n").as_bytes()).map_err(io)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist(&path).map_err(|error| io(error.error))?;
        crate::interrupt::note(format!("{} was written, whole", path.display()));
        fs::File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(io)?;
        Ok(true)
    }

    /// Whether this user could write the pins: whoever runs steps should not be the one who says whom to trust.
    pub fn writable(&self) -> bool {
        let existing = self.directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        rustix::fs::access(existing, rustix::fs::Access::WRITE_OK).is_ok()
    }
}
