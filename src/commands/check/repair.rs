//! Proposing and writing repairs.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::json;

use crate::docs::repair::{self, evidence_named};
use crate::docs::store::Documents;
use crate::error::{CommandError, Exit};
use crate::model::digest::Digest;
use crate::model::ids::RecordId;
use crate::model::role::Document;
use crate::report::Answer;

use super::super::history;
use super::super::open::Session;

/// A version of a document: its name and its text.
type Version = (String, String);

/// What would be written.
#[derive(Default)]
struct Plan {
    /// Each document's bytes, where it could be read, and its new text.
    documents: Vec<(Document, Option<Vec<u8>>, String)>,
    /// Evidence files and their bytes.
    evidence: Vec<(String, Vec<u8>)>,
    /// What is changed, a line each.
    changes: Vec<String>,
    /// What a person must mend.
    left: Vec<String>,
}

/// Proposes repairs, or writes the ones that were proposed.
///
/// # Errors
///
/// A file cannot be read or written, the digits are not those of the proposal, or something is left that a person must mend.
pub(super) fn run(session: &Session, yes: Option<&str>) -> Result<Answer, CommandError> {
    let documents = session.store.load_any();
    let plan = plan(session, &documents)?;
    let parts = plan.evidence.iter().map(|(_, bytes)| bytes.as_slice());
    let texts: Vec<&[u8]> = plan.documents.iter().map(|(_, _, text)| text.as_bytes()).chain(parts).collect();
    let digest = Digest::of_parts(&texts).short();
    let mut text: String = plan.changes.iter().map(|change| format!("{change}\n")).collect();
    let documents = plan.documents.iter().map(|(document, ..)| session.store.file(*document));
    let files: Vec<String> = documents.chain(plan.evidence.iter().map(|(file, _)| file.clone())).collect();
    match yes {
        _ if files.is_empty() => text += "nothing to repair\n",
        None => text += &format!("Nothing is written yet. To write it: countersign check --repair --yes {digest}\n"),
        Some(given) if given == digest => text += &write(session, &plan)?,
        Some(given) => {
            let message = format!("--yes is {given}, and the repair is {digest} now; nothing was written");
            return Err(CommandError::new(Exit::Invalid, message, "countersign check --repair"));
        }
    }
    if plan.left.is_empty() {
        return Ok(Answer::ok(
            text,
            json!({ "files": files, "digest": digest, "written": yes.is_some() && !files.is_empty() }),
        ));
    }
    let mut details: Vec<String> = text.lines().map(str::to_owned).collect();
    details.extend(plan.left.iter().map(|defect| format!("left: {defect}")));
    let message = format!("{} defects are left that a person must mend", plan.left.len());
    let hint = "mend the first one that is left by hand, as it says, then countersign check";
    Err(CommandError { exit: Exit::Invalid, message, details, hint: Some(hint.into()) })
}

fn write(session: &Session, plan: &Plan) -> Result<String, CommandError> {
    let holder = session.context.holder("check --repair");
    let mut said = String::new();
    let mut say = |file: &str, kept: Option<std::path::PathBuf>| {
        said += &match kept {
            Some(kept) => format!("{file}: written; what was there is in {}\n", kept.display()),
            None => format!("{file}: written\n"),
        };
    };
    for (file, bytes) in &plan.evidence {
        say(file, session.store.restore(file, bytes, &holder)?);
    }
    for (document, found, text) in &plan.documents {
        let kept = session.store.repair(*document, found.as_deref(), text, &holder)?;
        say(&session.store.file(*document), kept);
    }
    Ok(said)
}

fn plan(session: &Session, documents: &Documents) -> Result<Plan, CommandError> {
    let store = &session.store;
    let mut versions: BTreeMap<Document, Vec<Version>> = BTreeMap::new();
    let kept = session.repository.objections_kept("origin", store.phase().as_str())?;
    let mut revisions = session.repository.versions();
    revisions.extend(kept.iter().map(|kept| kept.commit.to_string()));
    for document in Document::ALL {
        let file = store.file(document);
        let mut texts: Vec<Version> = Vec::new();
        for revision in &revisions {
            let Ok(Some(bytes)) = session.repository.show(revision, &file) else { continue };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if !texts.iter().any(|(_, known)| *known == text) {
                texts.push((revision.clone(), text));
            }
        }
        versions.insert(document, texts);
    }
    for (document, name, text) in cut_off(session, documents)? {
        let texts = versions.entry(document).or_default();
        if !texts.iter().any(|(_, known)| *known == text) {
            texts.push((name, text));
        }
    }
    let mut plan = Plan::default();
    evidence(session, documents, &versions, &revisions, &mut plan);
    let mut mended = Documents::default();
    for (document, read) in &documents.0 {
        let file = store.file(*document);
        let others = versions.get(document).map_or(&[][..], Vec::as_slice);
        let mut changes = Vec::new();
        let text = if store.is_there(*document) {
            let text = String::from_utf8_lossy(&read.bytes).into_owned();
            if text.as_bytes() != read.bytes {
                changes.push("puts a \u{fffd} where bytes are not UTF-8".to_owned());
            }
            text
        } else if let Some((name, text)) = others.first() {
            changes.push(format!("puts the file back as {} has it", named(name)));
            text.clone()
        } else {
            let never = "; no version of it is known to git here: another clone may have it, or, where nothing was ever signed \
                         in it, countersign init writes an empty one";
            plan.left.extend(read.defects.iter().map(|defect| format!("{defect}{never}")));
            continue;
        };
        let others: Vec<Version> =
            others.iter().filter(|(_, other)| *other != text).map(|(name, text)| (named(name), text.clone())).collect();
        let repair = repair::propose(&text, &others, |text| store.read_mended(*document, text, &plan.evidence));
        plan.left.extend(repair.left.iter().cloned());
        plan.changes.extend(changes.into_iter().chain(repair.changes).map(|change| format!("{file}: {change}")));
        mended.0.insert(*document, store.read_mended(*document, &repair.text, &plan.evidence));
        let found = store.is_there(*document).then(|| read.bytes.clone());
        if found.as_deref() != Some(repair.text.as_bytes()) {
            plan.documents.push((*document, found, repair.text));
        }
    }
    unseen(&mended, &mut plan.left);
    Ok(plan)
}

/// The versions of the documents before each commit in which records went missing, by document, with the commit's name.
fn cut_off(session: &Session, documents: &Documents) -> Result<Vec<(Document, String, String)>, CommandError> {
    let repository = &session.repository;
    let mut of = vec![repository.head()?];
    let seen = repository.branch().map(|branch| repository.last_seen("origin", &branch));
    of.extend(seen.and_then(|seen| repository.object(&seen).ok()));
    let known = history::ids([documents]);
    let mut versions: Vec<(Document, String, String)> = Vec::new();
    for lost in history::lost(repository, &session.store, &of.iter().collect::<Vec<_>>(), &known)? {
        let name = format!("the history before commit {}", lost.commit.short());
        if !versions.iter().any(|(document, other, _)| *document == lost.document && *other == name) {
            let text = String::from_utf8_lossy(&repository.blob(&lost.before)?).into_owned();
            versions.push((lost.document, name, text));
        }
    }
    Ok(versions)
}

/// A revision as people read it.
fn named(revision: &str) -> String {
    match revision {
        ":1" => "the index (both sides' base)".to_owned(),
        ":2" => "the index (this side)".to_owned(),
        ":3" => "the index (the other side)".to_owned(),
        id if id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit()) => format!("commit {}", &id[..12]),
        name => name.to_owned(),
    }
}

/// Evidence files that a record names, that are not there as it names them, and that some revision has.
fn evidence(
    session: &Session,
    documents: &Documents,
    versions: &BTreeMap<Document, Vec<Version>>,
    revisions: &[String],
    plan: &mut Plan,
) {
    let here = documents.0.values().map(|read| String::from_utf8_lossy(&read.bytes).into_owned());
    let others = versions.values().flatten().map(|(_, text)| text.clone());
    let mut seen = BTreeSet::new();
    for output in here.chain(others).flat_map(|text| evidence_named(&text)) {
        let file = session.store.evidence_file(&output);
        if !seen.insert(file.clone()) || session.store.has_evidence(&output) {
            continue;
        }
        let right = |bytes: &Vec<u8>| Digest::of(bytes) == output.sha256;
        let found = revisions.iter().find_map(|revision| {
            session.repository.show(revision, &file).ok()?.filter(right).map(|bytes| (revision, bytes))
        });
        if let Some((revision, bytes)) = found {
            plan.changes.push(format!("{file}: puts the evidence file back as {} has it", named(revision)));
            plan.evidence.push((file, bytes));
        }
    }
}

/// Records that others saw and that stand in no document after the repair either.
fn unseen(mended: &Documents, left: &mut Vec<String>) {
    let there: HashSet<RecordId> = mended.records().map(|record| record.id).collect();
    let mut named = BTreeSet::new();
    for record in mended.records() {
        for (document, ids) in &record.block.seen {
            for id in ids.iter().filter(|id| !there.contains(id)) {
                if named.insert(*id) {
                    left.push(format!(
                        "record {} of {document}, which {} saw, is in no version that git has here; countersign sync, or \
                         countersign builder resume on the host that ran the steps, or another clone's copy",
                        id.short(),
                        record.id.short()
                    ));
                }
            }
        }
    }
}
