//! Answering one question, whatever it is: what cannot be read in time, or not at all, is never let through in silence.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::git::place::Place;
use crate::hook::act::{Act, Found};
use crate::hook::agents::{Agent, Asked, Command, question};
use crate::hook::reader::{Reader, Surroundings};
use crate::hook::rule::{Decision, Ruling, decide};
use crate::hook::script;
use crate::hook::shell::{Input, Simple};
use crate::hook::word::Word;
use crate::report::Answer;

use super::guarding::{self, Guarding};

/// The longest question that is read, in bytes.
const LONGEST_QUESTION: u64 = 8 << 20;
/// How long a command line may take to read: most take less than a hundredth of a second.
const PATIENCE: Duration = Duration::from_secs(3);
/// The reader goes as deep as the line does.
const STACK: usize = 256 << 20;

/// A decision with its words.
#[derive(Debug)]
pub struct Decided {
    /// What is decided.
    pub decision: Decision,
    /// The phase that it is about; empty where it is about none.
    pub phase: String,
    /// Why, and the next command; empty where it is allowed.
    pub reason: String,
}

impl Decided {
    /// For programs.
    pub fn json(&self) -> Value {
        let Decision { ruling, acts, .. } = &self.decision;
        json!({ "decision": ruling.label(), "phase": self.phase, "acts": acts, "reason": self.reason })
    }
}

/// Runs it.
///
/// # Errors
///
/// The question cannot be read (2).
pub fn run(named: Option<Agent>, context: &Context) -> Result<Answer, CommandError> {
    let asked = match asked(named) {
        Ok(asked) => asked,
        Err(why) => {
            let reason = format!("standard input:{why}");
            // Whoever is named is told in its own form; else the exit code blocks.
            let answer = named.and_then(|agent| agent.answer(Ruling::Deny, &format!("countersign hook: {reason}")));
            return match answer {
                Some(answer) => Ok(Answer::ok(ascii(&answer), json!({ "decision": "deny", "reason": reason }))),
                None => {
                    let next = "countersign hook install --agent NAME, which asks in a form that is known";
                    Err(CommandError::new(Exit::Usage, reason, next))
                }
            };
        }
    };
    let Some(command) = asked.command else {
        let answer = asked.agent.answer(Ruling::Allow, "").map_or_else(String::new, |answer| ascii(&answer));
        return Ok(Answer::ok(answer, json!({ "decision": "allow" })));
    };
    let mut places: Vec<PathBuf> = asked.directories.iter().map(|place| context.directory.join(place)).collect();
    // Whatever directory a command is run in, the contract of the agent's own project counts, and of where the hook itself runs.
    let projects = ["CLAUDE_PROJECT_DIR", "GEMINI_PROJECT_DIR"].into_iter().filter_map(std::env::var_os);
    places.push(context.directory.clone());
    places.extend(projects.map(|project| context.directory.join(project)));
    let decided = decided(context, &places, command);
    let answer = asked.agent.answer(decided.decision.ruling, &decided.reason);
    Ok(Answer::ok(answer.map_or_else(String::new, |answer| ascii(&answer)), decided.json()))
}

fn asked(named: Option<Agent>) -> Result<Asked, String> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(LONGEST_QUESTION + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("1:1: {error}"))?;
    if bytes.len() as u64 > LONGEST_QUESTION {
        return Err(format!("1:1: it is longer than {} MiB", LONGEST_QUESTION >> 20));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        format!("{line}:{column}: it is no text")
    })?;
    question(text, named).map_err(|error| error.to_string())
}

/// Decides about a command that is run in the first of these directories; contracts in the others count too.
pub fn decided(context: &Context, places: &[PathBuf], command: Command) -> Decided {
    let (send, receive) = mpsc::channel();
    let (own, of_thread) = (context.clone(), places.to_vec());
    // A line that takes too long, or makes the parser fall over, ends this thread and not the answer.
    let reading =
        std::thread::Builder::new().stack_size(STACK).spawn(move || send.send(judged(&own, of_thread, &command)));
    let why = match reading.map(|_| receive.recv_timeout(PATIENCE)) {
        Ok(Ok(decided)) => return decided,
        Ok(Err(mpsc::RecvTimeoutError::Timeout)) => format!("it was not read in {} s", PATIENCE.as_secs()),
        Ok(Err(mpsc::RecvTimeoutError::Disconnected)) => "its reader stopped".to_owned(),
        Err(error) => error.to_string(),
    };
    let unread = Found { act: Act::Unread(why), said: String::new(), doubt: String::new() };
    by_contracts(context, places, &[unread])
}

fn judged(context: &Context, mut places: Vec<PathBuf>, command: &Command) -> Decided {
    let around = Around;
    let directory = places.first().unwrap_or(&context.directory).clone();
    let mut reader = Reader::new(&around, &directory);
    match command {
        Command::Text(text) => reader.text(text),
        Command::Words(words) => {
            let words = words.iter().map(Word::plain).collect();
            reader.simple(&Simple::of(words, Input::Inherited));
        }
    }
    places.append(&mut reader.visited);
    by_contracts(context, &places, &reader.found)
}

/// What the contracts in these places say about what was found.
fn by_contracts(context: &Context, places: &[PathBuf], found: &[Found]) -> Decided {
    let guarding = match found.is_empty() {
        true => Vec::new(),
        false => guarding::all(context, places, found),
    };
    let phases: Vec<_> = guarding.iter().map(|one| one.phase.clone()).collect();
    let decision = decide(found, &phases);
    match decision.phase.and_then(|at| guarding.get(at)) {
        Some(about) => Decided { phase: about.phase.name.clone(), reason: reason(&decision, about), decision },
        None => Decided { decision, phase: String::new(), reason: String::new() },
    }
}

/// The words of a refusal are those of the interlock; of a question, what stands in the way.
fn reason(decision: &Decision, about: &Guarding) -> String {
    let (phase, acts, words) = (&about.phase.name, decision.acts.join(", and "), &about.words);
    let next = if words.next.is_empty() { "countersign status" } else { &words.next };
    match decision.ruling {
        Ruling::Deny => format!("phase {phase} guards this: this command {acts}. {}. Next: {next}", words.why),
        _ => format!(
            "countersign cannot tell whether this touches what phase {phase} guards: this command perhaps {acts}. Next: write it so \
             that it can be read, or let a person decide; what is guarded is done by: {next}"
        ),
    }
}

/// The files around a command.
struct Around;

impl Surroundings for Around {
    fn file(&self, path: &Path) -> Option<Vec<u8>> {
        let file = fs::File::open(path).ok().filter(|_| path.is_file())?;
        let mut bytes = Vec::new();
        file.take(script::LONGEST as u64).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn repository(&self, directory: &Path) -> Option<PathBuf> {
        Some(Place::all(directory).into_iter().next()?.common_dir)
    }

    fn origin(&self, directory: &Path) -> Option<String> {
        Place::all(directory).first()?.origin()
    }
}

/// JSON in ASCII alone: nothing in it is taken for a sign that is to be shown otherwise.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' {
            text.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                text += &format!("\\u{unit:04x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_ascii_and_the_same_json() {
        let value = json!({ "a": "…\u{202e}\u{10348}\u{7f}\n\"" });
        let text = ascii(&value);
        assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
    }
}
