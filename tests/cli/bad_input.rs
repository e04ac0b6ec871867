//! Bad input: a clear error, its exit code, nothing lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{CONTRACT, World};

#[test]
fn places_without_a_phase() {
    let world = World::new();
    fs::create_dir(world.path("nowhere")).expect("made");
    world.run_in("nowhere", &["status"]).expect(2, "is in no git repository");
    world.run_in("builder", &["status"]).expect(2, "there is no phase in machine-docs/");
    world.run_in("builder", &["init", "--phase", "one"]).expect(0, "is open");
    world.run_in("builder", &["init", "--phase", "two"]).expect(0, "is open");
    world.run_in("builder", &["status"]).expect(2, "there are several phases: one, two");
    world.run_in("builder", &["status", "--phase", "one"]).expect(0, "Phase one");
    world.run_in("builder", &["status", "--phase", "three"]).expect(2, "there is no phase three");
    world.run_in("builder", &["init", "--phase", "../x"]).expect(2, "is not a phase name");
}

#[test]
fn every_defect_of_a_contract_at_once() {
    let world = World::opened();
    let broken = world
        .read(CONTRACT)
        .replace("max_age = \"24h\"", "max_age = 24\ncolour = \"red\"")
        .replace("file.contains", "file.contain");
    world.write(CONTRACT, &broken);
    world
        .run_in("builder", &["status"])
        .expect(31, "has 3 defects")
        .expect(31, "unknown probe `file.contain`")
        .expect(31, "unknown key `colour`");
}

#[test]
fn keys_that_cannot_be_used() {
    let world = World::opened();
    let key = world.key("builder");
    let digest = world.digest("builder");
    let adopt = ["builder", "adopt", "--yes", digest.as_str()];
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("chmod");
    world.run_in("builder", &adopt).expect(12, "has mode 0644, so others can read it");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("chmod");
    let inside = world.path("builder/key");
    fs::copy(&key, &inside).expect("copied");
    world
        .run_in("builder", &[&adopt[..], &["--key", &inside.to_string_lossy()]].concat())
        .expect(12, "lies inside the repository");
    world.run_as("mallory", "builder", &adopt).expect(12, "there is no key file");
    world.run_as("mallory", "builder", &["key", "new", "builder"]).expect(0, "ssh-ed25519");
    world.run_as("mallory", "builder", &adopt).expect(12, "is not listed in the contract");
    let public = key.with_extension("pub");
    world.run_in("builder", &["key", "add", "adversary", &public.to_string_lossy()]).expect(12, "one key cannot be");
    world.run_in("builder", &["builder", "adopt", "--yes", "000000000000"]).expect(31, "--yes is 000000000000");
}

#[test]
fn documents_and_remotes_that_are_not_there() {
    let world = World::adopted();
    fs::remove_file(world.path("builder/machine-docs/REVIEW-demo.md")).expect("removed");
    world.run_in("builder", &["status"]).expect(30, "machine-docs/REVIEW-demo.md is missing");
    world.git("builder", &["checkout", "-q", "--", "machine-docs"]);
    fs::rename(world.path("origin.git"), world.path("moved.git")).expect("moved");
    world.run_in("builder", &["sync"]).expect(13, "remote `origin` could not be asked");
    world.run_in("builder", &["builder", "done"]).expect(13, "remote `origin` could not be asked");
}

#[test]
fn a_conflict_marker_is_named_with_its_place() {
    let world = World::adopted();
    let file = "builder/machine-docs/JOURNAL-demo.md";
    world.write(file, &format!("{}<<<<<<< ours\n=======\n>>>>>>> theirs\n", world.read(file)));
    world.run_in("builder", &["check"]).expect(30, "an unresolved conflict marker");
    world.run_in("builder", &["builder", "note", "x"]).expect(30, "defects");
}

#[test]
fn a_repository_without_commit_and_a_bare_one() {
    let world = World::new();
    world.git(".", &["init", "-q", "empty"]);
    world.run_in("empty", &["init", "--phase", "x"]).expect(2, "has no commit yet");
    world.run_in("origin.git", &["status"]).expect(2, "is bare");
}

/// Every file of the phase in a clone, with its bytes.
fn documents(world: &World, clone: &str) -> Vec<(String, Vec<u8>)> {
    let list = world.git(clone, &["ls-files", "--cached", "--others", "machine-docs"]);
    list.lines()
        .filter_map(|name| Some((name.to_owned(), fs::read(world.path(&format!("{clone}/{name}"))).ok()?)))
        .collect()
}

#[test]
fn each_missing_document_is_named_and_nothing_is_written() {
    let world = World::claimed();
    for name in ["STATUS", "REVIEW", "JOURNAL"] {
        let file = format!("machine-docs/{name}-demo.md");
        fs::remove_file(world.path(&format!("adversary/{file}"))).expect("removed");
        let before = documents(&world, "adversary");
        for command in [&["status"][..], &["next"], &["check"], &["adversary", "pass", "M1"], &["sync"]] {
            world.run_in("adversary", command).expect(30, &format!("{file} is missing"));
        }
        assert_eq!(documents(&world, "adversary"), before);
        world.git("adversary", &["checkout", "-q", "--", "machine-docs"]);
    }
    fs::remove_file(world.path("adversary/machine-docs/BACKLOG-demo.md")).expect("removed");
    world
        .run_in("adversary", &["adversary", "finding", "open", "the guard is dead"])
        .expect(0, "Finding A1")
        .expect(0, "BACKLOG-demo.md is missing");
    world.run_in("adversary", &["status"]).expect(0, "finding A1 open");
    fs::remove_file(world.path("adversary/machine-docs/PHASE-demo.toml")).expect("removed");
    world.run_in("adversary", &["status"]).expect(31, "PHASE-demo.toml: it is missing");
    fs::remove_file(world.path("adversary/machine-docs/REVIEW-demo.md")).expect("removed");
    // What STATUS tells of is no empty place to begin a phase in.
    world.run_in("adversary", &["status"]).expect(31, "PHASE-demo.toml: it is missing");
    fs::remove_dir_all(world.path("adversary/machine-docs")).expect("removed");
    world
        .run_in("adversary", &["status"])
        .expect(2, "HEAD has phase demo there")
        .expect(2, "git checkout HEAD -- machine-docs");
}

#[test]
fn one_altered_byte_anywhere_in_a_section_is_found() {
    let world = World::claimed();
    world.pass();
    let file = "builder/machine-docs/REVIEW-demo.md";
    let text = world.read(file);
    let start = text.find("\n## ").expect("a section") + 1;
    let end = text.trim_end().len();
    // Some places of each section, spread so that every part of one (heading, words, output, block, signature) is hit.
    for at in (start..end).step_by(97).filter(|at| text.is_char_boundary(*at) && text.is_char_boundary(at + 1)) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        fs::write(world.path(file), &bytes).expect("written");
        let answer = world.run_in("builder", &["check"]);
        let line = text[..at].lines().count();
        assert_eq!(answer.exit, 30, "byte {at}, line {line}: {}", answer.stdout);
        assert!(answer.stderr.contains("machine-docs/REVIEW-demo.md:"), "byte {at}: {}", answer.stderr);
    }
    world.write(file, &text);
    world.run_in("builder", &["check"]).expect(0, "every byte");
}

#[test]
fn a_pass_pasted_from_another_phase_or_gate() {
    let world = World::claimed();
    world.pass();
    let review = world.read("builder/machine-docs/REVIEW-demo.md");
    let pass = review.rfind("\n## Gate: M1 — PASS").expect("the PASS") + 1;
    // Another phase of the same repository: the same section under another name.
    world.run_in("builder", &["init", "--phase", "other"]).expect(0, "is open");
    let other = "builder/machine-docs/REVIEW-other.md";
    let empty = world.read(other);
    world.write(other, &format!("{empty}\n{}", &review[pass..]));
    world.run_in("builder", &["check", "--phase", "other"]).expect(30, "REVIEW-other.md:").expect(30, "phase");
    world.write(other, &empty);
    // Another gate: the heading alone says so, and the block does not.
    let forged = format!("{}{}", &review[..pass], review[pass..].replacen("Gate: M1", "Gate: M2", 1));
    world.write("builder/machine-docs/REVIEW-demo.md", &forged);
    world.run_in("builder", &["check", "--phase", "demo"]).expect(30, "renders to");
    // The same PASS twice is one PASS twice in the text, and that is a defect.
    world.write("builder/machine-docs/REVIEW-demo.md", &format!("{review}\n{}", &review[pass..]));
    world.run_in("builder", &["check", "--phase", "demo"]).expect(30, "REVIEW-demo.md:");
}

#[test]
fn a_done_typed_by_hand_is_named_with_its_line_and_counts_for_nothing() {
    let world = World::adopted();
    let file = "builder/machine-docs/STATUS-demo.md";
    let text = world.read(file);
    world.write(file, &format!("{text}\n## DONE\n\nAll is well.\n"));
    let line = text.lines().count() + 2;
    world.run_in("builder", &["status"]).expect(0, &format!("machine-docs/STATUS-demo.md:{line}: ## DONE"));
    world.run_in("builder", &["check"]).expect(0, "every byte");
    world
        .run_in("builder", &["builder", "done"])
        .expect(13, "phase demo is not done")
        .expect(13, "gate M1 has no claim");
    let answer = world.run_in("builder", &["status", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&answer.stdout).expect("JSON");
    assert!(value["done"].is_null(), "{value}");
}

#[test]
fn subnets_that_are_none() {
    let world = World::new();
    world.open(
        "[[gate.criterion]]\nid = \"clear\"\ntitle = \"x\"\nprobe = \"docker.subnet\"\nsubnet = \"10.10.0.0/16\"\n",
    );
    let contract = world.read(CONTRACT);
    for (wrong, words) in [
        ("10.10.0.7/16", "10.10.0.7/16"),
        ("10.10.0.0", "10.10.0.0"),
        ("10.10.0.0/33", "10.10.0.0/33"),
        ("proxy", "proxy"),
    ] {
        world.write(CONTRACT, &contract.replace("10.10.0.0/16", wrong));
        let place = format!(
            "machine-docs/PHASE-demo.toml:{}:",
            contract.lines().position(|l| l.contains("10.10.0.0/16")).expect("there") + 1
        );
        world.run_in("builder", &["status"]).expect(31, words).expect(31, &place);
        world.run_in("builder", &["builder", "claim", "M1"]).expect(31, words);
    }
}

#[test]
fn a_url_that_never_answers_is_unknown() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("an address").port();
    world.open(&format!(
        "[[gate.criterion]]\nid = \"routes\"\ntitle = \"x\"\nprobe = \"http.route\"\ntimeout = \"2s\"\nroutes = [{{ name = \"a\", url = \"http://127.0.0.1:{port}/\", status = [200] }}]\n"
    ));
    world.adopt();
    world.run_in("builder", &["probe", "routes"]).expect(13, "unknown  routes");
    let before = documents(&world, "builder");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(13, "unknown routes");
    assert_eq!(documents(&world, "builder"), before, "a claim that is refused records nothing");
    // The same without anybody listening: that was a look, and it failed.
    drop(listener);
    world.run_in("builder", &["builder", "claim", "M1"]).expect(14, "failed routes");
}

#[test]
fn a_remote_out_of_reach() {
    let world = World::claimed();
    world.pass();
    world.git("builder", &["remote", "set-url", "origin", "https://user:hunter2@127.0.0.1:9/x.git"]);
    let before = documents(&world, "builder");
    for command in [&["sync"][..], &["builder", "done"]] {
        let answer = world.run_in("builder", command).expect(13, "remote `origin` could not be asked");
        assert!(!format!("{}{}", answer.stdout, answer.stderr).contains("hunter2"), "no password in a message");
    }
    assert_eq!(documents(&world, "builder"), before);
    // What asks no remote works on.
    world.run_in("builder", &["status"]).expect(0, "gate M1   PASS");
    world.run_in("builder", &["builder", "note", "the forge is away"]).expect(0, "Note");
}
