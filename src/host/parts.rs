//! The parts of the step that is under way, one line each, synced before the part is begun: after a kill they tell how far it
//! came. Nothing is decided by them.

use std::io::Write as _;

use serde::{Deserialize, Serialize};

use super::{HostError, HostState};
use crate::fault;
use crate::model::ids::{RecordId, StepId};
use crate::model::time::Time;

const FILE: &str = "parts";

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The intent under which it is done; absent where none could be recorded.
    pub intent: Option<RecordId>,
    /// The step.
    pub step: StepId,
    /// When it was begun.
    pub at: Time,
    /// What is done.
    pub text: String,
}

impl HostState {
    /// Forgets the parts of the step before.
    ///
    /// # Errors
    ///
    /// The disk did not take it.
    pub fn begin_parts(&self) -> Result<(), HostError> {
        self.replace(FILE, b"")
    }

    /// Adds a part and syncs it.
    ///
    /// # Errors
    ///
    /// The disk did not take it.
    pub fn add_part(&self, part: &Part) -> Result<(), HostError> {
        let path = self.directory.join(FILE);
        let io = |source| self.io(&path, source);
        let mut line = serde_json::to_vec(part).map_err(|error| io(error.into()))?;
        line.push(b'\n');
        fault::point("part.append").map_err(io)?;
        let mut file = self.open_append(FILE)?;
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(io)?;
        fault::point("part.appended").map_err(io)
    }

    /// The parts of the newest step, in order. A line that is not whole is left out.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn parts(&self) -> Result<Vec<Part>, HostError> {
        let bytes = self.read(FILE)?.unwrap_or_default();
        Ok(bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_is_told_and_a_torn_one_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        let part = |text: &str| Part {
            intent: None,
            step: "recreate".parse().expect("a step"),
            at: "2026-06-13T05:00:00Z".parse().expect("a time"),
            text: text.into(),
        };
        host.begin_parts().expect("begun");
        host.add_part(&part("drain")).expect("added");
        host.add_part(&part("remove")).expect("added");
        assert_eq!(host.parts().expect("read"), [part("drain"), part("remove")]);
        let path = host.directory().join(FILE);
        let bytes = std::fs::read(&path).expect("read");
        std::fs::write(&path, &bytes[..bytes.len() - 5]).expect("written");
        assert_eq!(host.parts().expect("read"), [part("drain")]);
        host.begin_parts().expect("begun again");
        assert_eq!(host.parts().expect("read"), []);
    }
}
