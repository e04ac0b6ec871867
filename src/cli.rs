//! The command line: every command with its options; what it does stands in its own file.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::commands::{
    adopt, adversary, break_glass, builder, check, doctor, guard, hook, init, interlock, key, merge_file, next, probe,
    status, sync, trust, twin, vips,
};
use crate::context::{Context, Global};
use crate::docs::clean::visible;
use crate::error::{CommandError, Exit};
use crate::model::role::Role;
use crate::probes::redact::redact;
use crate::report::{self, Answer};
use crate::{fault, interrupt};

/// Two keys for disruptive maintenance: a Builder proves, an Adversary countersigns, and nothing disruptive runs until it has
///
/// The state is Markdown under machine-docs/. `countersign next` says whose turn it is and the one command to run.
///
/// Example: countersign doctor
///
/// Example: countersign init --template pvfix
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
    Vips(vips::Args),
    Guard(guard::Args),
    Interlock(interlock::Args),
    Hook(hook::Args),
    #[command(subcommand)]
    Twin(twin::TwinCommand),
    /// Runs inside a twin's containers
    #[command(subcommand, hide = true)]
    TwinServe(twin::ServeCommand),
    BreakGlass(break_glass::Args),
    MergeFile(merge_file::Args),
    /// Plan, prove, claim, run
    ///
    /// Example: countersign builder claim M1
    #[command(subcommand)]
    Builder(Builder),
    /// Review, countersign, object
    ///
    /// Example: countersign adversary brief M1
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
    Run(builder::run::Args),
    Resume(builder::resume::Args),
    Undo(builder::undo::Args),
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
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Read by eye, since the command line may be one that cannot be parsed.
    let json = arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    let (name, cli) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() && json => {
            let message = error.render().to_string();
            let usage = CommandError::new(Exit::Usage, message.trim_end(), "countersign --help");
            return ExitCode::from(report::print_error("countersign", &usage, true).code());
        }
        Err(error) => {
            // Help and version go to standard output with 0, mistakes to standard error with 2; a closed pipe is no error.
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Ok.code() });
        }
    };
    if let Command::TwinServe(command) = cli.command {
        return twin::cmd_serve(command);
    }
    let told = name.clone();
    if let Err(error) = interrupt::watch(move |event| report::interrupted(&told, event, json)) {
        report::say(&format!("signals cannot be watched ({error}): Ctrl-C ends this at once"));
    }
    let outcome = run(&cli).map_err(|error| report::for_whom(&name, without_secrets(error)));
    interrupt::answered();
    let exit = match outcome {
        Ok(answer) => {
            // Names and labels are others' words: none of them moves the cursor or turns the reading direction.
            let answer = Answer { text: visible(&answer.text), ..answer };
            report::print(&name, &answer, json)
        }
        Err(error) => report::print_error(&name, &error, json),
    };
    ExitCode::from(exit.code())
}

/// The same error with every secret taken out: an engine's, a remote's and a program's words stand in it, and addresses as they were
/// typed.
fn without_secrets(error: CommandError) -> CommandError {
    let clean = |text: String| redact(&text).0;
    CommandError {
        message: clean(error.message),
        details: error.details.into_iter().map(clean).collect(),
        hint: error.hint.map(clean),
        ..error
    }
}

/// The command line and the command's whole name, as in `adversary veto raise`.
fn parse(arguments: Vec<OsString>) -> Result<(String, Cli), clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let mut names = Vec::new();
    let mut inner = matches.subcommand();
    while let Some((name, below)) = inner {
        names.push(name);
        inner = below.subcommand();
    }
    Ok((names.join(" "), Cli::from_arg_matches(&matches)?))
}

/// The command line as it is offered, for whoever documents or tests it.
pub fn command_line() -> clap::Command {
    Cli::command()
}

fn run(cli: &Cli) -> Result<Answer, CommandError> {
    let context = Context::new(&cli.global)?;
    // Where a test interrupts a command that has begun and done nothing yet.
    fault::point("command").map_err(|error| CommandError::new(Exit::Write, error.to_string(), ""))?;
    let c = &context;
    match &cli.command {
        Command::Init(args) => init::run(args, c),
        Command::Key(args) => key::run(args, c),
        Command::Trust(args) => trust::run(args, c),
        Command::Doctor(args) => doctor::run(args, c),
        Command::Status(args) => status::run(args, c),
        Command::Next(args) => next::run(args, c),
        Command::Sync(args) => sync::run(args, c),
        Command::Check(args) => check::run(args, c),
        Command::Probe(args) => probe::run(args, c),
        Command::Vips(args) => vips::run(args, c),
        Command::Guard(args) => guard::run(args, c),
        Command::Interlock(args) => interlock::run(args, c),
        Command::Hook(args) => hook::run(args, c),
        Command::Twin(command) => twin::cmd_twin(command),
        Command::TwinServe(_) => Err(CommandError::new(Exit::Usage, "runs in a container only", "")),
        Command::BreakGlass(args) => break_glass::run(args, c),
        Command::MergeFile(args) => merge_file::run(args, &context),
        Command::Builder(command) => match command {
            Builder::Adopt(args) => adopt::run(args, Role::Builder, c),
            Builder::Evidence(args) => builder::evidence::run(args, c),
            Builder::Claim(args) => builder::claim::run(args, c),
            Builder::Note(args) => builder::note::run(args, c),
            Builder::Task(args) => builder::task::run(args, c),
            Builder::Plan(args) => builder::plan::run(args, c),
            Builder::Run(args) => builder::run::run(args, c),
            Builder::Resume(args) => builder::resume::run(args, c),
            Builder::Undo(args) => builder::undo::run(args, c),
            Builder::Window(args) => builder::window::run(args, c),
            Builder::Done(args) => builder::done::run(args, c),
        },
        Command::Adversary(command) => match command {
            Adversary::Adopt(args) => adopt::run(args, Role::Adversary, c),
            Adversary::Brief(args) => adversary::brief::run(args, c),
            Adversary::Pass(args) => adversary::pass::run(args, c),
            Adversary::Fail(args) => adversary::fail::run(args, c),
            Adversary::Finding(args) => adversary::finding::run(args, c),
            Adversary::Veto(args) => adversary::veto::run(args, c),
            Adversary::Waive(args) => adversary::waive::run(args, c),
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
