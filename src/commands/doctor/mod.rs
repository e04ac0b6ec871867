//! `countersign doctor`

mod engine;
mod guarded;
mod host;
mod line;
mod place;
mod remote;
mod roles;

use serde_json::{Value, json};

use self::line::{Line, Mark};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::report::{self, Answer};

use super::open::{self, Session};

/// Look at everything a first use needs, and say what to do about each thing that is missing
///
/// Changes nothing. Each line says what was looked at and what was found; where it is not as it should be, what was wanted and
/// the command that leads there. What could not be looked at is `unknown`, never `ok`. An `advice` does not fail.
///
/// Example: countersign doctor
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
///
/// None: whatever is wrong is a line.
pub fn run(_: &Args, context: &Context) -> Result<Answer, CommandError> {
    let say = |line: &str| {
        if context.talks_to_a_person() {
            report::say(line);
        }
    };
    let mut lines = host::programs();
    let session = place::look(context, &mut lines);
    let session = session.as_ref();
    say("asking the engine …");
    let seen = engine::look(context, session, &mut lines);
    roles::look(context, session, &seen, &mut lines);
    host::look(context, session, &seen, &mut lines);
    if let Some(session) = session {
        say("asking the remote …");
        remote::look(session, &seen, &mut lines);
    }
    let exit = line::exit(&lines);
    let phase = session.map(|session| session.store.phase().to_string());
    let json = json!({ "phase": phase, "lines": lines.iter().map(Line::json).collect::<Vec<Value>>() });
    Ok(Answer { exit, text: text(context, session, &lines, exit), json })
}

fn text(context: &Context, session: Option<&Session>, lines: &[Line], exit: Exit) -> String {
    let phase = match session {
        Some(session) => format!("phase {} needs", session.store.phase()),
        None => "a first use needs (there is no phase to open here yet)".to_owned(),
    };
    let mut out = format!("Looked at what {phase}, as uid {}:\n\n", context.uid());
    for line in lines {
        out += &line.text();
    }
    let count = |mark: Mark| lines.iter().filter(|line| line.mark == mark).count();
    let words = format!(
        "\n{} ok, {} wrong, {} unknown, {} advice",
        count(Mark::Ok),
        count(Mark::Wrong),
        count(Mark::Unknown),
        count(Mark::Advice)
    );
    out += &words;
    out += match exit {
        Exit::Ok => ". Next: countersign next\n",
        _ => ". Begin with the first that is not ok.\n",
    };
    out
}

/// The phase's network that a step takes away, by each step that recreates one.
fn recreated(session: &Session) -> Vec<&str> {
    let steps = session.contract.steps.iter().filter(|step| step.kind == "docker.network.recreate");
    steps.filter_map(|step| step.params.text("network")).collect()
}

/// The engine that is asked: the one that was named, else the contract's, else the usual one.
fn engine_address(context: &Context, session: Option<&Session>) -> String {
    match (session, &context.global.engine) {
        (Some(session), _) => session.engine_address().to_owned(),
        (None, Some(named)) => named.clone(),
        (None, None) => open::USUAL_ENGINE.to_owned(),
    }
}
