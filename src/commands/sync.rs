//! `countersign sync`

use std::collections::HashSet;
use std::fs;

use serde_json::json;

use crate::context::Context;
use crate::docs::read::Defect;
use crate::docs::store::{Documents, Store};
use crate::error::{CommandError, Exit};
use crate::git::{GitError, Repository};
use crate::model::counted::counted;
use crate::model::record::{Body, Record};
use crate::report::{self, Answer};

use super::adopted::{documents_at, moved};
use super::open::{self, read_contract};
use super::remembered::{lost, remember};

/// Commit the state documents alone, rebase onto the remote, push
///
/// Never forces, and leaves uncommitted work in the tree as it is. What is broken here and not yet in HEAD is not published; what is
/// broken in HEAD already keeps no veto from being published.
///
/// Example: countersign sync
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
///
/// The remote does not answer, or commits conflict; what was there is then as it was.
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let repository = open::repository(context)?;
    let phase = open::phase(context, &repository)?;
    let store = Store::new(&repository.root, &repository.common_dir, phase.clone()).without_missing();
    let documents = store.load()?;
    let committed = documents_at(&repository, &store, "HEAD");
    new_damage(&repository, &store, &documents, &committed)?;
    let mut warning = None;
    match read_contract(&repository, &phase) {
        Err(error) if changed(&repository, &store.contract_file()) => return Err(error),
        Ok((contract, _)) => {
            warning =
                moved(&repository, &documents, &contract).map(|reason| format!("{}: {}", reason.found, reason.next));
        }
        Err(_) => {}
    }
    if let Some(warning) = &warning {
        report::say(&format!("! {warning}"));
    }
    let branch =
        repository.branch().ok_or_else(|| CommandError::new(Exit::Usage, "HEAD is detached", "git switch BRANCH"))?;
    if repository.remote_url("origin").is_none() {
        return Err(CommandError::new(Exit::Usage, "the repository has no remote `origin`", open::ADD_REMOTE));
    }
    let committed: HashSet<_> = committed.records().map(|record| record.id).collect();
    let newest =
        documents.records().filter(|record| !committed.contains(&record.id)).max_by_key(|record| record.block.at);
    let subject = newest.map_or_else(|| format!("status({phase}): documents"), subject_line);
    let synced = repository.sync("origin", &branch, &subject).map_err(|error| match error {
        GitError::Failed { ref command, .. } if command == "rebase" => CommandError::new(
            Exit::Closed,
            format!("the remote's commits and yours touch the same lines: {error}; your clone is as it was"),
            format!("git pull --rebase, settle it, then countersign sync (branch {branch})"),
        ),
        other => other.into(),
    })?;
    let unsettled = settle(&repository, &store, &branch).err();
    let word = |flag: bool, word: &str| if flag { word.to_owned() } else { format!("nothing to be {word}") };
    let mut text = format!(
        "{}; {}; {}",
        word(synced.committed, "committed"),
        word(synced.pulled, "pulled"),
        word(synced.pushed, "pushed")
    );
    if let Some(error) = &unsettled {
        text += &format!("\n! {}: {}", error.message, error.details.join(", "));
        text += &error.hint.as_ref().map(|hint| format!("\nNext: {hint}")).unwrap_or_default();
    }
    Ok(Answer::ok(
        text,
        json!({
            "committed": synced.committed, "pulled": synced.pulled, "pushed": synced.pushed, "subject": subject,
            "contract": warning, "lost": unsettled.map(|error| error.details).unwrap_or_default(),
        }),
    ))
}

/// What the remote's branch is now is what is known of it, if no record is gone.
fn settle(repository: &Repository, store: &Store, branch: &str) -> Result<(), CommandError> {
    let head = repository.head()?;
    remember(repository, store, head.as_str(), &documents_at(repository, store, head.as_str()))?;
    Ok(repository.name(&repository.known("origin", branch), &head)?)
}

/// Refuses to publish what is wrong with a document and was not at HEAD.
fn new_damage(
    repository: &Repository,
    store: &Store,
    now: &Documents,
    committed: &Documents,
) -> Result<(), CommandError> {
    let mut defects = Vec::new();
    for (document, read) in &now.0 {
        let before = committed.0.get(document);
        if before.is_none() && fs::symlink_metadata(repository.root.join(store.file(*document))).is_err() {
            continue;
        }
        let known = |defect: &&Defect| before.is_some_and(|read| read.defects.iter().any(|d| d.what == defect.what));
        defects.extend(read.defects.iter().filter(|defect| !known(defect)).map(ToString::to_string));
    }
    // What stands in no document any more is no defect of one, and would be missed only by whoever saw it.
    let damaged = now.0.values().any(|read| !read.defects.is_empty());
    if !damaged {
        defects.extend(lost(store, committed, now).into_iter().map(|gone| format!("{gone} is at HEAD, and gone here")));
    }
    if defects.is_empty() {
        return Ok(());
    }
    Err(CommandError {
        exit: Exit::Invalid,
        message: format!("the documents have {} and are not published", counted(defects.len(), "defect")),
        details: defects,
        hint: Some("countersign check".into()),
    })
}

/// Whether a file is not what it is at HEAD.
fn changed(repository: &Repository, file: &str) -> bool {
    fs::read(repository.root.join(file)).ok() != repository.show("HEAD", file)
}

/// The commit subject of the protocol for a record.
fn subject_line(record: &Record) -> String {
    let phase = &record.block.phase;
    match &record.block.body {
        Body::Claim(claim) => format!("claim({phase}-{}): {}", claim.gate, record.id.short()),
        Body::Verdict(verdict) => {
            format!("review({phase}-{}): {} {}", verdict.gate, verdict.ruling.label(), record.id.short())
        }
        Body::Finding(finding) => format!("review({phase}): finding {}", finding.name),
        Body::Veto(_) => format!("review({phase}): VETO {}", record.id.short()),
        Body::Done(_) => format!("status({phase}): DONE"),
        other => format!("status({phase}): {} {}", other.kind().name(), record.id.short()),
    }
}
