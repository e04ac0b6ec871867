//! `countersign adversary brief`

mod parts;

use serde_json::json;

pub use self::parts::says_otherwise;
use crate::commands::builder::claim::gate;
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::CommandError;
use crate::gates::evaluate::PhaseReport;
use crate::model::contract::Gate;
use crate::model::record::{Body, Claim, Record};
use crate::report::Answer;
use crate::report::brief::Brief;

/// Show what there is to review: claim, facts, how to check each, procedure, patch, findings
///
/// Never a word of JOURNAL. The other party's words stand behind bars. What does not fit into 8 KiB is named with where it is,
/// its size and digest, and then a PASS needs `--brief` with the digits that only `--full` ends with.
///
/// Example: countersign adversary brief M1 --full
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The gate, as in M1
    gate: String,
    /// With everything that does not fit otherwise
    #[arg(long)]
    full: bool,
}

/// Runs it.
///
/// # Errors
///
/// There is no such gate, or it has nothing to review.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let gate = gate(&session, &args.gate)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    let (record, claim) = newest_claim(&report, gate, "nothing to review")?;
    let brief = compose(&session, &report, gate, record, claim);
    let shown = brief.short();
    let withheld = !args.full && !shown.withheld.is_empty();
    let needed = !shown.withheld.is_empty();
    let mut text = if args.full { brief.full() } else { shown.text };
    let option = if needed { format!(" --brief {}", brief.digest().short()) } else { String::new() };
    text += &match withheld {
        true => {
            format!("\nNext: countersign adversary brief {} --full: a PASS needs the digits it ends with\n", gate.id)
        }
        false => format!(
            "\nNext: countersign adversary pass {0}{option}\n  or: countersign adversary fail {0} --reason …\n",
            gate.id
        ),
    };
    let digest = (!withheld).then(|| brief.digest().to_string());
    Ok(Answer::ok(
        text,
        json!({
            "gate": gate.id.as_str(), "claim": record.id.to_string(), "parts": brief.json(args.full),
            "whole": !withheld, "needs_brief": needed, "brief": digest,
        }),
    ))
}

/// The claim that is to be reviewed.
///
/// # Errors
///
/// There is none; `lacks` says what for.
pub fn newest_claim<'a>(
    report: &PhaseReport<'a>,
    gate: &Gate,
    lacks: &str,
) -> Result<(&'a Record, &'a Claim), CommandError> {
    let standing = report.gates.iter().find(|standing| standing.gate == gate.id);
    let record = standing.and_then(|standing| standing.claim).and_then(|id| report.graph.get(&id));
    match record.map(|record| (record, &record.block.body)) {
        Some((record, Body::Claim(claim))) => Ok((record, claim)),
        _ => {
            let reasons = standing.map(|standing| standing.reasons.clone()).unwrap_or_default();
            Err(CommandError::refused(format!("gate {} has {lacks}", gate.id), &reasons))
        }
    }
}

/// The whole brief of a claim.
pub fn compose(session: &Session, report: &PhaseReport<'_>, gate: &Gate, record: &Record, claim: &Claim) -> Brief {
    let mut all = vec![parts::words(session, record, claim), parts::facts(session, report, gate, claim)];
    all.extend(parts::outcomes(report));
    all.push(parts::procedure(session, claim));
    all.extend(parts::patches(session, gate, record));
    all.push(parts::findings(session, report));
    let head = format!(
        "Brief of gate {} of phase {}: {}\nClaim {} of {}, on subject commit {}\n",
        gate.id,
        session.store.phase(),
        gate.title,
        record.id.short(),
        record.block.at,
        record.block.subject.commit
    );
    Brief { head, parts: all, again: format!("countersign adversary brief {} --full", gate.id) }
}
