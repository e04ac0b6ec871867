//! `countersign builder plan`

use serde_json::json;

use crate::commands::open::Session;
use crate::context::Context;
use crate::error::CommandError;
use crate::model::claim::plan_digest;
use crate::model::contract::{Contract, Param, Params};
use crate::model::time::show_duration;
use crate::report::Answer;

/// Print the whole procedure and touch nothing
///
/// Each step with its values filled in; what is known only when it runs stays in braces.
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
    let text = procedure(&session.contract);
    let strategy = session
        .contract
        .steps
        .iter()
        .filter_map(|step| Some((step.id.clone(), step.params.text("strategy")?.to_owned())))
        .collect();
    let digest = plan_digest(&session.contract, &strategy);
    let json = json!({ "plan": digest.to_string(), "steps": session.contract.steps.iter().map(|s| s.id.as_str()).collect::<Vec<_>>() });
    Ok(Answer::ok(format!("{text}plan {}\n", digest.short()), json))
}

/// The procedure as text.
pub fn procedure(contract: &Contract) -> String {
    let mut out = String::new();
    for (number, step) in contract.steps.iter().enumerate() {
        out += &format!(
            "{}. {} — {} ({}, under {}, at most {})\n",
            number + 1,
            step.id,
            step.title,
            step.kind,
            step.gate,
            show_duration(step.timeout)
        );
        push_params(&mut out, &step.params, 5);
        if !step.live.is_empty() {
            let live: Vec<_> = step.live.iter().map(|id| id.as_str()).collect();
            out += &format!("     looked at again right before: {}\n", live.join(", "));
        }
        for criterion in &step.postflight {
            out += &format!("     afterwards {}: {} ({})\n", criterion.id, criterion.title, criterion.probe);
        }
        if let Some(undo) = &step.undo {
            out += &format!("     undone by {undo:?}\n");
        }
        if step.restores {
            out += "     brings things back: never refused once a step was begun\n";
        }
    }
    if contract.steps.is_empty() {
        out += "The contract has no steps.\n";
    }
    out
}

fn push_params(out: &mut String, params: &Params, indent: usize) {
    for (name, param) in &params.0 {
        let value = match param {
            Param::Text(text) => text.clone(),
            Param::List(list) => format!("{list:?}"),
            Param::Number(number) => number.to_string(),
            Param::Flag(flag) => flag.to_string(),
            Param::Duration(duration) => show_duration(*duration),
            Param::Map(map) => format!("{map:?}"),
            Param::Tables(tables) => {
                *out += &format!("{:indent$}{name}:\n", "");
                for table in tables {
                    push_params(out, table, indent + 2);
                }
                continue;
            }
        };
        *out += &format!("{:indent$}{name} = {value}\n", "");
    }
}
