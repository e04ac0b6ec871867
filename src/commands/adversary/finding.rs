//! `countersign adversary finding`

use std::sync::Arc;

use serde_json::json;

use super::objection::{Saying, say};
use crate::commands::adopted::{documents_at, say_clocks};
use crate::commands::builder::claim::gate;
use crate::commands::compose::plain;
use crate::commands::names::unknown;
use crate::commands::open::Session;
use crate::context::Context;
use crate::docs::backlog;
use crate::error::{CommandError, Exit};
use crate::gates::evaluate::PhaseReport;
use crate::gates::objections::FindingState;
use crate::model::record::{Body, Finding, FindingAct, Record, Severity};
use crate::report::Answer;

/// Open, close or defer a finding
///
/// An open blocking finding closes its gate; every open one keeps the phase from DONE.
///
/// Example: countersign adversary finding open "the guard prunes a kept network" --gate M1
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

/// What is done with it.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Say what is wrong
    ///
    /// Example: countersign adversary finding open "the guard prunes a kept network" --gate M1
    Open {
        /// What is wrong
        text: String,
        /// The gate it closes; without it, every gate
        #[arg(long)]
        gate: Option<String>,
        /// It closes no gate, but keeps the phase from DONE
        #[arg(long)]
        minor: bool,
    },
    /// Say that it is mended
    ///
    /// Example: countersign adversary finding close A1 --reason "label added"
    Close {
        /// Its name, as in A1; its first 12 digits where two have one name
        name: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Put it off
    ///
    /// Example: countersign adversary finding defer A1 --owner "the forge's owner" --reason "needs a new disk"
    Defer {
        /// Its name, as in A1; its first 12 digits where two have one name
        name: String,
        /// Who takes care of it
        #[arg(long)]
        owner: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Runs it.
///
/// # Errors
///
/// There is no such finding or gate, or words are missing.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let (session, key) = Session::for_objection(context)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    say_clocks(&report);
    let finding = match &args.act {
        Act::Open { text, gate: of, minor } => Finding {
            act: FindingAct::Opened,
            name: new_name(&session, &gathered.records),
            opening: None,
            gate: of.as_deref().map(|name| gate(&session, name)).transpose()?.map(|gate| gate.id.clone()),
            severity: Some(if *minor { Severity::Minor } else { Severity::Blocking }),
            text: plain(text.trim()),
            owner: None,
        },
        Act::Close { name, reason } => ends(FindingAct::Closed, meant(&report, name)?, reason, None),
        Act::Defer { name, owner, reason } => ends(FindingAct::Deferred, meant(&report, name)?, reason, Some(owner)),
    };
    if finding.text.is_empty() || finding.owner.as_ref().is_some_and(String::is_empty) {
        return Err(CommandError::new(Exit::Usage, "the words are missing", "say what is wrong, why, or who"));
    }
    let (name, words) = (finding.name.clone(), finding.text.clone());
    let saying = Saying { command: "adversary finding", words: &words, body: Body::Finding(finding), tolerant: true };
    let id = say(&session, &key, saying)?;
    let records: Vec<_> = session.store.load()?.records().cloned().collect();
    let views = backlog::views(&records);
    // BACKLOG's view counts for nothing: what is signed stays signed when it cannot be drawn.
    let drawn =
        session.store.edit_backlog(&context.holder("adversary finding"), |text| backlog::with_findings(text, &views));
    let aside = drawn.err().map(|error| format!("\nIts view in BACKLOG was not drawn: {error}")).unwrap_or_default();
    Ok(Answer::ok(
        format!("Finding {name} ({}): {words}{aside}\nNext: countersign sync", id.short()),
        json!({ "name": name, "record": id.to_string() }),
    ))
}

/// The finding that is meant: by its name where one of that name is there (or one alone is open), else by its first digits.
fn meant<'a>(report: &'a PhaseReport<'_>, name: &str) -> Result<&'a FindingState, CommandError> {
    let named: Vec<&FindingState> = report.findings.iter().filter(|finding| finding.name == name).collect();
    let open: Vec<&FindingState> =
        named.iter().filter(|finding| finding.state == FindingAct::Opened).copied().collect();
    match (open.as_slice(), named.as_slice()) {
        ([one], _) | ([], [one]) => Ok(one),
        ([], []) => {
            let handles: Vec<String> = report.findings.iter().map(FindingState::handle).collect();
            let handles: Vec<&str> = handles.iter().map(String::as_str).collect();
            let by_id = report.findings.iter().find(|finding| finding.id.short() == name);
            by_id.ok_or_else(|| unknown("finding", name, &handles))
        }
        ([], several) | (several, _) => {
            let lines = several.iter().map(|finding| format!("{}: {}", finding.id.short(), finding.text));
            let message = format!("{} findings are called `{name}`, opened in clones that did not know", several.len());
            let hint = format!("name one by its first digits, as in {}", several[0].id.short());
            Err(CommandError { details: lines.collect(), ..CommandError::new(Exit::Usage, message, hint) })
        }
    }
}

/// The end of a finding.
fn ends(act: FindingAct, of: &FindingState, reason: &str, owner: Option<&String>) -> Finding {
    Finding {
        act,
        name: of.name.clone(),
        opening: Some(of.id),
        gate: of.gate.clone(),
        severity: None,
        text: plain(reason.trim()),
        owner: owner.map(|owner| plain(owner.trim())),
    }
}

/// A name that no finding has, as far as this clone knows: by its documents, and by what it saw on the remote last.
fn new_name(session: &Session, records: &[Arc<Record>]) -> String {
    let repository = &session.repository;
    let seen = repository.branch().map(|branch| repository.last_seen("origin", &branch));
    let seen = seen.map(|seen| documents_at(repository, &session.store, &seen)).unwrap_or_default();
    let number = |record: &Record| match &record.block.body {
        Body::Finding(finding) => finding.name.strip_prefix('A')?.parse::<u32>().ok(),
        _ => None,
    };
    let here = records.iter().filter_map(|record| number(record));
    let highest = here.chain(seen.records().filter_map(number)).max().unwrap_or(0);
    format!("A{}", highest.saturating_add(1))
}
