//! Proposing and writing repairs.

use serde_json::json;

use crate::docs::repair::{self, Repair};
use crate::docs::store::Documents;
use crate::error::{CommandError, Exit};
use crate::model::digest::Digest;
use crate::model::role::Document;
use crate::report::Answer;

use super::super::history;
use super::super::open::Session;

/// The versions of the documents before each commit in which records went missing, by document, with the commit's name.
fn cut_off(session: &Session, documents: &Documents) -> Result<Vec<(Document, String, String)>, CommandError> {
    let repository = &session.repository;
    let mut of = vec![repository.head()?];
    let seen = repository.branch().map(|branch| repository.last_seen("origin", &branch));
    of.extend(seen.and_then(|seen| repository.object(&seen).ok()));
    let known = history::ids([documents]);
    let lost = history::lost(repository, &session.store, &of.iter().collect::<Vec<_>>(), &known)?;
    let mut versions: Vec<(Document, String, String)> = Vec::new();
    for lost in lost {
        let name = format!("the history before commit {}", lost.commit.short());
        let bytes = repository.blob(&lost.before)?;
        let known = versions.iter().any(|(document, other, _)| *document == lost.document && *other == name);
        if let (false, Ok(text)) = (known, String::from_utf8(bytes)) {
            versions.push((lost.document, name, text));
        }
    }
    Ok(versions)
}

/// Proposes repairs, or writes the ones that were proposed.
///
/// # Errors
///
/// A file cannot be read or written, the digits are not those of the proposal, or something is left that a person must mend.
pub(super) fn run(session: &Session, yes: Option<&str>) -> Result<Answer, CommandError> {
    let documents = session.store.load()?;
    let branch = session.repository.branch();
    let kept = session.repository.objections_kept("origin", session.store.phase().as_str())?;
    let cut = cut_off(session, &documents)?;
    let others = |document: Document, file: &str| -> Vec<(String, String)> {
        let upstream = branch.as_ref().map(|branch| format!("refs/remotes/origin/{branch}"));
        let phase = session.store.phase().as_str();
        let memory = branch.as_ref().map(|branch| session.repository.memory("origin", phase, branch));
        let revisions = std::iter::once("HEAD".to_owned()).chain(upstream).chain(memory);
        let text = |revision: String| {
            Some((revision.clone(), String::from_utf8(session.repository.show(&revision, file)?).ok()?))
        };
        let objections = kept.iter().map(|kept| kept.commit.to_string());
        let whole = revisions.chain(objections).filter_map(text);
        whole
            .chain(cut.iter().filter(|(of, ..)| *of == document).map(|(_, name, text)| (name.clone(), text.clone())))
            .collect()
    };
    let mut repairs: Vec<(Document, Vec<u8>, Repair)> = Vec::new();
    let mut left: Vec<String> = Vec::new();
    for (document, read) in documents.0 {
        let file = session.store.file(document);
        let Ok(text) = std::str::from_utf8(&read.bytes) else {
            left.extend(read.defects.iter().map(ToString::to_string));
            continue;
        };
        let repair = repair::propose(text, &others(document, &file), |text| session.store.read_as(document, text));
        left.extend(repair.left.iter().cloned());
        if repair.text != text {
            repairs.push((document, read.bytes, repair));
        }
    }
    let texts: Vec<&[u8]> = repairs.iter().map(|(_, _, repair)| repair.text.as_bytes()).collect();
    let digest = Digest::of_parts(&texts).short();
    let mut text = String::new();
    for (document, _, repair) in &repairs {
        for change in &repair.changes {
            text += &format!("{}: {change}\n", session.store.file(*document));
        }
    }
    let files: Vec<String> = repairs.iter().map(|(document, ..)| session.store.file(*document)).collect();
    match yes {
        _ if repairs.is_empty() => text += "nothing to repair\n",
        None => text += &format!("Nothing is written yet. To write it: countersign check --repair --yes {digest}\n"),
        Some(given) if given == digest => {
            for (document, damaged, repair) in &repairs {
                let holder = session.context.holder("check --repair");
                let kept = session.store.repair(*document, damaged, &repair.text, &holder)?;
                text +=
                    &format!("{}: written; what was there is in {}\n", session.store.file(*document), kept.display());
            }
        }
        Some(given) => {
            let message = format!("--yes is {given}, and the repair is {digest} now; nothing was written");
            return Err(CommandError::new(Exit::Invalid, message, "countersign check --repair"));
        }
    }
    if left.is_empty() {
        return Ok(Answer::ok(
            text,
            json!({ "files": files, "digest": digest, "written": yes.is_some() && !files.is_empty() }),
        ));
    }
    let mut details: Vec<String> = text.lines().map(str::to_owned).collect();
    details.extend(left.iter().map(|defect| format!("left: {defect}")));
    let message = format!("{} defects are left that a person must mend", left.len());
    Err(CommandError {
        exit: Exit::Invalid,
        message,
        details,
        hint: Some("mend the first one by hand, then countersign check".into()),
    })
}
