//! `countersign hook check`

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::hook::agents::Command;
use crate::hook::rule::Ruling;
use crate::report::Answer;

use super::answer::decided;

/// Try a command line: what the hook would say about it here
///
/// Nothing is run. Exit 0: allowed; 10: denied; 13: it cannot be told.
///
/// Example: countersign hook check "sudo docker network rm proxy"
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command line, as one text
    #[arg(value_name = "COMMAND")]
    command: String,
}

/// Runs it.
///
/// # Errors
///
/// None: what is denied is an answer.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let decided = decided(context, std::slice::from_ref(&context.directory), Command::Text(args.command.clone()));
    let ruling = decided.decision.ruling;
    let exit = match ruling {
        Ruling::Allow => Exit::Ok,
        Ruling::Ask => Exit::Unknown,
        Ruling::Deny => Exit::Closed,
    };
    let text = match ruling {
        Ruling::Allow => "allow: it touches nothing that a phase guards here".to_owned(),
        _ => format!("{}: {}", ruling.label(), decided.reason),
    };
    Ok(Answer { exit, text, json: decided.json() })
}
