//! What each recreate of the contract is predicted to cost, and the strategy it takes: for the plan, the claim and the brief.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::{CommandError, Exit};
use crate::model::contract::Step;
use crate::model::ids::{GateId, StepId};
use crate::steps::recreate::goal::Strategy;
use crate::steps::recreate::outlook::{Outlook, outlook};
use crate::steps::recreate::routes;

use super::open::Session;
use super::target::runtime;

/// How long the engine may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

fn recreates(session: &Session) -> impl Iterator<Item = &Step> {
    session.contract.steps.iter().filter(|step| step.kind == "docker.network.recreate")
}

fn look(session: &Session, step: &Step) -> Result<Outlook, String> {
    let runtime = runtime().map_err(|error| error.message)?;
    runtime.block_on(async {
        let engine = Engine::connect(session.engine_address(), PATIENCE).await.map_err(|error| error.to_string())?;
        outlook(&engine, &step.params).await.map_err(|error| error.message)
    })
}

/// The strategies that the contract names itself.
pub fn named(session: &Session) -> BTreeMap<StepId, String> {
    let named = |step: &Step| Some((step.id.clone(), Strategy::of(step.params.text("strategy")?)?.label().to_owned()));
    recreates(session).filter_map(named).collect()
}

/// The strategy of each step that has one, for a claim of `gate`: the contract's, else the one that is chosen now; and a sentence
/// for each step of the gate that says what is predicted.
///
/// # Errors
///
/// A strategy is to be chosen and the engine cannot be asked.
pub fn strategies(session: &Session, gate: &GateId) -> Result<(BTreeMap<StepId, String>, String), CommandError> {
    let mut chosen = named(session);
    let mut words = String::new();
    for step in recreates(session).filter(|step| step.gate == *gate) {
        match look(session, step) {
            Ok(seen) => {
                let label = seen.strategy.label();
                let spans: Vec<String> =
                    seen.prediction.of(seen.strategy).map(|(route, span)| format!("{route} {span}")).collect();
                words += &format!(" Step {} by {label} ({}); likely dark: {}.", step.id, seen.why, spans.join(", "));
                chosen.insert(step.id.clone(), label.to_owned());
            }
            // A named strategy needs no prediction.
            Err(why) if chosen.contains_key(&step.id) => words += &format!(" Step {}: no prediction: {why}.", step.id),
            Err(why) => {
                let message = format!("the strategy of step `{}` cannot be chosen: {why}", step.id);
                let hint = "name one in the contract: strategy = \"break-before-make\"";
                return Err(CommandError::new(Exit::Unknown, message, hint));
            }
        }
    }
    Ok((chosen, words))
}

/// The predictions as text, and the strategy that a claim would take now.
pub fn predictions(session: &Session, chosen: &mut BTreeMap<StepId, String>) -> String {
    let mut out = String::new();
    for step in recreates(session) {
        out += &format!("predicted for step {}, from what is on the network now:\n", step.id);
        match look(session, step) {
            Err(why) => out += &format!("     unknown: {why}\n"),
            Ok(seen) => {
                out += &seen.prediction.table();
                out += &format!("     strategy {}: {}\n", seen.strategy.label(), seen.why);
                for reason in seen.against {
                    out += &format!("     against beginning now: {reason}\n");
                }
                chosen.insert(step.id.clone(), seen.strategy.label().to_owned());
            }
        }
        out += &dark(step);
    }
    out
}

/// The routes of a step that do not answer already: what the step does not wait for, and cannot be blamed for.
fn dark(step: &Step) -> String {
    let found = match runtime() {
        Ok(runtime) => runtime.block_on(routes::dark(&step.params)),
        Err(error) => Err(error.message),
    };
    match found {
        Ok(dark) => {
            dark.iter().map(|(name, wrong)| format!("     route {name} does not answer now: {wrong}\n")).collect()
        }
        Err(why) => format!("     whether its routes answer now is unknown: {why}\n"),
    }
}
