//! `countersign adversary brief`

use serde_json::json;

use crate::commands::builder::claim::gate;
use crate::commands::builder::plan::procedure;
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::CommandError;
use crate::model::digest::Digest;
use crate::model::record::{Body, FindingAct};
use crate::report::Answer;

/// The patch up to this many bytes stands in the brief; a longer one is named with its size and digest.
const PATCH_LIMIT: usize = 4096;

/// Show what there is to review: claim, patch, procedure, facts, how to check each
///
/// Never a word of JOURNAL. The other party's words are labelled as such.
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
/// There is no such gate.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let gate = gate(&session, &args.gate)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    let standing = report.gates.iter().find(|standing| standing.gate == gate.id);
    let record = standing.and_then(|standing| standing.claim).and_then(|id| report.graph.get(&id));
    let mut out = format!("Brief of gate {} of phase {}: {}\n", gate.id, session.store.phase(), gate.title);
    let Some((record, Body::Claim(claim))) = record.map(|record| (record, &record.block.body)) else {
        let reasons = standing.map(|standing| standing.reasons.clone()).unwrap_or_default();
        return Err(CommandError::refused(format!("gate {} has nothing to review", gate.id), &reasons));
    };
    out += &format!("\nClaim {} of {}, in the Builder's words:\n", record.id.short(), record.block.at);
    for line in record.block.summary.lines() {
        out += &format!("  | {line}\n");
    }
    out += "\nFacts, each to be seen again by `countersign adversary pass`:\n";
    for criterion in &gate.criteria {
        let evidence = claim.evidence.get(&criterion.id).and_then(|id| report.graph.get(id));
        let facts = match evidence.map(|record| &record.block.body) {
            Some(Body::Evidence(evidence)) => {
                evidence.facts.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
            }
            _ => "none".to_owned(),
        };
        out += &format!(
            "  {} ({}): {facts}\n    check: countersign probe {}\n",
            criterion.id, criterion.probe, criterion.id
        );
    }
    out += "\nProcedure:\n";
    out += &procedure(&session.contract);
    let mut bases: Vec<&str> = gate.criteria.iter().filter_map(|criterion| criterion.params.text("base")).collect();
    bases.sort_unstable();
    bases.dedup();
    for base in bases {
        let patch =
            base.parse().ok().and_then(|base| session.repository.patch(&base, &record.block.subject.commit).ok());
        out += &format!("\nPatch since {base}:\n");
        match patch {
            Some(patch) if args.full || patch.len() <= PATCH_LIMIT => {
                patch.lines().for_each(|line| out += &format!("  | {line}\n"))
            }
            Some(patch) => {
                let digest = Digest::of(patch.as_bytes()).short();
                out += &format!(
                    "  {} bytes, digest {digest}: countersign adversary brief {} --full\n",
                    patch.len(),
                    gate.id
                );
            }
            None => out += "  unknown: the base commit is not in this clone\n",
        }
    }
    let open: Vec<_> = report.findings.iter().filter(|finding| finding.state == FindingAct::Opened).collect();
    out += &format!("\nOpen findings: {}\n", open.len());
    for finding in &open {
        out += &format!("  {}: {}\n", finding.name, finding.text);
    }
    out += &format!("\nNext: countersign adversary pass {0}, or countersign adversary fail {0} --reason …\n", gate.id);
    let digest = Digest::of(out.as_bytes());
    Ok(Answer::ok(
        out.clone(),
        json!({ "gate": gate.id.as_str(), "claim": record.id.to_string(), "brief": out, "digest": digest.to_string() }),
    ))
}
