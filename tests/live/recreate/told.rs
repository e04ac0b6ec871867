//! What whoever watches only the terminal is told, and what is never told to anybody.

use std::fs;
use std::path::{Path, PathBuf};

use super::lab::{Lab, Phase};

/// The commands that a line names, as they stand in it.
fn commands(line: &str) -> Vec<String> {
    line.split('`').filter(|word| word.starts_with("countersign ")).map(str::to_owned).collect()
}

#[test]
fn the_terminal_alone_tells_what_happens_how_long_it_takes_and_what_to_do() {
    let Some(lab) = Lab::up("told") else { return };
    let phase = Phase::new(&lab, "break-before-make", "");
    let done = phase.run(&["builder", "run", "recreate"]).expect(0, "is done");
    let said = &done.stderr;
    let at = |words: &str| said.find(words).unwrap_or_else(|| panic!("no `{words}` in:\n{said}"));
    // What is to be expected is said before anything is touched.
    let begun = at("taking 6 services off shared");
    assert!(at("by break-before-make, predicted to take about") < begun, "{said}");
    for route in lab.routes() {
        assert!(at(&format!("route {route}: predicted dark for")) < begun, "{said}");
    }
    let parts: Vec<&str> = said.lines().filter(|line| line.contains("if it stops here")).collect();
    assert!(parts.len() >= 6, "{said}");
    let gone = parts.iter().position(|part| part.contains("creating shared")).expect("a creation");
    for (number, part) in parts.iter().enumerate() {
        let (clock, _) = part.trim_start().split_once(" s: ").expect("a clock");
        assert!(clock.parse::<f64>().is_ok() && part.contains("of about"), "{part}");
        let commands = commands(part);
        let wanted: &[&str] = match number < gone {
            true => &["countersign builder resume", "countersign builder undo recreate"],
            false => &["countersign builder resume"],
        };
        assert_eq!(commands, wanted, "{part}");
        // Each can be run as it stands.
        for command in commands {
            countersign::cli::command_line().try_get_matches_from(command.split(' ')).expect("a command");
        }
    }
    for route in lab.routes() {
        let measured =
            done.stdout.lines().find(|line| line.starts_with(&format!("route {route}: dark"))).expect("a route");
        assert!(measured.contains("; predicted "), "{measured}");
    }
}

/// Every file below a directory, as text.
fn texts(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path).expect("read")).into_owned();
            found.push((path, text));
        }
    }
    found
}

/// Values that nothing would take for secrets, so that only never writing them keeps them out.
const PLANTED: [&str; 4] = ["zq-planted-environment", "zq-planted-label", "zq-planted-argument", "zq-planted-config"];

#[test]
fn what_was_captured_comes_back_exactly_and_stands_in_no_document_and_no_object_of_git() {
    let Some(lab) = Lab::few("planted") else { return };
    let [environment, label, argument, config] = PLANTED;
    let file = lab.twin.dir().join("planted.txt");
    fs::write(&file, config).expect("written");
    let file = file.to_string_lossy().into_owned();
    lab.twin.docker(&["config", "create", "planted", &file]);
    lab.twin.docker(&["secret", "create", "planted", &file]);
    lab.twin.docker(&[
        "service",
        "update",
        "--quiet",
        "--detach",
        "--config-add",
        "source=planted,target=/planted",
        "--secret-add",
        "source=planted,target=planted",
        "--env-add",
        &format!("SETTING={environment}"),
        "--label-add",
        &format!("note={label}"),
        "--args",
        &format!("/countersign twin-serve backend --name {argument}"),
        "rr_app",
    ]);
    lab.settled();
    let (specs, subnet) = (lab.specs(), lab.other_subnet());
    let mut said = String::new();
    // One that is refused late, one that is done.
    let phase = Phase::new(&lab, "break-before-make", "check_argv = [\"/no-such-program\"]");
    said += &phase
        .run(&["builder", "run", "recreate"])
        .expect(20, "does not run on every node, so nothing was begun")
        .all();
    let other = Phase::new(&lab, "break-before-make", "");
    said += &other.run(&["builder", "run", "recreate"]).expect(0, "is done").all();
    lab.is_whole(subnet, &specs);
    for phase in [phase, other] {
        phase.run(&["sync"]).expect(0, "pushed");
        let (captures, rest) = texts(&phase.world.path("state"))
            .into_iter()
            .partition::<Vec<_>, _>(|(path, _)| path.parent().is_some_and(|parent| parent.ends_with("captures")));
        let kept = |word: &str| captures.iter().any(|(_, text)| text.contains(word));
        assert!(kept(environment) && kept(label) && kept(argument), "the capture has what brings it back");
        said.extend(rest.into_iter().chain(texts(&phase.world.path("builder/machine-docs"))).map(|(_, text)| text));
        for repository in ["builder", "adversary", "origin.git"] {
            let objects = phase.world.git(repository, &["cat-file", "--batch-all-objects", "--batch"]);
            assert!(
                objects.contains("## Outcome: recreate") || repository == "adversary",
                "{repository} has no record"
            );
            said += &objects;
        }
    }
    for planted in PLANTED {
        assert!(!said.contains(planted), "{planted} was written");
    }
}
