//! The parts of a brief. None of them reads JOURNAL's words: of outcomes only times and facts are shown.

use crate::commands::builder::plan::procedure as steps;
use crate::commands::open::Session;
use crate::gates::evaluate::PhaseReport;
use crate::model::claim::{EXPECTED_OTHERWISE, expected, show_facts};
use crate::model::contract::Gate;
use crate::model::ids::CriterionId;
use crate::model::record::{Body, Claim, Evidence, FindingAct, Record};
use crate::model::role::Document;
use crate::report::brief::{Part, Words};

/// What the Builder says. EXPECTED is left to [`facts`], which has it from the evidence.
pub fn words(session: &Session, record: &Record, claim: &Claim) -> Part {
    let mut text = format!("WHAT: {}\nHOW: {}\nWHERE: {}\n", claim.what, claim.how, claim.place);
    let composed =
        format!("WHAT: {}\nHOW: {}\nEXPECTED: {}\nWHERE: {}", claim.what, claim.how, claim.expected, claim.place);
    if record.block.summary != composed {
        text += &format!("SUMMARY: {}\n", record.block.summary);
    }
    Part {
        title: "The Builder's words, which prove nothing:".into(),
        text,
        words: Words::Other,
        place: session.store.file(Document::Status),
    }
}

/// What the claim's evidence saw, criterion by criterion, and the command that looks again.
pub fn facts(session: &Session, report: &PhaseReport<'_>, gate: &Gate, claim: &Claim) -> Part {
    let mut text = String::new();
    for criterion in &gate.criteria {
        text += &format!("  {} ({}): {}\n", criterion.id, criterion.probe, criterion.title);
        text += &match evidence(report, claim, &criterion.id) {
            None => "    no evidence: it was waived\n".to_owned(),
            Some((record, seen)) => format!("    {}\n    {}", show_facts(&seen.facts), raw(session, record)),
        };
        text += &format!("    check: countersign probe {}\n", criterion.id);
    }
    if says_otherwise(report, gate, claim) {
        text += &format!("  {EXPECTED_OTHERWISE}\n");
    }
    Part {
        title: "EXPECTED: these facts, which `countersign adversary pass` measures again from here and compares:"
            .into(),
        text,
        words: Words::Tool,
        place: session.store.file(Document::Status),
    }
}

/// The evidence that a claim names for a criterion.
fn evidence<'a>(report: &PhaseReport<'a>, claim: &Claim, id: &CriterionId) -> Option<(&'a Record, &'a Evidence)> {
    let record = report.graph.get(claim.evidence.get(id)?)?;
    match &record.block.body {
        Body::Evidence(evidence) => Some((record, evidence)),
        _ => None,
    }
}

/// Whether a claim's EXPECTED is another than its evidence has.
pub fn says_otherwise(report: &PhaseReport<'_>, gate: &Gate, claim: &Claim) -> bool {
    let seen = gate.criteria.iter().filter_map(|c| Some((&c.id, &evidence(report, claim, &c.id)?.1.facts)));
    claim.expected != expected(&seen.collect::<Vec<_>>())
}

/// Where the evidence's raw output is.
fn raw(session: &Session, record: &Record) -> String {
    let Some(output) = &record.block.output else { return "raw output: none\n".into() };
    let place = match &output.file {
        Some(_) => session.store.evidence_file(output),
        None => format!("{}, record {}", session.store.file(record.block.document), record.id.short()),
    };
    format!("raw output: {} bytes, digest {}, {place}\n", output.bytes, output.sha256.short())
}

/// When steps ended, and what their outcomes measured: facts, none of JOURNAL's words.
pub fn outcomes(report: &PhaseReport<'_>) -> Option<Part> {
    let mut text = String::new();
    for step in &report.inputs.contract.steps {
        let Some((_, outcome)) = report.steps.get(&step.id).and_then(|progress| progress.outcome) else { continue };
        let facts = if outcome.facts.is_empty() { String::new() } else { format!("; {}", show_facts(&outcome.facts)) };
        let state = report.state_of(&step.id).label();
        text +=
            &format!("  {} {state} at {}, after {:.1} s{facts}\n", step.id, outcome.finished, seconds(outcome.took_ms));
    }
    let place = format!("outcomes in machine-docs/JOURNAL-{}.md", report.inputs.contract.phase);
    (!text.is_empty()).then(|| Part { title: "Steps that ended:".into(), text, words: Words::Tool, place })
}

#[expect(clippy::cast_precision_loss, reason = "shown to a tenth of a second")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// The procedure, as both parties adopted it.
pub fn procedure(session: &Session, claim: &Claim) -> Part {
    Part {
        title: format!("Procedure, plan {} (contract {}):", claim.plan.short(), claim.contract.short()),
        text: steps(&session.contract, &claim.strategy),
        words: Words::Tool,
        place: session.store.contract_file(),
    }
}

/// The patch since each base that the gate's criteria name.
pub fn patches(session: &Session, gate: &Gate, record: &Record) -> Vec<Part> {
    let mut bases: Vec<&str> = gate.criteria.iter().filter_map(|criterion| criterion.params.text("base")).collect();
    bases.sort_unstable();
    bases.dedup();
    let to = &record.block.subject.commit;
    let part = |base: &str| {
        let patch = base.parse().ok().and_then(|base| session.repository.patch(&base, to).ok());
        let (text, words) = match patch {
            Some(patch) => (patch, Words::Other),
            None => (format!("  unknown: commit {base} or {to} is not in this clone: countersign sync\n"), Words::Tool),
        };
        let place = format!("git diff --ignore-submodules=none {base} {to}");
        Part { title: format!("The Builder's patch since {}:", &base[..base.len().min(12)]), text, words, place }
    };
    bases.into_iter().map(part).collect()
}

/// Findings that are open, in the Adversary's own words, and vetoes.
pub fn findings(session: &Session, report: &PhaseReport<'_>) -> Part {
    let mut text = String::new();
    for finding in report.findings.iter().filter(|finding| finding.state == FindingAct::Opened) {
        let gate = finding.gate.as_ref().map_or_else(|| "every gate".to_owned(), |gate| format!("gate {gate}"));
        text += &format!("  {} ({gate}): {}\n", finding.label(), finding.text.replace('\n', "\n    "));
    }
    for veto in &report.vetoes {
        text += &format!("  VETO {}: {}\n", veto.id.short(), veto.reason.replace('\n', "\n    "));
    }
    let place = session.store.file(Document::Review);
    Part { title: "Open findings:".into(), text, words: Words::Tool, place }
}
