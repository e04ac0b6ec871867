//! `countersign builder task`

use serde_json::json;

use crate::commands::compose::plain;
use crate::commands::open::Session;
use crate::context::Context;
use crate::docs::backlog;
use crate::error::{CommandError, Exit};
use crate::report::Answer;

/// Add a task to BACKLOG's build list
///
/// BACKLOG is people's text: it holds no records and decides nothing.
///
/// Example: countersign builder task "ask the forge's owner about the window"
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The words
    text: String,
}

/// Runs it.
///
/// # Errors
///
/// The text is empty, or BACKLOG cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    if args.text.trim().is_empty() {
        return Err(CommandError::new(
            Exit::Usage,
            "the task is empty",
            "countersign builder task \"what is to be done\"",
        ));
    }
    let session = Session::open(context)?;
    let text = plain(&args.text);
    session.store.edit_backlog(&context.holder("builder task"), |backlog| backlog::with_task(backlog, &text))?;
    Ok(Answer::ok(
        format!("Added to machine-docs/BACKLOG-{}.md: {text}", session.store.phase()),
        json!({ "task": text }),
    ))
}
