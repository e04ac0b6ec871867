//! What people and programs see: text and JSON from one value. Nothing else prints.

pub mod phase;

use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::error::{CommandError, Exit};

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

/// Prints an answer; gives the exit code. A reader that went away is no error.
pub fn print(command: &str, answer: &Answer, as_json: bool) -> Exit {
    let text = if as_json { envelope(command, answer.exit, &answer.json, None) } else { answer.text.clone() };
    let mut out = io::stdout().lock();
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    // A closed pipe is the reader's choice.
    write!(out, "{text}{newline}").and_then(|()| out.flush()).ok();
    answer.exit
}

/// Prints an error; gives the exit code.
pub fn print_error(command: &str, error: &CommandError, as_json: bool) -> Exit {
    write!(io::stderr().lock(), "{error}").ok();
    if as_json {
        let details = json!({ "message": error.message, "details": error.details, "next": error.hint });
        let text = envelope(command, error.exit, &json!({}), Some(details));
        writeln!(io::stdout().lock(), "{text}").ok();
    }
    error.exit
}

fn envelope(command: &str, exit: Exit, body: &Value, error: Option<Value>) -> String {
    let mut object = json!({ "schema": JSON_SCHEMA, "command": command, "exit": exit.code() });
    if let (Some(object), Some(body)) = (object.as_object_mut(), body.as_object()) {
        object.extend(body.iter().map(|(key, value)| (key.clone(), value.clone())));
        if let Some(error) = error {
            object.insert("error".into(), error);
        }
    }
    object.to_string()
}

/// Says something while a command works, on standard error.
pub fn say(line: &str) {
    writeln!(io::stderr().lock(), "{line}").ok();
}
