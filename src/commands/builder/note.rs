//! `countersign builder note`

use serde_json::json;

use crate::commands::compose::{Composer, plain};
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::model::record::{Body, Note};
use crate::model::role::{Document, Role};
use crate::report::Answer;

/// Write a signed, timed note into JOURNAL
///
/// Notes decide nothing; the Adversary does not see them before its verdict.
///
/// Example: countersign builder note "the guard ran clean twice"
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The words
    text: String,
}

/// Runs it.
///
/// # Errors
///
/// The text is empty, or the document does not take it.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    if args.text.trim().is_empty() {
        return Err(CommandError::new(Exit::Usage, "the note is empty", "countersign builder note \"what you saw\""));
    }
    let session = Session::open(context)?;
    let key = session.key(Role::Builder)?;
    let text = plain(&args.text);
    let composer = Composer::new(&session, Role::Builder, Document::Journal)?;
    let mut transaction = session.store.begin(Document::Journal, &context.holder("builder note"))?;
    let id = transaction.append(composer.draft(&text, Body::Note(Note { text: text.clone() }), None), &key)?;
    transaction.publish()?;
    Ok(Answer::ok(
        format!("Note {} in {}.", id.short(), session.store.file(Document::Journal)),
        json!({ "record": id.to_string() }),
    ))
}
