//! Whole processes on phases of 500, 10,000 and 100,000 records: `status`, `next`, `check` and an append, beside one bare
//! pulldown-cmark pass over the same bytes, in one run. Half of the records are the Builder's evidence, a quarter the Adversary's,
//! a quarter notes. Peak memory is what time(1) says, where it is installed.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use countersign::docs::section;
use countersign::docs::store::Store;
use countersign::model::digest::Digest;
use countersign::model::ids::{ObjectId, PhaseName, RecordId};
use countersign::model::observation::{Outcome, Values};
use countersign::model::record::{Block, Body, Evidence, From, Note, SCHEMA, Subject, Surroundings};
use countersign::model::role::{Document, Role};
use countersign::sign;
use countersign::sign::key_file::Key;

const TOOL: &str = env!("CARGO_BIN_EXE_countersign");
const COMMANDS: [&[&str]; 4] = [&["status"], &["next"], &["check"], &["builder", "note", "one more"]];

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    for count in [500, 10_000, 100_000] {
        let phase = Phase::with(count)?;
        let texts = phase.documents()?;
        let size: usize = texts.iter().map(String::len).sum();
        let pass = || texts.iter().map(|text| pulldown_cmark::Parser::new(text).into_offset_iter().count()).sum();
        let bare = fastest(|| -> io::Result<usize> { Ok(pass()) })?;
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        writeln!(out, "{count:>6} records, {:.1} MB: bare pass {:.2} ms", size as f64 / 1e6, milliseconds(bare))?;
        for command in COMMANDS {
            let took = fastest(|| phase.tool(command))?;
            let peak = phase.peak(command).map_or_else(|| "not known".to_owned(), |mb| format!("{mb:.1} MB"));
            writeln!(
                out,
                "       {:<14} {:>9.2} ms ({:>5.1} x, {:>7.0} records/s), peak {peak}",
                command[..command.len().min(2)].join(" "),
                milliseconds(took),
                took.as_secs_f64() / bare.as_secs_f64(),
                count as f64 / took.as_secs_f64(),
            )?;
        }
    }
    Ok(())
}

/// The fastest of five runs.
fn fastest<T>(mut run: impl FnMut() -> io::Result<T>) -> io::Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        black_box(run()?);
        least = least.min(start.elapsed());
    }
    Ok(least)
}

/// A repository with a phase that both roles adopted.
struct Phase {
    directory: tempfile::TempDir,
}

impl Phase {
    /// One whose documents hold this many records beside the two adoptions.
    fn with(count: usize) -> io::Result<Self> {
        let phase = Self { directory: tempfile::tempdir()? };
        fs::create_dir(phase.root())?;
        fs::write(phase.root().join("code.sh"), "true\n")?;
        for args in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "code"]] {
            answered(phase.command("git").args(args).output()?);
        }
        phase.tool(&["init", "--phase", "demo"])?;
        for role in ["builder", "adversary"] {
            phase.tool(&["key", "new", role])?;
            phase.tool(&["key", "add", role, &format!("{}.pub", phase.key(role).display())])?;
        }
        let contract = phase.root().join("machine-docs/PHASE-demo.toml");
        let text = fs::read_to_string(&contract)?;
        fs::write(&contract, text.replace("unix:///var/run/docker.sock", "unix:///nonexistent/docker.sock"))?;
        let adopted = phase.tool(&["builder", "adopt"])?;
        let digest = adopted.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        for role in ["builder", "adversary"] {
            phase.tool(&[role, "adopt", "--yes", &digest])?;
        }
        for (document, role, share) in
            [(Document::Status, "builder", 2), (Document::Review, "adversary", 4), (Document::Journal, "builder", 4)]
        {
            phase.fill(document, role, count / share)?;
        }
        Ok(phase)
    }

    fn root(&self) -> std::path::PathBuf {
        self.directory.path().join("repository")
    }

    fn key(&self, role: &str) -> std::path::PathBuf {
        self.directory.path().join("config/countersign/keys").join(role)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root()).env_clear().env("PATH", "/usr/bin:/bin").env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("HOME", self.directory.path()).env("XDG_CONFIG_HOME", self.directory.path().join("config"));
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "Bench").env(format!("GIT_{name}_EMAIL"), "bench@example.invalid");
        }
        command
    }

    fn tool(&self, args: &[&str]) -> io::Result<String> {
        Ok(answered(self.command(TOOL).args(args).output()?))
    }

    /// The most memory that a command needs, in megabytes.
    fn peak(&self, args: &[&str]) -> Option<f64> {
        let output = self.command("time").args(["-f", "%M", TOOL]).args(args).output().ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Some(said.lines().last()?.parse::<f64>().ok()? / 1024.0)
    }

    fn documents(&self) -> io::Result<Vec<String>> {
        Document::ALL.into_iter().map(|document| fs::read_to_string(self.file(document))).collect()
    }

    fn file(&self, document: Document) -> std::path::PathBuf {
        self.root().join(format!("machine-docs/{}-demo.md", document.name()))
    }

    /// Appends records to a document, each after the one before.
    fn fill(&self, document: Document, role: &str, count: usize) -> io::Result<()> {
        let name: PhaseName = "demo".parse().expect("a phase");
        let store = Store::new(&self.root(), Path::new("unused"), name.clone());
        let read = store.load().expect("documents");
        let heads = |document| read.heads(document).to_vec();
        let mut prev = heads(document);
        let others = Document::ALL.into_iter().filter(|other| *other != document);
        let seen: BTreeMap<_, _> = others.map(|other| (other, heads(other))).collect();
        let key = Key::load(&self.key(role)).expect("a key");
        let object = |c: &str| -> ObjectId { c.repeat(40).parse().expect("an object id") };
        let root = answered(self.command("git").args(["rev-parse", "HEAD"]).output()?);
        let repository: ObjectId = root.trim().parse().expect("an object id");
        let mut text = String::new();
        for number in 0..count {
            let summary = format!("record {number}: the proxy answered on both routes");
            let body = match document {
                Document::Journal => Body::Note(Note { text: summary.clone() }),
                _ => Body::Evidence(evidence(number)),
            };
            let block = Block {
                schema: SCHEMA,
                record: body.kind(),
                phase: name.clone(),
                document,
                role: role.parse::<Role>().expect("a role"),
                at: "2026-06-13T05:34:13Z".parse().expect("a time"),
                repository: repository.clone(),
                tool: "0.1.0".into(),
                summary,
                prev,
                seen: seen.clone(),
                subject: Subject { commit: object("b"), tree: object("c") },
                context: Surroundings { head: object("d"), dirty: false, system: None },
                from: From { machine: Digest::of(b"m"), uid: 0, clone: Digest::of(b"c") },
                target: None,
                output: None,
                body,
            };
            let block_text = toml::to_string(&block).expect("TOML");
            let armor = sign::sign(&key, block_text.as_bytes()).expect("a signature");
            text.push('\n');
            text.push_str(&section::render(&block, &block_text, None, &armor));
            prev = vec![RecordId::of_block(block_text.as_bytes())];
        }
        OpenOptions::new().append(true).open(self.file(document))?.write_all(text.as_bytes())
    }
}

fn evidence(number: usize) -> Evidence {
    let facts: Values = [
        ("name".to_owned(), toml::Value::from("proxy")),
        ("subnet".to_owned(), toml::Value::from("10.0.1.0/24")),
        ("services".to_owned(), toml::Value::from(vec!["traefik", "drone", "dashboard"])),
    ]
    .into();
    Evidence {
        gate: Some("M1".parse().expect("a gate")),
        criterion: "secrets".parse().expect("a criterion"),
        probe: "git.secrets".into(),
        outcome: Outcome::Held,
        measured: "2026-06-13T05:34:13Z".parse().expect("a time"),
        took_ms: number as u64,
        contract: Digest::of(b"contract"),
        facts,
        readings: Values::new(),
    }
}

/// What a program printed; it must have done its work.
fn answered(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
