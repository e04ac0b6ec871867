//! The objections that this host has seen, one line each, synced: what a forced remote and a clone without its private refs would
//! forget. They are only ever missed, never brought back from here: the signed record is in somebody's clone.

use std::io::Write as _;

use serde::{Deserialize, Serialize};

use super::{HostError, HostState};
use crate::model::ids::{ObjectId, PhaseName, RecordId};
use crate::model::time::Time;

const FILE: &str = "objections";

/// An objection that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The repository's root commit.
    pub repository: ObjectId,
    /// The phase.
    pub phase: PhaseName,
    /// The FAIL, veto or finding.
    pub id: RecordId,
    /// Its heading.
    pub heading: String,
    /// When it was first seen here.
    pub at: Time,
}

impl HostState {
    /// The objections to one repository's phase that were seen here. A line that is not whole is left out.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn objections(&self, repository: &ObjectId, phase: &PhaseName) -> Result<Vec<Seen>, HostError> {
        let bytes = self.read(FILE)?.unwrap_or_default();
        let all = bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice::<Seen>(line).ok());
        Ok(all.filter(|seen| seen.repository == *repository && seen.phase == *phase).collect())
    }

    /// Remembers an objection, synced.
    ///
    /// # Errors
    ///
    /// The disk did not take it.
    pub fn remember_objection(&self, seen: &Seen) -> Result<(), HostError> {
        let _held = crate::interrupt::finish_first();
        let path = self.directory.join(FILE);
        let io = |source| self.io(&path, source);
        // The newline before ends what a killed writer may have left.
        let mut line = vec![b'\n'];
        line.extend(serde_json::to_vec(seen).map_err(|error| io(error.into()))?);
        line.push(b'\n');
        let mut file = self.open_append(FILE)?;
        file.write_all(&line).and_then(|()| file.sync_all()).map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_stays_and_half_a_line_does_no_harm() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        let repository: ObjectId = "a".repeat(40).parse().expect("an id");
        let phase: PhaseName = "demo".parse().expect("a phase");
        let seen = |words: &str| Seen {
            repository: repository.clone(),
            phase: phase.clone(),
            id: RecordId::of_block(words.as_bytes()),
            heading: words.into(),
            at: "2026-06-13T05:00:00Z".parse().expect("a time"),
        };
        let read = || host.objections(&repository, &phase).expect("read");
        assert_eq!(read(), []);
        host.remember_objection(&seen("VETO one")).expect("remembered");
        host.remember_objection(&seen("VETO two")).expect("remembered");
        assert_eq!(read(), [seen("VETO one"), seen("VETO two")]);
        let path = host.directory().join(FILE);
        let bytes = std::fs::read(&path).expect("read");
        std::fs::write(&path, &bytes[..bytes.len() - 5]).expect("written");
        host.remember_objection(&seen("VETO three")).expect("remembered");
        assert_eq!(read(), [seen("VETO one"), seen("VETO three")]);
        assert_eq!(host.objections(&repository, &"other".parse().expect("a phase")).expect("read"), []);
        let elsewhere: ObjectId = "b".repeat(40).parse().expect("an id");
        assert_eq!(host.objections(&elsewhere, &phase).expect("read"), []);
    }
}
