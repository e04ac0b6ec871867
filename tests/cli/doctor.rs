//! `doctor`: every line of it is true, and what it could not see it does not call good.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::{CONTRACT, GUARD, World};

/// The lines of doctor's JSON, each `what: outcome`.
fn lines(world: &World, clone: &str, args: &[&str]) -> (i32, Vec<(String, String, String)>) {
    let answer = world.run_in(clone, &[&["doctor", "--json"], args].concat());
    let value: Value = serde_json::from_str(&answer.stdout).expect("JSON");
    assert_eq!((value["schema"].as_u64(), value["exit"].as_i64()), (Some(1), Some(i64::from(answer.exit))));
    let text = |line: &Value, key: &str| line[key].as_str().expect("a text").to_owned();
    let list = value["lines"].as_array().expect("lines");
    let lines: Vec<_> =
        list.iter().map(|line| (text(line, "what"), text(line, "outcome"), text(line, "found"))).collect();
    for line in list {
        let ok = line["outcome"] == "ok";
        assert_eq!(ok, text(line, "wanted").is_empty(), "what is not ok says what was wanted: {line}");
        let next = text(line, "next");
        assert_eq!(ok, next.is_empty(), "what is not ok says what to do: {line}");
        assert_ne!(next, "countersign doctor", "a remedy is not the question once more: {line}");
    }
    (answer.exit, lines)
}

#[track_caller]
fn find<'a>(lines: &'a [(String, String, String)], what: &str, outcome: &str, words: &str) -> &'a str {
    let found = lines.iter().find(|line| line.0 == what).unwrap_or_else(|| panic!("no line `{what}` in {lines:#?}"));
    assert!(found.1 == outcome && found.2.contains(words), "wanted {outcome} `{words}`, found {found:?}");
    &found.2
}

#[test]
fn outside_a_repository_it_still_looks_at_the_rest() {
    let world = World::new();
    fs::create_dir(world.path("nowhere")).expect("made");
    let (exit, lines) = lines(&world, "nowhere", &["--engine", "unix:///nonexistent/docker.sock"]);
    assert_eq!(exit, 2);
    find(&lines, "repository", "wrong", "is in no git repository");
    find(&lines, "git", "ok", "2.");
    find(&lines, "engine", "unknown", "/nonexistent/docker.sock");
    find(&lines, "swarm manager", "unknown", "could not be asked");
    find(&lines, "key of the builder", "advice", "none for uid");
    world
        .run_in("nowhere", &["doctor"])
        .expect(2, "Looked at what a first use needs (there is no phase to open here yet)");
}

#[test]
fn a_phase_that_is_being_opened() {
    let world = World::new();
    world.run_in("builder", &["doctor"]).expect(2, "there is no phase in machine-docs/").expect(2, "countersign init");
    world.open(GUARD);
    let (exit, found) = lines(&world, "builder", &[]);
    assert_eq!(exit, 13, "the engine is not there: {found:#?}");
    find(&found, "repository's owner", "ok", "uid");
    find(&found, "git's author", "ok", "Tester <tester@example.invalid>");
    find(&found, "contract", "advice", "is not adopted by builder and adversary");
    find(&found, "documents", "ok", "0 records, no defect");
    find(&found, "key of the builder", "ok", "listed in the contract");
    find(&found, "key of the adversary", "advice", "none for uid");
    find(&found, "separation", "ok", "one party's key");
    find(&found, "engine", "unknown", "/nonexistent/docker.sock");
    find(&found, "pins", "ok", "no steps");
    find(&found, "disk of the engine", "unknown", "");
    find(&found, "remote", "ok", "answers; branch main is there");
    world.adopt();
    let (_, found) = lines(&world, "builder", &[]);
    find(&found, "contract", "ok", "adopted by both roles");
}

#[test]
fn what_is_wrong_is_said_with_its_remedy() {
    let world = World::adopted();
    fs::set_permissions(world.key("builder"), fs::Permissions::from_mode(0o644)).expect("chmod");
    let answer = world.run_in("builder", &["doctor"]).expect(12, "has mode 0644, so others can read it");
    assert!(answer.stdout.contains("next: chmod 0600"), "{}", answer.stdout);
    world.write("builder/STATUS-demo.md", "## DONE\n");
    world.write("builder/machine-docs/REVIEW-demo.md", "<<<<<<< ours\n");
    let (exit, found) = lines(&world, "builder", &[]);
    assert_eq!(exit, 30, "an invalid document comes before a key");
    find(&found, "stray documents", "advice", "STATUS-demo.md");
    find(&found, "documents", "wrong", "the documents have 1 defect");
    fs::rename(world.path("origin.git"), world.path("moved.git")).expect("moved");
    let (_, found) = lines(&world, "builder", &[]);
    find(&found, "remote", "unknown", "could not be asked");
    world.git("builder", &["remote", "remove", "origin"]);
    let (exit, found) = lines(&world, "builder", &[]);
    assert_eq!(exit, 2);
    find(&found, "remote", "wrong", "no remote `origin`");
    world.write(CONTRACT, &world.read(CONTRACT).replace("schema = 1", "schema = one"));
    let (_, found) = lines(&world, "builder", &[]);
    find(&found, "contract", "wrong", "defects");
}

#[test]
fn both_keys_under_one_user() {
    let world = World::opened();
    let keys = world.path("config/builder/countersign/keys/adversary");
    fs::copy(world.key("adversary"), &keys).expect("copied");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).expect("chmod");
    let (_, found) = lines(&world, "builder", &[]);
    find(&found, "separation", "advice", "holds the keys of both parties");
    world.write(CONTRACT, &world.read(CONTRACT).replace("separation = \"clone\"", "separation = \"uid\""));
    let (exit, found) = lines(&world, "builder", &[]);
    assert_eq!(exit, 12);
    find(&found, "separation", "wrong", "the contract asks for `uid`");
}

#[test]
fn it_changes_nothing() {
    let world = World::opened();
    let state = world.path("state");
    let before = world.git("builder", &["status", "--porcelain", "--untracked-files=all"]);
    lines(&world, "builder", &["--state", &state.to_string_lossy()]);
    assert!(!state.exists(), "the state directory was not made");
    assert_eq!(world.git("builder", &["status", "--porcelain", "--untracked-files=all"]), before);
}
