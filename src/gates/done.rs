//! DONE: computed, never typed. One rule says whether the phase is done now, and whether a signed DONE counts where it stands: by
//! the records that it comes after, at its time, on its subject.

use std::collections::BTreeMap;

use super::break_glass;
use super::earlier;
use super::evaluate::{Clocks, PhaseReport, judge_all, ledger_reasons, pin_reasons};
use super::graph::Graph;
use super::inputs::{Host, Inputs, Known};
use super::moment::reached;
use super::objections::{self, FindingState};
use super::permit::spent_in;
use super::progress::State;
use super::reason::{Class, Reason};
use super::standing::{self, Bench, GateReport, Standing};
use crate::model::contract::Step;
use crate::model::ids::{GateId, RecordId, StepId};
use crate::model::record::{Act, Body, Claim, Done, Ending, FindingAct, Intent, Record, Ruling};
use crate::model::role::Role;

/// Whether the phase is done, and what DONE rests on.
///
/// # Errors
///
/// Every reason why it is not; never an empty list.
pub fn done(report: &PhaseReport<'_>) -> Result<Done, Vec<Reason>> {
    let (settled, mut reasons) = match settled(report) {
        Ok(settled) => (Some(settled), Vec::new()),
        Err(reasons) => (None, reasons),
    };
    let last = report.gates.last().and_then(|gate| gate.pass).and_then(|id| report.graph.get(&id));
    reasons.extend(pin_reasons(report, last));
    reasons.extend(ledger_reasons(report));
    reasons.extend(door_reasons(report));
    settled.filter(|_| reasons.is_empty()).ok_or(reasons)
}

/// The openings of the door past this host's interlock that the Adversary has not accepted.
pub fn door_reasons(report: &PhaseReport<'_>) -> Vec<Reason> {
    let doors = match &report.inputs.host.doors {
        Known::Is(doors) => doors,
        Known::Unknown(why) => {
            let found = format!("whether the door past the interlock was open could not be read: {why}");
            return vec![Reason::new(Class::Unknown, found, "its marks", "countersign doctor")];
        }
    };
    let open = doors.iter().filter(|(id, _)| !objections::accepts(&report.counted, id));
    let reason = |(id, reason): &(RecordId, String)| {
        Reason::new(
            Class::Closed,
            format!("the door past the interlock was open ({}): {reason}", id.short()),
            "the Adversary's acceptance",
            format!("countersign adversary waive --accepts {} --reason … --for 30d", id.short()),
        )
    };
    open.map(reason).collect()
}

/// Whether a signed DONE counts: the phase was done by what it came after, and it names that. A key alone is no DONE.
///
/// # Errors
///
/// Why not.
pub(super) fn counts_where_it_stands(
    inputs: &Inputs<'_>,
    graph: &Graph<'_>,
    record: &Record,
    done: &Done,
) -> Result<(), String> {
    let before = |other: &&std::sync::Arc<Record>| graph.is_before(&other.id, &record.id);
    let records: Vec<_> = inputs.records.iter().filter(before).cloned().collect();
    let (host, subject) = (Host::unknown("it was another time"), Known::Is(record.block.subject.clone()));
    let then =
        Inputs { records: &records, defects: 0, host: &host, subject: &subject, now: record.block.at, ..*inputs };
    // Where an engine was asked, its clock was, and decided.
    let clocks = if record.block.target.is_some() { Clocks::Proven } else { Clocks::Asked };
    let report = judge_all(then, clocks);
    let all = |reasons: Vec<Reason>| reasons.into_iter().map(|reason| reason.found).collect::<Vec<_>>().join("; ");
    settled(&report).map_err(|reasons| format!("the phase was not done where it stands: {}", all(reasons)))?;
    if rests(&report, done) { Ok(()) } else { Err("it names no PASS of every gate and no end of every step".into()) }
}

/// Whether a DONE names a PASS of every gate and the end of every step, of those that it came after.
fn rests(report: &PhaseReport<'_>, done: &Done) -> bool {
    let body = |id: &RecordId| report.counted.iter().find(|record| record.id == *id).map(|record| &record.block.body);
    let contract = report.inputs.contract;
    let passed = contract.gates.iter().all(|gate| {
        let pass = done.passes.get(&gate.id).and_then(body);
        matches!(pass, Some(Body::Verdict(verdict)) if verdict.gate == gate.id && verdict.ruling == Ruling::Pass)
    });
    let ended = |step: &Step| match done.steps.get(&step.id).and_then(body) {
        Some(Body::Outcome(outcome)) => outcome.step == step.id && outcome.ending == Ending::Done,
        Some(Body::Waiver(waiver)) => waiver.step.as_ref() == Some(&step.id),
        _ => false,
    };
    passed && contract.steps.iter().all(ended)
}

/// What came up against a DONE after it was signed: a veto, a FAIL, an open finding, a step that was begun again. Empty where there
/// is no DONE.
pub fn against_done(report: &PhaseReport<'_>) -> Vec<Reason> {
    let Some(done) = report.done else { return Vec::new() };
    let mut reasons = objected(report);
    let failed = report.gates.iter().filter(|gate| gate.standing == Standing::Failed);
    reasons.extend(failed.filter_map(|gate| gate.reasons.last().cloned()));
    for (id, progress) in &report.steps {
        let later = progress.intent.is_some_and(|(intent, _)| !report.graph.is_before(&intent.id, &done.id));
        if later && !matches!(progress.state, State::Done | State::InDoubt | State::Stuck) {
            let found = format!("step `{id}` is {} since", progress.state.label());
            reasons.push(Reason::new(Class::Closed, found, "a step that is done", "countersign builder resume"));
        }
    }
    reasons
}

/// What stands against DONE whatever the gates say.
fn objected(report: &PhaseReport<'_>) -> Vec<Reason> {
    let mut reasons = Vec::new();
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
    for finding in report.findings.iter().filter(|finding| finding.state == FindingAct::Opened) {
        reasons.push(finding.reason("every finding closed, or deferred with an owner"));
    }
    for veto in &report.vetoes {
        let found = format!("veto {} stands: {}", veto.id.short(), veto.reason);
        let next = format!("countersign adversary veto lift {} --reason …", veto.id.short());
        reasons.push(Reason::new(Class::Closed, found, "no veto", next));
    }
    for glass in objections::glasses(&report.counted).iter().filter(|glass| !glass.accepted) {
        reasons.push(Reason::new(
            Class::Closed,
            format!("break-glass {} for step `{}` is not accepted", glass.id.short(), glass.step),
            "the Adversary's acceptance",
            format!("countersign adversary waive --accepts {} --reason … --for 30d", glass.id.short()),
        ));
    }
    reasons
}

/// The conditions of DONE by what a report knows, whatever this host trusts and remembers.
fn settled(report: &PhaseReport<'_>) -> Result<Done, Vec<Reason>> {
    let mut reasons = report.general.clone();
    let mut steps = BTreeMap::new();
    for step in &report.inputs.contract.steps {
        match ended(report, step) {
            Ok(end) => {
                steps.insert(step.id.clone(), end);
            }
            Err(reason) => reasons.push(reason),
        }
    }
    reasons.extend(objected(report));
    let passes = passes(report, &steps, &mut reasons);
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let deferred = |finding: &FindingState| {
        (finding.state == FindingAct::Deferred)
            .then(|| (finding.label(), finding.owner.clone().unwrap_or_else(|| "nobody".into())))
    };
    let steps = steps.into_iter().map(|(step, end)| (step, end.by)).collect();
    Ok(Done { passes, steps, deferred: report.findings.iter().filter_map(deferred).collect() })
}

/// How a step ended.
#[derive(Clone, Copy)]
struct End {
    /// The outcome or waiver by which it counts.
    by: RecordId,
    /// Whether it was begun under a PASS.
    under_pass: bool,
}

fn ended(report: &PhaseReport<'_>, step: &Step) -> Result<End, Reason> {
    if let Some(waiver) = objections::waives_step(&report.graph, &report.counted, &step.id, report.inputs.now) {
        return Ok(End { by: waiver.id, under_pass: false });
    }
    let state = report.state_of(&step.id);
    let next = format!("countersign builder run {}", step.id);
    let progress = report.steps.get(&step.id);
    let (Some((outcome, _)), State::Done) = (progress.and_then(|p| p.outcome), state) else {
        let found = format!("step `{}` is {}", step.id, state.label());
        return Err(Reason::new(Class::Closed, found, "an outcome `done`", next));
    };
    if let Some(under_pass) = begun(report, step, outcome) {
        return Ok(End { by: outcome.id, under_pass });
    }
    Err(Reason::new(
        Class::Closed,
        format!("step `{}` was not begun under a PASS of {} fresh then", step.id, step.gate),
        "a step begun under a fresh PASS, or the Adversary's waiver of it",
        format!("countersign adversary waive --step {} --reason … --for 30d", step.id),
    ))
}

/// Whether a step was begun under a PASS, by the newest run before its outcome; none where that was not begun as it should be.
fn begun(report: &PhaseReport<'_>, step: &Step, outcome: &Record) -> Option<bool> {
    let mut runs: Vec<(&Record, &Intent)> = Vec::new();
    for record in &report.counted {
        if let Body::Intent(intent) = &record.block.body
            && intent.step == step.id
            && intent.act == Act::Run
            && report.graph.is_before(&record.id, &outcome.id)
        {
            runs.push((record, intent));
        }
    }
    let newest = |(record, _): &&(&Record, &Intent)| {
        !runs.iter().any(|(other, _)| report.graph.is_before(&record.id, &other.id))
    };
    let begun = runs.iter().filter(newest).map(|(record, intent)| properly(report, step, record, intent));
    begun.reduce(|one, other| Some(one? && other?)).flatten()
}

/// Whether an intent rests on a PASS; none where it rests on nothing that counted then.
fn properly(report: &PhaseReport<'_>, step: &Step, record: &Record, intent: &Intent) -> Option<bool> {
    let known: Vec<&Record> =
        report.counted.iter().filter(|other| report.graph.is_before(&other.id, &record.id)).copied().collect();
    let by = |id: RecordId| known.iter().find(|other| other.id == id).copied();
    let unspent = |id: &RecordId| !spent_in(&report.graph, &known, id, &step.id);
    if let Some(pass) = intent.permit {
        let pass = by(pass)?;
        return (unspent(&pass.id) && pass_stood(report, step, pass, (record, intent), &known)).then_some(true);
    }
    if let Some(glass) = intent.break_glass.and_then(by) {
        let Body::BreakGlass(body) = &glass.block.body else { return None };
        let tree = &record.block.subject.tree;
        let at = reached(&report.graph, &known, &glass.id, record.block.at);
        let fits = break_glass::fits(report.inputs.contract, tree, step, (glass, body), at);
        return (fits && unspent(&glass.id) && objections::vetoes(&report.graph, &known).is_empty()).then_some(false);
    }
    let after_another = || known.iter().any(|other| matches!(other.block.body, Body::Intent(_)));
    (step.restores && after_another()).then_some(false)
}

/// Whether a PASS was fresh when the intent was written: by the records that the intent came after, and their links.
fn pass_stood(
    report: &PhaseReport<'_>,
    step: &Step,
    pass: &Record,
    (record, intent): (&Record, &Intent),
    known: &[&Record],
) -> bool {
    let graph = &report.graph;
    let counts = known.iter().map(|record| record.id).collect();
    let (vetoes, findings) = (objections::vetoes(graph, known), objections::findings(graph, known));
    let subject = Known::Is(record.block.subject.clone());
    let inputs = Inputs { subject: &subject, now: record.block.at, ..report.inputs };
    let unchecked = graph.records().filter(|other| !other.checked && graph.is_before(&other.id, &record.id));
    let told: Vec<&Record> = known.iter().copied().chain(unchecked).collect();
    let then =
        Bench { inputs, graph, counted: known, told: &told, counts: &counts, vetoes: &vetoes, findings: &findings };
    let claimed = standing::newest_claims(&then, &step.gate);
    let (Body::Verdict(verdict), [(claim, body)]) = (&pass.block.body, claimed.as_slice()) else { return false };
    // Where the intent names an engine, the step acted on what was claimed and passed there.
    let on_it = |said: &Record| match (&said.block.target, &record.block.target) {
        (Some(said), Some(acted)) => said.is_same_engine(acted),
        (None, None) => true,
        _ => false,
    };
    if verdict.claim != claim.id || body.plan != intent.plan || !on_it(claim) || !on_it(pass) {
        return false;
    }
    let Some(gate) = inputs.contract.gate(&step.gate) else { return false };
    if body.contract != inputs.contract.digest {
        return amended_since(known, body) && standing::stood(&then, gate, (claim, body), (pass, verdict));
    }
    let open = |gate| standing::judge(&then, gate).standing == Standing::Open;
    standing::is_fresh(&then, gate, (claim, body), (pass, verdict))
        && open(gate)
        && earlier::alone_before(inputs.contract, (graph, known), inputs.now, &step.gate).all(open)
}

/// Whether a claim was made under a contract that both had adopted then. Its text is not here any more: what its criteria were is
/// not looked at again.
fn amended_since(known: &[&Record], claim: &Claim) -> bool {
    let by = |role: Role| {
        known.iter().any(|record| {
            let digest = |body: &Body| matches!(body, Body::Contract(adoption) if adoption.digest == claim.contract);
            record.block.document.role() == role && digest(&record.block.body)
        })
    };
    by(Role::Builder) && by(Role::Adversary)
}

/// Whether a gate must be fresh still: for a step that is left, or for DONE.
pub fn asks_for_a_fresh_pass(report: &PhaseReport<'_>, gate: &GateReport) -> bool {
    let (contract, now) = (report.inputs.contract, report.inputs.now);
    let guards = |step: &&Step| {
        let alone = || {
            earlier::alone_before(contract, (&report.graph, &report.counted), now, &step.gate)
                .any(|g| g.id == gate.gate)
        };
        step.gate == gate.gate || alone()
    };
    let left = |step: &Step| !step.restores && ended(report, step).is_err();
    let ends = contract.steps.iter().filter_map(|step| Some((step.id.clone(), ended(report, step).ok()?))).collect();
    contract.steps.iter().filter(guards).any(left) || !is_used(report, &gate.gate, &ends)
}

/// Whether the PASS of a gate was judged already, when a step was begun under it: one of its own, or one of a later gate where it
/// has none.
fn is_used(report: &PhaseReport<'_>, gate: &GateId, ends: &BTreeMap<StepId, End>) -> bool {
    let contract = report.inputs.contract;
    let alone = |step: &Step| {
        let known = (&report.graph, report.counted.as_slice());
        let mut alone = earlier::alone_before(contract, known, report.inputs.now, &step.gate);
        alone.any(|other| other.id == *gate)
    };
    let under_pass = |step: &&Step| ends.get(&step.id).is_some_and(|end| end.under_pass);
    contract.steps.iter().filter(under_pass).any(|step| step.gate == *gate || alone(step))
}

/// A PASS of every gate with no FAIL after it: fresh now where no step was begun under it, and that of the last gate in any case,
/// and after the last outcome.
fn passes(
    report: &PhaseReport<'_>,
    ends: &BTreeMap<StepId, End>,
    reasons: &mut Vec<Reason>,
) -> BTreeMap<GateId, RecordId> {
    let outcomes: Vec<RecordId> =
        report.steps.values().filter_map(|p| p.outcome).map(|(record, _)| record.id).collect();
    let mut passes = BTreeMap::new();
    for (at, gate) in report.gates.iter().enumerate() {
        let last = at + 1 == report.gates.len();
        let must_be_open = last || !is_used(report, &gate.gate, ends);
        let pass = gate.pass.filter(|_| !must_be_open || gate.standing == Standing::Open);
        let Some(pass) = pass else {
            let new: Vec<Reason> = gate.reasons.iter().filter(|reason| !reasons.contains(reason)).cloned().collect();
            reasons.extend(new);
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
mod amended;
#[cfg(test)]
mod begun;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod tests;
