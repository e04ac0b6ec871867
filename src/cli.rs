//! The command line: every command with its options; what it does stands in its own file.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{
    adopt, adversary, builder, check, doctor, init, key, merge_file, next, probe, status, sync, trust, twin,
};
use crate::context::{Context, Global};
use crate::error::{CommandError, Exit};
use crate::model::role::Role;
use crate::report::{self, Answer};

/// Two keys for disruptive maintenance: a Builder proves, an Adversary countersigns, and nothing disruptive runs until it has
///
/// The state is Markdown under machine-docs/. `countersign next` says whose turn it is and the one command to run.
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Key(key::Args),
    Trust(trust::Args),
    Doctor(doctor::Args),
    Status(status::Args),
    Next(next::Args),
    Sync(sync::Args),
    Check(check::Args),
    Probe(probe::Args),
    #[command(subcommand)]
    Twin(twin::TwinCommand),
    /// Runs inside a twin's containers
    #[command(subcommand, hide = true)]
    TwinServe(twin::ServeCommand),
    MergeFile(merge_file::Args),
    /// Plan, prove, claim, run
    #[command(subcommand)]
    Builder(Builder),
    /// Review, countersign, object
    #[command(subcommand)]
    Adversary(Adversary),
}

#[derive(Debug, Subcommand)]
enum Builder {
    Adopt(adopt::Args),
    Evidence(builder::evidence::Args),
    Claim(builder::claim::Args),
    Note(builder::note::Args),
    Task(builder::task::Args),
    Plan(builder::plan::Args),
    Run(builder::run::RunArgs),
    Resume(builder::run::ResumeArgs),
    Window(builder::window::Args),
    Done(builder::done::Args),
}

#[derive(Debug, Subcommand)]
enum Adversary {
    Adopt(adopt::Args),
    Brief(adversary::brief::Args),
    Pass(adversary::pass::Args),
    Fail(adversary::fail::Args),
    Finding(adversary::finding::Args),
    Veto(adversary::veto::Args),
    Waive(adversary::waive::Args),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output with 0, mistakes to standard error with 2; a closed pipe is no error.
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Ok.code() });
        }
    };
    if let Command::TwinServe(command) = cli.command {
        return twin::cmd_serve(command);
    }
    let (name, outcome) = run(&cli);
    let exit = match outcome {
        Ok(answer) => report::print(name, &answer, cli.global.json),
        Err(error) => report::print_error(name, &error, cli.global.json),
    };
    ExitCode::from(exit.code())
}

fn run(cli: &Cli) -> (&'static str, Result<Answer, CommandError>) {
    let context = match Context::new(&cli.global) {
        Ok(context) => context,
        Err(error) => return ("countersign", Err(error)),
    };
    let c = &context;
    match &cli.command {
        Command::Init(args) => ("init", init::run(args, c)),
        Command::Key(args) => ("key", key::run(args, c)),
        Command::Trust(args) => ("trust", trust::run(args, c)),
        Command::Doctor(args) => ("doctor", doctor::run(args, c)),
        Command::Status(args) => ("status", status::run(args, c)),
        Command::Next(args) => ("next", next::run(args, c)),
        Command::Sync(args) => ("sync", sync::run(args, c)),
        Command::Check(args) => ("check", check::run(args, c)),
        Command::Probe(args) => ("probe", probe::run(args, c)),
        Command::Twin(command) => ("twin", twin::cmd_twin(command)),
        Command::TwinServe(_) => ("twin-serve", Err(CommandError::new(Exit::Usage, "runs in a container only", ""))),
        Command::MergeFile(args) => ("merge-file", merge_file::run(args)),
        Command::Builder(command) => match command {
            Builder::Adopt(args) => ("builder adopt", adopt::run(args, Role::Builder, c)),
            Builder::Evidence(args) => ("builder evidence", builder::evidence::run(args, c)),
            Builder::Claim(args) => ("builder claim", builder::claim::run(args, c)),
            Builder::Note(args) => ("builder note", builder::note::run(args, c)),
            Builder::Task(args) => ("builder task", builder::task::run(args, c)),
            Builder::Plan(args) => ("builder plan", builder::plan::run(args, c)),
            Builder::Run(args) => ("builder run", builder::run::run(args, c)),
            Builder::Resume(args) => ("builder resume", builder::run::resume(args, c)),
            Builder::Window(args) => ("builder window", builder::window::run(args, c)),
            Builder::Done(args) => ("builder done", builder::done::run(args, c)),
        },
        Command::Adversary(command) => match command {
            Adversary::Adopt(args) => ("adversary adopt", adopt::run(args, Role::Adversary, c)),
            Adversary::Brief(args) => ("adversary brief", adversary::brief::run(args, c)),
            Adversary::Pass(args) => ("adversary pass", adversary::pass::run(args, c)),
            Adversary::Fail(args) => ("adversary fail", adversary::fail::run(args, c)),
            Adversary::Finding(args) => ("adversary finding", adversary::finding::run(args, c)),
            Adversary::Veto(args) => ("adversary veto", adversary::veto::run(args, c)),
            Adversary::Waive(args) => ("adversary waive", adversary::waive::run(args, c)),
        },
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
