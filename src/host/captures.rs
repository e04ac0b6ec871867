//! Captures: raw specs and inspect output needed to bring things back. The one unredacted write; never in a repository.

use super::{HostError, HostState};
use crate::model::digest::Digest;

impl HostState {
    /// Writes a capture, mode 0600, synced; reads it back and gives its digest.
    ///
    /// # Errors
    ///
    /// The disk did not take it, or it does not read back.
    pub fn capture(&self, name: &str, bytes: &[u8]) -> Result<Digest, HostError> {
        let file = format!("captures/{name}");
        self.replace(&file, bytes)?;
        let digest = Digest::of(bytes);
        match self.read(&file)? {
            Some(again) if Digest::of(&again) == digest => Ok(digest),
            _ => Err(self.io(&self.directory.join(&file), std::io::Error::other("it does not read back as written"))),
        }
    }

    /// Reads a capture; `None` when there is none of this name.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn captured(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.read(&format!("captures/{name}"))
    }
}
