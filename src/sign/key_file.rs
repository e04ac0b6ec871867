//! The keys that sign: private ones in files, made with mode 0600 and refused when others could have read them; those that an
//! agent holds, of which the file has the public half; and those in a security key, of which the file has the handle.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Algorithm, LineEnding, PrivateKey};

use super::public_key;

/// A key that can sign.
pub struct Key {
    pub(super) holder: Holder,
}

/// Who holds the private half.
pub(super) enum Holder {
    /// This process, from a file.
    File(Box<PrivateKey>),
    /// An agent or a security key; `ssh-keygen` asks it, by this file.
    Elsewhere {
        /// The public half, OpenSSH form without comment.
        public: String,
        /// The file: the public half, or a security key's handle.
        file: PathBuf,
        /// Whether only an agent can have it.
        in_agent: bool,
    },
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("there is no key file {}", .0.display())]
    Missing(PathBuf),
    /// Others can read it.
    #[error("key file {} has mode {mode:04o}, so others can read it; wanted 0600", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A link, a FIFO, a directory or another user's file.
    #[error("key file {} is {found}; wanted a regular file of this user", .path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// Inside a repository, where one `git add` publishes it.
    #[error("key file {} lies inside the repository {}; wanted a place outside every repository", .path.display(), .repository.display())]
    InRepository {
        /// The file.
        path: PathBuf,
        /// The repository.
        repository: PathBuf,
    },
    /// Not a key that can be used.
    #[error("key file {} holds no usable key: {why}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is there already and is never overwritten.
    #[error("key file {} is there already and stays as it is", .0.display())]
    Exists(PathBuf),
    /// Reading or writing failed.
    #[error("key file {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Key {
    /// Makes a new Ed25519 key from the system's randomness.
    ///
    /// # Errors
    ///
    /// The system has no randomness to give.
    pub fn generate(comment: &str) -> Result<Self, ssh_key::Error> {
        let mut seed = [0_u8; 32];
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut seed)).map_err(ssh_key::Error::from)?;
        let pair = Ed25519Keypair::from_seed(&seed);
        Ok(Self { holder: Holder::File(Box::new(PrivateKey::new(KeypairData::Ed25519(pair), comment)?)) })
    }

    /// The public half, OpenSSH form without comment.
    pub fn public_text(&self) -> String {
        match &self.holder {
            Holder::Elsewhere { public, .. } => public.clone(),
            Holder::File(private) => {
                let mut public = private.public_key().clone();
                public.set_comment("");
                public.to_openssh().map(|text| text.trim().to_owned()).unwrap_or_default()
            }
        }
    }

    /// Writes the key to a new file, mode 0600, and syncs it; missing directories are made with mode 0700.
    ///
    /// # Errors
    ///
    /// The file is there already, lies inside a repository, or cannot be written.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyFileError> {
        let io = |source| KeyFileError::Io { path: path.to_owned(), source };
        let directory = path.parent().unwrap_or(Path::new("/"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io)?;
        outside_repositories(path)?;
        let Holder::File(private) = &self.holder else {
            return Err(io(io::Error::other("another holds the key, and gives it to nobody")));
        };
        let text = private.to_openssh(LineEnding::LF).map_err(|error| io(io::Error::other(error)))?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(KeyFileError::Exists(path.to_owned()));
            }
            other => other.map_err(io)?,
        };
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)
    }

    /// Reads a key file. One that holds a public key names a key that an agent holds, and one
    /// that `ssh-keygen -t ed25519-sk` made a key in a security key.
    ///
    /// # Errors
    ///
    /// It is missing, not a regular file of this user, readable by others, inside a repository, encrypted or no Ed25519 key.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let io = |source| KeyFileError::Io { path: path.to_owned(), source };
        let kind = |found: &str| KeyFileError::Kind { path: path.to_owned(), found: found.to_owned() };
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyFileError::Missing(path.to_owned()));
            }
            other => other.map_err(io)?,
        };
        if metadata.file_type().is_symlink() {
            return Err(kind("a symbolic link"));
        }
        if !metadata.is_file() {
            return Err(kind("no regular file"));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(kind(&format!("owned by uid {}", metadata.uid())));
        }
        let malformed = |why: String| KeyFileError::Malformed { path: path.to_owned(), why };
        let text = fs::read(path).map_err(io)?;
        if text.starts_with(b"ssh-") || text.starts_with(b"sk-") {
            let public =
                public_key::parse(&String::from_utf8_lossy(&text)).map_err(|error| malformed(error.to_string()))?;
            let file = fs::canonicalize(path).map_err(io)?;
            return Ok(Self { holder: Holder::Elsewhere { public, file, in_agent: true } });
        }
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Open { path: path.to_owned(), mode });
        }
        outside_repositories(path)?;
        let private = PrivateKey::from_openssh(&text).map_err(|_| malformed("not an OpenSSH private key".into()))?;
        if private.is_encrypted() {
            return Err(malformed("it is encrypted; wanted a key without passphrase, kept by file permissions".into()));
        }
        if private.algorithm() == Algorithm::SkEd25519 {
            let public = private.public_key().to_openssh().map_err(|error| malformed(error.to_string()))?;
            let public = public_key::parse(&public).map_err(|error| malformed(error.to_string()))?;
            let file = fs::canonicalize(path).map_err(io)?;
            return Ok(Self { holder: Holder::Elsewhere { public, file, in_agent: false } });
        }
        if private.algorithm() != Algorithm::Ed25519 {
            return Err(malformed(format!("its kind is {}; wanted ssh-ed25519 or ed25519-sk", private.algorithm())));
        }
        Ok(Self { holder: Holder::File(Box::new(private)) })
    }
}

/// Refuses a path with a git repository above it.
fn outside_repositories(path: &Path) -> Result<(), KeyFileError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let real = fs::canonicalize(directory).map_err(|source| KeyFileError::Io { path: path.to_owned(), source })?;
    match real.ancestors().find(|above| above.join(".git").exists()) {
        Some(repository) => {
            Err(KeyFileError::InRepository { path: path.to_owned(), repository: repository.to_owned() })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys/builder");
        let key = Key::generate("builder").expect("a key");
        key.write_new(&path).expect("written");
        assert_eq!(Key::load(&path).expect("loads").public_text(), key.public_text());
        assert!(matches!(key.write_new(&path), Err(KeyFileError::Exists(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
        assert!(matches!(Key::load(&path), Err(KeyFileError::Open { mode: 0o640, .. })));
    }

    #[test]
    fn links_and_repositories_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("builder");
        Key::generate("builder").expect("a key").write_new(&path).expect("written");
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        assert!(matches!(Key::load(&link), Err(KeyFileError::Kind { .. })));
        fs::create_dir(directory.path().join(".git")).expect("a repository");
        assert!(matches!(Key::load(&path), Err(KeyFileError::InRepository { .. })));
    }
}
