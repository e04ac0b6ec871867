//! `countersign trust`

use std::path::PathBuf;

use serde_json::json;

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::gates::inputs::Known;
use crate::host::pins::Pins;
use crate::report::Answer;
use crate::sign::public_key::fingerprint;

use super::key::read_public;
use super::open::Session;

/// Pin an Adversary key on this host, for the engine of the phase
///
/// An operator does this once on the host that runs steps: without a pin no step is run.
///
/// Example: countersign trust adversary.pub
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with the Adversary's public key
    #[arg(value_name = "KEY.pub")]
    file: PathBuf,
}

/// Runs it.
///
/// # Errors
///
/// The file holds no key, the engine cannot be asked, or the pins cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let file = if args.file.is_absolute() { args.file.clone() } else { context.directory.join(&args.file) };
    let key = read_public(&file)?;
    let session = Session::open(context)?;
    let target = match session.target() {
        Known::Is(target) => target,
        Known::Unknown(why) => {
            return Err(CommandError::new(
                Exit::Unknown,
                format!("a pin belongs to an engine: {why}"),
                "countersign trust KEY.pub --engine unix:///path/to/docker.sock",
            ));
        }
    };
    let pins = Pins::at(&context.pins(), &target.engine);
    let new = pins.add(&key)?;
    let word = if new { "pinned" } else { "pinned already" };
    let text =
        format!("{} is {word} for engine {} in {}", fingerprint(&key), target.engine, pins.directory().display());
    Ok(Answer::ok(text, json!({ "key": key, "engine": target.engine, "new": new })))
}
