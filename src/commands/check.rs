//! `countersign check`

use std::collections::HashSet;
use std::fs;

use serde_json::{Value, json};

use crate::context::Context;
use crate::docs::read::Defect;
use crate::docs::skeleton::GITATTRIBUTES;
use crate::docs::store::{DIRECTORY, Store};
use crate::error::{CommandError, Exit};
use crate::gates::evaluate::{PhaseReport, other_in_force};
use crate::gates::inputs::Known;
use crate::gates::trust;
use crate::model::counted::counted;
use crate::model::ids::RecordId;
use crate::model::record::Record;
use crate::model::role::Document;
use crate::model::time::show_duration;
use crate::report::Answer;

use super::adopted::documents_at;
use super::history;
use super::open::{self, Gathered, Session};

mod against;
mod repair;

/// A record may be this much older than one it comes after before its clock is called wrong.
const CLOCK_TOLERANCE_SECONDS: u64 = 120;

/// Check every record: bytes, signatures, links, contract
///
/// Lists every defect at once with file, line, column and remedy, and every record that counts for nothing. Exits 30 when a
/// document is invalid.
///
/// Example: countersign check --against
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also hold the documents against an older state of them: only additions, each signed by its document's role (without REV:
    /// the remote's branch, which is asked)
    #[arg(long, value_name = "REV", num_args = 0..=1, default_missing_value = "", conflicts_with = "repair")]
    against: Option<String>,
    /// Propose how damaged documents can be mended: conflict markers, doubled, torn and missing records
    #[arg(long)]
    repair: bool,
    /// Write the repair that was proposed with these digits; what was there is kept
    #[arg(long, value_name = "DIGEST12", requires = "repair")]
    yes: Option<String>,
}

/// Runs it.
///
/// # Errors
///
/// The phase cannot be opened, or a document is invalid.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context).map_err(|error| without_contract(context, error))?;
    if args.repair {
        return repair::run(&session, args.yes.as_deref());
    }
    let gathered = session.gather_from(session.store.load_any(), None);
    let report = session.evaluate(&gathered);
    let mut defects: Vec<Defect> = gathered.documents.defects().cloned().collect();
    gone(&session, &gathered, &mut defects);
    let mut follow = missing(&session, &gathered, &report);
    two_repositories(&session, &gathered, &mut defects);
    let compared = match &args.against {
        Some(revision) => Some(against::compare(&session, &gathered, &report, revision, &mut defects)?),
        None => None,
    };
    let known = history::ids([&gathered.documents]);
    let lost = history::lost(&session.repository, &session.store, &[&session.repository.head()?], &known)?;
    for defect in lost.iter().map(|lost| lost.defect(&session.store)) {
        if !defects.contains(&defect) {
            defects.push(defect);
        }
    }
    if let Known::Is(gone) = &report.inputs.host.vanished {
        for (id, heading) in gone {
            let what = format!("this host has seen {heading} ({}), which is in no document any more", id.short());
            let remedy = "countersign check --repair; where that finds nothing, countersign sync in the clone of whoever objected";
            let file = session.store.file(Document::Review);
            defects.push(Defect { file, line: 1, column: 1, what, remedy: remedy.into() });
        }
    }
    // What only follows from something else that is wrong stands after it.
    follow.extend(defects.extract_if(.., |defect| defect.is_missing_link()));
    for several in [&mut defects, &mut follow] {
        several.sort_by(|one, other| (&one.file, one.line, one.column).cmp(&(&other.file, other.line, other.column)));
    }
    defects.append(&mut follow);
    let odd = gathered.documents.0.values().flat_map(|read| &read.warnings).map(ToString::to_string);
    let mut warnings: Vec<String> = odd.chain(attributes(&session)).chain(clocks(&session, &report)).collect();
    let moved = report.in_force.as_ref().filter(|adopted| adopted.digest != session.contract.digest);
    let moved = moved.map(|adopted| (other_in_force(&session.contract, &adopted.digest, adopted.version), adopted));
    if let Some((reason, _)) = &moved {
        warnings.push(format!("{}: {}", reason.found, reason.next));
    }
    if !defects.is_empty() {
        return Err(invalid(&session, &gathered, &defects, &warnings));
    }
    // One with a higher version is on its way; of any other no adoption can ever come.
    if let Some((reason, _)) = moved.filter(|(_, adopted)| session.contract.version <= adopted.version) {
        return Err(CommandError::refused("the contract in the work tree counts for nothing", &[reason]));
    }
    let count = gathered.records.len();
    let mut text =
        format!("{}, every byte, signature and link of theirs as it was written\n", counted(count, "record"));
    text += compared.as_deref().unwrap_or_default();
    for warning in &warnings {
        text += &format!("  warning: {warning}\n");
    }
    for line in crate::report::phase::distrusted(&report) {
        text += &format!("  {line}\n");
    }
    let json: Value = json!({
        "records": count, "defects": 0, "distrusted": report.distrusted.len(),
        "foreign": crate::report::phase::foreign(&report), "warnings": warnings,
    });
    Ok(Answer::ok(text, json))
}

fn place(session: &Session, record: &Record) -> String {
    format!(" ({}:{})", session.store.file(record.block.document), record.line)
}

/// Records that HEAD's documents have and these lack, where nothing else is wrong that would tell of it.
fn gone(session: &Session, gathered: &Gathered, defects: &mut Vec<Defect>) {
    let mut lacks = false;
    for (document, now) in &gathered.documents.0 {
        match session.repository.show("HEAD", &session.store.file(*document)) {
            Ok(then) => lacks |= then.is_some_and(|then| !now.bytes.starts_with(&then)),
            Err(error) => defects.extend(session.store.unread(*document, format!("at HEAD: {error}")).defects),
        }
    }
    // Most often nothing but additions came since, and nothing needs to be read again.
    if !lacks {
        return;
    }
    let committed = documents_at(&session.repository, &session.store, "HEAD");
    for (document, then) in &committed.0 {
        let Some(now) = gathered.documents.0.get(document) else { continue };
        if now.defects.iter().any(|defect| !defect.is_missing_link()) {
            continue;
        }
        let known: HashSet<RecordId> = now.records.iter().map(|record| record.id).collect();
        for record in then.records.iter().filter(|record| !known.contains(&record.id)) {
            let before = now.records.iter().rev().find(|other| record.block.prev.contains(&other.id));
            let kind = record.block.body.kind().name();
            defects.push(Defect {
                file: session.store.file(*document),
                line: before.map_or(1, |before| before.line),
                column: 1,
                what: format!("{kind} {} stands at line {} at HEAD, and is gone here", record.id.short(), record.line),
                remedy: "countersign check --repair brings it back".into(),
            });
        }
    }
}

/// Records that are linked to, but in no document.
fn missing(session: &Session, gathered: &Gathered, report: &PhaseReport<'_>) -> Vec<Defect> {
    let mut defects = Vec::new();
    let gone = report.graph.missing();
    let remedy = |document: &Document| {
        let read = gathered.documents.0.get(document);
        match read.is_some_and(|read| read.defects.iter().any(|defect| !defect.is_missing_link())) {
            true => format!("follows from what is wrong with {}", session.store.file(*document)),
            false => "countersign check --repair, or countersign sync, or countersign builder resume on the host that ran the steps; \
                      what nobody ever had nobody can vouch for, whose record names it says where it is, or countersign init \
                      --phase NAME opens a new phase"
                .to_owned(),
        }
    };
    for record in &gathered.records {
        for (document, ids) in &record.block.seen {
            let hidden = gathered.documents.0.get(document).map_or(&[][..], |read| &read.hidden);
            let unseen = |id: &&RecordId| hidden.iter().any(|hidden| hidden.record.id == **id);
            for id in ids.iter().filter(|id| gone.contains_key(*id) && !unseen(id)) {
                defects.push(Defect {
                    file: session.store.file(record.block.document),
                    line: record.line,
                    column: 1,
                    what: format!(
                        "record {} of the {} saw {} in {document}, which is linked to, but in no document",
                        record.id.short(),
                        record.block.role,
                        id.short()
                    ),
                    remedy: remedy(document),
                });
            }
        }
    }
    defects
}

/// Lines that git needs to merge the documents by this program, and that a phase of an older version lacks.
fn attributes(session: &Session) -> Option<String> {
    let file = format!("{DIRECTORY}/.gitattributes");
    let there = fs::read_to_string(session.repository.root.join(&file)).unwrap_or_default();
    let wanted = GITATTRIBUTES.lines().filter(|line| !line.starts_with('#'));
    let missing: Vec<&str> = wanted.filter(|line| !there.lines().any(|known| known == *line)).collect();
    let found =
        format!("{file} lacks what lets git merge the documents by this program; add to it: {}", missing.join(", "));
    (!missing.is_empty()).then_some(found)
}

/// Records of another repository beside those of this one.
fn two_repositories(session: &Session, gathered: &Gathered, defects: &mut Vec<Defect>) {
    let here = &session.repository.root_commit;
    if !gathered.records.iter().any(|record| record.block.repository == *here) {
        return;
    }
    let is_other = |record: &&std::sync::Arc<Record>| !trust::is_of(record, here, &session.repository.roots);
    for record in gathered.records.iter().filter(is_other) {
        let (id, other) = (record.id.short(), record.block.repository.short());
        defects.push(Defect {
            file: session.store.file(record.block.document),
            line: record.line,
            column: 1,
            what: format!("record {id} was written in repository {other}, and this is {}", here.short()),
            remedy:
                "git log -p on this file shows where it came in; documents of another repository are another phase's"
                    .into(),
        });
    }
}

/// Records whose clock says that they are older than what they come after, or newer than now.
fn clocks(session: &Session, report: &PhaseReport<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let off = |earlier: crate::model::time::Time, later: crate::model::time::Time| {
        earlier.since(later).filter(|by| by.as_secs() > CLOCK_TOLERANCE_SECONDS)
    };
    for record in report.graph.records() {
        let at = record.block.at;
        let links = record.block.prev.iter().chain(record.block.seen.values().flatten());
        let newest = links.filter_map(|id| report.graph.get(id)).max_by_key(|linked| linked.block.at);
        if let Some(linked) = newest
            && let Some(by) = off(linked.block.at, at)
        {
            warnings.push(format!(
                "record {} says {at}, and comes after {}, which says {}: a clock was off by {}{}",
                record.id.short(),
                linked.id.short(),
                linked.block.at,
                show_duration(by),
                place(session, record)
            ));
        }
        if let Some(by) = off(at, report.inputs.now) {
            let now = report.inputs.now;
            let ahead = format!(
                "record {} says {at}, and it is {now}: a clock is off by {}",
                record.id.short(),
                show_duration(by)
            );
            warnings.push(ahead + &place(session, record));
        }
    }
    warnings
}

/// What is wrong with the contract, and with the documents beside it: the one hides nothing of the other.
fn without_contract(context: &Context, mut error: CommandError) -> CommandError {
    let Ok(repository) = open::repository(context) else { return error };
    let Ok(phase) = open::phase(context, &repository) else { return error };
    let documents = Store::new(&repository.root, &repository.common_dir, phase).load_any();
    if documents.defects().next().is_some() {
        error.exit = Exit::Invalid;
        error.details.extend(documents.defects().map(ToString::to_string));
    }
    error
}

/// Every defect, and what is whole in the documents that have one.
fn invalid(session: &Session, gathered: &Gathered, defects: &[Defect], warnings: &[String]) -> CommandError {
    let mut details: Vec<String> = defects.iter().map(ToString::to_string).collect();
    for document in Document::ALL {
        let file = session.store.file(document);
        let Some(read) = gathered.documents.0.get(&document).filter(|_| defects.iter().any(|d| d.file == file)) else {
            continue;
        };
        let whole = match (read.records.len(), read.records.last()) {
            (_, None) => format!("{file}: no record is whole"),
            (1, Some(only)) => format!("{file}: 1 record is whole, {} at line {}", only.id.short(), only.line),
            (count, Some(last)) => {
                format!("{file}: {count} records are whole, the last one {} at line {}", last.id.short(), last.line)
            }
        };
        details.push(whole);
    }
    details.extend(warnings.iter().map(|warning| format!("warning: {warning}")));
    let message = format!("the documents of phase {} have {}", session.store.phase(), counted(defects.len(), "defect"));
    CommandError {
        exit: Exit::Invalid,
        message,
        details,
        hint: Some("countersign check --repair proposes what can be mended".into()),
    }
}
