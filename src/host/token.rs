//! The executor's token: what shows an interlock that a request is the executor's. It is there only while a step runs and counts only
//! while the process that made it lives; its digest lies in this directory.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{HostError, HostState};
use crate::model::digest::Digest;

const FILE: &str = "token";

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The digest of the secret. The secret itself is nowhere but in the process that made it: whoever gets to read this file, as through
    /// a mount of a directory above it, has nothing to show.
    pub digest: Digest,
    /// The process that made it.
    pub pid: u32,
    /// When that started, in clock ticks since boot.
    pub started: Option<u64>,
    /// What it does, as in `step recreate of phase pvfix`.
    pub doing: String,
}

/// A token that is in force, until it is dropped.
#[derive(Debug)]
pub struct Issued {
    path: PathBuf,
    secret: String,
}

impl Issued {
    /// What is shown.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl Drop for Issued {
    fn drop(&mut self) {
        // One that stays counts no longer than this process.
        fs::remove_file(&self.path).ok();
    }
}

impl HostState {
    /// Makes a token for what this process does. Whoever calls it holds the run lock: there is one at a time.
    ///
    /// # Errors
    ///
    /// The disk did not take it, or the system has no randomness to give.
    pub fn issue_token(&self, doing: &str) -> Result<Issued, HostError> {
        let path = self.directory.join(FILE);
        let mut bytes = [0_u8; 32];
        let random = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
        random.map_err(|source| self.io(&path, source))?;
        let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let pid = std::process::id();
        let token =
            Token { digest: Digest::of(secret.as_bytes()), pid, started: started(pid), doing: doing.to_owned() };
        let text = serde_json::to_vec(&token).map_err(|error| self.io(&path, error.into()))?;
        self.replace(FILE, &text)?;
        Ok(Issued { path, secret })
    }

    /// The token that is in force: this user's own file, of a process that lives.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn token(&self) -> Result<Option<Token>, HostError> {
        let path = self.directory.join(FILE);
        let Some(bytes) = self.read(FILE)? else { return Ok(None) };
        let metadata = fs::symlink_metadata(&path).map_err(|source| self.io(&path, source))?;
        let own = metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw();
        if !own || metadata.mode() & 0o077 != 0 {
            return Ok(None);
        }
        let token: Option<Token> = serde_json::from_slice(&bytes).ok();
        Ok(token.filter(|token| token.started.is_some() && started(token.pid) == token.started))
    }

    /// The token that is in force, if this is its secret. Digests are compared: how long that takes tells nothing of it.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn token_of(&self, secret: &str) -> Result<Option<Token>, HostError> {
        Ok(self.token()?.filter(|token| token.digest == Digest::of(secret.as_bytes())))
    }
}

/// When a process started, in clock ticks since boot; `None` where there is none, or only its remains.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything: what follows the last one is plain.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_lives_as_long_as_its_holder() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        let of = |secret: &str| host.token_of(secret).expect("read").map(|token| token.doing);
        assert_eq!(of(""), None);
        let issued = host.issue_token("step recreate").expect("issued");
        let secret = issued.secret().to_owned();
        assert_eq!((of(&secret).as_deref(), of(""), of(&secret[1..])), (Some("step recreate"), None, None));
        let path = host.directory().join(FILE);
        assert!(!fs::read_to_string(&path).expect("read").contains(&secret), "who reads the file can show it");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opened");
        assert_eq!(of(&secret), None, "others could have read it");
        drop(issued);
        assert_eq!(of(&secret), None);
        assert!(!path.exists());
    }

    #[test]
    fn a_token_of_a_process_that_ended_is_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        for (pid, begun) in [(std::process::id(), Some(1)), (std::process::id(), None), (4_194_304, Some(7))] {
            let token = Token { digest: Digest::of(b"s"), pid, started: begun, doing: "x".into() };
            host.replace(FILE, &serde_json::to_vec(&token).expect("JSON")).expect("written");
            assert_eq!(host.token_of("s").expect("read"), None, "{pid} {begun:?}");
        }
    }
}
