//! `countersign interlock door`

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::host::doors::Door;
use crate::model::time::{Time, parse_duration, show_duration};
use crate::report::{self, Answer};

use super::decide::Desk;
use super::engine::remembered;
use super::serve::{SOCKET, answer, listen};
use super::status::answers;

/// The longest that a door stays open: an hour.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(3600);

/// Open the door past the interlock for a while, as root on the host
///
/// For when the interlock stands in the way of saving the host. It leaves a mark that every status shows and that stands against DONE
/// until the Adversary accepts it. Where the interlock does not run, this answers the engine itself until the door shuts or it is
/// ended.
///
/// Example: countersign interlock door --for 10m --reason "the node must leave now"
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long, at most 1h
    #[arg(long = "for", value_name = "DURATION")]
    length: String,
    /// Why
    #[arg(long)]
    reason: String,
    /// Where the engine asks
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
    /// The engine's id, where the host's state holds several
    #[arg(long, value_name = "ID")]
    engine_id: Option<String>,
}

/// Runs it.
///
/// # Errors
///
/// It is not root that opens it, the length is too long, or the mark could not be left.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    if context.uid() != 0 {
        let message = format!("the door opens for root on the host, and this is uid {}", context.uid());
        return Err(CommandError::new(Exit::Role, message, "sudo countersign interlock door …"));
    }
    let usage = |message: String| CommandError::new(Exit::Usage, message, "countersign interlock door --help");
    let reason = args.reason.trim().to_owned();
    if reason.is_empty() {
        return Err(usage("--reason is empty".into()));
    }
    let length = parse_duration(&args.length).map_err(|error| usage(format!("--for: {error}")))?;
    if length > LONGEST {
        return Err(usage(format!("--for {} is longer than {}", show_duration(length), show_duration(LONGEST))));
    }
    let (id, guarded) = remembered(context, args.engine_id.as_ref())?;
    let answers = answers(&args.socket);
    if let (Err(why), Ok(_)) = (&answers, UnixStream::connect(&args.socket)) {
        let message = format!("{} is held by something that does not answer: {why}", args.socket.display());
        let next = "systemctl stop countersign-interlock.socket countersign-interlock.service, then the same again";
        return Err(CommandError::new(Exit::Busy, message, next));
    }
    let at = context.now();
    let until = at.plus(length);
    let roots: Vec<PathBuf> = guarded.iter().map(|one| one.root.clone()).collect();
    let phases = guarded.iter().map(|one| (one.repository.clone(), one.phase.clone())).collect();
    let door = Door { at, until, reason, uid: context.uid(), phases };
    context.decisions(&id).open_door(&door)?;
    let words = format!(
        "The door is open until {until}. Mark {} stands against DONE until the Adversary accepts it.",
        door.id().short()
    );
    let json = json!({ "mark": door.id().to_string(), "until": until.to_string(), "engine": id });
    if answers.is_ok() {
        return Ok(Answer::ok(words, json));
    }
    report::say(&words);
    report::say(&format!("the interlock does not answer: this does, at {}, until then", args.socket.display()));
    stand_in(args, context, until, roots)?;
    let words =
        "The door is shut: the engine refuses every request again.\nNext: systemctl start countersign-interlock.socket";
    Ok(Answer::ok(words, json))
}

/// Answers the engine in the interlock's place, with the door open, until it shuts.
fn stand_in(args: &Args, context: &Context, until: Time, roots: Vec<PathBuf>) -> Result<(), CommandError> {
    let listener = listen(&args.socket)?;
    let left = until.since(context.now()).unwrap_or_default();
    let desk = Desk::new(context, roots);
    // Whoever waits for the end is this thread; the other one ends with the process.
    std::thread::spawn(move || answer(listener, Arc::new(desk)).err().map(|error| report::say(&error.message)));
    std::thread::sleep(left);
    fs::remove_file(&args.socket).ok();
    Ok(())
}
