//! `countersign builder claim`

use std::collections::BTreeMap;

use serde_json::json;

use crate::commands::clean;
use crate::commands::compose::Composer;
use crate::commands::measure::{all_held, lines};
use crate::commands::names::unknown;
use crate::commands::open::{PATIENCE, Session};
use crate::commands::outlook::strategies;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::gates::objections;
use crate::gates::reason::Class;
use crate::model::claim::{expected, plan_digest, subject_digest};
use crate::model::contract::Criterion;
use crate::model::ids::GateId;
use crate::model::record::{Body, Claim};
use crate::model::role::{Document, Role};
use crate::report::Answer;

/// Claim that a gate's criteria hold
///
/// Measures every criterion now, records the evidence and signs, in one act. Refused unless all of them hold and the subject
/// is committed.
///
/// Example: countersign builder claim M1
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The gate, as in M1
    gate: String,
}

/// Runs it.
///
/// # Errors
///
/// A criterion does not hold, the work tree is dirty, or the documents or contract do not allow it.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let gate = gate(&session, &args.gate)?;
    let key = session.key(Role::Builder)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    if !report.general.is_empty() {
        return Err(CommandError::refused(format!("gate {} cannot be claimed", gate.id), &report.general));
    }
    session.heed_remote(PATIENCE)?;
    clean::wanted(&session.repository, "git commit what belongs to it, then claim")?;
    let composer = Composer::new(&session, Role::Builder, Document::Status)?;
    let needed: Vec<Criterion> = gate
        .criteria
        .iter()
        .filter(|criterion| {
            objections::waives_criterion(&report.graph, &report.counted, &criterion.id, gathered.now).is_none()
        })
        .cloned()
        .collect();
    let seen = session.measure(&report, &needed)?;
    all_held(&seen, &format!("gate {} cannot be claimed", gate.id))?;
    let after = session.repository.subject()?;
    if after != *composer.subject() {
        let message = "the subject moved while it was measured";
        return Err(CommandError::new(Exit::Stale, message, format!("countersign builder claim {}", gate.id)));
    }
    let mut transaction = session.store.begin(Document::Status, &context.holder("builder claim"))?;
    let mut evidence = BTreeMap::new();
    let mut facts = BTreeMap::new();
    for observation in &seen {
        let id = composer.evidence(&mut transaction, Some(&gate.id), observation, &key)?;
        evidence.insert(observation.criterion.clone(), id);
        facts.insert(observation.criterion.clone(), observation.facts_digest());
    }
    let (strategy, predicted) = strategies(&session, &gate.id)?;
    let plan = plan_digest(&session.contract, &strategy);
    let digest = subject_digest(&session.contract.digest, &plan, &composer.subject().tree, &facts);
    let count = seen.len();
    let claim = Claim {
        gate: gate.id.clone(),
        contract: session.contract.digest,
        plan,
        strategy,
        evidence,
        digest,
        what: format!("{}: all {count} criteria of gate {} hold.", gate.title, gate.id),
        how: format!(
            "the Adversary runs, from another clone: countersign adversary brief {}, then countersign adversary pass {}.{predicted}",
            gate.id, gate.id
        ),
        expected: expected(&seen.iter().map(|seen| (&seen.criterion, &seen.facts)).collect::<Vec<_>>()),
        place: format!("subject commit {}, tree {}.", composer.subject().commit, composer.subject().tree),
    };
    let summary =
        format!("WHAT: {}\nHOW: {}\nEXPECTED: {}\nWHERE: {}", claim.what, claim.how, claim.expected, claim.place);
    let id = transaction.append(composer.draft(&summary, Body::Claim(claim), None), &key)?;
    transaction.publish()?;
    let text = format!(
        "{}Gate {} is claimed: {} ({count} of {count} criteria held).\nNext: countersign sync",
        lines(&seen),
        gate.id,
        id.short()
    );
    Ok(Answer::ok(
        text,
        json!({ "gate": gate.id.as_str(), "claim": id.to_string(), "criteria": count, "digest": digest.to_string() }),
    ))
}

/// The gate of this exact name.
///
/// # Errors
///
/// The contract has no such gate.
pub fn gate<'a>(session: &'a Session, name: &str) -> Result<&'a crate::model::contract::Gate, CommandError> {
    let id: Option<GateId> = name.parse().ok();
    let gate = id.and_then(|id| session.contract.gate(&id));
    gate.ok_or_else(|| {
        let known: Vec<_> = session.contract.gates.iter().map(|gate| gate.id.as_str()).collect();
        unknown("gate", name, &known)
    })
}

/// Reasons that hinder the opening of a gate, but never a PASS, FAIL, veto or finding.
pub fn hinders(class: Class) -> bool {
    matches!(class, Class::Invalid | Class::Contract | Class::Unknown)
}
