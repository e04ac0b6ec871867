//! DONE: computed, never typed.

use std::collections::BTreeMap;

use super::evaluate::{PhaseReport, ledger_reasons, pin_reasons};
use super::objections;
use super::progress::State;
use super::reason::{Class, Reason};
use super::standing::{Bench, Standing, newest_claims, standing_fails};
use crate::model::contract::Step;
use crate::model::ids::{GateId, RecordId};
use crate::model::record::{Body, Done, FindingAct, Record, Ruling};

/// Whether the phase is done, and what DONE rests on.
///
/// # Errors
///
/// Every reason why it is not; never an empty list.
pub fn done(report: &PhaseReport<'_>) -> Result<Done, Vec<Reason>> {
    let mut reasons = report.general.clone();
    let mut steps = BTreeMap::new();
    for step in &report.inputs.contract.steps {
        match step_counts(report, step) {
            Ok(id) => {
                steps.insert(step.id.clone(), id);
            }
            Err(reason) => reasons.push(reason),
        }
    }
    for (id, progress) in &report.steps {
        let class = match progress.state {
            State::InDoubt => Class::InDoubt,
            State::Stuck => Class::Stuck,
            _ => continue,
        };
        // A waiver says that a step need not be done, not that nobody need know how it ended.
        let found = format!("step `{id}` is {}", progress.state.label());
        reasons.push(Reason::new(class, found, "an outcome", "countersign builder resume"));
    }
    let passes = passes(report, &mut reasons);
    for finding in report.findings.iter().filter(|finding| finding.state == FindingAct::Opened) {
        reasons.push(finding.reason("every finding closed, or deferred with an owner"));
    }
    for veto in &report.vetoes {
        let found = format!("veto {} stands: {}", veto.id.short(), veto.reason);
        reasons.push(Reason::new(Class::Closed, found, "no veto", "countersign adversary veto lift ID12 --reason …"));
    }
    for glass in objections::glasses(&report.counted).iter().filter(|glass| !glass.accepted) {
        reasons.push(Reason::new(
            Class::Closed,
            format!("break-glass {} for step `{}` is not accepted", glass.id.short(), glass.step),
            "the Adversary's acceptance",
            format!("countersign adversary waive --accepts {} --reason … --for 30d", glass.id.short()),
        ));
    }
    let last = report.gates.last().and_then(|gate| gate.pass).and_then(|id| report.graph.get(&id));
    reasons.extend(pin_reasons(report, last));
    reasons.extend(ledger_reasons(report));
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let deferred = |finding: &super::objections::FindingState| {
        (finding.state == FindingAct::Deferred)
            .then(|| (finding.label(), finding.owner.clone().unwrap_or_else(|| "nobody".into())))
    };
    Ok(Done { passes, steps, deferred: report.findings.iter().filter_map(deferred).collect() })
}

/// The outcome (or waiver) by which a step counts as done.
fn step_counts(report: &PhaseReport<'_>, step: &Step) -> Result<RecordId, Reason> {
    if let Some(waiver) = objections::waives_step(&report.counted, &step.id, report.inputs.now) {
        return Ok(waiver.id);
    }
    let state = report.state_of(&step.id);
    let next = format!("countersign builder run {}", step.id);
    let progress = report.steps.get(&step.id);
    let (Some((outcome, _)), State::Done) = (progress.and_then(|p| p.outcome), state) else {
        let found = format!("step `{}` is {}", step.id, state.label());
        return Err(Reason::new(Class::Closed, found, "an outcome `done`", next));
    };
    if begun_properly(report, step) {
        return Ok(outcome.id);
    }
    Err(Reason::new(
        Class::Closed,
        format!("step `{}` was not begun under a PASS of {} fresh then", step.id, step.gate),
        "a step begun under a fresh PASS, or the Adversary's waiver of it",
        format!("countersign adversary waive --step {} --reason … --for 30d", step.id),
    ))
}

fn begun_properly(report: &PhaseReport<'_>, step: &Step) -> bool {
    let begun_before = |record: &Record| {
        report
            .counted
            .iter()
            .any(|other| matches!(other.block.body, Body::Intent(_)) && report.graph.is_before(&other.id, &record.id))
    };
    report.counted.iter().any(|record| {
        let Body::Intent(intent) = &record.block.body else { return false };
        if intent.step != step.id {
            return false;
        }
        if let Some(pass) = intent.permit.and_then(|id| report.counted.iter().find(|record| record.id == id)) {
            return pass_of(report, step, pass, record);
        }
        let glass = intent.break_glass.and_then(|id| report.counted.iter().find(|record| record.id == id));
        glass.is_some_and(|glass| matches!(&glass.block.body, Body::BreakGlass(g) if g.step == step.id))
            || (step.restores && begun_before(record))
    })
}

/// Whether a PASS was fresh when the intent was written: by the records that the intent came after, and their links.
fn pass_of(report: &PhaseReport<'_>, step: &Step, pass: &Record, record: &Record) -> bool {
    let (Body::Verdict(verdict), Body::Intent(intent)) = (&pass.block.body, &record.block.body) else { return false };
    let known: Vec<&Record> =
        report.counted.iter().filter(|other| report.graph.is_before(&other.id, &record.id)).copied().collect();
    let counts = known.iter().map(|record| record.id).collect();
    let (graph, inputs) = (&report.graph, report.inputs);
    let then = Bench { inputs, graph, counted: &known, counts: &counts, vetoes: &[], findings: &[] };
    let claimed = newest_claims(&then, &step.gate);
    let [(claim, body)] = claimed.as_slice() else { return false };
    let max_age = report.inputs.contract.gate(&step.gate).map(|gate| gate.max_age);
    let young = match record.block.at.since(pass.block.at) {
        Some(age) => max_age.is_some_and(|max| age <= max),
        None => true,
    };
    report.graph.is_before(&pass.id, &record.id)
        && verdict.gate == step.gate
        && verdict.ruling == Ruling::Pass
        && verdict.claim == claim.id
        && body.plan == intent.plan
        && young
        && standing_fails(&then, &step.gate, &claim.id).is_empty()
        && objections::vetoes(&report.graph, &known).is_empty()
        && !objections::findings(&report.graph, &known).iter().any(|finding| finding.closes(&step.gate))
}

/// A PASS of every gate with no FAIL after it; the last gate's fresh now and after the last outcome.
fn passes(report: &PhaseReport<'_>, reasons: &mut Vec<Reason>) -> BTreeMap<GateId, RecordId> {
    let outcomes: Vec<RecordId> =
        report.steps.values().filter_map(|p| p.outcome).map(|(record, _)| record.id).collect();
    let mut passes = BTreeMap::new();
    for (at, gate) in report.gates.iter().enumerate() {
        let last = at + 1 == report.gates.len();
        if last && gate.standing != Standing::Open {
            reasons.extend(gate.reasons.iter().cloned());
            continue;
        }
        let Some(pass) = gate.pass else {
            reasons.extend(gate.reasons.iter().cloned());
            continue;
        };
        if last && let Some(outcome) = outcomes.iter().find(|outcome| !report.graph.is_before(outcome, &pass)) {
            reasons.push(Reason::new(
                Class::Stale,
                format!("PASS {} of gate {} did not see outcome {}", pass.short(), gate.gate, outcome.short()),
                "a PASS of the last gate after the last outcome",
                format!("countersign builder claim {}", gate.gate),
            ));
            continue;
        }
        passes.insert(gate.gate.clone(), pass);
    }
    passes
}

#[cfg(test)]
mod tests;
