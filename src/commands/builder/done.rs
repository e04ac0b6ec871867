//! `countersign builder done`

use serde_json::json;

use crate::commands::compose::Composer;
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::gates::done::{against_done, done};
use crate::gates::reason::{Class, Reason};
use crate::model::counted::counted;
use crate::model::record::Body;
use crate::model::role::{Document, Role};
use crate::report::Answer;

/// Write DONE, if the phase is done
///
/// Computed, never typed: every step done, a PASS of every gate, the last one fresh and after the last step, no veto, no open
/// finding. The remote is asked first. Where an objection came after DONE, this says so.
///
/// Example: countersign builder done
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
///
/// Every reason why it is not done; the remote does not answer.
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let key = session.key(Role::Builder)?;
    let gathered = session.gather(true)?;
    let report = session.evaluate(&gathered);
    session.remember_objections(&report, true)?;
    if let Some(record) = report.done {
        let against = against_done(&report);
        if !against.is_empty() {
            let (phase, at, id) = (session.store.phase(), record.block.at, record.id.short());
            let message = format!("phase {phase} was DONE at {at} ({id}), and is not any more");
            return Err(CommandError::refused(message, &against));
        }
        let broken: Vec<Reason> =
            report.general.iter().filter(|reason| reason.class == Class::Invalid).cloned().collect();
        if !broken.is_empty() {
            let message = format!(
                "phase {} is DONE by {}, in documents that are not whole",
                session.store.phase(),
                record.id.short()
            );
            return Err(CommandError::refused(message, &broken));
        }
        let text =
            format!("Phase {} is DONE since {} ({}).", session.store.phase(), record.block.at, record.id.short());
        return Ok(Answer::ok(text, json!({ "done": record.id.to_string() })));
    }
    let body = done(&report)
        .map_err(|reasons| CommandError::refused(format!("phase {} is not done", session.store.phase()), &reasons))?;
    if gathered.records.iter().any(|record| record.remote_only) {
        let here = session.gather_from(gathered.documents.clone(), None);
        done(&session.evaluate(&here)).map_err(|reasons| {
            let message = format!("phase {} is done only with what the remote has", session.store.phase());
            CommandError { hint: Some("countersign sync".into()), ..CommandError::refused(message, &reasons) }
        })?;
    }
    let passes: Vec<String> = body.passes.iter().map(|(gate, id)| format!("{gate} by {}", id.short())).collect();
    let deferred: Vec<String> = body.deferred.iter().map(|(name, owner)| format!("{name} (owner {owner})")).collect();
    let mut words = format!(
        "Phase {} is done: {}, {}.",
        session.store.phase(),
        counted(body.steps.len(), "step"),
        passes.join(", ")
    );
    if !deferred.is_empty() {
        words += &format!("\nDeferred: {}.", deferred.join(", "));
    }
    let composer = Composer::new(&session, Role::Builder, Document::Status)?;
    let mut transaction = session.store.begin(Document::Status, &context.holder("builder done"))?;
    let id = transaction.append(composer.draft(&words, Body::Done(body), None), &key)?;
    let signed = session.gather_from(transaction.documents().clone(), None);
    let signed = session.evaluate(&signed);
    if let Some(why) = signed.distrusted.iter().find(|distrusted| distrusted.record == id) {
        let message = format!("DONE would count for nothing, and was not written: {}", why.why);
        return Err(CommandError::new(Exit::Closed, message, "countersign status"));
    }
    transaction.publish()?;
    if report.open_until().is_some() {
        words += "\nThe maintenance window is still open.\nNext: countersign builder window close";
    } else {
        words += "\nNext: countersign sync";
    }
    Ok(Answer::ok(words, json!({ "done": id.to_string() })))
}
