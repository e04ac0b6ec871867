//! What people and programs see: text and JSON from one value. Nothing else prints.

pub mod brief;
mod lines;
pub mod phase;

use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::error::{CommandError, Exit};
use crate::interrupt::{Event, Left};
use crate::model::characters::visible;

/// The version of the JSON that commands answer with.
pub const JSON_SCHEMA: u32 = 1;

/// What a command answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The exit code.
    pub exit: Exit,
    /// For people.
    pub text: String,
    /// For programs: an object.
    pub json: Value,
}

impl Answer {
    /// An answer that all is well.
    pub fn ok(text: impl Into<String>, json: Value) -> Self {
        Self { exit: Exit::Ok, text: text.into(), json }
    }
}

/// Prints an answer; gives the exit code, which is 74 where all is well and nobody can read it. A reader that went away is no error.
pub fn print(command: &str, answer: &Answer, as_json: bool) -> Exit {
    // Words of others stand in answers: nothing in them may steer a terminal.
    let text = if as_json { envelope(command, answer.exit, &answer.json, None) } else { visible(&answer.text) };
    lines::settle();
    let mut out = io::stdout().lock();
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{newline}").and_then(|()| out.flush()) {
        // A closed pipe is the reader's choice.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let note = format!("{command}: its answer could not be written: {error}");
            write!(io::stderr().lock(), "{}", CommandError::new(Exit::Write, note, "")).ok();
            if answer.exit == Exit::Ok { Exit::Write } else { answer.exit }
        }
        _ => answer.exit,
    }
}

/// Prints an error; gives the exit code.
pub fn print_error(command: &str, error: &CommandError, as_json: bool) -> Exit {
    lines::settle();
    write!(io::stderr().lock(), "{error}").ok();
    if as_json {
        let details = json!({ "message": error.message, "details": error.details, "next": error.hint });
        let text = envelope(command, error.exit, &json!({}), Some(details));
        writeln!(io::stdout().lock(), "{text}").ok();
    }
    error.exit
}

/// The hint of one party's command says so where what it names is the other party's to run.
pub fn for_whom(command: &str, mut error: CommandError) -> CommandError {
    let party = |words: &str| {
        let of = |party: &&str| words.strip_prefix(party).is_some_and(|rest| rest.starts_with(' '));
        ["builder", "adversary"].into_iter().find(of)
    };
    error.hint = error.hint.map(|hint| match (party(command), hint.strip_prefix("countersign ").and_then(party)) {
        (Some("builder"), Some("adversary")) => format!("the Adversary runs: {hint}"),
        (Some("adversary"), Some("builder")) => format!("the Builder runs: {hint}"),
        _ => hint,
    });
    error
}

/// Says what an interrupt found: a step that is finished first, or what is where.
pub fn interrupted(command: &str, event: Event, as_json: bool) {
    match event {
        Event::Finishing(step) => {
            say(&format!(
                "Interrupted: step `{step}` walks back if it still can, else comes to its end; no other is begun. Once more leaves it in doubt."
            ));
        }
        Event::Leaving(left) => {
            print_error(command, &left_behind(command, left), as_json);
        }
    }
}

fn left_behind(command: &str, left: Left) -> CommandError {
    let Left { notes, in_doubt, going_on } = left;
    let mut details = notes;
    if details.is_empty() {
        details.push("nothing was written".to_owned());
    }
    details
        .extend(going_on.iter().map(|id| format!("the step's program (process {id}) goes on and keeps the run lock")));
    let hint = match in_doubt {
        None => "countersign status".to_owned(),
        Some(step) => {
            details.push(format!("step `{step}` is in doubt"));
            "countersign builder resume".to_owned()
        }
    };
    CommandError { exit: Exit::Interrupted, message: format!("interrupted: {command}"), details, hint: Some(hint) }
}

fn envelope(command: &str, exit: Exit, body: &Value, error: Option<Value>) -> String {
    // What every answer has stands over whatever a command's own body calls the same.
    let mut object = body.as_object().cloned().unwrap_or_default();
    object.insert("schema".into(), JSON_SCHEMA.into());
    object.insert("command".into(), command.into());
    object.insert("exit".into(), exit.code().into());
    if let Some(error) = error {
        object.insert("error".into(), error);
    }
    Value::Object(object).to_string()
}

/// Says something while a command works, on standard error. A terminal that takes nothing does not hold it up, and nothing in the words
/// of others steers it.
pub fn say(line: &str) {
    lines::say(&visible(line));
}
