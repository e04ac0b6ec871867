//! `countersign interlock door`

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::host::doors::Door;
use crate::interrupt;
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
/// until the Adversary accepts it. Where the interlock does not run, this answers the engine itself until the door shuts; ended before
/// (Ctrl-C), it shuts the door. `--shut` shuts one that is open beside a running interlock.
///
/// Example: countersign interlock door --for 10m --reason "the node must leave now"
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long, at most 1h
    #[arg(long = "for", value_name = "DURATION", required_unless_present = "shut")]
    length: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "shut")]
    reason: Option<String>,
    /// Shut every door that is open, before its time; the marks stay
    #[arg(long, conflicts_with_all = ["length", "reason"])]
    shut: bool,
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
    if args.shut {
        return shut(args, context);
    }
    let reason = args.reason.as_deref().unwrap_or_default().trim().to_owned();
    if reason.is_empty() {
        return Err(usage("--reason is empty".into()));
    }
    let length =
        parse_duration(args.length.as_deref().unwrap_or_default()).map_err(|error| usage(format!("--for: {error}")))?;
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
    // Whoever ends it shuts the door: what is answered here no more must not stay open.
    let held = interrupt::finish_first();
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
    if interrupt::requested() {
        let shut = context.decisions(&id).shut_door(door.id(), context.now());
        let how = shut.map_or_else(|error| format!("is open until {until}: {error}"), |()| "is shut".to_owned());
        interrupt::note(format!(
            "the door {how}; mark {} stands against DONE until the Adversary accepts it",
            door.id().short()
        ));
    }
    drop(held);
    let words =
        "The door is shut: the engine refuses every request again.\nNext: systemctl start countersign-interlock.socket";
    Ok(Answer::ok(words, json))
}

/// Shuts what is open.
fn shut(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let (id, _) = remembered(context, args.engine_id.as_ref())?;
    let (log, now) = (context.decisions(&id), context.now());
    let open = log.open_doors(now)?;
    open.iter().try_for_each(|door| log.shut_door(door.id(), now))?;
    let marks: Vec<String> = open.iter().map(|door| door.id().to_string()).collect();
    let words = if open.is_empty() { "No door is open." } else { "The door is shut; its mark stays." };
    Ok(Answer::ok(words, json!({ "shut": marks, "engine": id })))
}

/// Answers the engine in the interlock's place, with the door open, until it shuts.
fn stand_in(args: &Args, context: &Context, until: Time, roots: Vec<PathBuf>) -> Result<(), CommandError> {
    let listener = listen(&args.socket)?;
    let left = until.since(context.now()).unwrap_or_default();
    let desk = Desk::new(context, roots);
    // Whoever waits for the end is this thread; the other one ends with the process.
    std::thread::spawn(move || answer(listener, Arc::new(desk)).err().map(|error| report::say(&error.message)));
    let begun = std::time::Instant::now();
    while begun.elapsed() < left && !interrupt::requested() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    fs::remove_file(&args.socket).ok();
    Ok(())
}
