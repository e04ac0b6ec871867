//! `countersign interlock`: the engine refuses, too.

mod decide;
mod door;
mod engine;
mod fresh;
mod look;
mod moment;
mod phases;
mod serve;
pub mod status;
mod swarm;
mod wire;
pub mod words;

use crate::context::Context;
use crate::error::CommandError;
use crate::report::Answer;

/// Let the engine itself refuse what a phase guards
///
/// The engine asks this program before it carries out a request (its option `--authorization-plugin countersign`). What would remove,
/// leave or wedge something of the contract's `[protect]` is refused, from whatever client it comes, unless it is a step of
/// `builder run`, `resume` or `undo`.
///
/// Example: countersign interlock serve --repository /srv/cc-ci
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

/// What is done with an interlock.
#[derive(Debug, clap::Subcommand)]
enum Act {
    Serve(serve::Args),
    Status(status::Args),
    Door(door::Args),
}

/// Runs it.
///
/// # Errors
///
/// The socket or the host's state cannot be used.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    match &args.act {
        Act::Serve(args) => serve::run(args, context),
        Act::Status(args) => status::run(args, context),
        Act::Door(args) => door::run(args, context),
    }
}
