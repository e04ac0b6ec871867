//! `countersign adversary finding`

use serde_json::json;

use crate::commands::adopted::say_clocks;
use crate::commands::builder::claim::gate;
use crate::commands::compose::{Composer, plain};
use crate::commands::names::unknown;
use crate::commands::open::Session;
use crate::context::Context;
use crate::docs::backlog;
use crate::error::{CommandError, Exit};
use crate::model::record::{Body, Finding, FindingAct, Severity};
use crate::model::role::{Document, Role};
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
        /// Its name, as in A1
        name: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Put it off
    ///
    /// Example: countersign adversary finding defer A1 --owner "the forge's owner" --reason "needs a new disk"
    Defer {
        /// Its name, as in A1
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
    let known = |name: &str| {
        let names: Vec<&str> = report.findings.iter().map(|finding| finding.name.as_str()).collect();
        report.findings.iter().find(|finding| finding.name == name).ok_or_else(|| unknown("finding", name, &names))
    };
    let finding = match &args.act {
        Act::Open { text, gate: of, minor } => Finding {
            act: FindingAct::Opened,
            name: format!("A{}", report.findings.len() + 1),
            gate: of.as_deref().map(|name| gate(&session, name)).transpose()?.map(|gate| gate.id.clone()),
            severity: Some(if *minor { Severity::Minor } else { Severity::Blocking }),
            text: plain(text.trim()),
            owner: None,
        },
        Act::Close { name, reason } => Finding {
            act: FindingAct::Closed,
            name: name.clone(),
            gate: known(name)?.gate.clone(),
            severity: None,
            text: plain(reason.trim()),
            owner: None,
        },
        Act::Defer { name, owner, reason } => Finding {
            act: FindingAct::Deferred,
            name: name.clone(),
            gate: known(name)?.gate.clone(),
            severity: None,
            text: plain(reason.trim()),
            owner: Some(plain(owner.trim())),
        },
    };
    if finding.text.is_empty() || finding.owner.as_ref().is_some_and(String::is_empty) {
        return Err(CommandError::new(Exit::Usage, "the words are missing", "say what is wrong, why, or who"));
    }
    let name = finding.name.clone();
    let composer = Composer::new(&session, Role::Adversary, Document::Review)?;
    let mut transaction = session.store.begin(Document::Review, &context.holder("adversary finding"))?;
    transaction.tolerate_defects();
    let words = finding.text.clone();
    let id = transaction.append(composer.draft(&words, Body::Finding(finding), None), &key)?;
    transaction.publish()?;
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
