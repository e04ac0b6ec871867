//! The one evaluation: how the whole phase stands, from what was gathered. Pure and total.

use std::collections::{BTreeMap, HashSet};

use super::done;
use super::graph::Graph;
use super::inputs::{Inputs, Known};
use super::objections::{self, FindingState, StandingVeto};
use super::progress::{self, Progress, State};
use super::reason::{Class, Reason};
use super::standing::{self, Bench, GateReport, Standing};
use super::trust::{self, Adopted, Distrusted, Rivals};
use crate::model::contract::Contract;
use crate::model::counted::counted;
use crate::model::digest::Digest;
use crate::model::ids::{GateId, RecordId, StepId};
use crate::model::record::{Body, Record};
use crate::model::role::Role;
use crate::model::time::{Time, show_duration};

/// What puts the contract in force back into the work tree.
pub const RESTORE: &str = "countersign builder adopt --restore";
const ADOPT: &str = "countersign builder adopt";
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
    /// The newest DONE that counts where it stands.
    pub done: Option<&'a Record>,
    /// What is odd and closes nothing.
    pub warnings: Vec<String>,
}

impl PhaseReport<'_> {
    /// When the maintenance window ends; `None` where none is open, or where that is unknown.
    pub fn open_until(&self) -> Option<Time> {
        self.inputs.host.window.value().copied().flatten().filter(|until| self.inputs.now < *until)
    }

    /// The evidence that something rests on: what the newest claims, the verdicts on them, and the PASSes of every begun step and
    /// of every DONE name.
    pub fn rests_on(&self) -> HashSet<RecordId> {
        let body = |id: &RecordId| self.graph.get(id).map(|record| &record.block.body);
        let newest = self.gates.iter().flat_map(|gate| [gate.claim, gate.pass]).flatten();
        let contract = self.inputs.contract;
        let waived = |step: &StepId| {
            let is = |record: &&Record| matches!(&record.block.body, Body::Waiver(w) if w.step.as_ref() == Some(step));
            self.counted.iter().any(is)
        };
        // A gate without steps was judged whenever a step of a later one was begun.
        let has_steps = |gate: &GateId| contract.steps.iter().any(|step| step.gate == *gate && !waived(&step.id));
        let named = self.counted.iter().flat_map(|record| match &record.block.body {
            Body::Verdict(verdict) if !has_steps(&verdict.gate) => vec![record.id],
            Body::Intent(intent) => intent.permit.into_iter().collect(),
            Body::Done(done) => done.passes.values().copied().collect(),
            _ => Vec::new(),
        });
        let passes: HashSet<RecordId> = newest.chain(named).collect();
        let claims = passes.iter().filter_map(|id| match body(id)? {
            Body::Verdict(verdict) => Some(verdict.claim),
            _ => None,
        });
        let evidence = passes.iter().copied().chain(claims).filter_map(|id| match body(&id)? {
            Body::Claim(claim) => Some(&claim.evidence),
            Body::Verdict(verdict) => Some(&verdict.evidence),
            _ => None,
        });
        evidence.flat_map(BTreeMap::values).copied().collect()
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
    let mut report = judge_all(inputs, Clocks::Asked);
    let mut forged = Vec::new();
    for record in report.counted.iter().rev() {
        let Body::Done(done) = &record.block.body else { continue };
        match done::counts_where_it_stands(&report.inputs, &report.graph, record, done) {
            Ok(()) => report.done = report.done.or(Some(record)),
            Err(why) => forged.push(Distrusted { record: record.id, why }),
        }
    }
    report.distrusted.extend(forged);
    report
}

/// Whether this clock is held against the records.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clocks {
    /// It is.
    Asked,
    /// An engine's was, at that time.
    Proven,
}

/// The same without a look at any DONE.
pub(super) fn judge_all(inputs: Inputs<'_>, clocks: Clocks) -> PhaseReport<'_> {
    let graph = Graph::new(inputs.records);
    let trust = trust::establish(&graph, inputs.repository, inputs.roots);
    let vetoes = objections::vetoes(&graph, &trust.counted);
    let findings = objections::findings(&graph, &trust.counted);
    let (steps, illegal) = progress::fold(trust.counted.iter().copied(), inputs.contract);
    let counts: HashSet<RecordId> = trust.counted.iter().map(|record| record.id).collect();
    let told: Vec<&Record> = trust.counted.iter().chain(&trust.unchecked).copied().collect();
    let bench = Bench {
        inputs,
        graph: &graph,
        counted: &trust.counted,
        told: &told,
        counts: &counts,
        vetoes: &vetoes,
        findings: &findings,
    };
    let mut gates: Vec<GateReport> = inputs.contract.gates.iter().map(|gate| standing::judge(&bench, gate)).collect();
    let (mut general, mut warnings) = (Vec::new(), Vec::new());
    whole::documents(&inputs, &graph, &mut general);
    whole::repositories(&inputs, &mut general);
    whole::vanished(&inputs, &mut general);
    contract(&inputs, trust.in_force.as_ref(), &trust.pending, &mut general);
    general.extend(trust.rivals.as_ref().map(rival));
    for (id, error) in illegal {
        let found = format!("record {} says {error}", id.short());
        general.push(Reason::new(Class::InDoubt, found, "intents and outcomes in turn", "countersign builder resume"));
    }
    match clock(trust.counted.iter().chain(&trust.unchecked), &inputs) {
        Some(Clock::Behind(_)) if clocks == Clocks::Proven => {}
        Some(Clock::Behind(reason)) => general.push(reason),
        Some(Clock::Right(warning)) => warnings.push(warning),
        None => {}
    }
    general.extend(engine_clock(&inputs));
    // What keeps everything closed keeps each gate closed: none is shown as open, nor as one that only this contract made stale.
    if let Some(first) = general.first() {
        let other_contract = first.class == Class::Contract;
        let shown = |gate: &&mut GateReport| match gate.standing {
            Standing::Open => true,
            Standing::Stale => other_contract,
            _ => false,
        };
        for gate in gates.iter_mut().filter(shown) {
            gate.standing = Standing::Closed;
            gate.reasons.insert(0, first.clone());
        }
    }
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
        done: None,
        warnings,
        graph,
    }
}

/// A record with who wrote it and where it stands.
pub fn describe(record: &Record) -> String {
    let (block, line) = (&record.block, record.line);
    let place = if line == 0 { block.document.to_string() } else { format!("{} line {line}", block.document) };
    format!("{} {} of the {} ({place}, {})", block.record.name(), record.id.short(), block.role, block.at)
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
        Some(adopted) => reasons.push(other_in_force(inputs.contract, &adopted.digest, adopted.version)),
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

/// The contract in the work tree is not the one that both roles adopted.
pub fn other_in_force(on_disk: &Contract, digest: &Digest, version: u32) -> Reason {
    let (found, found_version) = (on_disk.digest.short(), on_disk.version);
    Reason::new(
        Class::Contract,
        format!(
            "contract {} is in force (version {version}), but the file is {found} (version {found_version})",
            digest.short()
        ),
        "the file that both roles adopted, or an adoption of this one by both with a higher version",
        if found_version > version { ADOPT } else { RESTORE },
    )
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

/// Whether a moment is later than now, by more than clocks may differ.
pub(super) fn is_ahead(at: Time, now: Time) -> bool {
    at.since(now).is_some_and(|by| by.as_secs() > CLOCK_TOLERANCE_SECONDS)
}

/// What a record that is dated after now says about the clocks.
enum Clock {
    /// This one may be wrong: nothing is opened by it.
    Behind(Reason),
    /// The engine's agrees with this one, so that the record's was wrong.
    Right(String),
}

/// Every record is asked, even one whose signature nobody looked at: a false one could only keep something closed.
fn clock<'a>(records: impl Iterator<Item = &'a &'a Record>, inputs: &Inputs<'_>) -> Option<Clock> {
    let now = inputs.now;
    let newest = records.max_by_key(|record| (record.block.at, record.id))?;
    if !is_ahead(newest.block.at, now) {
        return None;
    }
    let (behind, who) = (newest.block.at.since(now).map(show_duration).unwrap_or_default(), describe(newest));
    if matches!(inputs.host.target, Known::Is(_)) && engine_clock(inputs).is_none() {
        return Some(Clock::Right(format!(
            "the newest record, {who}, is {behind} ahead of this clock ({now}), with which the engine's agrees: that record's \
             clock was wrong, and nothing counts as younger for it"
        )));
    }
    Some(Clock::Behind(Reason::new(
        Class::Unknown,
        format!("this clock says {now}, {behind} before the newest record: {who}"),
        "a clock that is right",
        format!(
            "timedatectl status; where this clock is right, go on where the contract's engine answers, whose clock decides, or \
             after {}",
            newest.block.at
        ),
    )))
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

/// The reasons why the ledger of this host stands against any step and DONE.
pub fn ledger_reasons(report: &PhaseReport<'_>) -> Vec<Reason> {
    match &report.inputs.host.unjournaled {
        Known::Is(ids) if !ids.is_empty() => vec![Reason::new(
            Class::InDoubt,
            format!(
                "the ledger of this host holds {} that the documents lack, first {}",
                counted(ids.len(), "record"),
                ids[0].short()
            ),
            "documents that have them",
            "countersign builder resume",
        )],
        Known::Unknown(why) => {
            let found = format!("the ledger of this host could not be read: {why}");
            vec![Reason::new(Class::Unknown, found, "the ledger", "countersign doctor")]
        }
        Known::Is(_) => match &report.inputs.host.vanished {
            Known::Unknown(why) => {
                let found = format!("the objections that this host has seen could not be read: {why}");
                vec![Reason::new(Class::Unknown, found, "what was seen", "countersign doctor")]
            }
            Known::Is(_) => Vec::new(),
        },
    }
}

mod whole;

#[cfg(test)]
mod tests;
