//! The hook as coding agents use it: their questions in, their answers out; and what people see of it.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Answer, CONTRACT, GUARD, World};

const PROTECT: &str =
    "\n[protect]\nnetworks = [\"proxy\"]\nstacks = [\"traefik\"]\nunits = [\"swarm-init\"]\nmerges = [\"coop/*\"]\n";

/// A phase that guards something; adopted and claimed.
fn guarded() -> World {
    let world = World::new();
    world.open(GUARD);
    let contract = world.read(CONTRACT);
    world.write(CONTRACT, &format!("{contract}{PROTECT}"));
    world.adopt();
    world.claim();
    world
}

/// What the hook answers to a question in a directory.
fn asks(world: &World, directory: &str, args: &[&str], question: &[u8]) -> Answer {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), directory, "builder");
    command.arg("--state").arg(world.path("state")).arg("hook").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    // Whoever answers early does not read to the end.
    child.stdin.take().expect("a pipe").write_all(question).ok();
    Answer::of(&child.wait_with_output().expect("runs"))
}

/// The questions of every agent about a command, as they are documented; and what says yes, no and ask.
fn forms(world: &World, command: &str) -> Vec<(&'static str, Value, &'static str)> {
    let cwd = world.path("builder");
    let arguments = json!({ "command": command, "description": "x" });
    vec![
        (
            "claude",
            json!({
                "session_id": "abc123", "transcript_path": "/home/user/.claude/projects/x/abc123.jsonl", "cwd": cwd,
                "permission_mode": "default", "hook_event_name": "PreToolUse", "tool_name": "Bash",
                "tool_input": { "command": command, "description": "x", "timeout": 120_000, "run_in_background": false },
                "tool_use_id": "toolu_01ABC"
            }),
            "/hookSpecificOutput/permissionDecision",
        ),
        (
            "codex",
            json!({
                "session_id": "0199", "turn_id": "1", "transcript_path": null, "cwd": cwd, "hook_event_name": "PreToolUse",
                "model": "m", "permission_mode": "default", "tool_name": "Bash", "tool_input": { "command": command },
                "tool_use_id": "call_1"
            }),
            "/hookSpecificOutput/permissionDecision",
        ),
        (
            "gemini",
            json!({
                "session_id": "s", "transcript_path": "/tmp/t.json", "cwd": cwd, "hook_event_name": "BeforeTool",
                "timestamp": "2026-06-13T05:34:13Z", "tool_name": "run_shell_command", "tool_input": arguments
            }),
            "/decision",
        ),
        (
            "cursor",
            json!({
                "conversation_id": "c", "generation_id": "g", "hook_event_name": "beforeShellExecution",
                "workspace_roots": [cwd], "command": command, "cwd": cwd
            }),
            "/permission",
        ),
        (
            "copilot",
            json!({ "timestamp": 1_704_614_600_000_u64, "cwd": cwd, "toolName": "bash", "toolArgs": arguments.to_string() }),
            "/permissionDecision",
        ),
    ]
}

#[test]
fn every_agent_is_answered_in_its_own_form() {
    let world = guarded();
    for (command, wanted, wanted_where_nobody_is_asked) in [
        ("sudo docker network rm proxy", "deny", "deny"),
        ("docker network rm \"$NET\"", "ask", "deny"),
        ("docker network ls && cargo test $FLAGS", "", ""),
    ] {
        for (agent, question, place) in forms(&world, command) {
            for args in [&[][..], &["--agent", agent]] {
                // From wherever the agent starts it: the question says where the command is run.
                let answer = asks(&world, ".", args, question.to_string().as_bytes());
                assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""), "{agent}: {command}");
                let wanted = if matches!(agent, "codex" | "gemini") { wanted_where_nobody_is_asked } else { wanted };
                match (wanted, agent) {
                    ("", "cursor") => assert_eq!(answer.stdout.trim(), r#"{"permission":"allow"}"#),
                    ("", _) => assert_eq!(answer.stdout, "", "{agent}: {command}"),
                    _ => {
                        let said: Value = serde_json::from_str(&answer.stdout).expect("JSON");
                        assert_eq!(said.pointer(place), Some(&json!(wanted)), "{agent}: {command}: {said}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_refusal_has_gate_reason_and_next_command() {
    let world = guarded();
    let said = |line: &str| world.run_in("builder", &["hook", "check", line]);
    said("docker network rm proxy")
        .expect(10, "deny: phase demo guards this: this command removes network `proxy`. gate M1 has no PASS: claim ")
        .expect(10, "Next: countersign adversary brief M1");
    said("docker network rm $N").expect(13, "ask: countersign cannot tell whether this touches what phase demo guards");
    said("docker ps").expect(0, "allow: it touches nothing");
    let json = world.run_in("builder", &["--json", "hook", "check", "git push --force"]).expect(10, "");
    let value: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!((&value["decision"], &value["phase"]), (&json!("deny"), &json!("demo")), "{value}");
    assert_eq!(value["acts"], json!(["forces or removes a branch of the remote (`--force`)"]));
    for (line, exit) in [
        ("gh pr merge 3 -R coop/recipe", 10),
        ("gh pr merge 3 -R else/recipe", 0),
        ("nixos-rebuild switch", 10),
        ("systemctl restart swarm-init", 10),
        ("git -C ../origin.git push --force", 0),
    ] {
        assert_eq!(said(line).exit, exit, "{line}");
    }
    world.pass();
    // Where the gate is open, the executor alone goes through it.
    said("docker network rm proxy").expect(10, "Next: countersign next");
}

#[test]
fn what_was_adopted_is_guarded_whatever_becomes_of_the_file() {
    let world = guarded();
    let contract = world.read(CONTRACT);
    let check = || world.run_in("builder", &["hook", "check", "docker network rm proxy"]);
    world.write(CONTRACT, &contract.replace(PROTECT, ""));
    check().expect(10, "adopt --restore");
    world.write(CONTRACT, "schema = ");
    check().expect(10, "its contract is what is wrong: machine-docs/PHASE-demo.toml has 1 defects");
    fs::remove_file(world.path(CONTRACT)).expect("removed");
    check().expect(10, "it is missing");
    // What is not read in time could touch anything here, and nothing where nothing is guarded.
    let slow = "(".repeat(60);
    world.run_in("builder", &["hook", "check", &slow]).expect(13, "it was not read in 3 s");
    // A contract that nobody adopted guards too, and one that cannot be read lets nothing through that may be guarded.
    let other = World::new();
    other.open(GUARD);
    let contract = other.read(CONTRACT);
    let check = |line: &str| other.run_in("builder", &["hook", "check", line]);
    check("docker network rm proxy").expect(0, "allow");
    check(&slow).expect(0, "allow");
    other.write(CONTRACT, &format!("{contract}{PROTECT}"));
    check("docker network rm proxy").expect(10, "is not adopted by builder and adversary");
    other.write(CONTRACT, "[protect\n");
    check("docker network rm proxy").expect(13, "its contract cannot be read");
    check("docker network ls").expect(0, "allow");
}

#[test]
fn what_the_host_remembers_is_guarded_anywhere_on_it() {
    let world = World::new();
    let question = json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "cwd": world.path("."),
        "tool_input": { "command": "docker network rm proxy" } });
    let ask = || asks(&world, ".", &[], question.to_string().as_bytes()).stdout;
    assert_eq!(ask(), "");
    let protect = json!({ "networks": ["proxy"], "services": [], "stacks": [], "swarm": [], "attachments": "window" });
    let old = json!([{ "root": "/nowhere", "repository": "a".repeat(40), "phase": "old", "protect": protect, "adopted": null }]);
    world.write("state/ENGINE:1/guarded", &old.to_string());
    let said: Value = serde_json::from_str(&ask()).expect("JSON");
    let reason = said["hookSpecificOutput"]["permissionDecisionReason"].as_str().expect("a reason");
    assert!(reason.starts_with("phase old guards this: this command removes network `proxy`."), "{reason}");
}

#[test]
fn a_contract_counts_where_the_line_goes() {
    let world = guarded();
    for line in ["cd builder && docker network rm proxy", "cd builder/scripts; git push -f", "git -C builder push -f"] {
        world.run_in(".", &["hook", "check", line]).expect(10, "deny: phase demo guards this");
    }
    world.run_in(".", &["hook", "check", "docker network rm proxy"]).expect(0, "allow");
    // Wherever the agent says that its command is run, the hook's own directory counts, and one that is not there is that above it.
    let question = |cwd: &str| {
        json!({ "hook_event_name": "BeforeTool", "tool_name": "run_shell_command", "cwd": world.path(cwd),
            "tool_input": { "command": "docker network rm proxy", "dir_path": "/" } })
        .to_string()
    };
    fs::create_dir_all(world.path("builder/vendor/lib/.git")).expect("made");
    for (directory, cwd) in [("builder", "."), (".", "builder"), (".", "builder/gone/x"), (".", "builder/vendor/lib")] {
        let answer = asks(&world, directory, &[], question(cwd).as_bytes());
        assert!(answer.stdout.contains("\"deny\""), "{directory} {cwd}: {}", answer.stdout);
    }
    assert_eq!(asks(&world, ".", &[], question(".").as_bytes()).stdout, "");
}

#[test]
fn a_question_that_cannot_be_read_is_never_a_yes() {
    let world = guarded();
    for (question, place) in [
        (&b""[..], "standard input:1:1: EOF"),
        (b"{\n  \"hook_event_name\": }", "standard input:2:22: "),
        (b"\xff\xfe", "standard input:1:1: it is no text"),
        (b"{}", "standard input:1:1: it has the form of no agent that is known"),
        (
            br#"{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":1}}"#,
            "standard input:1:66: `command`",
        ),
    ] {
        let answer = asks(&world, "builder", &[], question).expect(2, place);
        assert_eq!(answer.stdout, "");
        // Where it is known who asks, the answer has that agent's form.
        let answer = asks(&world, "builder", &["--agent", "copilot"], question);
        let said: Option<Value> = serde_json::from_str(&answer.stdout).ok();
        match said {
            Some(said) => assert_eq!((answer.exit, &said["permissionDecision"]), (0, &json!("deny")), "{said}"),
            // An object of no command's is no shell's.
            None => assert_eq!(question, b"{}"),
        }
    }
    asks(&world, "builder", &["--agent", "nobody"], b"{}")
        .expect(2, "wanted one of claude, codex, copilot, cursor, gemini");
    // What a shell does not run is no business of the hook's.
    let read = json!({ "hook_event_name": "PreToolUse", "tool_name": "Read", "tool_input": { "file_path": "proxy" } });
    assert_eq!(asks(&world, "builder", &[], read.to_string().as_bytes()).stdout, "");
}

#[test]
fn installing_shows_the_change_first_and_keeps_what_was_there() {
    let world = World::new();
    let settings = "{\n    \"model\": \"x\",\n    \"hooks\": {\n        \"PreToolUse\": [\n            { \"matcher\": \"Edit\",  \"hooks\": [] }\n        ],\n        \"Stop\": []\n    }\n}\n";
    world.write("builder/.claude/settings.json", settings);
    let install = |args: &[&str]| world.run_in("builder", &[&["hook", "install"], args].concat());
    let shown = install(&["--agent", "claude"])
        .expect(0, "Nothing was written yet. Next: countersign hook install --agent claude --yes ");
    let shown = shown
        .expect(0, "+             {\n  +                 \"hooks\"")
        .expect(0, "A hook is a convenience")
        .expect(0, "The wall is the interlock");
    assert_eq!(world.read("builder/.claude/settings.json"), settings);
    let digits = shown.stdout.trim().rsplit(' ').next().expect("digits").to_owned();
    install(&["--agent", "claude", "--yes", "000000000000"]).expect(2, "nothing was changed");
    assert_eq!(world.read("builder/.claude/settings.json"), settings);
    install(&["--agent", "claude", "--yes", &digits]).expect(0, "was changed");
    let after = world.read("builder/.claude/settings.json");
    let added: Vec<&str> = after.lines().filter(|line| !settings.lines().any(|old| old == *line)).collect();
    assert!(settings.lines().all(|line| after.contains(line.trim_end_matches(','))), "{after}");
    assert!(
        added.len() < 16 && after.contains("\"command\": \"countersign hook --agent claude || exit 2\""),
        "{after}"
    );
    install(&["--agent", "claude"]).expect(0, "has the hook already; nothing was changed");
    assert_eq!(world.read("builder/.claude/settings.json"), after);
    // Every other agent, where there was no file.
    for (agent, file, place) in [
        ("codex", ".codex/hooks.json", "/hooks/PreToolUse/0/hooks/0/command"),
        ("copilot", ".github/hooks/countersign.json", "/hooks/preToolUse/0/bash"),
        ("cursor", ".cursor/hooks.json", "/hooks/beforeShellExecution/0/command"),
        ("gemini", ".gemini/settings.json", "/hooks/BeforeTool/0/hooks/0/command"),
    ] {
        let shown = install(&["--agent", agent]).expect(0, "Nothing was written yet");
        let digits = shown.stdout.trim().rsplit(' ').next().expect("digits").to_owned();
        install(&["--agent", agent, "--yes", &digits]).expect(0, "was changed");
        let value: Value = serde_json::from_str(&world.read(&format!("builder/{file}"))).expect("JSON");
        assert_eq!(
            value.pointer(place),
            Some(&json!(format!("countersign hook --agent {agent} || exit 2"))),
            "{value}"
        );
        assert_eq!(value.get("version"), ["copilot", "cursor"].contains(&agent).then_some(&json!(1)), "{value}");
        install(&["--agent", agent]).expect(0, "has the hook already");
    }
    // What only looks like it is not it; what keeps it from being run is said; lines end as they did.
    let other = "{\r\n  \"disableAllHooks\": true,\r\n  \"hooks\": { \"PreToolUse\": [{ \"matcher\": \"Bash\", \"hooks\": \
                 [{ \"type\": \"command\", \"command\": \"echo countersign hook\" }] }] }\r\n}\r\n";
    world.write("builder/.claude/settings.json", other);
    let shown = install(&["--agent", "claude"]).expect(0, "no hook is run").expect(0, "Nothing was written yet");
    let digits = shown.stdout.trim().rsplit(' ').next().expect("digits").to_owned();
    install(&["--agent", "claude", "--yes", &digits]).expect(0, "was changed");
    let after = world.read("builder/.claude/settings.json");
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
    // In the home of the user, and where it does not fit.
    install(&["--agent", "gemini", "--user"]).expect(0, "home/.gemini/settings.json would become");
    install(&["--agent", "copilot", "--user"]).expect(2, "reads hooks out of a repository");
    world.run_in(".", &["hook", "install", "--agent", "claude"]).expect(2, "is in no git repository");
    world.write("builder/.cursor/hooks.json", "{\n  // mine\n}\n");
    install(&["--agent", "cursor"])
        .expect(2, ".cursor/hooks.json:2:3: ")
        .expect(2, "nothing was changed")
        .expect(2, "its list `hooks.beforeShellExecution`");
}
