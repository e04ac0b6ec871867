//! Objections on other branches of the remote. Which branch a clone stands on is its owner's choice, so a FAIL, a veto or a finding
//! counts wherever the remote holds it, until it is in the documents here.
//!
//! Nothing else of another branch counts. A claim or a PASS there opens nothing here, and a claim that was left behind would close
//! a gate for ever. What withdraws an objection counts where the objection came from another branch as well: one that was raised and
//! lifted there is none. A FAIL stays one, even with a newer claim that passed there: on the older claim here it stands.

use std::collections::HashSet;
use std::sync::Arc;

use crate::docs::history::may_hold_others;
use crate::docs::read::ReadDocument;
use crate::docs::section;
use crate::docs::store::{Documents, Store};
use crate::error::{CommandError, Exit};
use crate::gates::graph::Graph;
use crate::gates::objections::objects;
use crate::gates::trust;
use crate::git::branches::Branch;
use crate::git::{GitError, Repository};
use crate::model::ids::{ObjectId, RecordId};
use crate::model::record::{Adoption, Body, Finding, FindingAct, Record};
use crate::model::role::Document;

use super::adopted::documents_at;
use super::history;

/// An objection that another branch holds and this clone lacks.
pub struct Objection {
    /// Its record.
    pub id: RecordId,
    /// The branch that holds it, or held it.
    pub branch: String,
    /// A commit that holds it.
    pub commit: ObjectId,
    heading: String,
}

impl Objection {
    /// In one line.
    pub fn says(&self) -> String {
        let (kind, branch, at) = (&self.heading, &self.branch, self.commit.short());
        format!("{kind} ({}) is on branch {branch} of the remote (commit {at}), and not here", self.id.short())
    }

    /// How it is taken in. The branch's name is in no command: whoever pushed it chose it.
    pub fn take_in(&self) -> String {
        format!("git merge {}, then countersign sync", self.commit.short())
    }
}

/// A REVIEW on another branch in which something is wrong: what it hides may be an objection.
pub struct Torn {
    branch: Branch,
    /// What is wrong, with its place.
    what: String,
}

impl Torn {
    /// In one line.
    pub fn says(&self) -> String {
        let at = self.branch.commit.short();
        format!("branch {} of the remote (commit {at}) may hide an objection: {}", self.branch.name, self.what)
    }
}

/// How a REVIEW on another branch is mended.
pub const MEND: &str = "countersign check --repair, then countersign sync, in a clone that is on that branch";

/// What counts of the other branches.
#[derive(Default)]
pub struct Elsewhere {
    /// The objections that are not here.
    pub objections: Vec<Objection>,
    /// The REVIEWs that are not whole.
    pub torn: Vec<Torn>,
}

/// What branches of the remote other than this one hold, as they were last fetched, and these documents lack: objections, and
/// REVIEWs that are damaged otherwise than one that stood here was.
///
/// # Errors
///
/// git fails.
pub fn elsewhere(
    repository: &Repository,
    store: &Store,
    remote: &str,
    branch: &str,
    here: &[&Documents],
) -> Result<Elsewhere, GitError> {
    let known = history::ids(here.iter().copied());
    let phase = store.phase().as_str();
    let at_hand = repository.kept_of(remote, phase)?;
    let mut sources = at_hand.seen;
    // What a branch held when it had lost nothing counts whatever it is now, and wherever the remote's name points now.
    sources.extend(at_hand.memories);
    sources.retain(|other| other.name != branch);
    for kept in at_hand.objections {
        if kept.name.parse().is_ok_and(|digest| known.contains(&RecordId(digest))) {
            repository.forget_objection(remote, phase, &kept.name)?;
        } else {
            sources.push(Branch { name: "that was there before".to_owned(), commit: kept.commit });
        }
    }
    let mut ours = vec![repository.head()?];
    ours.extend(repository.object(&repository.last_seen(remote, branch)).ok());
    let (found, torn) = gather(repository, store, sources, &ours, &known)?;
    let objections = standing(repository, here, found);
    for objection in &objections {
        repository.keep_objection(remote, phase, &objection.id.to_string(), &objection.commit)?;
    }
    Ok(Elsewhere { objections, torn })
}

/// What was found on one branch.
struct Found {
    branch: Branch,
    records: Vec<Arc<Record>>,
}

/// The records of every branch whose REVIEW holds some that are not known, now or before a commit took them out or hid them; and
/// those of these REVIEWs in which something is wrong.
fn gather(
    repository: &Repository,
    store: &Store,
    sources: Vec<Branch>,
    ours: &[ObjectId],
    known: &HashSet<RecordId>,
) -> Result<(Vec<Found>, Vec<Torn>), GitError> {
    let commits: Vec<&ObjectId> = sources.iter().map(|branch| &branch.commit).collect();
    let review = store.file(Document::Review);
    let objects = repository.objects_at(&commits, &review)?;
    let distinct: Vec<String> = objects.iter().flatten().cloned().collect::<HashSet<_>>().into_iter().collect();
    let contents = repository.contents(&distinct)?;
    let is_news = |object: &String| {
        let content = distinct.iter().position(|other| other == object).and_then(|at| contents.get(at));
        content.is_some_and(|bytes| may_hold_others(bytes, known))
    };
    let mut read: HashSet<&String> = HashSet::new();
    let (mut found, mut torn) = (Vec::new(), Vec::new());
    let ours: Vec<&ObjectId> = ours.iter().collect();
    for (branch, object) in sources.iter().zip(&objects) {
        let Some(object) = object.as_ref().filter(|object| is_news(object)) else { continue };
        if read.insert(object) {
            let documents = documents_at(repository, store, branch.commit.as_str());
            let wrong = documents.0.get(&Document::Review).and_then(first_wrong);
            if let Some(what) = wrong {
                // What stood here in these very bytes was judged here.
                if !repository.has_held(&ours, &review, object)? {
                    torn.push(Torn { branch: branch.clone(), what });
                }
            }
            let records = documents.0.values().flat_map(|read| read.records.clone()).collect();
            found.push(Found { branch: branch.clone(), records });
        }
    }
    if !commits.is_empty() {
        for (cut, _, records) in history::cut_off(repository, store, &commits, &ours, known)? {
            let before = repository.object(&format!("{}^", cut.commit)).unwrap_or_else(|_| cut.commit.clone());
            let within = |branch: &&Branch| repository.is_ancestor(&cut.commit, &branch.commit).unwrap_or(false);
            let name = sources.iter().find(within).map(|branch| branch.name.clone()).unwrap_or_default();
            let documents = documents_at(repository, store, before.as_str());
            let beside = documents.0.values().flat_map(|read| read.records.clone());
            let records = records.into_iter().map(Arc::new).chain(beside).collect();
            found.push(Found { branch: Branch { name, commit: before }, records });
        }
    }
    Ok((found, torn))
}

/// The first thing that is wrong with a document, with its place.
fn first_wrong(read: &ReadDocument) -> Option<String> {
    let defect = read
        .defects
        .first()
        .map(|defect| format!("{}:{}:{}: {}", defect.file, defect.line, defect.column, defect.what));
    let hidden = || {
        let record = &read.hidden.first()?.record;
        Some(format!("record {} stands where nobody reads it", record.id.short()))
    };
    defect.or_else(hidden)
}

/// Of what was found, the objections by a key that counts and that nothing withdrew.
fn standing(repository: &Repository, here: &[&Documents], found: Vec<Found>) -> Vec<Objection> {
    let ours: Vec<Arc<Record>> =
        here.iter().flat_map(|documents| documents.0.values()).flat_map(|read| read.records.clone()).collect();
    let known: HashSet<RecordId> = ours.iter().map(|record| record.id).collect();
    // A phase that somebody began a second time, with keys of their own choice, gives nobody a voice in this one.
    let begun = ours.iter().any(|record| matches!(record.block.body, Body::Contract(_)));
    let other_beginning = |record: &Record| match &record.block.body {
        Body::Contract(Adoption { replaces: None, .. }) => begun && !known.contains(&record.id),
        _ => false,
    };
    let theirs = || found.iter().flat_map(|found| &found.records).filter(|record| !other_beginning(record)).cloned();
    let all: Vec<Arc<Record>> = ours.iter().cloned().chain(theirs()).collect();
    let graph = Graph::new(&all);
    let counted = trust::establish(&graph, &repository.root_commit, &repository.roots).counted;
    let withdrawn = |objection: &Record| {
        counted.iter().any(|later| withdraws(later, objection) && graph.is_before(&objection.id, &later.id))
    };
    let holder = |id: &RecordId| found.iter().find(|found| found.records.iter().any(|record| record.id == *id));
    let mut objections = Vec::new();
    for record in counted.iter().filter(|record| objects(&record.block.body) && !known.contains(&record.id)) {
        let Some(found) = holder(&record.id).filter(|_| !withdrawn(record)) else { continue };
        objections.push(Objection {
            id: record.id,
            branch: found.branch.name.clone(),
            commit: found.branch.commit.clone(),
            heading: section::heading(&record.block),
        });
    }
    objections
}

/// Whether a record takes an objection back.
fn withdraws(later: &Record, objection: &Record) -> bool {
    match (&later.block.body, &objection.block.body) {
        (Body::Veto(lift), Body::Veto(_)) => lift.lifts == Some(objection.id),
        (Body::Verdict(pass), Body::Verdict(_)) => pass.supersedes == Some(objection.id),
        (Body::Finding(Finding { act, name, opening, .. }), Body::Finding(opened)) => {
            *act != FindingAct::Opened && opening.map_or(*name == opened.name, |id| id == objection.id)
        }
        _ => false,
    }
}

/// Refuses where other branches hold objections, or something that may be one.
///
/// # Errors
///
/// A REVIEW there is not whole (30); they hold objections (10).
pub fn refuse(elsewhere: &Elsewhere, branch: &str) -> Result<(), CommandError> {
    if !elsewhere.torn.is_empty() {
        return Err(CommandError {
            exit: Exit::Invalid,
            message: format!("REVIEW is not whole on {} other branches of the remote", elsewhere.torn.len()),
            details: elsewhere.torn.iter().map(Torn::says).collect(),
            hint: Some(MEND.to_owned()),
        });
    }
    let objections = &elsewhere.objections;
    let Some(first) = objections.first() else { return Ok(()) };
    Err(CommandError {
        exit: Exit::Closed,
        message: format!("the remote holds {} objections that branch {branch} lacks", objections.len()),
        details: objections.iter().map(Objection::says).collect(),
        hint: Some(first.take_in()),
    })
}
