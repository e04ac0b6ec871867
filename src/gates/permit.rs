//! The permit: proof, inside this process, that a gate is open for one step until a moment.

use std::collections::BTreeMap;

use super::break_glass;
use super::earlier;
use super::evaluate::{PhaseReport, ledger_reasons, pin_reasons};
use super::graph::Graph;
use super::inputs::Known;
use super::objections;
use super::progress::State;
use super::reason::{Class, Reason};
use super::standing::{GateReport, Standing};
use crate::model::claim::plan_digest;
use crate::model::contract::{Contract, Step};
use crate::model::digest::Digest;
use crate::model::ids::{CriterionId, RecordId, StepId};
use crate::model::observation::{Observation, Outcome};
use crate::model::record::{Body, Ending, Record};
use crate::model::time::Time;

/// Proof that one step may be run now. Only an evaluation that opened its gate makes one.
#[derive(Debug)]
#[must_use = "a permit that is not used permits nothing"]
pub struct Permit {
    step: StepId,
    basis: Basis,
    plan: Digest,
    strategy: Option<String>,
    until: Time,
}

/// What a permit rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A fresh PASS.
    Pass(RecordId),
    /// An operator's break-glass.
    BreakGlass(RecordId),
    /// The step brings things back, or it was begun: recovery is never refused.
    Recovery,
}

impl Permit {
    /// The step it permits.
    pub fn step(&self) -> &StepId {
        &self.step
    }

    /// What it rests on.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Digest of the plan that may be run.
    pub fn plan(&self) -> Digest {
        self.plan
    }

    /// The strategy that was claimed, where the step has one.
    pub fn strategy(&self) -> Option<&str> {
        self.strategy.as_deref()
    }

    /// From this moment on the step may not begin.
    pub fn until(&self) -> Time {
        self.until
    }

    /// A permit for recovery: going on with or undoing a step that has an intent, or a step that brings things back once a
    /// step of this run has one. It asks for no PASS, window, remote or valid documents.
    ///
    /// # Errors
    ///
    /// The step has no intent and does not restore.
    pub fn for_recovery(
        contract: &Contract,
        step: &Step,
        begun: &[StepId],
        strategy: Option<String>,
        now: Time,
    ) -> Result<Self, Reason> {
        let allowed = begun.contains(&step.id) || (step.restores && !begun.is_empty());
        if !allowed {
            return Err(Reason::new(
                Class::Closed,
                format!("step `{}` was never begun", step.id),
                "a step with an intent, or one marked `restores` after another was begun",
                format!("countersign builder run {}", step.id),
            ));
        }
        let chosen = strategy.iter().map(|strategy| (step.id.clone(), strategy.clone())).collect();
        let plan = plan_digest(contract, &chosen);
        let until = now.plus(step.timeout);
        Ok(Self { step: step.id.clone(), basis: Basis::Recovery, plan, strategy, until })
    }
}

/// Decides whether one step may be run now.
///
/// `live` are fresh observations of the step's `live` criteria and, until a step ended the quiet, of the window's.
///
/// # Errors
///
/// Every reason against it; never an empty list.
pub fn permit(report: &PhaseReport<'_>, step: &Step, live: &[Observation]) -> Result<Permit, Vec<Reason>> {
    let mut reasons = report.general.clone();
    order(report, step, &mut reasons);
    reasons.extend(ledger_reasons(report));
    let begun: Vec<StepId> = report.steps.keys().cloned().collect();
    if step.restores && !begun.is_empty() && reasons.is_empty() {
        return Permit::for_recovery(report.inputs.contract, step, &begun, None, report.inputs.now)
            .map_err(|r| vec![r]);
    }
    window(report, step, &mut reasons);
    quiet(report, live, &mut reasons);
    let glass = break_glass::standing(report, step);
    let (basis, until) = match (by_pass(report, step, live), glass) {
        (Ok(by_pass), _) => by_pass,
        (Err(_), Some((record, glass))) => {
            reasons.extend(break_glass::against(report));
            for id in &step.live {
                held(id, live, &mut reasons);
            }
            (Basis::BreakGlass(record.id), glass.until)
        }
        (Err(against), None) => {
            let new: Vec<Reason> = against.into_iter().filter(|reason| !reasons.contains(reason)).collect();
            reasons.extend(new);
            return Err(reasons);
        }
    };
    if reasons.is_empty() { Ok(granted(report, step, basis, until)) } else { Err(reasons) }
}

/// The PASS by which a step may be run, and how long that is fresh.
fn by_pass(report: &PhaseReport<'_>, step: &Step, live: &[Observation]) -> Result<(Basis, Time), Vec<Reason>> {
    let closed = || {
        let found = format!("gate {} is not open", step.gate);
        vec![Reason::new(Class::Closed, found, "a fresh PASS", "countersign status")]
    };
    let gate = report.gates.iter().find(|gate| gate.gate == step.gate).ok_or_else(closed)?;
    let pass = gate.pass.and_then(|id| report.graph.get(&id));
    let mut reasons = pin_reasons(report, pass);
    // A PASS by a trusted key under a contract that another key adopted would trust that other key's choice of steps.
    reasons.extend(pin_reasons(report, pass.and(report.adoption())));
    if let Known::Is(here) = &report.inputs.host.target {
        let said = [("claimed", gate.claim), ("passed", gate.pass)];
        let elsewhere = said.into_iter().find_map(|(word, id)| {
            let on = match &report.graph.get(&id?)?.block.target {
                Some(on) if on.is_same_engine(here) => return None,
                Some(on) => format!("on engine {}", on.engine),
                None => "where no engine answered".to_owned(),
            };
            Some(format!("gate {} was {word} {on}, and this is {}", gate.gate, here.engine))
        });
        reasons.extend(elsewhere.map(|found| {
            let next = format!("countersign builder claim {}, where this engine answers", gate.gate);
            Reason::new(Class::Stale, found, "the engine that was claimed and passed", next)
        }));
    }
    let (contract, now) = (report.inputs.contract, report.inputs.now);
    let known = (&report.graph, report.counted.as_slice());
    let earlier: Vec<_> = earlier::alone_before(contract, known, now, &step.gate).collect();
    let guards = |other: &&GateReport| other.gate == step.gate || earlier.iter().any(|alone| alone.id == other.gate);
    let guards: Vec<&GateReport> = report.gates.iter().filter(guards).collect();
    for shut in guards.iter().filter(|gate| gate.standing != Standing::Open) {
        reasons.extend(shut.reasons.iter().cloned());
    }
    if !reasons.is_empty() && guards.iter().any(|gate| gate.standing != Standing::Open) {
        return Err(reasons);
    }
    let until = guards.iter().filter_map(|gate| gate.until).min();
    let (Some(pass), Some(until)) = (pass, until) else { return Err(closed()) };
    spent(report, step, pass, &mut reasons);
    live_holds(report, step, pass, live, &mut reasons);
    if reasons.is_empty() { Ok((Basis::Pass(pass.id), until)) } else { Err(reasons) }
}

/// Whether what a permit rests on still stands, asked again inside a step: a veto, a FAIL, an open blocking finding, a PASS that is
/// gone. Age, window and criteria are not asked: they stop the next step, not this one.
///
/// # Errors
///
/// What came up.
pub fn still_stands(report: &PhaseReport<'_>, step: &Step, basis: Basis) -> Result<(), Reason> {
    let objection = |found: String| {
        Err(Reason::new(Class::Closed, found, format!("no objection to step `{}`", step.id), "countersign status"))
    };
    if let Some(reason) = report.general.iter().find(|reason| reason.class == Class::Invalid) {
        return Err(reason.clone());
    }
    if let Some(veto) = report.vetoes.first() {
        return objection(format!("veto {} came up: {}", veto.id.short(), veto.reason));
    }
    let Basis::Pass(pass) = basis else { return Ok(()) };
    if let Some(finding) = report.findings.iter().find(|finding| finding.closes(&step.gate)) {
        return objection(format!("finding {} was opened: {}", finding.label(), finding.text));
    }
    let gate = report.gates.iter().find(|gate| gate.gate == step.gate);
    match gate {
        Some(gate) if gate.standing == Standing::Failed => objection(format!("gate {} got a FAIL", gate.gate)),
        Some(gate) if gate.pass == Some(pass) => Ok(()),
        _ => objection(format!("PASS {} is not the one that stands any more", pass.short())),
    }
}

fn granted(report: &PhaseReport<'_>, step: &Step, basis: Basis, until: Time) -> Permit {
    let strategies = claimed_strategies(report, step);
    let window = report.inputs.host.window.value().copied().flatten();
    Permit {
        step: step.id.clone(),
        basis,
        plan: plan_digest(report.inputs.contract, &strategies),
        strategy: strategies.get(&step.id).cloned(),
        until: window.map_or(until, |window| window.min(until)),
    }
}

fn claimed_strategies(report: &PhaseReport<'_>, step: &Step) -> BTreeMap<StepId, String> {
    let claim = report.gates.iter().find(|gate| gate.gate == step.gate).and_then(|gate| gate.claim);
    match claim.and_then(|id| report.graph.get(&id)).map(|record| &record.block.body) {
        Some(Body::Claim(claim)) => claim.strategy.clone(),
        _ => BTreeMap::new(),
    }
}

fn order(report: &PhaseReport<'_>, step: &Step, reasons: &mut Vec<Reason>) {
    for (id, progress) in &report.steps {
        let (class, word) = match progress.state {
            State::InDoubt => (Class::InDoubt, "in doubt"),
            State::Stuck => (Class::Stuck, "stuck"),
            _ => continue,
        };
        let found = format!("step `{id}` is {word}");
        reasons.push(Reason::new(class, found, "an outcome", "countersign builder resume"));
    }
    if report.state_of(&step.id) == State::Done {
        let found = format!("step `{}` is done", step.id);
        reasons.push(Reason::new(Class::Closed, found, "a step that is not", "countersign status"));
    }
    let before = report.inputs.contract.steps.iter().take_while(|other| other.id != step.id);
    for other in before {
        let waived = objections::waives_step(&report.graph, &report.counted, &other.id, report.inputs.now).is_some();
        if report.state_of(&other.id) != State::Done && !waived {
            reasons.push(Reason::new(
                Class::Closed,
                format!("step `{}` comes before `{}` and is {}", other.id, step.id, report.state_of(&other.id).label()),
                "every earlier step done or waived",
                format!("countersign builder run {}", other.id),
            ));
        }
    }
}

fn window(report: &PhaseReport<'_>, step: &Step, reasons: &mut Vec<Reason>) {
    let now = report.inputs.now;
    let next = "countersign builder window open --for 30m";
    match &report.inputs.host.window {
        Known::Is(Some(until)) if now < *until => {}
        Known::Is(Some(until)) => {
            let found = format!("the maintenance window ended at {until}");
            reasons.push(Reason::new(Class::Closed, found, format!("an open window for step `{}`", step.id), next));
        }
        Known::Is(None) => {
            let found = "no maintenance window is open on this host";
            reasons.push(Reason::new(Class::Closed, found, format!("an open window for step `{}`", step.id), next));
        }
        Known::Unknown(why) => {
            let found = format!("the window of this host could not be read: {why}");
            reasons.push(Reason::new(Class::Unknown, found, "an open window", "countersign doctor"));
        }
    }
}

/// A PASS permits a step once. What was unwound cleanly did not spend it: its `live` criteria are asked again in any case.
fn spent(report: &PhaseReport<'_>, step: &Step, pass: &Record, reasons: &mut Vec<Reason>) {
    match used(report, &pass.id, &step.id) {
        Ok(false) => {}
        Ok(true) => reasons.push(Reason::new(
            Class::Closed,
            format!("PASS {} was spent by step `{}`", pass.id.short(), step.id),
            "a PASS that this step has not used",
            format!("countersign builder claim {}", step.gate),
        )),
        Err(reason) => reasons.push(reason),
    }
}

/// Whether a PASS or break-glass was used for a step, by the documents or by the ledger, and the step was not unwound after.
///
/// # Errors
///
/// The ledger could not be read.
pub(super) fn used(report: &PhaseReport<'_>, by: &RecordId, step: &StepId) -> Result<bool, Reason> {
    let in_documents = spent_in(&report.graph, &report.counted, by, step);
    match &report.inputs.host.spent {
        Known::Is(spent) => Ok(in_documents || spent.contains(&(*by, step.clone()))),
        Known::Unknown(why) => {
            let found = format!("what was spent on this host could not be read: {why}");
            Err(Reason::new(Class::Unknown, found, "the ledger", "countersign doctor"))
        }
    }
}

/// The same by records alone.
pub(super) fn spent_in(graph: &Graph<'_>, records: &[&Record], by: &RecordId, step: &StepId) -> bool {
    let unwound_after = |id: &RecordId| {
        records.iter().any(|record| match &record.block.body {
            Body::Outcome(outcome) => {
                outcome.step == *step && outcome.ending == Ending::Unwound && graph.is_before(id, &record.id)
            }
            _ => false,
        })
    };
    records.iter().any(|record| match &record.block.body {
        Body::Intent(intent) => {
            intent.step == *step
                && (intent.permit == Some(*by) || intent.break_glass == Some(*by))
                && !unwound_after(&record.id)
        }
        _ => false,
    })
}

fn live_holds(report: &PhaseReport<'_>, step: &Step, pass: &Record, live: &[Observation], reasons: &mut Vec<Reason>) {
    let Body::Verdict(verdict) = &pass.block.body else { return };
    for id in &step.live {
        let recorded = verdict.evidence.get(id).and_then(|id| report.graph.get(id)).map(|record| &record.block.body);
        let seen = held(id, live, reasons);
        if let (Some(seen), Some(Body::Evidence(evidence))) = (seen, recorded)
            && seen.facts != evidence.facts
        {
            let changed = changed_facts(&evidence.facts, &seen.facts);
            reasons.push(Reason::new(
                Class::Stale,
                format!("criterion `{id}` is not what was passed: {changed}"),
                "the facts of the claim, right before the step",
                format!("countersign builder claim {}", step.gate),
            ));
        }
        if recorded.is_none() {
            let found = format!("the PASS has no evidence for `{id}`");
            reasons.push(Reason::new(Class::Stale, found, "evidence for every live criterion", "countersign status"));
        }
    }
}

/// The window's own criteria, until a step ended the quiet.
fn quiet(report: &PhaseReport<'_>, live: &[Observation], reasons: &mut Vec<Reason>) {
    let over = report.inputs.contract.steps.iter().any(|s| s.ends_quiet && report.state_of(&s.id) == State::Done);
    if !over {
        for criterion in &report.inputs.contract.window.requires {
            held(&criterion.id, live, reasons);
        }
    }
}

fn held<'o>(id: &CriterionId, live: &'o [Observation], reasons: &mut Vec<Reason>) -> Option<&'o Observation> {
    let next = format!("countersign probe {id}");
    let Some(seen) = live.iter().find(|seen| seen.criterion == *id) else {
        reasons.push(Reason::new(Class::Unknown, format!("criterion `{id}` was not looked at"), "a fresh look", next));
        return None;
    };
    match seen.outcome {
        Outcome::Held if !seen.facts.is_empty() => return Some(seen),
        Outcome::Failed => {
            reasons.push(Reason::new(Class::Failed, format!("criterion `{id}`: {}", seen.says), "that it holds", next));
        }
        _ => {
            reasons.push(Reason::new(Class::Unknown, format!("criterion `{id}`: {}", seen.says), "a look at it", next))
        }
    }
    None
}

/// The first fact that differs, with both values.
pub fn changed_facts(old: &crate::model::observation::Values, new: &crate::model::observation::Values) -> String {
    let show = |value: Option<&toml::Value>| value.map_or_else(|| "absent".to_owned(), ToString::to_string);
    let names = old.keys().chain(new.keys());
    let differs = names.into_iter().find(|name| old.get(*name) != new.get(*name));
    differs.map_or_else(
        || "no fact differs".to_owned(),
        |name| format!("{name} was {} and is {}", show(old.get(name)), show(new.get(name))),
    )
}

#[cfg(test)]
mod later;
#[cfg(test)]
mod tests;
