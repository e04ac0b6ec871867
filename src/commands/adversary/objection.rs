//! Writing what the Adversary says: only what will count is reported as said.

use crate::commands::adopted::known_elsewhere;
use crate::commands::compose::Composer;
use crate::commands::open::{Gathered, Session};
use crate::error::{CommandError, Exit};
use crate::gates::evaluate::PhaseReport;
use crate::gates::graph::Graph;
use crate::gates::reason::Class;
use crate::gates::trust;
use crate::model::ids::RecordId;
use crate::model::record::Body;
use crate::model::role::{Document, Role};
use crate::report::phase::foreign;
use crate::sign::key_file::Key;

/// What is said, by which command.
pub struct Saying<'a> {
    /// The command, as in `adversary veto`.
    pub command: &'a str,
    /// What people read above the block.
    pub words: &'a str,
    /// What the record says.
    pub body: Body,
    /// Whether it is said even to documents that are invalid, as every objection is.
    pub tolerant: bool,
}

/// Appends a record to REVIEW and publishes it, if it will count. To documents that are damaged, or that lack the adoptions which
/// this clone knows, an objection is written all the same: with what is missing back in its place it counts.
///
/// # Errors
///
/// It would count for nothing (12, 31), or counts for nothing while the documents are damaged (30); REVIEW does not take it.
pub fn say(session: &Session, key: &Key, saying: Saying<'_>) -> Result<RecordId, CommandError> {
    let Saying { command, words, body, tolerant } = saying;
    let composer = Composer::new(session, Role::Adversary, Document::Review)?;
    let kind = body.kind().name();
    let mut transaction = session.store.begin(Document::Review, &session.context.holder(command))?;
    if tolerant {
        transaction.tolerate_defects();
    }
    let id = transaction.append(composer.draft(words, body, None), key)?;
    let gathered = session.gather_from(transaction.documents().clone(), None);
    let report = session.evaluate(&gathered);
    let Some(why) = report.distrusted.iter().find(|distrusted| distrusted.record == id) else {
        transaction.publish()?;
        return Ok(id);
    };
    let nothing = against(&report);
    let damaged = || report.general.iter().any(|reason| reason.class == Class::Invalid);
    if tolerant && (damaged() || would_count(session, &gathered, &id)) {
        transaction.publish()?;
        let message = format!(
            "{kind} {} was written, and counts for nothing while the documents are damaged: {}",
            id.short(),
            why.why
        );
        let hint = "countersign check, and countersign sync, which publishes it";
        return Err(CommandError { details: nothing.details, ..CommandError::new(Exit::Invalid, message, hint) });
    }
    let message = format!("the {kind} would count for nothing, and was not written: {}", why.why);
    Err(CommandError { message, ..nothing })
}

/// Whether a record counts beside everything that this clone knows, whatever of it was taken out of the documents.
fn would_count(session: &Session, gathered: &Gathered, id: &RecordId) -> bool {
    let mut records = known_elsewhere(&session.repository, &session.store);
    records.extend(gathered.records.iter().cloned());
    let (graph, repository) = (Graph::new(&records), &session.repository);
    let trust = trust::establish(&graph, &repository.root_commit, &repository.roots);
    trust.counted.iter().any(|record| record.id == *id)
}

/// What stands against a record that counts for nothing, with the way on.
fn against(report: &PhaseReport<'_>) -> CommandError {
    let own = |by: &std::collections::BTreeMap<Role, Vec<RecordId>>| by.contains_key(&Role::Adversary);
    let (exit, hint) = match &report.in_force {
        Some(contract) => (
            Exit::Role,
            format!("sign with a key that contract version {} lists for the adversary: --key FILE", contract.version),
        ),
        None if report.pending.iter().any(|pending| own(&pending.by)) => {
            (Exit::Contract, "countersign builder adopt, and countersign sync in both clones".to_owned())
        }
        None => (Exit::Contract, "countersign adversary adopt".to_owned()),
    };
    let mut error = CommandError::new(exit, "", hint);
    if foreign(report) > 0 {
        let here = report.inputs.repository.short();
        error.details.push(format!(
            "{} of the {} records here were written in another repository (this one is {here}): no adoption among them counts",
            foreign(report),
            report.inputs.records.len()
        ));
    }
    error
}
