//! What stands in a coding agent's configuration, so that it asks the hook.

use serde_json::{Value, json};

use super::agents::Agent;

impl Agent {
    /// Its configuration, below a repository's root or a home directory.
    pub fn file(self) -> &'static str {
        match self {
            Self::Claude => ".claude/settings.json",
            Self::Codex => ".codex/hooks.json",
            Self::Copilot => ".github/hooks/countersign.json",
            Self::Cursor => ".cursor/hooks.json",
            Self::Gemini => ".gemini/settings.json",
        }
    }

    /// Where in it the hooks before a command stand.
    pub fn place(self) -> [&'static str; 2] {
        match self {
            Self::Claude | Self::Codex => ["hooks", "PreToolUse"],
            Self::Copilot => ["hooks", "preToolUse"],
            Self::Cursor => ["hooks", "beforeShellExecution"],
            Self::Gemini => ["hooks", "BeforeTool"],
        }
    }

    /// Whether its configuration begins with a version, which is 1.
    pub fn is_versioned(self) -> bool {
        matches!(self, Self::Copilot | Self::Cursor)
    }

    /// What stands there for a command of ours. Ten seconds are many times what it takes.
    pub fn entry(self, command: &str) -> Value {
        match self {
            Self::Claude | Self::Codex => {
                json!({ "matcher": "Bash", "hooks": [{ "type": "command", "command": command, "timeout": 10 }] })
            }
            Self::Gemini => json!({
                "matcher": "run_shell_command",
                "hooks": [{ "name": "countersign", "type": "command", "command": command, "timeout": 10_000 }]
            }),
            Self::Cursor => json!({ "command": command }),
            Self::Copilot => json!({ "type": "command", "bash": command, "timeoutSec": 10 }),
        }
    }

    /// What an agent is told to run. Where the program falls over or is not there, it ends with 2, by which agents block (Claude Code, Codex,
    /// Cursor and Gemini CLI say so).
    pub fn command(self) -> String {
        format!("countersign hook --agent {} || exit 2", self.name())
    }

    /// Whether a hook of ours stands in this configuration where this agent runs it before its shell.
    pub fn has_entry(self, configuration: &Value) -> bool {
        let list = self.place().iter().try_fold(configuration, |value, key| value.get(key));
        let entries = list.and_then(Value::as_array).into_iter().flatten();
        let says =
            |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).is_some_and(|text| self.is_ours(text));
        let mut entries = entries.filter(|entry| self.is_for_shells(entry.get("matcher").and_then(Value::as_str)));
        entries.any(|entry| match self {
            Self::Copilot => says(entry, "bash"),
            Self::Cursor => says(entry, "command"),
            _ => entry.get("hooks").and_then(Value::as_array).into_iter().flatten().any(|hook| says(hook, "command")),
        })
    }

    /// Whether a command is the hook, for this agent, with whatever path before its name.
    fn is_ours(self, command: &str) -> bool {
        let command = command.trim();
        let command = command.strip_suffix("|| exit 2").unwrap_or(command);
        let words: Vec<&str> = command.split_whitespace().collect();
        let Some((program, rest)) = words.split_first() else { return false };
        let Some(at) = rest.iter().position(|word| *word == "hook") else { return false };
        let is_plain = !command.contains([';', '&', '|', '#', '$', '<', '>']);
        let program = program.trim_matches(['"', '\'']).rsplit('/').next();
        is_plain
            && program == Some("countersign")
            && match &rest[at + 1..] {
                [] => true,
                ["--agent", name] => *name == self.name(),
                [option] => option.strip_prefix("--agent=") == Some(self.name()),
                _ => false,
            }
    }

    /// Whether what stands under a matcher is asked about shells.
    fn is_for_shells(self, matcher: Option<&str>) -> bool {
        let tool = match self {
            Self::Claude | Self::Codex => "Bash",
            Self::Gemini => "run_shell_command",
            Self::Copilot => "bash",
            Self::Cursor => "Shell",
        };
        matcher.is_none_or(|matcher| matcher.split('|').any(|part| ["", "*", ".*", tool].contains(&part.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_ours_where_it_is_asked_about_a_shell() {
        for (matcher, command, ours) in [
            ("Bash", "countersign hook --agent claude || exit 2", true),
            ("Edit|Bash", "/opt/bin/countersign hook", true),
            ("*", "countersign --state /s hook --agent=claude", true),
            ("Edit", "countersign hook --agent claude", false),
            ("Bash", "countersign hook --agent codex", false),
            ("Bash", "countersign hook check x", false),
            ("Bash", "echo countersign hook was here", false),
            ("Bash", "true; countersign hook", false),
        ] {
            let value = json!({ "hooks": { "PreToolUse": [
                { "matcher": "Edit", "hooks": [] },
                { "matcher": matcher, "hooks": [{ "type": "command", "command": command }] }
            ] } });
            assert_eq!(Agent::Claude.has_entry(&value), ours, "{matcher} {command}");
        }
        for agent in Agent::ALL {
            let [outer, inner] = agent.place();
            let value = json!({ outer: { inner: [agent.entry(&agent.command())] } });
            assert!(agent.has_entry(&value), "{value}");
            assert!(!agent.has_entry(&json!({})) && !agent.has_entry(&json!({ outer: { inner: [7] } })));
        }
    }
}
