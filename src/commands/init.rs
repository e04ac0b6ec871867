//! `countersign init`

use serde_json::json;

use crate::context::Context;
use crate::docs::store::Store;
use crate::error::{CommandError, Exit};
use crate::interrupt;
use crate::model::contract::published;
use crate::model::ids::PhaseName;
use crate::report::Answer;

use super::open::repository;

const PVFIX: &str = include_str!("../../templates/pvfix.toml");
const RESIZE: &str = include_str!("../../templates/network-resize.toml");
const BLANK: &str = include_str!("../../templates/blank.toml");

/// Open a phase: write its contract and documents from a template
///
/// Twice changes nothing: files that are there stay as they are.
///
/// Example: countersign init --template pvfix
///
/// Example: countersign init --schema > contract.schema.json
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What the contract begins with
    #[arg(long, default_value = "blank", value_parser = ["pvfix", "network-resize", "blank"])]
    template: String,
    /// Print the JSON Schema of contracts, for editors, and write nothing
    #[arg(long)]
    schema: bool,
}

/// Runs it.
///
/// # Errors
///
/// There is no repository, or a file cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    if args.schema {
        let schema = published::contract().to_value();
        let text = serde_json::to_string_pretty(&schema)
            .map_err(|error| CommandError::new(Exit::Bug, format!("the schema: {error}"), ""))?;
        return Ok(Answer::ok(text, json!({ "contract_schema": schema })));
    }
    let repository = repository(context)?;
    let (template, default) = match args.template.as_str() {
        "pvfix" => (PVFIX, Some("pvfix")),
        "network-resize" => (RESIZE, Some("resize")),
        _ => (BLANK, None),
    };
    let name = context.global.phase.as_deref().or(default).ok_or_else(|| {
        CommandError::new(
            Exit::Usage,
            "the blank template needs a name",
            "countersign init --template blank --phase NAME, or: countersign init --template pvfix",
        )
    })?;
    let phase: PhaseName =
        name.parse().map_err(|error| CommandError::new(Exit::Usage, format!("--phase: {error}"), ""))?;
    let text = template.replace("{phase}", phase.as_str()).replace("{head}", repository.head()?.as_str());
    let store = Store::new(&repository.root, &repository.common_dir, phase.clone());
    let _held = interrupt::finish_first();
    let written = store.init(&text, &context.holder("init"))?;
    let mut words = match written.as_slice() {
        [] => format!("Phase {phase} is there already; nothing was changed.\n"),
        files => format!(
            "Phase {phase} is open. Written:\n{}",
            files.iter().map(|file| format!("  {file}\n")).collect::<String>()
        ),
    };
    words += &format!("Next: adapt machine-docs/PHASE-{phase}.toml, then countersign key new builder\n");
    Ok(Answer::ok(words, json!({ "phase": phase.as_str(), "written": written })))
}
