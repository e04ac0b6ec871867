//! Where `origin` pointed when a phase was last run here: a remote that was swapped for a copy is said.

use serde::{Deserialize, Serialize};

use super::{HostError, HostState};
use crate::model::ids::{ObjectId, PhaseName};

const FILE: &str = "origins";

/// Where one phase's remote was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    repository: ObjectId,
    phase: PhaseName,
    url: String,
}

impl HostState {
    /// Remembers a remote's URL (without credentials) for a phase and gives the one before, where that was another. For a caller
    /// that holds the run lock.
    ///
    /// # Errors
    ///
    /// The disk did not take it.
    pub fn note_origin(
        &self,
        repository: &ObjectId,
        phase: &PhaseName,
        url: &str,
    ) -> Result<Option<String>, HostError> {
        let bytes = self.read(FILE)?.unwrap_or_default();
        let mut all: Vec<Origin> = serde_json::from_slice(&bytes).unwrap_or_default();
        let before = all.iter().position(|origin| origin.repository == *repository && origin.phase == *phase);
        let before = before.map(|at| all.swap_remove(at).url);
        if before.as_deref() == Some(url) {
            return Ok(None);
        }
        all.push(Origin { repository: repository.clone(), phase: phase.clone(), url: url.to_owned() });
        let bytes = serde_json::to_vec(&all).map_err(|error| self.io(&self.directory.join(FILE), error.into()))?;
        self.replace(FILE, &bytes)?;
        Ok(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_remote_is_told_once_and_each_phase_has_its_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        let repository: ObjectId = "a".repeat(40).parse().expect("an id");
        let note = |phase: &str, url: &str| {
            host.note_origin(&repository, &phase.parse().expect("a phase"), url).expect("noted")
        };
        assert_eq!(note("one", "/srv/x.git"), None);
        assert_eq!(note("two", "/srv/copy.git"), None);
        assert_eq!(note("one", "/srv/copy.git").as_deref(), Some("/srv/x.git"));
        assert_eq!(note("one", "/srv/copy.git"), None);
        let elsewhere: ObjectId = "b".repeat(40).parse().expect("an id");
        let other = host.note_origin(&elsewhere, &"one".parse().expect("a phase"), "/srv/y.git");
        assert_eq!(other.expect("noted"), None, "another repository's phase of that name");
    }
}
