//! `countersign status`

use crate::context::Context;
use crate::error::CommandError;
use crate::report::{Answer, phase};

use super::open::Session;

/// Show how the phase stands
///
/// Reads the documents and the host's state; asks neither the engine's services nor the remote, and changes nothing.
///
/// Example: countersign status --json
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
///
/// The phase cannot be opened.
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    let mut text = phase::text(&report);
    let mut unsigned = Vec::new();
    for (document, read) in &gathered.documents.0 {
        for line in &read.unsigned {
            let file = session.store.file(*document);
            text += &format!("  unsigned, counts for nothing: {file}:{}: {}\n", line.line, line.text);
            unsigned.push(serde_json::json!({ "file": file, "line": line.line, "text": line.text, "looks_like": line.looks_like }));
        }
    }
    let mut json = phase::json(&report);
    json["unsigned"] = unsigned.into();
    Ok(Answer::ok(text, json))
}
