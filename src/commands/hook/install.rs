//! `countersign hook install`

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::context::Context;
use crate::docs::write;
use crate::error::{CommandError, Exit};
use crate::git::place::Place;
use crate::hook::agents::Agent;
use crate::hook::splice;
use crate::model::digest::Digest;
use crate::report::Answer;

/// Write the hook into a coding agent's configuration
///
/// Shows what would change, and writes it only with `--yes` and the digits that it shows. Everything else in the file stays as it is;
/// twice changes nothing. The program must be found by the agent as `countersign`. What is written ends with `|| exit 2`, by which agents
/// block where the program is not found or falls over.
///
/// A hook is a convenience: it reads what a shell is given, and no program that somebody writes. The wall is `countersign interlock`.
///
/// Example: countersign hook install --agent claude
#[derive(Debug, clap::Args)]
pub struct Args {
    /// claude, codex, copilot, cursor or gemini
    #[arg(long, value_name = "NAME", value_parser = super::agent)]
    agent: Agent,
    /// In this user's configuration, for all repositories
    #[arg(long)]
    user: bool,
    /// Write it: the digits of the proposal
    #[arg(long, value_name = "DIGEST12")]
    yes: Option<String>,
}

/// What is said wherever a hook is put.
const WALL: &str = "A hook is a convenience: it reads what this agent's shell is given, and no program that somebody writes. The wall is \
                    the interlock, by which the engine itself refuses: countersign interlock --help\n";

/// Runs it.
///
/// # Errors
///
/// There is no place for it; the file is no JSON that it fits into; the digits are not those of the proposal; it cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let path = path(args, context)?;
    let agent = args.agent.name();
    let command = args.agent.command();
    let before = read(&path)?;
    let notes = notes(&before);
    let file = path.display().to_string();
    if is_there(&before, args.agent) {
        let text = format!("{file} has the hook already; nothing was changed.\n{notes}{WALL}");
        return Ok(Answer::ok(text, json!({ "agent": agent, "file": file, "written": false, "there": true })));
    }
    let after = proposal(&before, args.agent, &command).map_err(|error| {
        let (list, entry) = (args.agent.place().join("."), args.agent.entry(&command));
        let next = format!("mend the file, or put this into its list `{list}` by hand: {entry}");
        let place = if matches!(error, splice::Unfit::NoJson { .. }) { ":" } else { ": " };
        CommandError::new(Exit::Usage, format!("{file}{place}{error}; nothing was changed"), next)
    })?;
    let digest = Digest::of(after.as_bytes()).short();
    let user = if args.user { " --user" } else { "" };
    let again = format!("countersign hook install --agent {agent}{user} --yes {digest}");
    let shown = changes(&before, &after);
    match &args.yes {
        None => {
            let text = format!("{file} would become:\n{shown}{notes}{WALL}Nothing was written yet. Next: {again}\n");
            let json = json!({
                "agent": agent, "file": file, "written": false, "there": false, "proposal": digest, "text": after
            });
            Ok(Answer::ok(text, json))
        }
        Some(digits) if *digits == digest => {
            write::replace(&path, after.as_bytes())
                .map_err(|error| CommandError::new(Exit::Write, error.to_string(), ""))?;
            let trust = match args.agent {
                Agent::Codex => "Codex runs it once you have trusted it there: /hooks\n",
                _ => "",
            };
            let text = format!("{file} was changed:\n{shown}{trust}{notes}{WALL}");
            Ok(Answer::ok(text, json!({ "agent": agent, "file": file, "written": true, "there": true })))
        }
        Some(digits) => {
            let message = format!("the proposal for {file} is {digest}, and not {digits}; nothing was changed");
            Err(CommandError::new(Exit::Usage, message, format!("look at it again: {again}")))
        }
    }
}

fn path(args: &Args, context: &Context) -> Result<PathBuf, CommandError> {
    let file = args.agent.file();
    if args.user {
        if args.agent == Agent::Copilot {
            let message = "Copilot CLI reads hooks out of a repository";
            return Err(CommandError::new(
                Exit::Usage,
                message,
                "countersign hook install --agent copilot, in a repository",
            ));
        }
        // Where these agents themselves look instead.
        let own = match args.agent {
            Agent::Claude => std::env::var_os("CLAUDE_CONFIG_DIR"),
            Agent::Codex => std::env::var_os("CODEX_HOME"),
            _ => None,
        };
        if let Some(own) = own.map(PathBuf::from).filter(|own| own.is_absolute()) {
            return Ok(own.join(Path::new(file).file_name().unwrap_or_default()));
        }
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let no_home = || CommandError::new(Exit::Usage, "HOME is not set", "HOME=DIR countersign hook install …");
        return Ok(home.ok_or_else(no_home)?.join(file));
    }
    let place = Place::find(&context.directory).ok_or_else(|| {
        let message = format!("{} is in no git repository", context.directory.display());
        CommandError::new(Exit::Usage, message, "run it inside a repository, or for all of them: --user")
    })?;
    Ok(place.root.join(file))
}

/// The file as it is; empty where there is none.
fn read(path: &Path) -> Result<String, CommandError> {
    let unfit = |why: String| {
        let message = format!("{}: {why}; nothing was changed", path.display());
        CommandError::new(Exit::Usage, message, "a regular file of JSON there, or none")
    };
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => fs::read_to_string(path).map_err(|error| unfit(error.to_string())),
        Ok(_) => Err(unfit("it is no regular file".into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(unfit(error.to_string())),
    }
}

fn is_there(text: &str, agent: Agent) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| agent.has_entry(&value))
}

/// What keeps a hook from being run at all.
fn notes(text: &str) -> String {
    let mut notes = String::new();
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    if value.get("disableAllHooks") == Some(&Value::Bool(true)) {
        notes += "The file says `\"disableAllHooks\": true`: as long as it does, no hook is run.\n";
    }
    let places = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&places).any(|place| place.join("countersign").is_file()) {
        notes += "`countersign` is not found on this PATH: where the agent does not find it either, every command is blocked.\n";
    }
    notes
}

fn proposal(before: &str, agent: Agent, command: &str) -> Result<String, splice::Unfit> {
    let begun = match (before.trim().is_empty(), agent.is_versioned()) {
        (true, true) => "{\n  \"version\": 1\n}\n",
        (true, false) => "{}\n",
        (false, _) => before,
    };
    let after = splice::put(begun, &agent.place(), &agent.entry(command))?;
    // Lines end as the others do.
    Ok(match before.contains("\r\n") {
        true => after.replace("\r\n", "\n").replace('\n', "\r\n"),
        false => after,
    })
}

/// The lines that change, with two before and after.
fn changes(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let left = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(left).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    let mut lines = |sign: &str, lines: &[&str]| text.extend(lines.iter().map(|line| format!("  {sign} {line}\n")));
    lines(" ", &new[same.saturating_sub(2)..same]);
    lines("-", &old[same..old.len() - tail]);
    lines("+", &new[same..new.len() - tail]);
    lines(" ", &new[new.len() - tail..(new.len() - tail + 2).min(new.len())]);
    text
}
