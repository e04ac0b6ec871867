//! How coding agents ask before a command is run, and how they are answered. The documented forms:
//!
//! - Claude Code, `PreToolUse`: code.claude.com/docs/en/hooks. `ask` is known.
//! - Codex, `PreToolUse`: developers.openai.com/codex/hooks, and codex-rs/hooks of openai/codex. An `ask` is taken for a failure there and
//!   the command is run: it is denied instead.
//! - Cursor, `beforeShellExecution` and `preToolUse`: cursor.com/docs/agent/hooks. `ask` is known.
//! - Gemini CLI, `BeforeTool`: geminicli.com/docs/hooks/reference. There is no `ask`: it is denied instead.
//! - GitHub Copilot CLI, `preToolUse`: docs.github.com/en/copilot/reference/hooks-configuration. `ask` is known.
//!
//! Where a command is allowed nothing is said, so that the agent's own rules decide; Cursor alone is told `allow`, which its form asks for.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::rule::Ruling;

/// A coding agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Copilot CLI.
    Copilot,
    /// Cursor.
    Cursor,
    /// Gemini CLI.
    Gemini,
}

/// What an agent asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who asks.
    pub agent: Agent,
    /// What is to be run; `None` where it is nothing that a shell runs.
    pub command: Option<Command>,
    /// In which directory, where that is told; then others that it may belong to.
    pub directories: Vec<PathBuf>,
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A shell's text.
    Text(String),
    /// A program and its arguments.
    Words(Vec<String>),
}

/// Why a question cannot be read, and where that stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {why}")]
pub struct Unreadable {
    /// The line, 1 for the first.
    pub line: usize,
    /// The column, 1 for the first.
    pub column: usize,
    /// Why.
    pub why: String,
}

impl Agent {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Claude, Self::Codex, Self::Copilot, Self::Cursor, Self::Gemini];

    /// As it is named on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Copilot => "copilot",
            Self::Cursor => "cursor",
            Self::Gemini => "gemini",
        }
    }

    /// Whether it lets a person decide.
    pub fn can_ask(self) -> bool {
        !matches!(self, Self::Codex | Self::Gemini)
    }

    /// Whether what [`Agent::entry`] asks to be told of are shells alone.
    fn is_asked_for_shells(self) -> bool {
        matches!(self, Self::Claude | Self::Codex | Self::Gemini)
    }

    /// The answer to print; `None` where silence says it.
    pub fn answer(self, ruling: Ruling, reason: &str) -> Option<Value> {
        let asks = ruling == Ruling::Ask && self.can_ask();
        let word = if asks { "ask" } else { "deny" };
        match (self, ruling) {
            (Self::Cursor, Ruling::Allow) => Some(json!({ "permission": "allow" })),
            (_, Ruling::Allow) => None,
            (Self::Claude | Self::Codex, _) => Some(json!({ "hookSpecificOutput": {
                "hookEventName": "PreToolUse", "permissionDecision": word, "permissionDecisionReason": reason
            } })),
            (Self::Copilot, _) => Some(json!({ "permissionDecision": word, "permissionDecisionReason": reason })),
            (Self::Cursor, _) => Some(json!({ "permission": word, "user_message": reason, "agent_message": reason })),
            (Self::Gemini, _) => Some(json!({ "decision": word, "reason": reason })),
        }
    }
}

/// Reads a question; `named` is who is said to ask, else its shape tells.
///
/// # Errors
///
/// It is no JSON, or has no shape that is known; with its place.
pub fn question(text: &str, named: Option<Agent>) -> Result<Asked, Unreadable> {
    let value: Value = serde_json::from_str(text).map_err(|error| Unreadable {
        line: error.line().max(1),
        column: error.column().max(1),
        why: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    })?;
    let at = |key: &str, why: String| {
        let found = text.find(&format!("\"{key}\"")).unwrap_or(0);
        let before = &text[..found];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Unreadable { line, column, why }
    };
    if !value.is_object() {
        return Err(at("", "it is no object; wanted what an agent sends before it uses a tool".into()));
    }
    let event = value.get("hook_event_name").and_then(Value::as_str);
    let agent = match (named, event) {
        (Some(agent), _) => agent,
        (None, Some("PreToolUse")) if value.get("turn_id").is_some() => Agent::Codex,
        (None, Some("PreToolUse")) => Agent::Claude,
        (None, Some("BeforeTool")) => Agent::Gemini,
        (None, Some("beforeShellExecution" | "preToolUse")) => Agent::Cursor,
        (None, None) if value.get("toolName").is_some() => Agent::Copilot,
        (None, Some(other)) => {
            return Err(at("hook_event_name", format!("`{other}` is no event before a command")));
        }
        (None, None) => {
            let agents = Agent::ALL.map(Agent::name).join(", ");
            return Err(at("", format!("it has the form of no agent that is known ({agents})")));
        }
    };
    if let Some(other) =
        event.filter(|event| !["PreToolUse", "BeforeTool", "beforeShellExecution", "preToolUse"].contains(event))
    {
        return Err(at("hook_event_name", format!("`{other}` is no event before a command")));
    }
    // Copilot's arguments may be JSON in a text.
    let written = value.get("toolArgs").and_then(Value::as_str);
    let unpacked: Option<Value> = match written {
        Some(written) => Some(
            serde_json::from_str(written).map_err(|error| at("toolArgs", format!("`toolArgs` is no JSON: {error}")))?,
        ),
        None => None,
    };
    let places = [unpacked.as_ref(), value.get("tool_input"), value.get("toolArgs"), Some(&value)];
    let inputs: Vec<&Value> = places.into_iter().flatten().filter(|place| place.is_object()).collect();
    let first = |key: &str| inputs.iter().find_map(|input| input.get(key));
    let tool = value.get("tool_name").or(value.get("toolName")).and_then(Value::as_str);
    let shell = is_shell(tool.unwrap_or_default()) || event == Some("beforeShellExecution");
    // What is typed into a shell that is open already is run there too.
    let keys: &[&str] = if shell { &["command", "cmd", "input", "chars"] } else { &["command", "cmd"] };
    let command = match keys.iter().find_map(|key| first(key)) {
        Some(Value::String(text)) => Some(Command::Text(text.replace("{enter}", "\n"))),
        Some(Value::Array(words)) if words.iter().all(Value::is_string) => {
            Some(Command::Words(words.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
        }
        Some(_) => return Err(at("command", "`command` is neither a text nor a list of texts".into())),
        None if shell || tool.is_none() && agent.is_asked_for_shells() => {
            return Err(at("tool_name", "a shell is asked for and no `command` is told".into()));
        }
        None => None,
    };
    let text = |key: &str| first(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let base = value.get("cwd").and_then(Value::as_str).map(PathBuf::from);
    let own = ["directory", "dir_path", "workdir", "working_directory"].into_iter().find_map(text);
    let own = own.map(|own| base.as_ref().map_or_else(|| PathBuf::from(own), |base| base.join(own)));
    let roots = value.get("workspace_roots").and_then(Value::as_array).into_iter().flatten();
    let roots = roots.filter_map(Value::as_str).map(PathBuf::from);
    let directories = own.into_iter().chain(base).chain(roots).collect();
    Ok(Asked { agent, command, directories })
}

/// Whether a tool is one that runs what it is given in a shell, by the words of its name; and not one that only looks at one or ends it.
fn is_shell(tool: &str) -> bool {
    const SHELLS: &[&str] = &["bash", "shell", "powershell", "exec", "terminal", "command", "stdin"];
    const OTHERS: &[&str] = &["read", "list", "stop", "kill", "output", "mcp"];
    let tool = tool.to_lowercase();
    let words = || tool.split(|c: char| !c.is_ascii_alphanumeric());
    words().any(|word| SHELLS.contains(&word)) && !words().any(|word| OTHERS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agent_is_told_by_its_question() {
        for (text, agent, command) in [
            (
                r#"{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"ls"}}"#,
                Agent::Claude,
                true,
            ),
            (
                r#"{"hook_event_name":"PreToolUse","tool_name":"Read","tool_input":{"file_path":"x"}}"#,
                Agent::Claude,
                false,
            ),
            (
                r#"{"hook_event_name":"PreToolUse","turn_id":"1","tool_name":"Bash","tool_input":{"command":["ls"]}}"#,
                Agent::Codex,
                true,
            ),
            (
                r#"{"hook_event_name":"BeforeTool","tool_name":"run_shell_command","tool_input":{"command":"ls"}}"#,
                Agent::Gemini,
                true,
            ),
            (r#"{"hook_event_name":"beforeShellExecution","command":"ls","cwd":""}"#, Agent::Cursor, true),
            (r#"{"toolName":"bash","toolArgs":"{\"command\":\"ls\"}"}"#, Agent::Copilot, true),
            (r#"{"toolName":"bash","toolArgs":{"command":"ls"}}"#, Agent::Copilot, true),
            (r#"{"toolName":"view","toolArgs":{"path":"x"}}"#, Agent::Copilot, false),
            (r#"{"toolName":"write_bash","toolArgs":{"input":"ls{enter}"}}"#, Agent::Copilot, true),
            (r#"{"toolName":"read_bash","toolArgs":{"shellId":"1"}}"#, Agent::Copilot, false),
            (r#"{"toolName":"powershell","toolArgs":{"cmd":"ls"}}"#, Agent::Copilot, true),
            (
                r#"{"hook_event_name":"PreToolUse","turn_id":"1","tool_name":"write_stdin","tool_input":{"chars":"ls"}}"#,
                Agent::Codex,
                true,
            ),
            (
                r#"{"hook_event_name":"PreToolUse","tool_name":"KillShell","tool_input":{"shell_id":"1"}}"#,
                Agent::Claude,
                false,
            ),
        ] {
            let asked = question(text, None).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((asked.agent, asked.command.is_some()), (agent, command), "{text}");
            assert_eq!(question(text, Some(agent)), Ok(asked), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_a_place() {
        for (text, wanted) in [
            ("", "1:1: EOF while parsing a value"),
            ("{\n  \"a\": }", "2:8: expected value"),
            ("[1]", "1:1: it is no object"),
            ("{}", "1:1: it has the form of no agent that is known (claude, codex, copilot, cursor, gemini)"),
            ("{\n \"hook_event_name\": \"PostToolUse\"}", "2:2: `PostToolUse` is no event before a command"),
            (r#"{"toolName":"bash","toolArgs":"{"}"#, "1:20: `toolArgs` is no JSON"),
            (
                r#"{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":7}}"#,
                "1:66: `command` is neither",
            ),
            (r#"{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{}}"#, "1:33: a shell is asked for"),
            (r#"{"hook_event_name":"PreToolUse","tool_input":{}}"#, "1:1: a shell is asked for"),
            (r#"{"toolName":"write_bash","toolArgs":{}}"#, "1:1: a shell is asked for"),
        ] {
            let error = question(text, None).expect_err(text).to_string();
            assert!(error.starts_with(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn every_directory_that_is_told_counts() {
        let text = r#"{"hook_event_name":"BeforeTool","tool_name":"run_shell_command","cwd":"/repo","workspace_roots":["/w"],
            "tool_input":{"command":"ls","dir_path":"/tmp"}}"#;
        let asked = question(text, None).expect("a question");
        assert_eq!(asked.directories, ["/tmp", "/repo", "/w"].map(PathBuf::from));
    }

    #[test]
    fn who_cannot_ask_denies() {
        for agent in Agent::ALL {
            let asked = agent.answer(Ruling::Ask, "why").expect("an answer").to_string();
            assert_eq!(asked.contains("\"ask\""), agent.can_ask(), "{asked}");
            assert_eq!(asked.contains("\"deny\""), !agent.can_ask(), "{asked}");
            assert!(agent.answer(Ruling::Deny, "why").expect("an answer").to_string().contains("\"deny\""));
        }
    }
}
