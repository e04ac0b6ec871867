//! Holding the documents against an older state of them: records only ever came.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::docs::read::{Defect, ReadDocument};
use crate::docs::store::{self, Documents};
use crate::error::{CommandError, Exit};
use crate::gates::evaluate::PhaseReport;
use crate::gates::graph::Graph;
use crate::gates::trust;
use crate::model::contract::parse;
use crate::model::digest::Digest;
use crate::model::ids::{ObjectId, RecordId};
use crate::model::record::Record;
use crate::model::role::Document;

use super::super::adopted::all_documents_at;
use super::super::elsewhere::MEND;
use super::super::open::{Gathered, Session};

/// How long the remote may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
const RESTORE: &str = "countersign check --repair, or take the file from that revision: git checkout REV -- FILE";

/// Compares; pushes what is wrong, and gives a line that says what was compared. Without a revision the remote is asked.
///
/// # Errors
///
/// The revision is none, or the remote does not answer.
pub(super) fn compare(
    session: &Session,
    gathered: &Gathered,
    report: &PhaseReport<'_>,
    revision: &str,
    defects: &mut Vec<Defect>,
) -> Result<String, CommandError> {
    let (name, commit, old) = if revision.is_empty() {
        match session.remote_state(PATIENCE)? {
            Some(asked) => {
                defects.extend(asked.lost.iter().map(|lost| lost.defect(&session.store)));
                let file = session.store.file(Document::Review);
                for objection in &asked.elsewhere.objections {
                    defects.push(defect(&file, 1, objection.says(), &objection.take_in()));
                }
                for torn in &asked.elsewhere.torn {
                    defects.push(defect(&file, 1, torn.says(), MEND));
                }
                ("the remote's branch".to_owned(), asked.tip.commit.to_string(), asked.documents)
            }
            None => {
                return Ok("  nothing to compare with: there is no remote, or it has no such branch yet\n".to_owned());
            }
        }
    } else {
        let commit = named(session, revision)?.to_string();
        let documents = all_documents_at(&session.repository, &session.store, &commit)?;
        (revision.to_owned(), commit, documents)
    };
    let mut more = 0;
    for document in Document::ALL {
        let file = session.store.file(document);
        let Some(now) = gathered.documents.0.get(&document) else { continue };
        order(&file, now, defects);
        if let Some(then) = old.0.get(&document) {
            kept(&file, &name, then, now, defects);
        }
    }
    let known: HashSet<RecordId> = old.records().map(|record| record.id).collect();
    for record in gathered.records.iter().filter(|record| !known.contains(&record.id)) {
        more += 1;
        if let Some(distrusted) = report.distrusted.iter().find(|distrusted| distrusted.record == record.id) {
            let what =
                format!("record {} came since {name} and counts for nothing: {}", record.id.short(), distrusted.why);
            let remedy =
                "whoever wrote it writes it again with the right key; git log -p on this file shows where it came in";
            defects.push(defect(&session.store.file(record.block.document), record.line, what, remedy));
        }
    }
    contract(session, report, &name, &commit, &old, defects);
    let broken = old.defects().count();
    let beside = if broken > 0 {
        format!("; {name} itself has {broken} defects, and only its valid records count")
    } else {
        String::new()
    };
    Ok(format!(
        "  since {name}: {} records stayed, {more} came, none is gone, altered or out of order{beside}\n",
        known.len()
    ))
}

/// The commit that a revision names. What is a tag and a branch is none: git would take the tag, which nobody may have meant.
fn named(session: &Session, revision: &str) -> Result<ObjectId, CommandError> {
    let is_in = |space: &&str| session.repository.object(&format!("refs/{space}/{revision}")).is_ok();
    if is_in(&"tags")
        && let Some(space) = ["heads", "remotes"].iter().find(|space| is_in(space))
    {
        let message = format!("`{revision}` is a tag and a branch of {}", session.repository.root.display());
        return Err(CommandError::new(Exit::Usage, message, format!("for the branch: refs/{space}/{revision}")));
    }
    session.repository.object(revision).map_err(|_| {
        let branches = session.repository.branch_names();
        let message = format!("`{revision}` names no commit of {}", session.repository.root.display());
        let hint = match branches.as_slice() {
            [] => "an id from git log, or HEAD~1".to_owned(),
            several => format!("one of {}, an id from git log, or HEAD~1", several.join(", ")),
        };
        CommandError::new(Exit::Usage, message, hint)
    })
}

fn defect(file: &str, line: usize, what: String, remedy: &str) -> Defect {
    Defect { file: file.to_owned(), line, column: 1, what, remedy: remedy.to_owned() }
}

/// Every record that was there still is, byte for byte.
fn kept(file: &str, name: &str, then: &ReadDocument, now: &ReadDocument, defects: &mut Vec<Defect>) {
    let here: HashMap<RecordId, &Record> = now.records.iter().map(|record| (record.id, &**record)).collect();
    for record in &then.records {
        match here.get(&record.id) {
            None => {
                let what = format!(
                    "record {} stood at line {} of {name}, and is gone or altered",
                    record.id.short(),
                    record.line
                );
                let before = now.records.iter().rev().find(|other| record.block.prev.contains(&other.id));
                defects.push(defect(file, before.map_or(1, |before| before.line), what, RESTORE));
            }
            Some(other) if now.bytes[other.range.clone()] != then.bytes[record.range.clone()] => {
                let what = format!("record {} has other bytes around its block than at {name}", record.id.short());
                defects.push(defect(file, other.line, what, RESTORE));
            }
            Some(_) => {}
        }
    }
}

/// Records stand in the order of their links.
fn order(file: &str, now: &ReadDocument, defects: &mut Vec<Defect>) {
    let position: HashMap<RecordId, usize> =
        now.records.iter().enumerate().map(|(at, record)| (record.id, at)).collect();
    for (at, record) in now.records.iter().enumerate() {
        if let Some(prev) = record.block.prev.iter().find(|prev| position.get(prev).is_some_and(|other| *other > at)) {
            let what = format!("record {} stands before {}, which it comes after", record.id.short(), prev.short());
            defects.push(defect(file, record.line, what, "countersign check --repair puts them in order"));
        }
    }
}

/// The contract's version never went back, and no text was changed under its old version.
fn contract(
    session: &Session,
    report: &PhaseReport<'_>,
    name: &str,
    commit: &str,
    old: &Documents,
    defects: &mut Vec<Defect>,
) {
    let file = session.store.contract_file();
    let mut wrong = |what: String| defects.push(defect(&file, 1, what, "git log -p on this file; versions only rise"));
    if let Ok(Some(bytes)) = session.repository.show(commit, &file) {
        let then = std::str::from_utf8(&bytes).ok().and_then(|text| parse::parse(text, None).ok());
        match then.map(|then| then.version) {
            Some(version) if version > session.contract.version => {
                wrong(format!("the contract has version {}, and {version} at {name}", session.contract.version))
            }
            Some(version) if version == session.contract.version && Digest::of(&bytes) != session.contract.digest => {
                // Before anybody adopted it a contract is still being written.
                let adopted = report.in_force.iter().any(|adopted| adopted.version >= version);
                if adopted {
                    wrong(format!("the contract's text is not that of {name}, and its version is {version} in both"));
                }
            }
            _ => {}
        }
    }
    let records = store::union(old, None);
    let repository = &session.repository;
    let then = trust::establish(&Graph::new(&records), &repository.root_commit, &repository.roots).in_force;
    let now = report.in_force.as_ref().map_or(0, |adopted| adopted.version);
    if let Some(then) = then.filter(|then| then.version > now) {
        wrong(format!("version {} of the contract is in force at {name}, and version {now} is here", then.version));
    }
}
