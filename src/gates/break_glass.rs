//! Break-glass: the operator's permit for one step without a PASS. It stands for the PASS and for nothing else: order, window,
//! quiet, `live` criteria, ledger and a standing veto count as ever.

use std::collections::BTreeMap;
use std::time::Duration;

use super::evaluate::{PhaseReport, is_ahead, pin_reasons};
use super::moment::reached;
use super::permit::used;
use super::reason::{Class, Reason};
use crate::model::claim::{plan_digest, subject_digest};
use crate::model::contract::{Contract, Step};
use crate::model::digest::Digest;
use crate::model::ids::ObjectId;
use crate::model::record::{Body, BreakGlass, Record};
use crate::model::time::Time;

/// The longest that one may count.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// The subject digest that a break-glass names: over contract, plan and subject tree. It has no evidence, so no facts.
pub fn digest(contract: &Contract, tree: &ObjectId) -> Digest {
    let plan = plan_digest(contract, &BTreeMap::new());
    subject_digest(&contract.digest, &plan, tree, &BTreeMap::new())
}

/// The newest break-glass that permits a step now and was not used for it.
pub(super) fn standing<'a>(report: &PhaseReport<'a>, step: &Step) -> Option<(&'a Record, &'a BreakGlass)> {
    let (tree, contract, now) = (&report.inputs.subject.value()?.tree, report.inputs.contract, report.inputs.now);
    let counts = |record: &&'a Record| {
        let Body::BreakGlass(glass) = &record.block.body else { return None };
        let now = reached(&report.graph, &report.counted, &record.id, now);
        let counts =
            fits(contract, tree, step, (record, glass), now) && !used(report, &record.id, &step.id).unwrap_or(true);
        counts.then_some((*record, glass))
    };
    report.counted.iter().rev().find_map(counts)
}

/// Whether a break-glass is for this step on this subject and counts at a moment: from its own to its end, an hour at most.
pub(super) fn fits(
    contract: &Contract,
    tree: &ObjectId,
    step: &Step,
    (record, glass): (&Record, &BreakGlass),
    at: Time,
) -> bool {
    glass.step == step.id
        && glass.digest == digest(contract, tree)
        && at < glass.until
        && glass.until <= record.block.at.plus(LONGEST)
        && !is_ahead(record.block.at, at)
}

/// What stands against any break-glass: a veto, or a contract whose adoption by the Adversary this host does not trust. Without
/// the latter, whoever writes a contract could list an operator of their own in it.
pub(super) fn against(report: &PhaseReport<'_>) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = report
        .vetoes
        .iter()
        .map(|veto| {
            let found = format!("veto {} stands: {}", veto.id.short(), veto.reason);
            Reason::new(Class::Closed, found, "no veto", "countersign adversary veto lift ID12 --reason …")
        })
        .collect();
    match report.adoption() {
        Some(adoption) => reasons.extend(pin_reasons(report, Some(adoption))),
        None => reasons.push(Reason::new(
            Class::Contract,
            "no contract is in force",
            "one that both roles adopted",
            "countersign adversary adopt",
        )),
    }
    reasons
}
