//! How one gate stands: the newest claim, the verdicts on it, and whether its PASS is fresh.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::evaluate::is_ahead;
use super::evidence::evidence_holds;
use super::graph::Graph;
use super::inputs::{Inputs, Known};
use super::moment::reached;
use super::objections::{FindingState, StandingVeto};
use super::reason::{Class, Reason};
use super::separation;
use crate::model::claim::plan_digest;
use crate::model::contract::Gate;
use crate::model::ids::{GateId, RecordId};
use crate::model::record::{Body, Claim, Record, Ruling, Verdict};
use crate::model::time::{Time, show_duration};

/// How a gate stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Nothing was claimed.
    Unclaimed,
    /// Claimed, and no verdict yet.
    Claimed,
    /// The newest verdict is a FAIL.
    Failed,
    /// There was a PASS, and it does not count any more.
    Stale,
    /// A PASS stands, but something else closes the gate.
    Closed,
    /// A fresh PASS.
    Open,
}

/// How one gate stands and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateReport {
    /// The gate.
    pub gate: GateId,
    /// Its title.
    pub title: String,
    /// In one word.
    pub standing: Standing,
    /// The newest claim.
    pub claim: Option<RecordId>,
    /// The PASS that stands on it.
    pub pass: Option<RecordId>,
    /// When that PASS is no longer fresh.
    pub until: Option<Time>,
    /// What keeps it closed; empty only when it is open.
    pub reasons: Vec<Reason>,
}

/// What a gate is judged against, beside its own records.
pub(super) struct Bench<'a> {
    pub(super) inputs: Inputs<'a>,
    pub(super) graph: &'a Graph<'a>,
    pub(super) counted: &'a [&'a Record],
    /// Those, and what nobody looked at: its date is heard, since a false one could only keep something closed.
    pub(super) told: &'a [&'a Record],
    /// The ids of those that count.
    pub(super) counts: &'a HashSet<RecordId>,
    pub(super) vetoes: &'a [StandingVeto],
    pub(super) findings: &'a [FindingState],
}

/// The newest claims of a gate: those that no other claim of it has among its ancestors.
pub(super) fn newest_claims<'a>(bench: &Bench<'a>, gate: &GateId) -> Vec<(&'a Record, &'a Claim)> {
    let claims: Vec<(&Record, &Claim)> = bench
        .counted
        .iter()
        .filter_map(|record| match &record.block.body {
            Body::Claim(claim) if claim.gate == *gate => Some((*record, claim)),
            _ => None,
        })
        .collect();
    // Claims stand in the order of their links, so the first from the end is newest; any other newest one is not before those.
    let mut newest: Vec<(&Record, &Claim)> = Vec::new();
    for claim in claims.into_iter().rev() {
        if !newest.iter().any(|(other, _)| bench.graph.is_before(&claim.0.id, &other.id)) {
            newest.push(claim);
        }
    }
    newest
}

/// The verdicts of a gate.
pub(super) fn verdicts<'a>(bench: &Bench<'a>, gate: &GateId) -> Vec<(&'a Record, &'a Verdict)> {
    let of_gate = |record: &&'a Record| match &record.block.body {
        Body::Verdict(verdict) if verdict.gate == *gate => Some((*record, verdict)),
        _ => None,
    };
    bench.counted.iter().filter_map(of_gate).collect()
}

/// The FAILs of a gate that still stand against `claim`: on it, or not known to it, and not superseded by the same key.
pub(super) fn standing_fails<'a>(bench: &Bench<'a>, gate: &GateId, claim: &RecordId) -> Vec<(&'a Record, &'a Verdict)> {
    let verdicts = verdicts(bench, gate);
    let mut superseding: HashMap<RecordId, Vec<&Record>> = HashMap::new();
    for (record, verdict) in &verdicts {
        if let Some(id) = verdict.supersedes {
            superseding.entry(id).or_default().push(record);
        }
    }
    let superseded = |fail: &Record| {
        superseding.get(&fail.id).is_some_and(|records| {
            let by = |record: &&Record| record.signer == fail.signer && bench.graph.is_before(&fail.id, &record.id);
            records.iter().any(by)
        })
    };
    let stands = |(record, verdict): &(&Record, &Verdict)| {
        verdict.ruling == Ruling::Fail && !bench.graph.is_before(&record.id, claim) && !superseded(record)
    };
    verdicts.iter().filter(|row| stands(row)).copied().collect()
}

/// Judges one gate.
pub(super) fn judge(bench: &Bench<'_>, gate: &Gate) -> GateReport {
    let mut report = GateReport {
        gate: gate.id.clone(),
        title: gate.title.clone(),
        standing: Standing::Unclaimed,
        claim: None,
        pass: None,
        until: None,
        reasons: Vec::new(),
    };
    let claims = newest_claims(bench, &gate.id);
    let (record, claim) = match claims.as_slice() {
        [] => {
            let next = format!("countersign builder claim {}", gate.id);
            report.reasons.push(Reason::new(Class::Closed, format!("gate {} has no claim", gate.id), "a PASS", next));
            return report;
        }
        [one] => *one,
        several => {
            let ids: Vec<_> = several.iter().map(|(record, _)| record.id.short()).collect();
            report.standing = Standing::Closed;
            report.reasons.push(Reason::new(
                Class::Closed,
                format!("gate {} has concurrent claims {}", gate.id, ids.join(" and ")),
                "one newest claim that has the others among its ancestors",
                format!("countersign sync, then countersign builder claim {}", gate.id),
            ));
            return report;
        }
    };
    report.claim = Some(record.id);
    report.standing = Standing::Claimed;
    objected(bench, gate, &mut report.reasons);
    let fails = standing_fails(bench, &gate.id, &record.id);
    if let Some((fail, verdict)) = fails.last() {
        report.standing = Standing::Failed;
        let why = verdict.reason.as_deref().unwrap_or("no reason given");
        report.reasons.push(Reason::new(
            Class::Closed,
            format!("gate {} has FAIL {} of {}: {why}", gate.id, fail.id.short(), fail.block.at),
            "a newer claim that answers it, and a PASS on that",
            format!("countersign builder claim {}", gate.id),
        ));
        return report;
    }
    let passes: Vec<_> = verdicts(bench, &gate.id)
        .into_iter()
        .filter(|(_, verdict)| verdict.ruling == Ruling::Pass && verdict.claim == record.id)
        .collect();
    let against = |(pass, verdict)| {
        let mut reasons = Vec::new();
        fresh(bench, gate, (record, claim), (pass, verdict), &mut reasons);
        (pass, reasons)
    };
    let judged: Vec<(&Record, Vec<Reason>)> = passes.into_iter().map(against).collect();
    // Of several PASSes (two reviewers) the last that is fresh counts, so that the order of two that are concurrent says nothing.
    let fresh = judged.iter().rev().find(|(_, reasons)| reasons.is_empty());
    let Some((pass, reasons)) = fresh.or(judged.last()).cloned() else {
        report.reasons.push(Reason::new(
            Class::Closed,
            format!("claim {} of gate {} has no verdict", record.id.short(), gate.id),
            "a PASS by the Adversary",
            format!("countersign adversary brief {}", gate.id),
        ));
        return report;
    };
    report.pass = Some(pass.id);
    report.until = Some(pass.block.at.plus(gate.max_age));
    let before = report.reasons.len();
    report.reasons.extend(reasons);
    report.standing = match (report.reasons.len() > before, report.reasons.is_empty()) {
        (true, _) => Standing::Stale,
        (false, true) => Standing::Open,
        (false, false) => Standing::Closed,
    };
    report
}

/// Whether a PASS on a claim is fresh by itself, whatever objection stands beside it.
pub(super) fn is_fresh(bench: &Bench<'_>, gate: &Gate, claim: (&Record, &Claim), pass: (&Record, &Verdict)) -> bool {
    let mut reasons = Vec::new();
    fresh(bench, gate, claim, pass, &mut reasons);
    pass.1.gate == gate.id && pass.1.ruling == Ruling::Pass && reasons.is_empty()
}

/// Whether a PASS on a claim under a contract whose text is not here stood: young, on this subject, and nothing against it.
pub(super) fn stood(
    bench: &Bench<'_>,
    gate: &Gate,
    (claim, _): (&Record, &Claim),
    (pass, verdict): (&Record, &Verdict),
) -> bool {
    let mut reasons = Vec::new();
    objected(bench, gate, &mut reasons);
    young(bench, gate, pass, &mut reasons);
    let subject = bench.inputs.subject.value();
    verdict.gate == gate.id
        && verdict.ruling == Ruling::Pass
        && bench.graph.is_before(&claim.id, &pass.id)
        && reasons.is_empty()
        && standing_fails(bench, &gate.id, &claim.id).is_empty()
        && subject.is_some_and(|subject| subject.tree == claim.block.subject.tree)
}

/// Age, by this clock, or by what came after it and is later. What is dated after now is no younger for that: by its own clock nobody knows how old it is.
fn young(bench: &Bench<'_>, gate: &Gate, pass: &Record, reasons: &mut Vec<Reason>) {
    let (id, at) = (pass.id.short(), pass.block.at);
    let now = reached(bench.graph, bench.told, &pass.id, bench.inputs.now);
    let (found, wanted) = match now.since(at) {
        Some(age) if age > gate.max_age => (
            format!("PASS {id} of gate {} is {} old", gate.id, show_duration(age)),
            format!("one younger than {}", show_duration(gate.max_age)),
        ),
        None if is_ahead(at, now) => (
            format!("PASS {id} of gate {} is dated {at}, and it is {now}: its clock was ahead", gate.id),
            "one by a clock that is right".into(),
        ),
        _ => return,
    };
    reasons.push(Reason::new(Class::Stale, found, wanted, format!("countersign builder claim {}", gate.id)));
}

fn objected(bench: &Bench<'_>, gate: &Gate, reasons: &mut Vec<Reason>) {
    for veto in bench.vetoes {
        reasons.push(Reason::new(
            Class::Closed,
            format!("veto {} of {} stands: {}", veto.id.short(), veto.at, veto.reason),
            "no veto",
            format!("countersign adversary veto lift {} --reason …", veto.id.short()),
        ));
    }
    for finding in bench.findings.iter().filter(|finding| finding.closes(&gate.id)) {
        reasons.push(finding.reason("no open blocking finding"));
    }
}

fn fresh(
    bench: &Bench<'_>,
    gate: &Gate,
    (claim_record, claim): (&Record, &Claim),
    (pass, verdict): (&Record, &Verdict),
    reasons: &mut Vec<Reason>,
) {
    young(bench, gate, pass, reasons);
    let again = format!("countersign builder claim {}", gate.id);
    let mut stale =
        |found: String, wanted: String| reasons.push(Reason::new(Class::Stale, found, wanted, again.clone()));
    if claim.contract != bench.inputs.contract.digest {
        stale(
            format!(
                "gate {} was claimed under contract {}, and it is {} now",
                gate.id,
                claim.contract.short(),
                bench.inputs.contract.digest.short()
            ),
            "a claim under the contract of today".into(),
        );
    }
    let plan = plan_digest(bench.inputs.contract, &claim.strategy);
    if claim.plan != plan {
        stale(
            format!("gate {} was claimed with plan {}, and it is {} now", gate.id, claim.plan.short(), plan.short()),
            "a claim with the plan of today".into(),
        );
    }
    match bench.inputs.subject {
        Known::Is(subject) if subject.tree != claim_record.block.subject.tree => stale(
            format!(
                "the subject moved since claim {}: commit {}, tree {} then; commit {}, tree {} now",
                claim_record.id.short(),
                claim_record.block.subject.commit.short(),
                claim_record.block.subject.tree.short(),
                subject.commit.short(),
                subject.tree.short()
            ),
            "the subject that was claimed and passed".into(),
        ),
        Known::Is(_) => {}
        Known::Unknown(why) => {
            reasons.push(Reason::new(
                Class::Unknown,
                format!("the subject could not be read: {why}"),
                "the subject",
                "",
            ));
        }
    }
    if !bench.graph.is_before(&claim_record.id, &pass.id) {
        reasons.push(Reason::new(
            Class::Stale,
            format!("PASS {} does not come after claim {}, which it names", pass.id.short(), claim_record.id.short()),
            "a PASS by whoever had the claim",
            format!("countersign adversary brief {}", gate.id),
        ));
    }
    evidence_holds(bench, gate, (claim_record, claim), (pass, verdict), reasons);
    if let (Some(claimed), Some(passed)) = (&claim_record.block.target, &pass.block.target)
        && !claimed.is_same_engine(passed)
    {
        reasons.push(Reason::new(
            Class::Stale,
            format!("gate {} was claimed on engine {} and passed on {}", gate.id, claimed.engine, passed.engine),
            "one engine",
            format!("countersign builder claim {}", gate.id),
        ));
    }
    let apart = separation::between(&claim_record.block.from, &pass.block.from);
    if apart < bench.inputs.contract.separation {
        reasons.push(Reason::new(
            Class::Role,
            format!("claim and PASS of gate {} stand apart by `{}`", gate.id, apart.label()),
            format!("`{}`, as the contract asks", bench.inputs.contract.separation.label()),
            format!("countersign adversary pass {}", gate.id),
        ));
    }
}

#[cfg(test)]
mod tests;
