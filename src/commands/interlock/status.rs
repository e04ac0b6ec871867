//! `countersign interlock status`

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::commands::engine::any;
use crate::commands::maintenance;
use crate::commands::open::Session;
use crate::commands::target::runtime;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::host::decisions::Decision;
use crate::report::Answer;

use super::engine::remembered;
use super::serve::SOCKET;

/// How long an interlock may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Show what the interlock guards, and its last decisions with their reasons
///
/// Example: countersign interlock status --last 20
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many decisions
    #[arg(long, value_name = "N", default_value_t = 10)]
    last: usize,
    /// Where the engine asks
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
}

/// Runs it.
///
/// # Errors
///
/// The engine does not answer and the host's state does not say which it is, or what was decided cannot be read. Exit 13 where the
/// engine does not answer and the host's state does.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let answers = answers(&args.socket);
    let mut context = context.clone();
    let own = Session::open(&context).ok().map(|session| session.engine_address().to_owned());
    context.global.engine = context.global.engine.or(own);
    let context = &context;
    // An engine that asks an interlock which is away refuses this too: what it guards is on the host all the same.
    let (id, refused) = match runtime()?.block_on(any(context)) {
        Ok((_, info)) => (info.engine_id, None),
        Err(error) => match remembered(context, None) {
            Ok((id, _)) => (id, Some(error)),
            Err(_) => return Err(error),
        },
    };
    let log = context.decisions(&id);
    let (mut all, doors) = (log.all()?, log.doors()?);
    let total = all.len();
    let last = all.split_off(total.saturating_sub(args.last));
    // Whoever is not the uid that runs steps cannot read this.
    let guarded = maintenance::state(context, &id).ok().and_then(|state| state.guarded().ok());
    let at = args.socket.display();
    let mut text = match &answers {
        Ok(()) => format!("The interlock answers at {at}.\n"),
        Err(why) => format!("Nothing answers at {at}: {why}\n"),
    };
    if let Some(error) = &refused {
        let next = error.hint.as_deref().unwrap_or_default();
        text += &format!("! {}\n  Next: {next}\nWhat stands on this host:\n", error.message);
    }
    match &guarded {
        None => text += "What is guarded cannot be read as this user.\n",
        Some(guarded) if guarded.is_empty() => text += "Nothing is guarded.\n",
        Some(guarded) => {
            for one in guarded {
                text += &format!("phase {} of {}\n", one.phase, one.root.display());
                text.extend(one.protect.words().iter().map(|(name, words)| format!("  {name}: {words}\n")));
            }
        }
    }
    for door in &doors {
        let open = if context.now() < door.until { "the door is open" } else { "the door was open" };
        text += &format!("! {open} from {} to {} ({}): {}\n", door.at, door.until, door.id().short(), door.reason);
    }
    if !last.is_empty() {
        text += &format!("The last {} of {total} decisions that are kept:\n", last.len());
    }
    text.extend(last.iter().map(|decision| format!("  {}\n", line(decision))));
    let json = json!({
        "answers": answers.is_ok(), "socket": args.socket, "engine": id, "engine_answers": refused.is_none(), "guarded": guarded, "decisions": last,
        "kept": total, "doors": doors.iter().map(|door| json!({ "mark": door.id().to_string(), "at": door.at.to_string(),
            "until": door.until.to_string(), "reason": door.reason })).collect::<Vec<Value>>(),
    });
    let exit = if refused.is_some() { Exit::Unknown } else { Exit::Ok };
    Ok(Answer { exit, text, json })
}

/// One decision in one line.
pub fn line(decision: &Decision) -> String {
    let would = if decision.would.is_empty() { String::new() } else { format!(": {}", decision.would.join(", ")) };
    let (at, ruling, request, client) = (decision.at, decision.ruling.label(), &decision.request, &decision.client);
    format!("{at} {ruling} {request} by {client}{would}; {}", decision.why)
}

/// Whether a plugin answers there.
pub fn answers(socket: &Path) -> Result<(), String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(
            b"POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    match ask() {
        Ok(text) if text.contains("authz") => Ok(()),
        Ok(_) => Err("something else is there".into()),
        Err(error) => Err(error.to_string()),
    }
}
