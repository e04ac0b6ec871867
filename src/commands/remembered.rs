//! What was seen on the remote stays known: a record that its branch held once is missed when it is gone, whoever took it away,
//! and wherever `origin` points now.

use std::collections::HashSet;
use std::time::Duration;

use crate::docs::store::{Documents, Store};
use crate::error::{CommandError, Exit};
use crate::git::remote::Tip;
use crate::git::{GitError, Repository};
use crate::model::counted::counted;
use crate::model::ids::RecordId;

use super::adopted::{all_documents_at, documents_at};
use super::elsewhere::{self, Elsewhere};
use super::history::{self, Lost};

/// The remote that both parties use.
const REMOTE: &str = "origin";

/// What the remote said.
pub struct Asked {
    /// Its branch.
    pub tip: Tip,
    /// The documents there.
    pub documents: Documents,
    /// The branch's name.
    pub branch: String,
    /// Records that the history holds, of this branch here or there, and neither documents have.
    pub lost: Vec<Lost>,
    /// What other branches hold that counts.
    pub elsewhere: Elsewhere,
}

impl Asked {
    /// Refuses where a record went missing in the history, or another branch holds an objection or what may be one.
    ///
    /// # Errors
    ///
    /// So it is (30, 10).
    pub fn judge(&self) -> Result<(), CommandError> {
        history::refuse(&self.lost)?;
        elsewhere::refuse(&self.elsewhere, &self.branch)
    }
}

/// Asks the remote: for the branch that HEAD is on, and for objections on every other; `None` where there is nothing to ask.
///
/// # Errors
///
/// It does not answer (13); its branch, or a record on it, was seen before and is gone (30).
pub fn ask(repository: &Repository, store: &Store, patience: Duration) -> Result<Option<Asked>, CommandError> {
    let Some(branch) = repository.branch() else { return Ok(None) };
    if repository.remote_url(REMOTE).is_none() {
        return Ok(None);
    }
    let tip = match repository.ask(REMOTE, &branch, patience) {
        Ok(tip) => tip,
        Err(GitError::NoBranch { .. }) => {
            return match repository.object(&repository.known(REMOTE, &branch)) {
                Ok(before) => Err(gone(repository, &branch, &before, "is not there any more")),
                Err(_) => Ok(None),
            };
        }
        Err(error) => return Err(error.into()),
    };
    if tip.forced {
        let before = repository.object(&tip.known)?;
        return Err(gone(
            repository,
            &branch,
            &before,
            &format!("is {}, which does not come after it", tip.commit.short()),
        ));
    }
    let documents = all_documents_at(repository, store, &tip.reference)?;
    remember(repository, store, &branch, &tip.reference, &documents)?;
    let here = store.clone().without_missing().load().unwrap_or_default();
    let known = history::ids([&here, &documents]);
    let lost = history::lost(repository, store, &[&repository.head()?, &tip.commit], &known)?;
    let elsewhere = elsewhere::elsewhere(repository, store, REMOTE, &branch, &[&here, &documents])?;
    Ok(Some(Asked { tip, documents, branch, lost, elsewhere }))
}

fn gone(repository: &Repository, branch: &str, before: &crate::model::ids::ObjectId, found: &str) -> CommandError {
    let url = repository.remote_url(REMOTE).unwrap_or_default();
    let message = format!(
        "remote `{REMOTE}` ({url}) does not hold what it held: branch {branch} was {}, and {found}",
        before.short()
    );
    CommandError::new(Exit::Invalid, message, "countersign sync, which publishes what this clone holds there")
}

/// Remembers the documents at a revision of a branch of the remote, unless a record is gone that was there before.
///
/// # Errors
///
/// Records are gone (30).
pub fn remember(
    repository: &Repository,
    store: &Store,
    branch: &str,
    revision: &str,
    documents: &Documents,
) -> Result<(), CommandError> {
    let memory = repository.memory(REMOTE, store.phase().as_str(), branch);
    let now = repository.object(revision)?;
    let before = repository.object(&memory).ok();
    if before.as_ref() == Some(&now) {
        return Ok(());
    }
    if let Some(before) = before {
        let there = format!("remote `{REMOTE}`, whose branch is {}", now.short());
        holds(repository, store, before.as_str(), documents, &there)?;
    }
    Ok(repository.name(&memory, &now)?)
}

/// Whether documents hold every record of those at a commit.
fn holds(
    repository: &Repository,
    store: &Store,
    before: &str,
    documents: &Documents,
    there: &str,
) -> Result<(), CommandError> {
    let lost = lost(store, &documents_at(repository, store, before), documents);
    if lost.is_empty() {
        return Ok(());
    }
    let short: String = before.chars().take(12).collect();
    Err(CommandError {
        exit: Exit::Invalid,
        message: format!("gone from {there}: {} that stood on the remote at {short}", counted(lost.len(), "record")),
        details: lost,
        hint: Some(format!(
            "countersign check --repair brings them back, then countersign sync; git diff {short} -- machine-docs shows them"
        )),
    })
}

/// The records of some documents that others lack, each with what and where it is.
pub fn lost(store: &Store, before: &Documents, now: &Documents) -> Vec<String> {
    let now: HashSet<RecordId> = now.records().map(|record| record.id).collect();
    let gone = before.records().filter(|record| !now.contains(&record.id));
    gone.map(|record| {
        let (kind, file) = (record.block.body.kind().name(), store.file(record.block.document));
        format!("{kind} {} of {file}", record.id.short())
    })
    .collect()
}
