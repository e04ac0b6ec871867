//! Ctrl-C and a full disk, in every command and at every write: the exit code, what is said, nothing lost or half-written.

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;

use countersign::cli::command_line;

use crate::support::{Answer, World};

/// Every command, with arguments that it takes.
const COMMANDS: &[&str] = &[
    "init",
    "key new builder",
    "key add builder KEY.pub",
    "trust KEY.pub",
    "doctor",
    "status",
    "next",
    "sync",
    "check",
    "probe",
    "vips",
    "guard",
    "interlock serve",
    "interlock status",
    "interlock door --for 1m --reason x",
    "hook check ls",
    "hook install --agent claude",
    "twin up",
    "twin down",
    "twin node stop n2",
    "twin status",
    "merge-file a b c d",
    "builder adopt",
    "builder evidence",
    "builder claim M1",
    "builder note x",
    "builder task x",
    "builder plan",
    "builder run --all",
    "builder resume",
    "builder undo one",
    "break-glass one --reason x",
    "builder window open --for 5m",
    "builder window close",
    "builder done",
    "adversary adopt",
    "adversary brief M1",
    "adversary pass M1",
    "adversary fail M1 --reason x",
    "adversary finding open x",
    "adversary finding close A1 --reason x",
    "adversary finding defer A1 --owner x --reason x",
    "adversary veto raise --reason x",
    "adversary veto lift 000000000000 --reason x",
    "adversary waive --criterion guard --reason x --for 1d",
];

/// The points of a write.
#[cfg(feature = "test-hooks")]
const POINTS: [&str; 4] = ["docs.write", "docs.sync", "docs.rename", "docs.renamed"];

#[cfg(feature = "test-hooks")]
fn faulty(world: &World, clone: &str, fault: &str, args: &str) -> Output {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), clone, clone);
    command.args(args.split(' ')).env("COUNTERSIGN_FAULT", fault).output().expect("runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every file of a clone but git's own, with its bytes.
fn files(world: &World, clone: &str) -> BTreeSet<(String, Vec<u8>)> {
    let list = world.git(clone, &["ls-files", "--cached", "--others"]);
    list.lines()
        .filter_map(|name| Some((name.to_owned(), fs::read(world.path(&format!("{clone}/{name}"))).ok()?)))
        .collect()
}

#[test]
fn the_list_has_every_command() {
    fn leaves(command: &clap::Command, name: &str, found: &mut Vec<String>) {
        let below: Vec<_> = command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help").collect();
        if below.is_empty() {
            found.push(name.trim().to_owned());
        }
        below.iter().for_each(|c| leaves(c, &format!("{name} {}", c.get_name()), found));
    }
    let mut found = Vec::new();
    leaves(&command_line(), "", &mut found);
    for name in found {
        assert!(COMMANDS.iter().any(|c| format!("{c} ").starts_with(&format!("{name} "))), "`{name}` is not tried");
    }
}

#[test]
#[cfg(feature = "test-hooks")]
fn every_command_can_be_interrupted_before_it_does_anything() {
    let world = World::claimed();
    let before = files(&world, "adversary");
    for command in COMMANDS {
        let output = faulty(&world, "adversary", "int command", command);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(130), "{command}: {said}");
        assert!(said.contains("Error: interrupted: ") && said.contains("nothing was written"), "{command}: {said}");
        let output = faulty(&world, "adversary", "int command", &format!("{command} --json"));
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((value["schema"].as_u64(), value["exit"].as_i64()), (Some(1), Some(130)), "{command}");
    }
    assert_eq!(files(&world, "adversary"), before);
}

#[test]
#[cfg(feature = "test-hooks")]
fn an_interrupt_or_a_full_disk_in_the_middle_of_a_write_leaves_whole_documents() {
    let world = World::claimed();
    let writers = [
        ("builder", "builder evidence"),
        ("builder", "builder claim M1"),
        ("builder", "builder note seen"),
        ("builder", "builder task ask"),
        ("builder", "init --phase other"),
        ("adversary", "adversary pass M1"),
        ("adversary", "adversary waive --criterion guard --reason x --for 1d"),
        ("adversary", "adversary finding open wrong"),
        ("adversary", "adversary veto raise --reason wait"),
        ("adversary", "adversary fail M1 --reason no"),
    ];
    for (clone, command) in writers {
        for point in POINTS {
            let before = files(&world, clone);
            if point != "docs.renamed" {
                let output = faulty(&world, clone, &format!("fail {point}"), command);
                let said = stderr(&output);
                assert_eq!(output.status.code(), Some(74), "{command} at {point}: {said}");
                assert!(said.contains("what was there is unchanged"), "{command} at {point}: {said}");
                assert_eq!(files(&world, clone), before, "{command} at {point}");
            }
            let output = faulty(&world, clone, &format!("int {point}"), command);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(130), "{command} at {point}: {said}");
            assert!(
                said.contains("was written, whole"),
                "what had begun came to its end: {command} at {point}: {said}"
            );
            let after = files(&world, clone);
            assert!(!after.iter().any(|(name, _)| name.contains(".countersign-")), "no temporary file is left");
            fs::remove_file(world.path(&format!("{clone}/machine-docs/PHASE-other.toml"))).ok();
            world.run_in(clone, &["check", "--phase", "demo"]).expect(0, "every byte, signature and link");
        }
        // What `init` left behind.
        world.git(clone, &["clean", "-q", "-f", "machine-docs/*-other*"]);
    }
}

#[test]
fn a_real_signal_ends_a_remote_that_hangs_with_its_program() {
    let world = World::claimed();
    // ssh stands for whatever git waits on; the number tells this one from others.
    world.git("builder", &["remote", "set-url", "origin", "ssh://forge.invalid/x.git"]);
    world.git("builder", &["config", "core.sshCommand", "sleep 61.7731 #"]);
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), "builder", "builder");
    let command = command.args(["sync"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().expect("runs");
    let sleeping = || {
        let processes = fs::read_dir("/proc").expect("read").flatten();
        processes.filter_map(|p| fs::read(p.path().join("cmdline")).ok()).any(|c| c.starts_with(b"sleep\x0061.7731"))
    };
    await_that("git waits", &sleeping);
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("runs");
    assert!(kill.success());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("interrupted: sync"));
    await_that("its program has ended", &|| !sleeping());
    world.run_in("builder", &["check"]).expect(0, "every byte");
}

fn await_that(what: &str, holds: &dyn Fn() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed().as_secs() < 30, "still not so: {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_disk_that_is_really_full() {
    let world = World::claimed();
    let status = world.path("builder/machine-docs");
    if !mounted(&status) {
        return;
    }
    let before = files(&world, "builder");
    let text = "x".repeat(60_000);
    let answer = world.run_in("builder", &["builder", "note", &text]);
    let after = files(&world, "builder");
    std::process::Command::new("umount").arg(&status).status().expect("runs");
    answer.expect(74, "No space left on device").expect(74, "what was there is unchanged");
    assert_eq!(after, before);
}

/// Puts the directory's files on a file system of 128 KiB. Only root can.
#[expect(clippy::disallowed_macros, reason = "a test talks to the test runner")]
fn mounted(directory: &std::path::Path) -> bool {
    let path = directory.to_str().expect("UTF-8");
    let script = format!(
        "set -e; d=$(mktemp -d); cp -a {path}/. $d/; mount -t tmpfs -o size=128k tmpfs {path}; cp -a $d/. {path}/; rm -r $d"
    );
    let done = std::process::Command::new("sh").args(["-c", &script]).output().expect("runs");
    if !done.status.success() {
        eprintln!("skipped: a_disk_that_is_really_full: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    done.status.success()
}

#[test]
fn an_answer_that_nobody_can_read_is_not_well() {
    let world = World::opened();
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), "builder", "builder");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let output = command.arg("status").stdout(full).output().expect("runs");
    Answer::of(&output).expect(74, "its answer could not be written: No space left on device");
}
