//! `countersign sync`

use std::collections::HashSet;

use serde_json::json;

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::git::GitError;
use crate::model::record::{Body, Record};
use crate::report::Answer;

use super::open::Session;

/// Commit the state documents alone, rebase onto the remote, push
///
/// Never forces, and leaves uncommitted work in the tree as it is.
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
    let session = Session::open(context)?;
    let documents = session.store.load()?;
    let defects: Vec<String> = documents.defects().map(ToString::to_string).collect();
    if !defects.is_empty() {
        let message = format!("the documents have {} defects and are not published", defects.len());
        return Err(CommandError {
            exit: Exit::Invalid,
            message,
            details: defects,
            hint: Some("countersign check".into()),
        });
    }
    let branch = session
        .repository
        .branch()
        .ok_or_else(|| CommandError::new(Exit::Usage, "HEAD is detached", "git switch BRANCH"))?;
    if session.repository.remote_url("origin").is_none() {
        return Err(CommandError::new(
            Exit::Usage,
            "the repository has no remote `origin`",
            "git remote add origin URL",
        ));
    }
    let phase = session.store.phase();
    let committed: HashSet<_> = committed_records(&session);
    let newest =
        documents.records().filter(|record| !committed.contains(&record.id)).max_by_key(|record| record.block.at);
    let subject = newest.map_or_else(|| format!("status({phase}): documents"), subject_line);
    let synced = session.repository.sync("origin", &branch, &subject).map_err(|error| match error {
        GitError::Failed { ref command, .. } if command == "rebase" => CommandError::new(
            Exit::Closed,
            format!("the remote's commits and yours touch the same lines: {error}; your clone is as it was"),
            format!("git pull --rebase, settle it, then countersign sync (branch {branch})"),
        ),
        other => other.into(),
    })?;
    let word = |flag: bool, word: &str| if flag { word.to_owned() } else { format!("nothing to be {word}") };
    let text = format!(
        "{}; {}; {}",
        word(synced.committed, "committed"),
        word(synced.pulled, "pulled"),
        word(synced.pushed, "pushed")
    );
    Ok(Answer::ok(
        text,
        json!({ "committed": synced.committed, "pulled": synced.pulled, "pushed": synced.pushed, "subject": subject }),
    ))
}

/// The ids of the records that HEAD's documents hold.
fn committed_records(session: &Session) -> HashSet<crate::model::ids::RecordId> {
    let bytes = crate::model::role::Document::ALL
        .into_iter()
        .filter_map(|document| Some((document, session.repository.show("HEAD", &session.store.file(document))?)))
        .collect();
    let evidence = |output: &crate::model::record::Output| {
        session.repository.show("HEAD", &session.store.evidence_file(output)).ok_or_else(|| "not committed".to_owned())
    };
    session.store.read_given(&bytes, &evidence).records().map(|record| record.id).collect()
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
