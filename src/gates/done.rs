//! DONE: computed, never typed.

use std::collections::BTreeMap;

use super::evaluate::{PhaseReport, ledger_reasons, pin_reasons};
use super::objections;
use super::progress::State;
use super::reason::{Class, Reason};
use super::standing::Standing;
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
    let passes = passes(report, &steps.values().copied().collect::<Vec<_>>(), &mut reasons);
    for finding in report.findings.iter().filter(|finding| finding.state == FindingAct::Opened) {
        reasons.push(Reason::new(
            Class::Closed,
            format!("finding {} is open: {}", finding.name, finding.text),
            "every finding closed, or deferred with an owner",
            format!("countersign adversary finding close {} --reason …", finding.name),
        ));
    }
    for veto in &report.vetoes {
        let found = format!("veto {} stands: {}", veto.id.short(), veto.reason);
        reasons.push(Reason::new(Class::Closed, found, "no veto", "countersign adversary veto lift ID12 --reason …"));
    }
    for record in &report.counted {
        if matches!(record.block.body, Body::BreakGlass(_)) && !objections::accepts(&report.counted, &record.id) {
            reasons.push(Reason::new(
                Class::Closed,
                format!("break-glass {} of {} is not accepted", record.id.short(), record.block.at),
                "the Adversary's acceptance",
                format!("countersign adversary waive --accepts {} --reason … --for 30d", record.id.short()),
            ));
        }
    }
    let last = report.gates.last().and_then(|gate| gate.pass).and_then(|id| report.graph.get(&id));
    reasons.extend(pin_reasons(report, last));
    reasons.extend(ledger_reasons(report));
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let deferred = |finding: &super::objections::FindingState| {
        (finding.state == FindingAct::Deferred)
            .then(|| (finding.name.clone(), finding.owner.clone().unwrap_or_else(|| "nobody".into())))
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
        let class = match state {
            State::InDoubt => Class::InDoubt,
            State::Stuck => Class::Stuck,
            _ => Class::Closed,
        };
        return Err(Reason::new(class, format!("step `{}` is {}", step.id, state.label()), "an outcome `done`", next));
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

fn pass_of(report: &PhaseReport<'_>, step: &Step, pass: &Record, intent: &Record) -> bool {
    let Body::Verdict(verdict) = &pass.block.body else { return false };
    let max_age = report.inputs.contract.gate(&step.gate).map(|gate| gate.max_age);
    let young = match intent.block.at.since(pass.block.at) {
        Some(age) => max_age.is_some_and(|max| age <= max),
        None => true,
    };
    verdict.gate == step.gate && verdict.ruling == Ruling::Pass && report.graph.is_before(&pass.id, &intent.id) && young
}

/// A PASS of every gate with no FAIL after it; the last gate's fresh now and after the last outcome.
fn passes(report: &PhaseReport<'_>, outcomes: &[RecordId], reasons: &mut Vec<Reason>) -> BTreeMap<GateId, RecordId> {
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
