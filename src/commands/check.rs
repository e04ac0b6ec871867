//! `countersign check`

use serde_json::json;

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::report::Answer;

use super::open::Session;

/// Check every record: bytes, signatures, links, contract
///
/// Lists every defect at once with file, line, column and remedy, and every record that counts for nothing. Exits 30 when a
/// document is invalid.
///
/// Example: countersign check
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
///
/// The phase cannot be opened, or a document is invalid.
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let gathered = session.gather(false)?;
    let defects: Vec<_> = gathered.documents.defects().cloned().collect();
    let report = session.evaluate(&gathered);
    let missing: Vec<String> = report.graph.missing().iter().map(|id| id.short()).collect();
    if !defects.is_empty() || !missing.is_empty() {
        let mut details: Vec<String> = defects.iter().map(ToString::to_string).collect();
        details
            .extend(missing.iter().map(|id| format!("record {id} is linked to, but in no document; countersign sync")));
        let message = format!("the documents of phase {} have {} defects", session.store.phase(), details.len());
        return Err(CommandError {
            exit: Exit::Invalid,
            message,
            details,
            hint: Some("mend the first one, then countersign check".into()),
        });
    }
    let count = gathered.records.len();
    let mut text = format!("{count} records, every byte, signature and link as it was written\n");
    for line in crate::report::phase::distrusted(&report) {
        text += &format!("  {line}\n");
    }
    let foreign = gathered.records.iter().filter(|r| r.block.repository != session.repository.root_commit).count();
    if foreign > 0 {
        text += &format!("  {foreign} records were written in another repository and open nothing here\n");
    }
    let distrusted = report.distrusted.len();
    Ok(Answer::ok(text, json!({ "records": count, "defects": 0, "distrusted": distrusted, "foreign": foreign })))
}
