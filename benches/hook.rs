//! What a hook costs: whole processes, each question in turn beside `--version` of the same program.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const TOOL: &str = env!("CARGO_BIN_EXE_countersign");
/// Rounds; in each, everything is run once.
const ROUNDS: usize = 200;

/// What is asked about: its name, the command, and whether it is asked in the recorded phase of this repository.
const ASKED: [(&str, &str, bool); 6] = [
    ("ls -la", "ls -la", false),
    (
        "a long line, nothing found",
        "cd src && for f in *.rs; do wc -l \"$f\"; done | sort -n | tail -5 && git log --oneline",
        false,
    ),
    ("docker network rm of another network", "docker network rm ci-42", false),
    ("what is guarded, by ssh and sudo (denied)", "ssh host 'sudo docker network rm shared'", false),
    ("what only the shell knows (asked)", "docker network rm $NET", false),
    ("docker network rm, in a phase of 51 records", "docker network rm ci-42", true),
];

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    let place = PathBuf::from(format!("/tmp/cs-bench-hook-{}", std::process::id()));
    let repository = place.join("repository");
    fs::create_dir_all(&repository)?;
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(&repository).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    run("git", &["init", "-q"])?;
    let commit =
        ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid", "commit", "-q", "--allow-empty", "-m", "x"];
    run("git", &commit)?;
    run(TOOL, &["init", "--phase", "bench", "--template", "network-resize"])?;
    let mut took = vec![Vec::with_capacity(ROUNDS); ASKED.len() + 1];
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        Command::new(TOOL).arg("--version").stdout(Stdio::null()).status()?;
        took[0].push(begun.elapsed().as_secs_f64() * 1e3);
        for (at, (_, command, recorded)) in ASKED.iter().enumerate() {
            let directory = if *recorded { Path::new(env!("CARGO_MANIFEST_DIR")) } else { &repository };
            took[at + 1].push(ask(directory, command, &place)?);
        }
    }
    writeln!(out, "{ROUNDS} rounds, whole process, milliseconds: least, median, p99")?;
    let names = std::iter::once("--version").chain(ASKED.iter().map(|(name, ..)| *name));
    for (name, took) in names.zip(&mut took) {
        took.sort_by(f64::total_cmp);
        writeln!(out, "{name:46} {:6.2} {:6.2} {:6.2}", took[0], took[ROUNDS / 2], took[ROUNDS * 99 / 100])?;
    }
    fs::remove_dir_all(&place)
}

/// One question by an agent; gives the milliseconds.
fn ask(directory: &Path, command: &str, state: &Path) -> io::Result<f64> {
    let quoted = command.replace('\\', "\\\\").replace('"', "\\\"");
    let question = format!(
        "{{\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"Bash\",\"cwd\":\"{}\",\"tool_input\":{{\"command\":\"{quoted}\"}}}}",
        directory.display()
    );
    let begun = Instant::now();
    let mut child = Command::new(TOOL)
        .arg("--state")
        .arg(state.join("state"))
        .args(["hook", "--agent", "claude"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(question.as_bytes())?;
    }
    assert!(child.wait()?.success(), "{command}");
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}
