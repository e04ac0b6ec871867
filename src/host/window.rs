//! The open maintenance window.

use serde::{Deserialize, Serialize};

use super::{HostError, HostState};
use crate::model::ids::{ObjectId, PhaseName, RecordId};
use crate::model::time::Time;

/// A window that was opened on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenWindow {
    /// The repository's root commit.
    pub repository: ObjectId,
    /// The phase.
    pub phase: PhaseName,
    /// Its record.
    pub id: RecordId,
    /// When it ends.
    pub until: Time,
}

impl HostState {
    /// The window, if one was opened and not closed. It may have ended.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn window(&self) -> Result<Option<OpenWindow>, HostError> {
        let Some(bytes) = self.read("window")? else { return Ok(None) };
        let malformed = |error: serde_json::Error| HostError::Malformed {
            path: self.directory.join("window"),
            line: 1,
            why: error.to_string(),
        };
        serde_json::from_slice(&bytes).map_err(malformed)
    }

    /// Opens (`Some`) or closes (`None`) the window.
    ///
    /// # Errors
    ///
    /// The disk did not take it.
    pub fn set_window(&self, window: Option<&OpenWindow>) -> Result<(), HostError> {
        let path = self.directory.join("window");
        let bytes = serde_json::to_vec(&window).map_err(|error| self.io(&path, error.into()))?;
        self.replace("window", &bytes)
    }
}
