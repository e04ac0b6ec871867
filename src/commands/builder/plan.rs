//! `countersign builder plan`

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::commands::open::Session;
use crate::commands::outlook;
use crate::context::Context;
use crate::error::CommandError;
use crate::model::claim::plan_digest;
use crate::model::contract::{Contract, Param, Step};
use crate::model::ids::StepId;
use crate::model::time::show_duration;
use crate::report::Answer;

/// Print the whole procedure and touch nothing
///
/// Each step with its values filled in; what is known only when it runs stays in braces. For a recreate also how long each route
/// is likely to be dark by either strategy, and which one is taken.
///
/// Example: countersign builder plan
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
///
/// The phase cannot be opened.
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let contract = &session.contract;
    let mut strategy = outlook::named(&session);
    let predicted = outlook::predictions(&session, &mut strategy);
    let digest = plan_digest(contract, &strategy);
    let text = format!("{}{predicted}plan {}\n", procedure(contract, &strategy), digest.short());
    let step = |step: &Step| {
        json!({
            "id": step.id.as_str(), "title": step.title, "gate": step.gate.as_str(), "kind": step.kind,
            "timeout_s": step.timeout.as_secs(), "restores": step.restores, "strategy": strategy.get(&step.id),
            "live": step.live.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
        })
    };
    let steps: Vec<Value> = contract.steps.iter().map(step).collect();
    Ok(Answer::ok(text, json!({ "plan": digest.to_string(), "steps": steps })))
}

/// The procedure as text: where, when, and each step with its values filled in.
pub fn procedure(contract: &Contract, strategy: &BTreeMap<StepId, String>) -> String {
    if contract.steps.is_empty() {
        return "The contract has no steps.\n".into();
    }
    let mut out = format!("On engine {}, in a window", contract.engine);
    if let Some(length) = contract.window.max_length {
        out += &format!(" of at most {}", show_duration(length));
    }
    for (word, moment) in [("not before", contract.window.not_before), ("not after", contract.window.not_after)] {
        out += &moment.map(|moment| format!(", {word} {moment}")).unwrap_or_default();
    }
    let requires: Vec<_> = contract.window.requires.iter().map(|criterion| criterion.id.as_str()).collect();
    if !requires.is_empty() {
        out += &format!(", while {} holds", requires.join(" and "));
    }
    out += ":\n";
    for (number, step) in contract.steps.iter().enumerate() {
        push_step(&mut out, number + 1, step, strategy.get(&step.id));
    }
    out
}

fn push_step(out: &mut String, number: usize, step: &Step, strategy: Option<&String>) {
    let timeout = show_duration(step.timeout);
    *out += &format!("{number}. {}: {} ({}, under {}, at most {timeout})\n", step.id, step.title, step.kind, step.gate);
    if !step.live.is_empty() {
        let live: Vec<_> = step.live.iter().map(|id| id.as_str()).collect();
        *out += &format!("     before: {} looked at again, equal to the claim\n", live.join(", "));
    }
    for (name, param) in &step.params.0 {
        if name != "strategy" {
            push_param(out, name, param);
        }
    }
    if let Some(strategy) = strategy {
        *out += &format!("     strategy = {strategy}\n");
    }
    for criterion in &step.postflight {
        let params: Vec<_> =
            criterion.params.0.iter().map(|(name, param)| format!("{name} = {}", show(param))).collect();
        *out += &format!("     after: {} ({}: {})\n", criterion.title, criterion.probe, params.join(", "));
    }
    if let Some(limit) = step.back_within {
        *out += &format!("     reversed by a timer unless confirmed within {}\n", show_duration(limit));
    }
    if let Some(undo) = &step.undo {
        *out += &format!("     undo: {}\n", argv(undo));
    }
    match (step.restores, step.ends_quiet) {
        (true, _) => *out += "     brings things back: never refused once a step was begun\n",
        (_, true) => *out += "     ends the quiet: from its end on it is not asked again\n",
        _ => {}
    }
}

fn push_param(out: &mut String, name: &str, param: &Param) {
    match param {
        Param::List(list) if name == "argv" => *out += &format!("     runs {}\n", argv(list)),
        Param::Tables(tables) => {
            for table in tables {
                let row: Vec<_> = table.0.iter().map(|(name, param)| format!("{name} = {}", show(param))).collect();
                *out += &format!("     {name}: {}\n", row.join(", "));
            }
        }
        other => *out += &format!("     {name} = {}\n", show(other)),
    }
}

fn show(param: &Param) -> String {
    match param {
        Param::Text(text) => text.clone(),
        Param::List(list) => argv(list),
        Param::Number(number) => number.to_string(),
        Param::Flag(flag) => flag.to_string(),
        Param::Duration(duration) => show_duration(*duration),
        Param::Map(map) => map.iter().map(|(name, text)| format!("{name} = {text}")).collect::<Vec<_>>().join(", "),
        Param::Tables(tables) => format!("{} tables", tables.len()),
    }
}

/// Each argument apart from the next: one with anything but plain characters is quoted.
fn argv(list: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,{}#?&".contains(c);
    let one = |text: &String| match !text.is_empty() && text.chars().all(plain) {
        true => text.clone(),
        false => format!("{text:?}"),
    };
    list.iter().map(one).collect::<Vec<_>>().join(" ")
}
