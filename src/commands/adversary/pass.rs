//! `countersign adversary pass`

use std::collections::BTreeMap;

use serde_json::json;

use crate::commands::adversary::brief::{compose, newest_claim, says_otherwise};
use crate::commands::builder::claim::gate;
use crate::commands::clean;
use crate::commands::compose::Composer;
use crate::commands::measure::{all_held, lines};
use crate::commands::open::{PATIENCE, Session};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::gates::objections;
use crate::gates::permit::changed_facts;
use crate::gates::reason::{Class, Reason};
use crate::gates::separation;
use crate::gates::standing::Standing;
use crate::model::claim::EXPECTED_OTHERWISE;
use crate::model::contract::{Criterion, Gate};
use crate::model::ids::RecordId;
use crate::model::observation::Observation;
use crate::model::record::{Body, Claim, Record, Ruling, Verdict};
use crate::model::role::{Document, Role};
use crate::report::Answer;
use crate::report::brief::Brief;

/// Countersign a claim after measuring every criterion again
///
/// Runs every criterion now, from this clone, on the claim's subject, and signs only if each holds with the claim's facts.
///
/// Example: countersign adversary pass M1
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The gate, as in M1
    gate: String,
    /// The digits that `brief --full` ends with; needed when the brief did not show everything by itself
    #[arg(long, value_name = "DIGEST12")]
    brief: Option<String>,
    /// The FAIL on the same claim, by the same key, that this PASS replaces
    #[arg(long, value_name = "ID12")]
    supersedes: Option<String>,
}

/// Runs it.
///
/// # Errors
///
/// A criterion does not hold or has other facts, the subject is another one, or separation is too low.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let gate = gate(&session, &args.gate)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    if !report.general.is_empty() {
        return Err(CommandError::refused(format!("gate {} cannot be passed", gate.id), &report.general));
    }
    session.heed_remote(PATIENCE)?;
    // Only now is the contract known to be the one whose keys count.
    let key = session.key(Role::Adversary)?;
    let (record, claim) = newest_claim(&report, gate, "nothing to pass")?;
    read_whole(args, &compose(&session, &report, gate, record, claim), gate)?;
    let standing = report.gates.iter().find(|standing| standing.gate == gate.id);
    let supersedes = match (&args.supersedes, standing.map(|standing| standing.standing)) {
        (Some(name), _) => Some(superseded(&report.counted, name, record, &key.public_text())?),
        (None, Some(Standing::Failed)) => {
            let reasons = standing.map(|standing| standing.reasons.clone()).unwrap_or_default();
            return Err(CommandError::refused(format!("gate {} has a FAIL", gate.id), &reasons));
        }
        _ => None,
    };
    let composer = Composer::new(&session, Role::Adversary, Document::Review)?;
    same_subject(&session, &composer, record)?;
    let apart = separation::between(&record.block.from, composer.from());
    if apart < session.contract.separation {
        let reason = Reason::new(
            Class::Role,
            format!("claim {} was made and would be passed at a separation of `{}`", record.id.short(), apart.label()),
            format!("`{}`, as the contract asks", session.contract.separation.label()),
            "pass from another clone, under another user id",
        );
        return Err(CommandError::refused(format!("gate {} cannot be passed here", gate.id), &[reason]));
    }
    let needed: Vec<Criterion> = gate
        .criteria
        .iter()
        .filter(|criterion| {
            objections::waives_criterion(&report.graph, &report.counted, &criterion.id, gathered.now).is_none()
        })
        .cloned()
        .collect();
    let seen = session.measure(&report, &needed)?;
    all_held(&seen, &format!("gate {} cannot be passed", gate.id))?;
    if session.repository.subject()? != *composer.subject() {
        let message = "the subject moved while it was measured";
        return Err(CommandError::new(Exit::Stale, message, format!("countersign adversary pass {}", gate.id)));
    }
    for observation in &seen {
        equal_facts(&report.counted, claim, observation)?;
    }
    // Its facts are those seen here; so must its words be.
    if says_otherwise(&report, gate, claim) {
        return Err(CommandError::new(Exit::Failed, EXPECTED_OTHERWISE, "countersign adversary fail GATE --reason …"));
    }
    let mut transaction = session.store.begin(Document::Review, &context.holder("adversary pass"))?;
    let mut evidence = BTreeMap::new();
    for observation in &seen {
        let id = composer.evidence(&mut transaction, Some(&gate.id), observation, &key)?;
        evidence.insert(observation.criterion.clone(), id);
    }
    let count = seen.len();
    let words = format!(
        "Claim {} holds: {count} of {count} criteria cold-verified at separation {}.",
        record.id.short(),
        apart.label()
    );
    let verdict = Verdict {
        gate: gate.id.clone(),
        ruling: Ruling::Pass,
        claim: record.id,
        digest: claim.digest,
        evidence,
        reason: None,
        supersedes,
        separation: Some(apart),
    };
    let id = transaction.append(composer.draft(&words, Body::Verdict(verdict), None), &key)?;
    transaction.publish()?;
    let text = format!("{}PASS {} of gate {}. {words}\nNext: countersign sync", lines(&seen), id.short(), gate.id);
    Ok(Answer::ok(
        text,
        json!({ "gate": gate.id.as_str(), "verdict": id.to_string(), "claim": record.id.to_string(), "separation": apart }),
    ))
}

/// What was not shown by itself must have been asked for: only the whole brief ends with its digits.
fn read_whole(args: &Args, brief: &Brief, gate: &Gate) -> Result<(), CommandError> {
    let withheld = brief.short().withheld;
    let (given, wanted) = (args.brief.as_deref(), brief.digest().short());
    let found = match given {
        None if withheld.is_empty() => return Ok(()),
        Some(given) if given == wanted => return Ok(()),
        None => format!("the brief of gate {} did not show: {}", gate.id, withheld.join(" ")),
        Some(given) => format!("--brief {given} is not the brief of gate {} as it is now", gate.id),
    };
    let hint = format!("countersign adversary brief {} --full, and the digits it ends with", gate.id);
    Err(CommandError::new(Exit::Closed, found, hint))
}

/// This clone is clean, has the claim's subject tree, and the claim's commit in its history.
fn same_subject(session: &Session, composer: &Composer, claim: &Record) -> Result<(), CommandError> {
    clean::wanted(&session.repository, "review a clean clone")?;
    let (claimed, here) = (&claim.block.subject, composer.subject());
    if claimed.tree != here.tree {
        let message = format!(
            "the claim is on subject commit {} (tree {}), and here is commit {} (tree {})",
            claimed.commit.short(),
            claimed.tree.short(),
            here.commit.short(),
            here.tree.short()
        );
        return Err(CommandError::new(
            Exit::Stale,
            message,
            "countersign sync; if it stays so, the Builder claims again",
        ));
    }
    let head = session.repository.head()?;
    if !session.repository.is_ancestor(&claimed.commit, &head).unwrap_or(false) {
        let message = format!("the claim's subject commit {} is not in this clone's history", claimed.commit.short());
        return Err(CommandError::new(Exit::Stale, message, "countersign sync"));
    }
    Ok(())
}

fn equal_facts(counted: &[&Record], claim: &Claim, seen: &Observation) -> Result<(), CommandError> {
    let named = claim.evidence.get(&seen.criterion).and_then(|id| counted.iter().find(|record| record.id == *id));
    let Some(Body::Evidence(evidence)) = named.map(|record| &record.block.body) else {
        let message = format!("the claim names no evidence for criterion `{}`", seen.criterion);
        return Err(CommandError::new(Exit::Stale, message, "countersign adversary fail GATE --reason …"));
    };
    if evidence.facts == seen.facts {
        return Ok(());
    }
    let changed = changed_facts(&evidence.facts, &seen.facts);
    let message = format!("criterion `{}`: the claim's facts are not what is seen here: {changed}", seen.criterion);
    Err(CommandError::new(Exit::Failed, message, "countersign adversary fail GATE --reason …"))
}

fn superseded(counted: &[&Record], name: &str, claim: &Record, signer: &str) -> Result<RecordId, CommandError> {
    let fits = |record: &&&Record| match &record.block.body {
        Body::Verdict(verdict) => {
            verdict.ruling == Ruling::Fail
                && verdict.claim == claim.id
                && record.signer == signer
                && record.id.short() == name
        }
        _ => false,
    };
    let message = format!("there is no FAIL `{name}` by this key on claim {}", claim.id.short());
    counted
        .iter()
        .find(fits)
        .map(|record| record.id)
        .ok_or_else(|| CommandError::new(Exit::Usage, message, "countersign status"))
}
