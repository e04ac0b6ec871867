//! The evidence that a claim and a PASS name: of every criterion, held, and equal.

use std::collections::BTreeMap;

use super::objections;
use super::reason::{Class, Reason};
use super::standing::Bench;
use crate::model::claim::subject_digest;
use crate::model::contract::Gate;
use crate::model::ids::{CriterionId, RecordId};
use crate::model::observation::{Outcome, facts_digest};
use crate::model::record::{Body, Claim, Evidence, Record, Verdict};

/// The evidence of claim and verdict covers every criterion, held, with equal facts, and both digests are those of today.
pub(super) fn evidence_holds(
    bench: &Bench<'_>,
    gate: &Gate,
    (claim_record, claim): (&Record, &Claim),
    (pass, verdict): (&Record, &Verdict),
    reasons: &mut Vec<Reason>,
) {
    let next = format!("countersign builder claim {}", gate.id);
    let mut facts = BTreeMap::new();
    for criterion in &gate.criteria {
        if objections::waives_criterion(bench.graph, bench.counted, &criterion.id, bench.inputs.now).is_some() {
            continue;
        }
        let claimed = evidence(bench, claim_record, &claim.evidence, gate, &criterion.id);
        let checked = evidence(bench, pass, &verdict.evidence, gate, &criterion.id);
        match (claimed, checked) {
            (Ok(claimed), Ok(checked)) if claimed.facts == checked.facts => {}
            (Ok(_), Ok(_)) => reasons.push(Reason::new(
                Class::Stale,
                format!("criterion `{}`: the cold run's facts are not the claim's", criterion.id),
                "equal facts",
                next.clone(),
            )),
            (Err(why), _) | (_, Err(why)) => {
                reasons.push(Reason::new(
                    Class::Stale,
                    format!("criterion `{}`: {why}", criterion.id),
                    "held evidence of both roles",
                    next.clone(),
                ));
            }
        }
    }
    for (criterion, id) in &claim.evidence {
        if let Some(record) = bench.graph.get(id)
            && let Body::Evidence(evidence) = &record.block.body
        {
            facts.insert(criterion.clone(), facts_digest(&evidence.facts));
        }
    }
    let tree = &claim_record.block.subject.tree;
    let digest = subject_digest(&claim.contract, &claim.plan, tree, &facts);
    if claim.evidence.is_empty() || digest != claim.digest || verdict.digest != claim.digest {
        reasons.push(Reason::new(
            Class::Stale,
            format!("the subject digest of claim {} is not the one that was signed", claim_record.id.short()),
            "one digest in claim, verdict and today's bytes",
            next,
        ));
    }
}

/// The evidence that a claim or verdict names for one criterion, if it is what it should be.
fn evidence<'a>(
    bench: &Bench<'a>,
    by: &Record,
    named: &BTreeMap<CriterionId, RecordId>,
    gate: &Gate,
    criterion: &CriterionId,
) -> Result<&'a Evidence, String> {
    let id = named.get(criterion).ok_or_else(|| format!("{} names no evidence for it", by.id.short()))?;
    let record = bench.counts.contains(id).then(|| bench.graph.get(id)).flatten();
    let record = record.ok_or_else(|| format!("evidence {} is not there or does not count", id.short()))?;
    let Body::Evidence(evidence) = &record.block.body else {
        return Err(format!("record {} is no evidence", id.short()));
    };
    let right = evidence.criterion == *criterion
        && evidence.gate.as_ref() == Some(&gate.id)
        && record.block.document == by.block.document
        && record.block.subject == by.block.subject
        && record.block.target == by.block.target
        && record.signer == by.signer
        && evidence.contract == bench.inputs.contract.digest
        && bench.graph.is_before(id, &by.id);
    if !right {
        return Err(format!("evidence {} is for something else", id.short()));
    }
    match evidence.outcome {
        Outcome::Held if !evidence.facts.is_empty() => Ok(evidence),
        outcome => Err(format!("evidence {} is `{}`", id.short(), outcome.label())),
    }
}

#[cfg(test)]
mod tests;
