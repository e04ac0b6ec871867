//! `countersign status`

use std::fs;
use std::mem::ManuallyDrop;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::docs::store::DIRECTORY;
use crate::error::CommandError;
use crate::gates::done::door_reasons;
use crate::gates::evaluate::{PhaseReport, ledger_reasons};
use crate::gates::inputs::Known;
use crate::gates::progress::State;
use crate::gates::reason::Class;
use crate::gates::separation::between;
use crate::gates::standing::{GateReport, Standing};
use crate::host::decisions::{Decision, Ruling};
use crate::host::parts::Part;
use crate::host::pins::Pins;
use crate::model::counted::counted;
use crate::model::ids::{GateId, RecordId, StepId};
use crate::model::key;
use crate::model::record::{Separation, Target};
use crate::model::role::Role;
use crate::report::{Answer, phase};

use super::interlock::status::line;
use super::open::Session;

/// How many refusals of an interlock are shown; all are in the JSON.
const SHOWN: usize = 5;

/// Show how the phase stands
///
/// Reads the documents and the host's state; asks neither the engine's services nor the remote, does not look at the history of the
/// documents (`check` does), and changes nothing.
///
/// Example: countersign status --json
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
///
/// The phase cannot be opened.
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let (session, gathered) = Session::look(context)?;
    // The process ends with this: to free each record would take longer than to judge them all.
    let gathered = ManuallyDrop::new(gathered);
    let report = session.evaluate(&gathered);
    // A host that cannot be written here has nothing to do with what is shown.
    session.remember_objections(&report, false).ok();
    let mut text = phase::text(&report);
    if report.done.is_some() || report.gates.iter().any(|gate| gate.standing == Standing::Open) {
        text += "  as of the records here; countersign check --against looks at the history and the remote\n";
    }
    let mut unsigned = Vec::new();
    for (document, read) in &gathered.documents.0 {
        for line in &read.unsigned {
            let file = session.store.file(*document);
            text += &format!("  unsigned, counts for nothing: {file}:{}: {}\n", line.line, line.text);
            unsigned.push(json!({ "file": file, "line": line.line, "text": line.text, "looks_like": line.looks_like }));
        }
    }
    let strays = strays(&session.repository.root);
    for stray in &strays {
        text += &format!("  stray, read by nothing: {stray}; documents are in {DIRECTORY}/\n");
    }
    let (apart, writable) = (separation(&report), pins_writable(&session));
    for Apart { gate, separation, hardware } in &apart {
        let wanted = report.inputs.contract.separation.label();
        text += &format!("  separation of {gate}: `{}`, wanted `{wanted}`", separation.label());
        text += &hardware.iter().map(|role| format!(", hardware key: {role}")).collect::<String>();
        text += "\n";
    }
    if writable == Some(true) {
        text += "  ! this user can write the pins: who runs steps could pin any key\n";
    }
    for reason in ledger_reasons(&report).iter().filter(|reason| reason.class == Class::InDoubt) {
        text += &format!("  ! {}: {}\n", reason.found, reason.next);
    }
    for reason in door_reasons(&report).iter().filter(|reason| reason.class == Class::Closed) {
        text += &format!("  DOOR {}: blocks DONE: {}\n", reason.found, reason.next);
    }
    let refused = refused(&session, &gathered.host.target);
    if let Some(refused) = refused.as_ref().filter(|refused| !refused.is_empty()) {
        text += &format!("  the interlock refused {}, the last:\n", counted(refused.len(), "request"));
        let last = refused.iter().skip(refused.len().saturating_sub(SHOWN));
        text.extend(last.map(|decision| format!("    {}\n", line(decision))));
    }
    let (cut_off, running) = cut_off(&session, &report);
    for part in &cut_off {
        let how = if running.is_some() { "began last" } else { "was cut off after" };
        text += &format!("  step {} {how}, at {}: {}\n", part.step, part.at, part.text);
    }
    if let Some(holder) = &running {
        text += &format!("  a run is under way on this host: {holder}\n");
    }
    let mut json = phase::json(&report);
    json["cut_off"] = cut_off
        .iter()
        .map(|part| json!({ "step": part.step.as_str(), "at": part.at.to_string(), "part": part.text }))
        .collect();
    json["running"] = running.into();
    json["refused"] = json!(refused);
    json["unsigned"] = unsigned.into();
    json["strays"] = strays.into();
    let labels = apart.iter().map(|at| (at.gate.to_string(), Value::from(at.separation.label())));
    json["separation"] = labels.collect::<Map<_, _>>().into();
    let hardware = apart.iter().map(|at| (at.gate.to_string(), json!(at.hardware)));
    json["hardware"] = hardware.collect::<Map<_, _>>().into();
    json["pins_writable"] = writable.into();
    Ok(Answer::ok(text, json))
}

/// The interlock's refusals in this phase; none where no engine could be asked or they cannot be read.
fn refused(session: &Session, target: &Known<Target>) -> Option<Vec<Decision>> {
    let log = session.context.decisions(&target.value()?.engine);
    let mut decisions = log.of(&session.repository.root_commit, session.store.phase()).ok()?;
    decisions.retain(|decision| decision.ruling == Ruling::Refused);
    Some(decisions)
}

/// How far the parties stood apart at a gate's newest claim and its PASS, and which of them signed with a key in hardware.
struct Apart {
    gate: GateId,
    separation: Separation,
    hardware: Vec<Role>,
}

fn separation(report: &PhaseReport<'_>) -> Vec<Apart> {
    let record = |id: Option<RecordId>| report.graph.get(&id?);
    let apart = |gate: &GateReport| {
        let (claim, pass) = (record(gate.claim)?, record(gate.pass)?);
        let hardware = [claim, pass].into_iter().filter(|record| key::is_hardware(&record.signer));
        Some(Apart {
            gate: gate.gate.clone(),
            separation: between(&claim.block.from, &pass.block.from),
            hardware: hardware.map(|record| record.block.role).collect(),
        })
    };
    report.gates.iter().filter_map(apart).collect()
}

/// Whether this user could write the pins of the phase's engine; none where no engine could be asked or nothing needs a pin.
fn pins_writable(session: &Session) -> Option<bool> {
    if session.contract.steps.is_empty() {
        return None;
    }
    let target = session.target();
    Some(Pins::at(&session.context.pins(), &target.value()?.engine).writable())
}

/// Files at the repository's root that look like documents of a phase.
pub fn strays(root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let like = |name: &String| {
        let document = ["STATUS-", "REVIEW-", "JOURNAL-", "BACKLOG-"].iter().any(|prefix| name.starts_with(prefix));
        (document && name.ends_with(".md")) || (name.starts_with("PHASE-") && name.ends_with(".toml"))
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut strays: Vec<String> = names.filter(like).collect();
    strays.sort();
    strays
}

/// The last part begun of each step in doubt, by the host's state, and who runs a step there now; nothing where that cannot be read.
fn cut_off(session: &Session, report: &PhaseReport<'_>) -> (Vec<Part>, Option<String>) {
    let doubtful: Vec<_> = report.steps.iter().filter(|(_, progress)| progress.state == State::InDoubt).collect();
    let Known::Is(target) = session.target() else { return Default::default() };
    let host = session.host_state(&target.engine).ok().filter(|_| !doubtful.is_empty());
    let Some(host) = host else { return Default::default() };
    let parts = host.parts().unwrap_or_default();
    let last = |step: &StepId| parts.iter().rfind(|part| part.step == *step).cloned();
    (doubtful.iter().filter_map(|(step, _)| last(step)).collect(), host.running())
}
