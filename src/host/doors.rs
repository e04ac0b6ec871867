//! The door past an interlock, which only root on the host can open: each opening leaves a line here that anybody can read, and
//! that stands against DONE until the Adversary accepts it.

use serde::{Deserialize, Serialize};

use super::HostError;
use super::decisions::Decisions;
use crate::model::ids::{ObjectId, PhaseName, RecordId};
use crate::model::time::Time;

const FILE: &str = "doors";

/// One opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Door {
    /// When.
    pub at: Time,
    /// When it shuts by itself.
    pub until: Time,
    /// Why.
    pub reason: String,
    /// The uid of whoever opened it.
    pub uid: u32,
    /// The phases that guarded something then, each with its repository's root commit; where none is named, it counts for each.
    pub phases: Vec<(ObjectId, PhaseName)>,
}

impl Door {
    /// What it is called: the digest of its line.
    pub fn id(&self) -> RecordId {
        RecordId::of_block(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether it concerns a repository's phase.
    pub fn concerns(&self, repository: &ObjectId, phase: &PhaseName) -> bool {
        self.phases.is_empty() || self.phases.iter().any(|(root, name)| root == repository && name == phase)
    }
}

/// That a door was shut before its time.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shut {
    /// The door.
    shut: RecordId,
    /// When.
    at: Time,
}

impl Decisions {
    /// Shuts a door before its time, synced. Its mark stays.
    ///
    /// # Errors
    ///
    /// The disk did not take it: the door stays open until its time.
    pub fn shut_door(&self, shut: RecordId, at: Time) -> Result<(), HostError> {
        self.door_line(&Shut { shut, at })
    }

    /// The doors that are open now.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn open_doors(&self, now: Time) -> Result<Vec<Door>, HostError> {
        let bytes = self.read(FILE)?;
        let shut = |line: &[u8]| serde_json::from_slice::<Shut>(line).ok().map(|shut| shut.shut);
        let shut: Vec<RecordId> = bytes.split(|b| *b == b'\n').filter_map(shut).collect();
        let is_open = |door: &Door| door.at <= now && now < door.until && !shut.contains(&door.id());
        Ok(self.doors()?.into_iter().filter(is_open).collect())
    }

    fn door_line(&self, line: &impl Serialize) -> Result<(), HostError> {
        // The newline before ends what a killed writer may have left.
        let mut text = vec![b'\n'];
        text.extend(serde_json::to_vec(line).unwrap_or_default());
        text.push(b'\n');
        self.append_line(FILE, &text, false)
    }

    /// Marks an opening, synced.
    ///
    /// # Errors
    ///
    /// The disk did not take it: the door stays shut.
    pub fn open_door(&self, door: &Door) -> Result<(), HostError> {
        self.door_line(door)
    }

    /// Every opening, oldest first.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn doors(&self) -> Result<Vec<Door>, HostError> {
        let bytes = self.read(FILE)?;
        Ok(bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_door_is_found_again_by_its_id() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = Decisions::at(Path::new(directory.path()), "engine");
        assert_eq!(log.doors().expect("read"), []);
        let (root, phase) = ("a".repeat(40).parse().expect("an id"), "demo".parse().expect("a phase"));
        let door = |reason: &str, phases| Door {
            at: "2026-06-13T05:00:00Z".parse().expect("a time"),
            until: "2026-06-13T05:10:00Z".parse().expect("a time"),
            reason: reason.into(),
            uid: 0,
            phases,
        };
        let (one, two) = (door("the engine hangs", vec![(root, phase)]), door("again", Vec::new()));
        log.open_door(&one).and_then(|()| log.open_door(&two)).expect("marked");
        let read = log.doors().expect("read");
        assert_eq!(read.iter().map(Door::id).collect::<Vec<_>>(), [one.id(), two.id()]);
        let time = |text: &str| text.parse().expect("a time");
        let open = |now: &str| log.open_doors(time(now)).expect("read").iter().map(Door::id).collect::<Vec<_>>();
        assert_eq!(open("2026-06-13T05:09:59Z"), [one.id(), two.id()]);
        assert_eq!(open("2026-06-13T05:10:00Z"), []);
        assert_eq!(open("2026-06-13T04:59:59Z"), []);
        log.shut_door(one.id(), time("2026-06-13T05:01:00Z")).expect("shut");
        assert_eq!(open("2026-06-13T05:02:00Z"), [two.id()]);
        assert_eq!(log.doors().expect("read"), read, "the marks stay");
        let (root, other) = ("a".repeat(40).parse().expect("an id"), "other".parse().expect("a phase"));
        assert_eq!(read.iter().map(|door| door.concerns(&root, &other)).collect::<Vec<_>>(), [false, true]);
    }
}
