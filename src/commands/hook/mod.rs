//! `countersign hook`: the same decision before an agent's shell runs a command.

mod answer;
mod check;
mod guarding;
mod install;

use crate::context::Context;
use crate::error::CommandError;
use crate::hook::agents::Agent;
use crate::report::Answer;

/// Tell a coding agent, before its shell runs a command, whether that touches what a phase guards
///
/// Reads on standard input what the agent sends before it uses a tool, and answers in the agent's own form: nothing where the command
/// touches nothing guarded; deny, with the gate, why and the next command; ask where it cannot be told. `hook install` writes it into
/// the agent's configuration, `hook check` tries a command line. Known: Claude Code, Codex, Copilot CLI, Cursor, Gemini CLI.
///
/// A hook is a convenience: it reads what a shell is given, and no program that somebody writes. The wall is `countersign interlock`.
///
/// Example: countersign hook check "docker network rm proxy"
///
/// Example: countersign hook install --agent claude
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    act: Option<Act>,
    /// Who asks; else the form of the question tells
    #[arg(long, value_name = "NAME", value_parser = agent)]
    agent: Option<Agent>,
}

/// What is done with a hook.
#[derive(Debug, clap::Subcommand)]
enum Act {
    Install(install::Args),
    Check(check::Args),
}

/// Runs it.
///
/// # Errors
///
/// What is asked cannot be read (2, by which agents are told to block); a file cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    match &args.act {
        Some(Act::Install(args)) => install::run(args, context),
        Some(Act::Check(args)) => check::run(args, context),
        None => answer::run(args.agent, context),
    }
}

/// An agent's name on the command line.
fn agent(name: &str) -> Result<Agent, String> {
    let known = || format!("wanted one of {}", Agent::ALL.map(Agent::name).join(", "));
    Agent::ALL.into_iter().find(|agent| agent.name() == name).ok_or_else(known)
}
