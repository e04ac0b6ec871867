//! How a phase stands, for people and programs.

use serde_json::{Value, json};

use crate::gates::done::against_done;
use crate::gates::evaluate::PhaseReport;
use crate::gates::inputs::Known;
use crate::gates::objections::glasses;
use crate::gates::progress::State;
use crate::gates::standing::Standing;
use crate::gates::trust::Distrusted;
use crate::model::record::FindingAct;

/// The word for a gate's standing.
pub fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Unclaimed => "not claimed",
        Standing::Claimed => "claimed, no verdict",
        Standing::Failed => "FAIL",
        Standing::Stale => "stale PASS",
        Standing::Closed => "closed",
        Standing::Open => "PASS",
    }
}

/// The phase as text.
pub fn text(report: &PhaseReport<'_>) -> String {
    let contract = report.inputs.contract;
    let against = against_done(report);
    let head = if against.is_empty() { "" } else { ": NOT DONE ANY MORE" };
    let (version, digest) = (contract.version, contract.digest.short());
    let mut out = format!("Phase {}, contract version {version} ({digest}){head}\n", contract.phase);
    out += &format!("{}\n\n", contract.title);
    if let Some(done) = report.done.filter(|_| !against.is_empty()) {
        out += &format!("  ! it was DONE at {} ({}), and since then:\n", done.block.at, done.id.short());
        against.iter().for_each(|reason| out += &format!("       - {}; wanted {}\n", reason.found, reason.wanted));
        out.push('\n');
    }
    for gate in &report.gates {
        out += &format!("  gate {:<4} {:<20} {}\n", gate.gate.as_str(), standing(gate.standing), gate.title);
        for reason in &gate.reasons {
            out += &format!("       - {}; wanted {}\n", reason.found, reason.wanted);
        }
        if let (Standing::Open, Some(until)) = (gate.standing, gate.until) {
            out += &format!("       fresh until {until}\n");
        }
    }
    if !contract.steps.is_empty() {
        out.push('\n');
    }
    for step in &contract.steps {
        out += &format!("  step {:<18} {:<10} {}\n", step.id.as_str(), report.state_of(&step.id).label(), step.title);
    }
    match &report.inputs.host.window {
        Known::Is(_) => match report.open_until() {
            Some(until) => out += &format!("\n  window open until {until}\n"),
            None => out += "\n  window closed\n",
        },
        Known::Unknown(why) => out += &format!("\n  window unknown: {why}\n"),
    }
    for veto in &report.vetoes {
        out += &format!("  VETO {} of {}: {}\n", veto.id.short(), veto.at, veto.reason);
    }
    for glass in glasses(&report.counted) {
        let word = if glass.accepted { "accepted" } else { "not accepted: blocks DONE" };
        let (id, until) = (glass.id.short(), glass.until);
        out += &format!("  BREAK-GLASS {id} for step {} until {until}, {word}: {}\n", glass.step, glass.reason);
    }
    for finding in &report.findings {
        let state = match finding.state {
            FindingAct::Opened => "open".to_owned(),
            FindingAct::Closed => "closed".to_owned(),
            FindingAct::Deferred => format!("deferred to {}", finding.owner.as_deref().unwrap_or("nobody")),
        };
        out += &format!("  finding {} {state}: {}\n", finding.label(), finding.text);
    }
    for reason in &report.general {
        out += &format!("  ! {}; wanted {}\n", reason.found, reason.wanted);
    }
    for line in distrusted(report) {
        out += &format!("  ! {line}\n");
    }
    for warning in &report.warnings {
        out += &format!("  warning: {warning}\n");
    }
    if let Some(done) = report.done.filter(|_| against.is_empty()) {
        out += &format!("\n  DONE @{} ({})\n", done.block.at, done.id.short());
    }
    out
}

/// How many records were written in another repository, whether somebody looked at their signatures or not.
pub fn foreign(report: &PhaseReport<'_>) -> usize {
    report.inputs.records.iter().filter(|record| !report.inputs.is_here(record)).count()
}

/// Records that count for nothing: each by its id, or counted where many have one reason. Those of another repository are one line.
pub fn distrusted(report: &PhaseReport<'_>) -> Vec<String> {
    const MANY: usize = 4;
    let here = |distrusted: &&Distrusted| {
        report.graph.get(&distrusted.record).is_none_or(|record| report.inputs.is_here(record))
    };
    let own: Vec<&Distrusted> = report.distrusted.iter().filter(here).collect();
    let mut reasons: Vec<&str> = Vec::new();
    for distrusted in &own {
        if !reasons.contains(&distrusted.why.as_str()) {
            reasons.push(&distrusted.why);
        }
    }
    let line = |why: &str| {
        let ids: Vec<String> =
            own.iter().filter(|record| record.why == why).map(|record| record.record.short()).collect();
        match ids.len() {
            0..MANY => ids.iter().map(|id| format!("record {id} counts for nothing: {why}")).collect(),
            many => vec![format!("{many} records count for nothing, first {}: {why}", ids[0])],
        }
    };
    let foreign = match foreign(report) {
        0 => None,
        1 => Some("1 record was written in another repository and opens nothing here".to_owned()),
        many => Some(format!("{many} records were written in another repository and open nothing here")),
    };
    foreign.into_iter().chain(reasons.into_iter().flat_map(line)).collect()
}

/// The phase as JSON.
pub fn json(report: &PhaseReport<'_>) -> Value {
    let contract = report.inputs.contract;
    let steps: Vec<Value> = contract
        .steps
        .iter()
        .map(|step| json!({ "id": step.id.as_str(), "title": step.title, "state": report.state_of(&step.id) }))
        .collect();
    let window = match &report.inputs.host.window {
        Known::Is(until) => json!({ "until": until.map(|until| until.to_string()) }),
        Known::Unknown(why) => json!({ "unknown": why }),
    };
    json!({
        "phase": contract.phase.as_str(),
        "contract": { "version": contract.version, "digest": contract.digest.to_string() },
        "gates": report.gates,
        "steps": steps,
        "in_doubt": report.steps.values().any(|progress| progress.state == State::InDoubt),
        "window": window,
        "vetoes": report.vetoes,
        "findings": report.findings,
        "break_glass": glasses(&report.counted),
        "general": report.general,
        "foreign": foreign(report),
        "distrusted": report.distrusted.iter().map(|d| json!({ "record": d.record.to_string(), "why": d.why })).collect::<Vec<_>>(),
        "done": report.done.map(|record| record.id.to_string()),
        "against_done": against_done(report),
        "warnings": report.warnings,
    })
}
