//! `countersign adversary fail`

use serde_json::json;

use super::objection::{Saying, say};
use crate::commands::adopted::{known_elsewhere, say_clocks};
use crate::commands::builder::claim::gate;
use crate::commands::compose::plain;
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::gates::graph::Graph;
use crate::model::record::{Body, Record, Ruling, Verdict};
use crate::report::Answer;

/// Refuse a claim
///
/// Always possible, also while documents are invalid or the engine is away. A FAIL never expires.
///
/// Example: countersign adversary fail M1 --reason "the candidate hides the mail host"
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The gate, as in M1
    gate: String,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Runs it.
///
/// # Errors
///
/// The reason is empty, or there is no claim to refuse.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let reason = plain(args.reason.trim());
    if reason.is_empty() {
        return Err(CommandError::new(Exit::Usage, "--reason is empty", "say what does not hold"));
    }
    let (session, key) = Session::for_objection(context)?;
    let gate = gate(&session, &args.gate)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    say_clocks(&report);
    let claim = report.gates.iter().find(|standing| standing.gate == gate.id).and_then(|standing| standing.claim);
    // Where damage hides adoptions or claims nothing counts, and what was claimed can still be refused.
    let of = |record: &&Record| matches!(&record.block.body, Body::Claim(claim) if claim.gate == gate.id);
    let standing = claim.and_then(|id| report.graph.get(&id));
    let damaged = || report.graph.records().rev().find(|record| gathered.defects > 0 && of(record));
    let known = if standing.is_some() { Vec::new() } else { known_elsewhere(&session.repository, &session.store) };
    let graph = Graph::new(&known);
    let claim = standing.or_else(damaged).or_else(|| graph.records().rev().find(of));
    let Some((record, Body::Claim(claim))) = claim.map(|record| (record, &record.block.body)) else {
        let message = format!("gate {} has no claim to refuse", gate.id);
        return Err(CommandError::new(
            Exit::Closed,
            message,
            "countersign adversary veto raise --reason … closes every gate",
        ));
    };
    let verdict = Verdict {
        gate: gate.id.clone(),
        ruling: Ruling::Fail,
        claim: record.id,
        digest: claim.digest,
        evidence: std::collections::BTreeMap::new(),
        reason: Some(reason.clone()),
        supersedes: None,
        separation: None,
    };
    let words = format!("Claim {} does not hold: {reason}", record.id.short());
    let body = Body::Verdict(verdict);
    let id = say(&session, &key, Saying { command: "adversary fail", words: &words, body, tolerant: true })?;
    let text = format!("FAIL {} of gate {}. {words}\nNext: countersign sync", id.short(), gate.id);
    Ok(Answer::ok(text, json!({ "gate": gate.id.as_str(), "verdict": id.to_string(), "claim": record.id.to_string() })))
}
