//! The contract that both roles adopted, from the text that their adoptions carry: for what must go on while the file in the
//! work tree is missing, broken or another one. Objections and recovery are such; whatever opens something is not.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use crate::context::Context;
use crate::docs::store::{self, Documents, Store};
use crate::error::{CommandError, Exit};
use crate::gates::evaluate::{PhaseReport, other_in_force};
use crate::gates::graph::Graph;
use crate::gates::reason::{Class, Reason};
use crate::gates::trust;
use crate::git::{GitError, Repository};
use crate::model::contract::{Contract, parse};
use crate::model::ids::PhaseName;
use crate::model::record::{Body, Output, Record};
use crate::model::role::{Document, Role};
use crate::report;
use crate::sign::key_file::Key;

use super::identity;
use super::open::{self, Session, read_contract};

/// A contract with its exact text.
type Text = (Contract, String);

/// The documents at a revision; those that it lacks are left out, and one that cannot be read is a defect.
pub fn documents_at(repository: &Repository, store: &Store, revision: &str) -> Documents {
    let (mut documents, unread) = read_at(repository, store, revision);
    documents.0.extend(unread.into_iter().map(|(document, why)| (document, store.unread(document, why.to_string()))));
    documents
}

/// The same, where one that is there and cannot be read is no answer at all: what it holds may close everything.
///
/// # Errors
///
/// One cannot be read.
pub fn all_documents_at(repository: &Repository, store: &Store, revision: &str) -> Result<Documents, GitError> {
    let (documents, unread) = read_at(repository, store, revision);
    unread.into_iter().next().map_or(Ok(documents), |(_, why)| Err(why))
}

/// What can be read at a revision, and what is there and cannot be.
fn read_at(repository: &Repository, store: &Store, revision: &str) -> (Documents, Vec<(Document, GitError)>) {
    let (mut bytes, mut unread) = (BTreeMap::new(), Vec::new());
    for document in Document::ALL {
        match repository.show(revision, &store.file(document)) {
            Ok(Some(found)) => drop(bytes.insert(document, found)),
            Ok(None) => {}
            Err(error) => unread.push((document, error)),
        }
    }
    let evidence = |output: &Output| {
        let file = store.evidence_file(output);
        let found = repository.show(revision, &file).map_err(|error| error.to_string())?;
        found.ok_or_else(|| format!("{file} is missing"))
    };
    (store.read_given(&bytes, &evidence), unread)
}

/// The contract in force by these documents with the keys that adopted it for the Adversary, and every one that somebody adopted
/// by them: where a phase was begun twice, each beginning names keys.
fn contracts(repository: &Repository, documents: &Documents) -> (Option<(Text, Vec<String>)>, Vec<Text>) {
    let records: Vec<Arc<Record>> = store::union(documents, None);
    let graph = Graph::new(&records);
    let trust = trust::establish(&graph, &repository.root_commit, &repository.roots);
    let text = |record: &Record| {
        let text = record.output.clone()?;
        Some((parse::parse(&text, None).ok()?, text))
    };
    let adoptions = trust.counted.iter().filter(|record| matches!(record.block.body, Body::Contract(_)));
    let others: Vec<Text> = adoptions.filter_map(|record| text(record)).collect();
    let in_force = trust.in_force.as_ref().and_then(|adopted| {
        let text = others.iter().find(|(contract, _)| contract.digest == adopted.digest)?;
        let signer = |id| Some(graph.get(id)?.signer.clone());
        Some((text.clone(), adopted.by.get(&Role::Adversary)?.iter().filter_map(signer).collect()))
    });
    (in_force, others)
}

/// The contract that both roles adopted, by these documents.
pub fn in_force(repository: &Repository, documents: &Documents) -> Option<Contract> {
    Some(contracts(repository, documents).0?.0.0)
}

/// What differs from the contract in force in the one that stands in the work tree, if both roles adopted one; by these documents.
pub fn moved(repository: &Repository, documents: &Documents, on_disk: &Contract) -> Option<Reason> {
    let ((in_force, _), _) = contracts(repository, documents).0?;
    (in_force.digest != on_disk.digest).then(|| other_in_force(on_disk, &in_force.digest, in_force.version))
}

/// The same by the documents in the work tree, else by those of HEAD, else by those that were seen on the remote: last, or when
/// they had lost nothing.
fn find(repository: &Repository, store: &Store) -> (Option<(Text, Vec<String>)>, Vec<Text>) {
    let mut others = Vec::new();
    for revision in std::iter::once(None).chain(elsewhere(repository, store).into_iter().map(Some)) {
        let documents = match revision {
            None => store.clone().without_missing().load().unwrap_or_default(),
            Some(revision) => documents_at(repository, store, &revision),
        };
        let (in_force, adopted) = contracts(repository, &documents);
        others.extend(adopted);
        if in_force.is_some() {
            return (in_force, others);
        }
    }
    (None, others)
}

/// Where documents may be that are not in the work tree any more.
fn elsewhere(repository: &Repository, store: &Store) -> Vec<String> {
    let branch = repository.branch();
    let last = branch.as_ref().map(|branch| repository.last_seen("origin", branch));
    let mut whole = repository.memories("origin", store.phase().as_str()).unwrap_or_default();
    whole.sort_by_key(|memory| Some(&memory.name) != branch.as_ref());
    std::iter::once("HEAD".to_owned()).chain(last).chain(whole.iter().map(|memory| memory.commit.to_string())).collect()
}

/// What is known of the documents beside those in the work tree: the records of HEAD, and of what was seen on the remote.
pub fn known_elsewhere(repository: &Repository, store: &Store) -> Vec<Arc<Record>> {
    let documents = elsewhere(repository, store).into_iter().map(|revision| documents_at(repository, store, &revision));
    documents.flat_map(|documents| store::union(&documents, None)).collect()
}

/// The phase that an objection is to: where nothing of it is in the work tree any more, the one that was seen on the remote.
fn objected_to(context: &Context, repository: &Repository) -> Result<PhaseName, CommandError> {
    let found = open::phase(context, repository);
    let Err(error) = &found else { return found };
    let mut seen = repository.remembered("origin");
    seen.retain(|phase| context.global.phase.as_ref().is_none_or(|named| named == phase));
    match (error.exit, seen.as_slice()) {
        (Exit::Usage, [only]) => only.parse().or(found),
        _ => found,
    }
}

/// Puts REVIEW back where it is gone, or something else is in its place: an objection links to what stands in it.
fn put_back_review(context: &Context, repository: &Repository, store: &Store) -> Result<(), CommandError> {
    let file = store.file(Document::Review);
    let there = fs::symlink_metadata(repository.root.join(&file));
    if there.as_ref().is_ok_and(fs::Metadata::is_file) {
        return Ok(());
    }
    let copies = elsewhere(repository, store);
    let found = copies.iter().find_map(|revision| Some((revision, repository.file_at(revision, &file)?)));
    let Some((revision, bytes)) = found else { return Ok(()) };
    store.put_back(Document::Review, &bytes, &context.holder("adversary"))?;
    let found = if there.is_ok() { "no file" } else { "gone" };
    report::say(&format!("! {file} was {found}, and is back as it was at {revision}"));
    Ok(())
}

impl Session {
    /// Opens the phase under the contract that both roles adopted, whatever the file in the work tree says; with the keys by which
    /// it was adopted for the Adversary.
    ///
    /// # Errors
    ///
    /// No repository, no phase; no adoption by both that can be read (31).
    pub fn as_adopted(context: &Context) -> Result<(Self, Vec<String>), CommandError> {
        let mut repository = open::repository(context)?;
        let phase = open::phase(context, &repository)?;
        let store = Store::new(&repository.root, &repository.common_dir, phase.clone());
        identity::settle(&mut repository, &store);
        let on_disk = read_contract(&repository, &phase);
        let (Some((adopted, by)), _) = find(&repository, &store) else {
            let message =
                format!("phase {phase} has no contract that both roles adopted, as far as the documents can be read");
            return Err(CommandError::new(Exit::Contract, message, "countersign check"));
        };
        say_which(&on_disk, &adopted.0);
        let (contract, contract_text) = adopted;
        Ok((Self { context: context.clone(), repository, contract, contract_text, store }, by))
    }

    /// Opens the phase for an objection, with the Adversary's key: what it opens nothing with must always get in. The key may be
    /// listed by the contract in force, by the file in the work tree, or by whatever else somebody adopted.
    ///
    /// # Errors
    ///
    /// No repository, no phase, no contract at all; no key, or one that none of them lists for the Adversary.
    pub fn for_objection(context: &Context) -> Result<(Self, Key), CommandError> {
        let mut repository = open::repository(context)?;
        let phase = objected_to(context, &repository)?;
        let store = Store::new(&repository.root, &repository.common_dir, phase.clone()).without_missing();
        put_back_review(context, &repository, &store)?;
        identity::settle(&mut repository, &store);
        let on_disk = read_contract(&repository, &phase);
        let (in_force, others) = find(&repository, &store);
        let in_force = in_force.map(|(text, _)| text);
        let rules = in_force.is_some();
        let texts: Vec<Text> = in_force.into_iter().chain(on_disk.as_ref().ok().cloned()).chain(others).collect();
        let public = context.key_path(Role::Adversary).and_then(|path| Ok(Key::load(&path)?.public_text()));
        let lists = |text: &&Text| public.as_ref().is_ok_and(|key| text.0.keys_of(Role::Adversary).contains(key));
        let Some(chosen) = texts.iter().find(lists).or(texts.first()) else {
            return Err(on_disk.err().unwrap_or_else(|| CommandError::new(Exit::Contract, "there is no contract", "")));
        };
        match texts.first().filter(|_| rules) {
            Some((newest, _)) if newest.digest != chosen.0.digest && lists(&chosen) => report::say(&format!(
                "! version {} of the contract lists this key for the adversary, and version {}, which is in force, does not",
                chosen.0.version, newest.version
            )),
            _ => say_which(&on_disk, &chosen.0),
        }
        let (contract, contract_text) = chosen.clone();
        let session = Self { context: context.clone(), repository, contract, contract_text, store };
        let key = session.key(Role::Adversary)?;
        Ok((session, key))
    }
}

/// Says that a clock is off, to whoever objects all the same: with both times.
pub fn say_clocks(report: &PhaseReport<'_>) {
    for reason in report.general.iter().filter(|reason| reason.class == Class::Unknown) {
        report::say(&format!("! {}", reason.found));
    }
}

/// Says which contract counts here, where that is not the one in the work tree.
fn say_which(on_disk: &Result<Text, CommandError>, counts: &Contract) {
    let short = counts.digest.short();
    match on_disk {
        Ok((contract, _)) if contract.digest == counts.digest => {}
        Ok((contract, _)) => report::say(&format!(
            "! the contract in the work tree is {} (version {}), which opens nothing yet (an interlock holds what it guards already); going on with {short} (version {}), \
             which was adopted",
            contract.digest.short(),
            contract.version,
            counts.version
        )),
        Err(error) => report::say(&format!("! {}; going on with contract {short}, which was adopted", error.message)),
    }
}
