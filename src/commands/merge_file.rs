//! `countersign merge-file`

use std::path::PathBuf;

use serde_json::json;

use crate::docs::merge;
use crate::error::{CommandError, Exit};
use crate::report::Answer;

/// Merge two versions of a document, as git's merge driver
///
/// The result has the records of both sides, in the order of their links. Text that both sides changed stays twice, between
/// conflict markers, and the command then ends with 30.
///
/// Example: git config merge.countersign.driver "countersign merge-file %O %A %B %P"
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version that both sides began with (git's %O)
    base: PathBuf,
    /// This side's version, replaced by the result (git's %A)
    ours: PathBuf,
    /// The other side's version (git's %B)
    theirs: PathBuf,
    /// The document's name, for messages (git's %P)
    name: String,
}

/// Runs it.
///
/// # Errors
///
/// A file cannot be read or written, or a person must choose between two texts.
pub fn run(args: &Args) -> Result<Answer, CommandError> {
    let conflicts = merge::merge_files(&args.base, &args.ours, &args.theirs).map_err(|error| {
        CommandError::new(Exit::Write, error.to_string(), format!("git checkout --merge -- {}", args.name))
    })?;
    if conflicts.is_empty() {
        return Ok(Answer::ok(
            format!("{}: the records of both sides are in it", args.name),
            json!({ "file": args.name }),
        ));
    }
    let mut error = CommandError::new(
        Exit::Invalid,
        format!("{}: every record is kept, and a person must choose between two texts", args.name),
        format!("edit {} between its conflict markers, then: countersign check", args.name),
    );
    error.details = conflicts;
    Err(error)
}
