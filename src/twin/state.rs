//! What a twin's maker leaves behind for whoever removes it.

use serde::{Deserialize, Serialize};

use crate::twin::error::TwinError;
use crate::twin::place::Place;
use crate::twin::processes::start_time;

/// A twin's state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Version of this file's form.
    pub schema: u32,
    /// The engine's process id; absent while it is being made.
    pub pid: Option<u32>,
    /// When that process started, in clock ticks since boot: a reused id has another.
    pub started: Option<u64>,
    /// The host's address on the link.
    pub host_address: String,
    /// The twin's address: its engine advertises it, its front listens there.
    pub address: String,
}

impl State {
    /// Reads a twin's state; `None` when there is no file.
    pub fn read(place: &Place) -> Result<Option<Self>, TwinError> {
        let path = place.state_file();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TwinError::file(path)(error)),
        };
        let state = serde_json::from_slice(&bytes);
        // A maker killed while it wrote leaves a torn file: the directory is a twin's all the same.
        let torn = Self { schema: 1, pid: None, started: None, host_address: String::new(), address: String::new() };
        Ok(Some(state.unwrap_or(torn)))
    }

    /// Writes it.
    pub fn write(&self, place: &Place) -> Result<(), TwinError> {
        let path = place.state_file();
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| TwinError::Directory { dir: place.dir().to_owned(), why: error.to_string() })?;
        std::fs::write(&path, text).map_err(TwinError::file(path))
    }

    /// Whether the engine's process is the one that was started.
    pub fn is_alive(&self) -> bool {
        self.pid.is_some_and(|pid| self.started.is_some() && start_time(pid) == self.started)
    }
}
