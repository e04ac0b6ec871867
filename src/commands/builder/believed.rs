//! Whether a step was really begun. JOURNAL is the Builder's own word: an intent that somebody wrote by hand would let recovery run
//! a step that nothing permitted.

use std::collections::BTreeSet;

use crate::docs::store::Documents;
use crate::error::{CommandError, Exit};
use crate::host::ledger::What;
use crate::host::pins::Pins;
use crate::model::contract::Step;
use crate::model::ids::RecordId;
use crate::model::record::{Body, Intent, Record, Ruling};
use crate::model::role::Role;

use super::site::Site;

impl Site {
    /// Whether the step was begun: the host remembers it, or an intent of these records names a PASS by a pinned key, or a
    /// break-glass, that the documents hold. A step that brings things back needs nothing.
    ///
    /// # Errors
    ///
    /// JOURNAL alone says so.
    pub fn believes(&self, step: &Step, records: &[Record]) -> Result<(), CommandError> {
        if step.restores || self.remembers(step) {
            return Ok(());
        }
        let engine = self.host.directory().file_name().unwrap_or_default().to_string_lossy();
        let pins = Pins::at(&self.context.pins(), &engine).keys().unwrap_or_default();
        let documents = self.session.as_ref().and_then(|session| session.store.clone().without_missing().load().ok());
        let intents = records.iter().filter_map(|record| match &record.block.body {
            Body::Intent(intent) if intent.step == step.id => Some(intent),
            _ => None,
        });
        let named = |intent: &Intent| {
            intent.permit.iter().chain(&intent.break_glass).any(|id| self.permits(documents.as_ref(), &pins, step, id))
        };
        if intents.into_iter().any(named) {
            return Ok(());
        }
        let message = format!(
            "JOURNAL says that step `{}` was begun, this host does not remember it, and the documents hold no PASS by a pinned key \
             that its intent names",
            step.id
        );
        let next =
            "name the state in which it was begun with --state DIR, or bring REVIEW back: countersign check --repair";
        Err(CommandError::new(Exit::Closed, message, next))
    }

    /// Whether this host began it. What was only copied from JOURNAL does not say so.
    fn remembers(&self, step: &Step) -> bool {
        let kept = self.host_kept && self.kept.as_ref().is_some_and(|run| run.step == step.id);
        let ledger = self.host.ledger().unwrap_or_default();
        let mut entries = ledger.of(&self.repository, &self.contract.phase).into_iter();
        kept || entries.any(|entry| entry.what == What::Intent && entry.step == step.id && !entry.copied)
    }

    fn permits(&self, documents: Option<&Documents>, pins: &BTreeSet<String>, step: &Step, id: &RecordId) -> bool {
        let mut records = documents.into_iter().flat_map(Documents::records).filter(|record| record.id == *id);
        records.any(|record| match &record.block.body {
            Body::Verdict(verdict) => {
                verdict.ruling == Ruling::Pass && verdict.gate == step.gate && pins.contains(&record.signer)
            }
            Body::BreakGlass(glass) => {
                glass.step == step.id && self.contract.keys_of(Role::Operator).contains(&record.signer)
            }
            _ => false,
        })
    }
}
