//! What a recreate would cost if it were begun now, and which strategy is the shorter one. Touches nothing.

use super::goal::{Goal, Strategy};
use super::guests;
use super::predict::{Prediction, predict};
use super::refuse;
use super::work::nodes_taking_tasks;
use crate::engine::Engine;
use crate::model::contract::Params;
use crate::steps::act::NotDone;
use crate::steps::capture;

/// What is to be expected of a step.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// The spans of each route.
    pub prediction: Prediction,
    /// The strategy that the contract names, else the one with the shorter likely interruption.
    pub strategy: Strategy,
    /// Why it is that one.
    pub why: String,
    /// What stands against beginning now.
    pub against: Vec<String>,
}

/// Looks at the engine and predicts. `params` are the step's.
///
/// # Errors
///
/// The engine does not answer, or there is no such network: nothing can be predicted.
pub async fn outlook(engine: &Engine, params: &Params) -> Result<Outlook, NotDone> {
    let untouched = |error: crate::engine::error::EngineError| NotDone::untouched(error.to_string());
    let goal = Goal::new(params, None);
    let capture = capture::take(engine, &goal.network).await?;
    let networks = engine.networks().await.map_err(untouched)?;
    let attached = engine.attachment_tasks().await.map_err(untouched)?;
    let (_, attached) = guests::sort(engine, &goal, &capture, attached).await.map_err(untouched)?;
    let nodes = nodes_taking_tasks(engine).await.map_err(untouched)?;
    let around = refuse::Around { networks: &networks, attached: &attached, nodes };
    let reasons = |strategy| {
        let goal = Goal { strategy, ..goal.clone() };
        refuse::reasons(&goal, &capture, around)
    };
    let always = reasons(Strategy::BreakBeforeMake);
    let hindered: Vec<String> =
        reasons(Strategy::MakeBeforeBreak).into_iter().filter(|reason| !always.contains(reason)).collect();
    let prediction = predict(&goal, &capture, params);
    let (strategy, why) = match params.text("strategy").and_then(Strategy::of) {
        Some(named) => (named, "the contract names it".to_owned()),
        None => prediction.choose(&hindered),
    };
    let against = reasons(strategy);
    Ok(Outlook { prediction, strategy, why, against })
}
