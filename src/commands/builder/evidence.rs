//! `countersign builder evidence`

use serde_json::json;

use crate::commands::compose::Composer;
use crate::commands::measure::lines;
use crate::commands::open::Session;
use crate::commands::probe::chosen;
use crate::context::Context;
use crate::error::CommandError;
use crate::model::role::{Document, Role};
use crate::report::Answer;

/// Measure criteria and record what was seen, held or not
///
/// A rehearsal: a claim measures again. Without names, every criterion is measured.
///
/// Example: countersign builder evidence inspect
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The criteria
    #[arg(value_name = "CRITERION")]
    criteria: Vec<String>,
}

/// Runs it.
///
/// # Errors
///
/// A criterion is unknown, or the document does not take the records.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let chosen = chosen(&session, &args.criteria)?;
    let key = session.key(Role::Builder)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    let composer = Composer::new(&session, Role::Builder, Document::Status)?;
    let criteria: Vec<_> = chosen.iter().map(|(_, criterion)| criterion.clone()).collect();
    let seen = session.measure(&report, &criteria)?;
    let mut transaction = session.store.begin(Document::Status, &context.holder("builder evidence"))?;
    let mut ids = Vec::new();
    for ((gate, _), observation) in chosen.iter().zip(&seen) {
        ids.push(composer.evidence(&mut transaction, gate.as_ref(), observation, &key)?.to_string());
    }
    transaction.publish()?;
    Ok(Answer::ok(lines(&seen), json!({ "records": ids })))
}
