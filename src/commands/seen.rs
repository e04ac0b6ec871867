//! What this host remembers to have seen of a phase: objections, so that one which vanishes everywhere else is missed here.

use std::collections::HashSet;

use crate::docs::section;
use crate::error::CommandError;
use crate::gates::evaluate::PhaseReport;
use crate::gates::inputs::Known;
use crate::gates::objections::objects;
use crate::host::objections::Seen;
use crate::model::ids::RecordId;

use super::open::Session;

impl Session {
    /// Remembers the objections of this report on the host, where its state is there already or `make` says to make it.
    ///
    /// # Errors
    ///
    /// The host's state cannot be read or written. There is none to write where no engine answers.
    pub fn remember_objections(&self, report: &PhaseReport<'_>, make: bool) -> Result<(), CommandError> {
        let Known::Is(target) = &report.inputs.host.target else { return Ok(()) };
        let objections: Vec<_> = report.counted.iter().filter(|record| objects(&record.block.body)).collect();
        let state = self.host_state(&target.engine)?;
        if objections.is_empty() || !(make || state.directory().is_dir()) {
            return Ok(());
        }
        let (repository, phase) = (&self.repository.root_commit, self.store.phase());
        let known: HashSet<RecordId> = state.objections(repository, phase)?.iter().map(|seen| seen.id).collect();
        for record in objections.iter().filter(|record| !known.contains(&record.id)) {
            state.remember_objection(&Seen {
                repository: repository.clone(),
                phase: phase.clone(),
                id: record.id,
                heading: section::heading(&record.block),
                at: report.inputs.now,
            })?;
        }
        Ok(())
    }
}
