//! `countersign next`

use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::gates::done::done;
use crate::gates::evaluate::PhaseReport;
use crate::gates::progress::State;
use crate::gates::standing::Standing;
use crate::model::role::Role;
use crate::report::Answer;

use super::open::Session;

/// Say whose turn it is and the one command to run
///
/// Example: countersign next --json
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
///
/// The phase cannot be opened.
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    let (who, command, why) = turn(&report);
    Ok(Answer::ok(format!("{who}: {command}\n  {why}"), json!({ "who": who, "run": command, "why": why })))
}

/// Whose turn it is, the command, and why.
fn turn(report: &PhaseReport<'_>) -> (String, String, String) {
    let contract = report.inputs.contract;
    let row = |who: &str, command: String, why: String| (who.to_owned(), command, why);
    if let Some(done) = report.done {
        return row("nobody", "countersign status".into(), format!("DONE since {}", done.block.at));
    }
    for role in [Role::Builder, Role::Adversary] {
        if contract.keys_of(role).is_empty() {
            return row(
                role.name(),
                format!("countersign key new {role}"),
                format!("the contract lists no key for the {role}"),
            );
        }
    }
    if let Some(reason) = report.general.first() {
        let who = if reason.next.contains("adversary") { "adversary" } else { "builder" };
        return row(who, reason.next.clone(), reason.found.clone());
    }
    if let Some((step, _)) = report.steps.iter().find(|(_, p)| matches!(p.state, State::InDoubt | State::Stuck)) {
        return row(
            "builder",
            "countersign builder resume".into(),
            format!("step `{step}` is {}", report.state_of(step).label()),
        );
    }
    if let Some(veto) = report.vetoes.first() {
        return row(
            "adversary",
            format!("countersign adversary veto lift {} --reason …", veto.id.short()),
            veto.reason.clone(),
        );
    }
    for gate in &report.gates {
        let pending =
            contract.steps.iter().find(|step| step.gate == gate.gate && report.state_of(&step.id) != State::Done);
        let later_begun =
            contract.steps.iter().any(|step| step.gate == gate.gate && report.state_of(&step.id) == State::Done);
        match gate.standing {
            Standing::Claimed => {
                return row(
                    "adversary",
                    format!("countersign adversary brief {}", gate.gate),
                    format!("gate {} waits for a verdict", gate.gate),
                );
            }
            Standing::Open if pending.is_none() => {}
            Standing::Stale if pending.is_none() && later_begun => {}
            Standing::Open => {
                let id = pending.map(|step| step.id.to_string()).unwrap_or_default();
                return row("builder", format!("countersign builder run {id}"), format!("gate {} is open", gate.gate));
            }
            _ => {
                let why = gate.reasons.first().map_or_else(String::new, |reason| reason.found.clone());
                return row("builder", format!("countersign builder claim {}", gate.gate), why);
            }
        }
    }
    match done(report) {
        Ok(_) => row("builder", "countersign builder done".into(), "everything that DONE needs is there".into()),
        Err(reasons) => {
            let first = reasons.first();
            let next = first.map_or_else(|| "countersign status".to_owned(), |reason| reason.next.clone());
            row("builder", next, first.map_or_else(String::new, |reason| reason.found.clone()))
        }
    }
}
