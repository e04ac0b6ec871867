//! The one evaluation: how the whole phase stands, from what was gathered. Pure and total.

use std::collections::{BTreeMap, HashSet};

use super::graph::Graph;
use super::inputs::{Inputs, Known};
use super::objections::{self, FindingState, StandingVeto};
use super::progress::{self, Progress, State};
use super::reason::{Class, Reason};
use super::standing::{self, Bench, GateReport};
use super::trust::{self, Adopted, Distrusted, Rivals};
use crate::model::contract::{Contract, Gate, Step};
use crate::model::digest::Digest;
use crate::model::ids::{RecordId, StepId};
use crate::model::record::{Body, Ending, Record, Ruling};
use crate::model::role::Role;
use crate::model::time::{Time, show_duration};

/// A clock this much behind the newest record, or off the engine's, refuses whatever opens something.
pub const CLOCK_TOLERANCE_SECONDS: u64 = 120;

/// How a phase stands.
pub struct PhaseReport<'a> {
    /// What it was evaluated from.
    pub inputs: Inputs<'a>,
    /// The records and their links.
    pub graph: Graph<'a>,
    /// The records that count, each after those it links to.
    pub counted: Vec<&'a Record>,
    /// Records with a valid signature that count for nothing, and why.
    pub distrusted: Vec<Distrusted>,
    /// The contract that both roles adopted.
    pub in_force: Option<Adopted>,
    /// Versions that one role adopted.
    pub pending: Vec<Adopted>,
    /// What keeps every gate closed, whatever its own standing.
    pub general: Vec<Reason>,
    /// Each gate, in the contract's order.
    pub gates: Vec<GateReport>,
    /// Vetoes that stand.
    pub vetoes: Vec<StandingVeto>,
    /// Every finding as it stands.
    pub findings: Vec<FindingState>,
    /// Each step that has an intent.
    pub steps: BTreeMap<StepId, Progress<'a>>,
    /// The DONE record, if there is one that counts.
    pub done: Option<&'a Record>,
}

impl PhaseReport<'_> {
    /// The evidence that the gates rest on: what the newest claims and the verdicts on them name.
    pub fn rests_on(&self) -> HashSet<RecordId> {
        let relied = self.gates.iter().flat_map(|gate| [gate.claim, gate.pass]).flatten();
        let named = relied.filter_map(|id| match &self.graph.get(&id)?.block.body {
            Body::Claim(claim) => Some(&claim.evidence),
            Body::Verdict(verdict) => Some(&verdict.evidence),
            _ => None,
        });
        named.flat_map(BTreeMap::values).copied().collect()
    }

    /// The Adversary's adoption of the contract in force: where there are several, one by a key that this host trusts.
    pub fn adoption(&self) -> Option<&Record> {
        let ids = self.in_force.as_ref()?.by.get(&Role::Adversary)?;
        let records = || ids.iter().filter_map(|id| self.graph.get(id));
        let pins = self.inputs.host.pins.value();
        records().find(|record| pins.is_some_and(|pins| pins.contains(&record.signer))).or(records().next())
    }

    /// Where a step stands.
    pub fn state_of(&self, step: &StepId) -> State {
        self.steps.get(step).map_or(State::NotBegun, |progress| progress.state)
    }
}

/// Evaluates.
pub fn evaluate(inputs: Inputs<'_>) -> PhaseReport<'_> {
    let graph = Graph::new(inputs.records);
    let trust = trust::establish(&graph, inputs.repository);
    let vetoes = objections::vetoes(&graph, &trust.counted);
    let findings = objections::findings(&graph, &trust.counted);
    let (steps, illegal) = progress::fold(trust.counted.iter().copied(), inputs.contract);
    let counts: HashSet<RecordId> = trust.counted.iter().map(|record| record.id).collect();
    let bench =
        Bench { inputs, graph: &graph, counted: &trust.counted, counts: &counts, vetoes: &vetoes, findings: &findings };
    let gates = inputs.contract.gates.iter().map(|gate| standing::judge(&bench, gate)).collect();
    let mut general = Vec::new();
    documents(&inputs, &graph, &mut general);
    contract(&inputs, trust.in_force.as_ref(), &trust.pending, &mut general);
    general.extend(trust.rivals.as_ref().map(rival));
    for (id, error) in illegal {
        let found = format!("record {} says {error}", id.short());
        general.push(Reason::new(Class::InDoubt, found, "intents and outcomes in turn", "countersign builder resume"));
    }
    if let Some(reason) = clock(trust.counted.iter().chain(&trust.unchecked), inputs.now) {
        general.push(reason);
    }
    general.extend(engine_clock(&inputs));
    let is_done = |record: &&&Record| rests(inputs.contract, &graph, &counts, record);
    let done = trust.counted.iter().rev().find(is_done).copied();
    PhaseReport {
        inputs,
        counted: trust.counted,
        distrusted: trust.distrusted,
        in_force: trust.in_force,
        pending: trust.pending,
        general,
        gates,
        vetoes,
        findings,
        steps,
        done,
        graph,
    }
}

fn documents(inputs: &Inputs<'_>, graph: &Graph<'_>, reasons: &mut Vec<Reason>) {
    if inputs.defects > 0 {
        let found = format!("the documents have {} defects", inputs.defects);
        reasons.push(Reason::new(Class::Invalid, found, "none", "countersign check"));
    }
    if !graph.missing().is_empty() {
        let ids: Vec<_> = graph.missing().iter().take(3).map(RecordId::short).collect();
        let found = format!("{} records are linked to but not there: {}", graph.missing().len(), ids.join(", "));
        reasons.push(Reason::new(
            Class::Invalid,
            found,
            "every linked record",
            "countersign sync, and on the host that ran the steps countersign builder resume; then countersign check",
        ));
    }
}

fn contract(inputs: &Inputs<'_>, in_force: Option<&Adopted>, pending: &[Adopted], reasons: &mut Vec<Reason>) {
    let digest = inputs.contract.digest;
    match in_force {
        Some(adopted) if adopted.digest == digest => {
            if adopted.keys != inputs.contract.keys {
                let found = "the keys in the adoption are not those of the contract's text";
                reasons.push(Reason::new(Class::Contract, found, "equal keys", "countersign builder adopt"));
            }
        }
        Some(adopted) => reasons.push(Reason::new(
            Class::Contract,
            format!(
                "contract {} is in force (version {}), but the file is {} (version {})",
                adopted.digest.short(),
                adopted.version,
                digest.short(),
                inputs.contract.version
            ),
            "the file that both roles adopted, or an adoption of this one by both with a higher version",
            "countersign builder adopt",
        )),
        None if let Some(role) = inputs.contract.keyless() => reasons.push(Reason::new(
            Class::Contract,
            format!("the contract lists no key for the {role}"),
            "a key of each party, which makes it with `countersign key new`",
            format!("countersign key add {role} KEY.pub"),
        )),
        None => {
            let by = |role: Role| pending.iter().any(|c| c.digest == digest && c.by.contains_key(&role));
            let missing: Vec<_> =
                [Role::Builder, Role::Adversary].into_iter().filter(|role| !by(*role)).map(Role::name).collect();
            let next = format!("countersign {} adopt", missing.first().copied().unwrap_or("builder"));
            let found = format!("contract {} is not adopted by {}", digest.short(), missing.join(" and "));
            reasons.push(Reason::new(Class::Contract, found, "an adoption by both roles", next));
        }
    }
}

fn rival(rivals: &Rivals) -> Reason {
    let names = |digests: &[Digest]| digests.iter().map(Digest::short).collect::<Vec<_>>().join(" and ");
    let (found, wanted, next) = match rivals {
        Rivals::First(digests) => (
            format!("the phase has {} first contracts that both roles adopted: {}", digests.len(), names(digests)),
            "one: somebody began the phase a second time, with keys of their own choice",
            "git log -p on machine-docs; take the second one's commits out, or open another phase",
        ),
        Rivals::Newest(digests) => (
            format!("contracts {} are of one version, and both roles adopted each in another clone", names(digests)),
            "one that is newest",
            "raise `version` in the one that is to count, and both roles adopt it",
        ),
    };
    Reason::new(Class::Contract, found, wanted, next)
}

/// Every record is asked, even one whose signature nobody looked at: a false one could only keep something closed.
fn clock<'a>(records: impl Iterator<Item = &'a &'a Record>, now: Time) -> Option<Reason> {
    let newest = records.map(|record| record.block.at).max()?;
    let behind = newest.since(now)?;
    (behind.as_secs() > CLOCK_TOLERANCE_SECONDS).then(|| {
        Reason::new(
            Class::Unknown,
            format!("this clock says {now}, {} before the newest record ({newest})", show_duration(behind)),
            "a clock that is right",
            "timedatectl status",
        )
    })
}

/// The engine's clock, where an engine was asked: ages, windows and "since" are judged by both.
fn engine_clock(inputs: &Inputs<'_>) -> Option<Reason> {
    let Known::Is(engine) = &inputs.host.target else { return None };
    let (found, wanted) = match &inputs.host.clock {
        Known::Unknown(why) => {
            (format!("engine {} named no time: {why}", engine.engine), "the engine's time, to hold this clock against")
        }
        Known::Is(theirs) => {
            let apart = inputs.now.since(*theirs).or_else(|| theirs.since(inputs.now)).unwrap_or_default();
            if apart.as_secs() <= CLOCK_TOLERANCE_SECONDS {
                return None;
            }
            let apart = show_duration(apart);
            (
                format!("this clock says {}, and the engine's {theirs}: {apart} apart", inputs.now),
                "clocks within two minutes of each other",
            )
        }
    };
    Some(Reason::new(Class::Unknown, found, wanted, "timedatectl status, here and on the engine's machine"))
}

/// The reasons why this host does not trust the signer of a PASS.
pub fn pin_reasons(report: &PhaseReport<'_>, pass: Option<&Record>) -> Vec<Reason> {
    match (&report.inputs.host.pins, pass) {
        (Known::Unknown(why), _) => {
            let found = format!("the pins of this host could not be read: {why}");
            vec![Reason::new(Class::Unknown, found, "the Adversary keys this host trusts", "countersign doctor")]
        }
        (Known::Is(pins), Some(pass)) if !pins.contains(&pass.signer) => vec![Reason::new(
            Class::Role,
            format!("{} {} is by {}, which this host does not trust", word(pass), pass.id.short(), pass.signer),
            "a key that an operator pinned here",
            "countersign trust KEY.pub",
        )],
        _ => Vec::new(),
    }
}

fn word(record: &Record) -> &'static str {
    if matches!(record.block.body, Body::Verdict(_)) { "PASS" } else { "the Adversary's adoption" }
}

/// Whether a DONE rests on a PASS of every gate and the end of every step, each counted and known to it: a key alone is no DONE.
fn rests(contract: &Contract, graph: &Graph<'_>, counts: &HashSet<RecordId>, record: &Record) -> bool {
    let Body::Done(done) = &record.block.body else { return false };
    let known = |id: &RecordId| {
        let found = (counts.contains(id) && graph.is_before(id, &record.id)).then(|| graph.get(id)).flatten();
        found.map(|record| &record.block.body)
    };
    let passed = |gate: &Gate| {
        let pass = done.passes.get(&gate.id).and_then(known);
        matches!(pass, Some(Body::Verdict(verdict)) if verdict.gate == gate.id && verdict.ruling == Ruling::Pass)
    };
    let ended = |step: &Step| match done.steps.get(&step.id).and_then(known) {
        Some(Body::Outcome(outcome)) => outcome.step == step.id && outcome.ending == Ending::Done,
        Some(Body::Waiver(waiver)) => waiver.step.as_ref() == Some(&step.id),
        _ => false,
    };
    contract.gates.iter().all(passed) && contract.steps.iter().all(ended)
}

/// The reasons why the ledger of this host stands against any step and DONE.
pub fn ledger_reasons(report: &PhaseReport<'_>) -> Vec<Reason> {
    match &report.inputs.host.unjournaled {
        Known::Is(ids) if !ids.is_empty() => vec![Reason::new(
            Class::InDoubt,
            format!(
                "the ledger of this host holds {} records that the documents lack, first {}",
                ids.len(),
                ids[0].short()
            ),
            "documents that have them",
            "countersign builder resume",
        )],
        Known::Unknown(why) => {
            let found = format!("the ledger of this host could not be read: {why}");
            vec![Reason::new(Class::Unknown, found, "the ledger", "countersign doctor")]
        }
        Known::Is(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
