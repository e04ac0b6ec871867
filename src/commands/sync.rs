//! `countersign sync`

use std::any::Any;
use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::context::Context;
use crate::docs::backlog;
use crate::docs::read::Defect;
use crate::docs::store::{Documents, Store, StoreError};
use crate::error::{CommandError, Exit};
use crate::git::state::UnderWay;
use crate::git::{GitError, Repository};
use crate::model::counted::counted;
use crate::model::ids::ObjectId;
use crate::model::record::{Body, Record};
use crate::report::{self, Answer};

use super::adopted::{documents_at, moved};
use super::elsewhere::{Elsewhere, MEND, elsewhere};
use super::open::{self, read_contract};
use super::remembered::{lost, remember};
use super::{history, identity};

/// How long the remote may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Commit the state documents alone, rebase onto the remote, push
///
/// Never forces, and leaves uncommitted work in the tree as it is. What is broken here and not on the remote is not published; what
/// is broken there already keeps no veto from being published, and ends with exit 30.
///
/// Example: countersign sync
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
///
/// The remote does not answer, or commits conflict (what was there is then as it was); what would be published is damaged and the
/// remote's is not (30); or it is published and the documents on the remote are damaged, or lack records (30).
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let mut repository = open::repository(context)?;
    let phase = open::phase(context, &repository)?;
    let store = Store::new(&repository.root, &repository.common_dir, phase.clone()).without_missing();
    identity::settle(&mut repository, &store);
    let documents = store.load()?;
    let branch = ready(&repository)?;
    let committed = documents_at(&repository, &store, "HEAD");
    let remote = Remote::ask(&repository, &store, &branch)?;
    let published =
        Published { repository: &repository, store: &store, now: &documents, committed: &committed, remote };
    let mut wrong = published.judge()?;
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
    let known: HashSet<_> = committed.records().map(|record| record.id).collect();
    let newest = documents.records().filter(|record| !known.contains(&record.id)).max_by_key(|record| record.block.at);
    let subject = newest.map_or_else(|| format!("status({phase}): documents"), subject_line);
    let seen = published.remote.tip.as_ref().filter(|_| published.remote.asked);
    let hold = || match store.hold(&context.holder("sync")) {
        Ok(lock) => Ok(Box::new(lock) as Box<dyn Any>),
        Err(error) => Err(error.to_string()),
    };
    let synced = repository.sync("origin", &branch, &subject, seen, &hold).map_err(|error| match error {
        GitError::Failed { ref command, .. } if command == "merge" => CommandError::new(
            Exit::Closed,
            format!("the remote's commits and a merge of yours touch the same lines: {error}; your clone is as it was"),
            format!("git pull --no-rebase, settle it, then countersign sync (branch {branch})"),
        ),
        GitError::Failed { ref command, .. } if command == "rebase" => CommandError::new(
            Exit::Closed,
            format!("the remote's commits and yours touch the same lines: {error}; your clone is as it was"),
            format!("git pull --rebase, settle it, then countersign sync (branch {branch})"),
        ),
        other => other.into(),
    })?;
    let redrawn = redraw(&store, context)?;
    if redrawn {
        repository.sync("origin", &branch, &format!("status({phase}): the findings' view"), None, &hold)?;
    }
    let unsettled = settle(&repository, &store, &branch).err();
    let word = |flag: bool, word: &str| if flag { word.to_owned() } else { format!("nothing to be {word}") };
    let mut text = format!(
        "{}; {}; {}",
        word(synced.committed, "committed"),
        word(synced.pulled, "pulled"),
        word(synced.pushed, "pushed")
    );
    let mut said = published.remote.said_of_force(&repository, &store)?;
    let others = others(&repository, &store, &branch, &documents)?;
    said.extend(others.objections.iter().map(|objection| format!("! {}: {}", objection.says(), objection.take_in())));
    said.extend(others.torn.iter().map(|torn| format!("! {}: {MEND}", torn.says())));
    text = [text].into_iter().chain(said).collect::<Vec<_>>().join("\n");
    if let Some(error) = &unsettled {
        wrong.push(format!("{}: {}", error.message, error.details.join(", ")));
    }
    if wrong.is_empty() {
        return Ok(Answer::ok(
            text,
            json!({
                "committed": synced.committed, "pulled": synced.pulled, "pushed": synced.pushed, "subject": subject,
                "contract": warning, "forced": published.remote.forced.is_some(),
            }),
        ));
    }
    let hint = unsettled.and_then(|error| error.hint).unwrap_or_else(|| BRING_BACK.to_owned());
    let message = format!("{text}\nWhat the remote holds now is not whole: nothing opens until it is");
    Err(CommandError { exit: Exit::Invalid, message, details: wrong, hint: Some(hint) })
}

/// What is run where the remote's documents are not whole.
const BRING_BACK: &str = "countersign check --repair, then countersign sync";

/// The branch that is published; nothing that git is in the middle of stands in the way.
///
/// # Errors
///
/// Something does, HEAD is detached, or there is no remote (2; 75 where another git command holds the index).
fn ready(repository: &Repository) -> Result<String, CommandError> {
    match repository.under_way() {
        Some(UnderWay::Operation(what, finish, back)) => {
            let message = format!("{what} is under way in this work tree; wanted one that git is done with");
            let hint = if finish == back { finish.to_owned() } else { format!("{finish}, or to take it back: {back}") };
            return Err(CommandError::new(Exit::Usage, message, format!("{hint}; then countersign sync")));
        }
        Some(UnderWay::IndexLocked(lock)) => {
            let message =
                format!("another git command holds the index, or was killed while it did: {}", lock.display());
            let hint = format!("wait for it; if no git runs here any more: rm {}", lock.display());
            return Err(CommandError::new(Exit::Busy, message, hint));
        }
        None => {}
    }
    let detached = || {
        let branches = repository.branch_names().join(", ");
        let message = format!("HEAD is on no branch (detached), so there is none to publish to; there are {branches}");
        CommandError::new(Exit::Usage, message, "git switch BRANCH, then countersign sync")
    };
    let branch = repository.branch().ok_or_else(detached)?;
    if repository.remote_url("origin").is_none() {
        return Err(CommandError::new(Exit::Usage, "the repository has no remote `origin`", open::ADD_REMOTE));
    }
    Ok(branch)
}

/// The remote's branch before anything is published.
struct Remote {
    /// Its commit; absent where it has no such branch yet.
    tip: Option<ObjectId>,
    documents: Documents,
    /// What it was before somebody forced it.
    forced: Option<ObjectId>,
    /// Whether it answered; else this is what was seen last.
    asked: bool,
}

impl Remote {
    fn ask(repository: &Repository, store: &Store, branch: &str) -> Result<Self, CommandError> {
        match repository.ask("origin", branch, PATIENCE) {
            Ok(tip) => Ok(Self {
                documents: documents_at(repository, store, tip.commit.as_str()),
                forced: if tip.forced { Some(repository.object(&tip.known)?) } else { None },
                tip: Some(tip.commit),
                asked: true,
            }),
            Err(GitError::NoBranch { .. }) => {
                Ok(Self { tip: None, documents: Documents::default(), forced: None, asked: true })
            }
            // Out of reach: what was seen last. The publishing itself says so.
            Err(_) => {
                let seen = repository.object(&repository.last_seen("origin", branch)).or_else(|_| repository.head())?;
                let documents = documents_at(repository, store, seen.as_str());
                Ok(Self { tip: Some(seen), documents, forced: None, asked: false })
            }
        }
    }

    /// That the remote had been forced, and what it has again.
    fn said_of_force(&self, repository: &Repository, store: &Store) -> Result<Vec<String>, CommandError> {
        let (Some(before), Some(after)) = (&self.forced, &self.tip) else { return Ok(Vec::new()) };
        let head = repository.head()?;
        let commits = repository.commits_since(after, &head).len();
        let back = lost(store, &documents_at(repository, store, head.as_str()), &self.documents);
        let back = if back.is_empty() { "no record".to_owned() } else { back.join(", ") };
        Ok(vec![format!(
            "! the remote's branch had been forced: it was {}, and became {}, which does not come after it; this put back {commits} \
             commits with {back}",
            before.short(),
            after.short()
        )])
    }
}

/// What would be published, and what it is held against.
struct Published<'a> {
    repository: &'a Repository,
    store: &'a Store,
    now: &'a Documents,
    committed: &'a Documents,
    remote: Remote,
}

impl Published<'_> {
    /// What is wrong and was wrong on the remote before: that keeps no objection from being published.
    ///
    /// # Errors
    ///
    /// Something is wrong that is not wrong on the remote (30).
    fn judge(&self) -> Result<Vec<String>, CommandError> {
        let (mut new, mut old) = (Vec::new(), Vec::new());
        if self.publishes_nothing()? {
            return Ok(self.remote.documents.defects().map(ToString::to_string).collect());
        }
        for (document, read) in &self.now.0 {
            let before = self.remote.documents.0.get(document);
            let there = || fs::symlink_metadata(self.repository.root.join(self.store.file(*document))).is_ok();
            if before.is_none() && !self.committed.0.contains_key(document) && !there() {
                continue;
            }
            let known =
                |defect: &Defect| before.is_some_and(|read| read.defects.iter().any(|other| other.what == defect.what));
            for defect in &read.defects {
                if known(defect) { &mut old } else { &mut new }.push(defect.to_string());
            }
        }
        self.lost(&mut new, &mut old)?;
        if new.is_empty() {
            return Ok(old);
        }
        Err(CommandError {
            exit: Exit::Invalid,
            message: format!(
                "the documents have {} that the remote's have not, and are not published",
                counted(new.len(), "defect")
            ),
            details: new,
            hint: Some("countersign check".into()),
        })
    }

    /// Whether all that is here is behind the remote: what is broken here may have been mended there, and is only to be taken in.
    fn publishes_nothing(&self) -> Result<bool, CommandError> {
        let Some(tip) = self.remote.tip.as_ref().filter(|_| self.remote.asked) else { return Ok(false) };
        let head = self.repository.head()?;
        Ok(head != *tip && self.repository.is_ancestor(&head, tip)? && !self.repository.changed_state()?)
    }

    /// Records that stand in no document any more: no defect of one, and missed only by whoever saw them.
    fn lost(&self, new: &mut Vec<String>, old: &mut Vec<String>) -> Result<(), CommandError> {
        let head = self.repository.head()?;
        if self.now.defects().next().is_none() {
            let gone = lost(self.store, self.committed, self.now);
            new.extend(gone.into_iter().map(|gone| format!("{gone} is at HEAD, and gone here")));
            let pulled = match &self.remote.tip {
                Some(tip) => self.repository.is_ancestor(tip, &head)?,
                None => false,
            };
            if pulled && new.is_empty() {
                let gone = lost(self.store, &self.remote.documents, self.now);
                new.extend(gone.into_iter().map(|gone| format!("{gone} is on the remote, and gone here")));
            }
        }
        if new.is_empty() {
            let known = history::ids([self.now, &self.remote.documents]);
            let tips: Vec<&ObjectId> = std::iter::once(&head).chain(&self.remote.tip).collect();
            for lost in history::lost(self.repository, self.store, &tips, &known)? {
                let published = match &self.remote.tip {
                    Some(tip) => self.repository.is_ancestor(&lost.commit, tip)?,
                    None => false,
                };
                if published { &mut *old } else { &mut *new }.push(lost.says());
            }
        }
        Ok(())
    }
}

/// What counts of the other branches, after what was there to be pulled was pulled.
fn others(repository: &Repository, store: &Store, branch: &str, before: &Documents) -> Result<Elsewhere, CommandError> {
    let now = store.load()?;
    Ok(elsewhere(repository, store, "origin", branch, &[&now, before])?)
}

/// Draws the view of the findings in BACKLOG again from REVIEW, as both sides' records have it now; gives whether it changed.
fn redraw(store: &Store, context: &Context) -> Result<bool, CommandError> {
    let Ok(documents) = store.load() else { return Ok(false) };
    let records: Vec<_> = documents.records().cloned().collect();
    let (views, mut changed) = (backlog::views(&records), false);
    let redrawn = store.edit_backlog(&context.holder("sync"), |text| {
        let redrawn = backlog::redrawn(text, &views);
        changed = redrawn != text;
        redrawn
    });
    match redrawn {
        // It counts for nothing: where it is missing or no text, nothing else waits for it.
        Ok(()) | Err(StoreError::Missing { .. } | StoreError::Unreadable { .. }) => Ok(changed),
        Err(error) => Err(error.into()),
    }
}

/// What the remote's branch is now is what is known of it, if no record is gone.
fn settle(repository: &Repository, store: &Store, branch: &str) -> Result<(), CommandError> {
    let head = repository.head()?;
    remember(repository, store, branch, head.as_str(), &documents_at(repository, store, head.as_str()))?;
    let known = repository.known("origin", branch);
    if repository.object(&known).is_ok_and(|known| known == head) {
        return Ok(());
    }
    Ok(repository.name(&known, &head)?)
}

/// Whether a file is not what it is at HEAD.
fn changed(repository: &Repository, file: &str) -> bool {
    fs::read(repository.root.join(file)).ok() != repository.show("HEAD", file).ok().flatten()
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
