//! `countersign merge-file`

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::context::Context;
use crate::docs::store::BACKLOG;
use crate::docs::{backlog, merge, write};
use crate::error::{CommandError, Exit};
use crate::git;
use crate::report::Answer;

/// Merge two versions of a document, as git's merge driver
///
/// The result has the records of both sides, in the order of their links. Text that both sides changed stays twice, between
/// conflict markers, and the command then ends with 30. Of BACKLOG, which holds no record, the lines of both sides stay.
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
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    if args.name.rsplit('/').next().is_some_and(|name| name.starts_with(BACKLOG)) {
        return merge_backlog(args, context);
    }
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

/// Merges BACKLOG: people's lines of both sides stay, and the view of the findings, which is drawn from REVIEW again by `sync`,
/// is this side's until then.
fn merge_backlog(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let hint = || format!("git checkout --merge -- {}", args.name);
    let failed = |error: &dyn std::fmt::Display| CommandError::new(Exit::Write, error.to_string(), hint());
    let place = |path: &Path| context.directory.join(path);
    let read =
        |path: &Path| fs::read_to_string(place(path)).map_err(|error| failed(&format!("{}: {error}", path.display())));
    let [base, ours, theirs] = [read(&args.base)?, read(&args.ours)?, read(&args.theirs)?];
    let aside = tempfile::tempdir().map_err(|error| failed(&error))?;
    let [base, one, other] = [("base", &base), ("ours", &ours), ("theirs", &theirs)].map(|(name, text)| {
        let path = aside.path().join(name);
        let (text, view) = backlog::without_view(text);
        fs::write(&path, text).map(|()| (path, view.map(str::to_owned)))
    });
    let [base, one, other] = [base, one, other].map(|written| written.map_err(|error| failed(&error)));
    let ((base, _), (one, view), (other, their_view)) = (base?, one?, other?);
    let merged = git::union(&context.directory, &base, &one, &other).map_err(|error| failed(&error))?;
    let merged = match view.or(their_view) {
        Some(view) => backlog::with_view(&merged, &view),
        None => merged,
    };
    write::replace(&place(&args.ours), merged.as_bytes()).map_err(|error| failed(&error))?;
    Ok(Answer::ok(format!("{}: the lines of both sides are in it", args.name), json!({ "file": args.name })))
}
