//! An objection always gets in, whatever the Builder did to the contract's file and to its own documents.

use std::fs;

use crate::support::{Answer, CONTRACT, World};

/// The contract's file in the Adversary's clone.
const THEIRS: &str = "adversary/machine-docs/PHASE-demo.toml";

/// The Builder pushes whatever it did to its state documents, and the Adversary pulls it.
fn pushed(world: &World) {
    world.git("builder", &["add", "-A", "machine-docs"]);
    world.git("builder", &["commit", "-q", "-m", "changed"]);
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    world.git("adversary", &["pull", "-q", "--rebase"]);
}

/// Every objection gets in, counts, and is published; a PASS is refused.
#[track_caller]
fn every_objection_gets_in(world: &World, name: &str) {
    let run = |args: &[&str]| {
        let answer = world.run_in("adversary", &[&["adversary"], args].concat());
        assert_eq!(answer.exit, 0, "{name}: {args:?}: {}", answer.all());
        answer
    };
    run(&["veto", "raise", "--reason", "the contract is not what we adopted"]);
    run(&["fail", "M1", "--reason", "not this"]);
    run(&["finding", "open", "who changed the contract?", "--gate", "M1"]);
    let pass = world.run_in("adversary", &["adversary", "pass", "M1"]);
    assert!([30, 31].contains(&pass.exit), "{name}: {}", pass.all());
    let synced = world.run_in("adversary", &["sync"]);
    assert_eq!(synced.exit, 0, "{name}: {}", synced.all());
}

/// The Builder takes its change back, gets what the Adversary said, and finds it counting.
#[track_caller]
fn and_counts(world: &World, kept: &[(String, Vec<u8>)], name: &str) -> Answer {
    world.git("builder", &["pull", "-q", "--rebase"]);
    kept.iter().for_each(|(file, bytes)| fs::write(world.path(file), bytes).expect("written"));
    let status = world.run_in("builder", &["status"]);
    for words in ["VETO", "has FAIL", "A1"] {
        assert!(status.stdout.contains(words), "{name}: {words} in\n{}", status.all());
    }
    status
}

#[test]
fn whatever_became_of_the_contract_s_file() {
    let changes: [(&str, &dyn Fn(&World)); 4] = [
        ("garbled", &|world| world.write(CONTRACT, "schema = \n\u{0}[[")),
        ("gone", &|world| fs::remove_file(world.path(CONTRACT)).expect("removed")),
        ("another phase's", &|world| {
            world.write(CONTRACT, &world.read(CONTRACT).replace("phase = \"demo\"", "phase = \"other\""));
        }),
        ("with another key", &|world| {
            world.run_as("mallory", "builder", &["key", "new", "adversary"]).expect(0, "ssh-ed25519");
            let body = |party: &str| {
                let file = world.path(&format!("config/{party}/countersign/keys/adversary.pub"));
                fs::read_to_string(file).expect("read").split(' ').nth(1).expect("a key").to_owned()
            };
            let swapped = world.read(CONTRACT).replace(&body("adversary"), &body("mallory"));
            world.write(CONTRACT, &swapped);
        }),
    ];
    for (name, change) in changes {
        let world = World::claimed();
        let kept = [(CONTRACT.to_owned(), fs::read(world.path(CONTRACT)).expect("read"))];
        change(&world);
        pushed(&world);
        world.run_in("adversary", &["adversary", "pass", "M1"]).expect(31, "");
        every_objection_gets_in(&world, name);
        and_counts(&world, &kept, name);
    }
}

#[test]
fn whatever_became_of_the_builders_documents() {
    for (name, garbled) in [("STATUS", true), ("STATUS", false), ("JOURNAL", false)] {
        let world = World::claimed();
        world.run_in("builder", &["builder", "note", "so that JOURNAL has a record"]).expect(0, "Note");
        let file = format!("builder/machine-docs/{name}-demo.md");
        let files = [CONTRACT.to_owned(), file.clone()];
        let kept = files.map(|file| (file.clone(), fs::read(world.path(&file)).expect("read")));
        if garbled {
            world.write(&file, &world.read(&file).replacen("role = ", "rule = ", 1));
        } else {
            fs::remove_file(world.path(&file)).expect("removed");
        }
        pushed(&world);
        let veto = ["adversary", "veto", "raise", "--reason", "a document is gone"];
        let answer = world.run_in("adversary", &veto);
        assert_eq!(answer.exit, 0, "{name}: {}", answer.all());
        // What the remote holds is damaged: that is said, and keeps the veto from nobody. JOURNAL's one record was never there.
        let exit = if name == "STATUS" { 30 } else { 0 };
        world.run_in("adversary", &["sync"]).expect(exit, "; pushed");
        world.git("builder", &["pull", "-q", "--rebase"]);
        kept.iter().for_each(|(file, bytes)| fs::write(world.path(file), bytes).expect("written"));
        world.run_in("builder", &["status"]).expect(0, "VETO");
    }
}

#[test]
fn whatever_became_of_review_and_of_everything() {
    for (name, files) in [("REVIEW", &["REVIEW-demo.md"][..]), ("everything", &[])] {
        let world = World::claimed();
        world.run_in("adversary", &["sync"]).expect(0, "");
        let docs = world.path("builder/machine-docs");
        let kept = world.path("kept");
        let copied = std::process::Command::new("cp").arg("-a").args([&docs, &kept]).status();
        assert!(copied.is_ok_and(|status| status.success()));
        match files {
            [] => fs::remove_dir_all(&docs).expect("removed"),
            some => some.iter().for_each(|file| fs::remove_file(docs.join(file)).expect("removed")),
        }
        world.git("builder", &["add", "-A"]);
        world.git("builder", &["commit", "-q", "-m", "gone"]);
        world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
        world.git("adversary", &["pull", "-q", "--rebase"]);
        let veto = ["adversary", "veto", "raise", "--reason", "everything is gone"];
        let answer = world.run_in("adversary", &veto);
        assert!(answer.exit == 0 && answer.stderr.contains("was gone, and is back"), "{name}: {}", answer.all());
        // REVIEW is whole again by then; the Builder's documents are not.
        let exit = if files.is_empty() { 30 } else { 0 };
        world.run_in("adversary", &["sync"]).expect(exit, "; pushed");
        world.git("builder", &["pull", "-q", "--rebase"]);
        for entry in fs::read_dir(&kept).expect("read").flatten().filter(|entry| entry.path().is_file()) {
            let there = docs.join(entry.file_name());
            if !there.exists() {
                fs::copy(entry.path(), there).expect("copied");
            }
        }
        world.run_in("builder", &["status"]).expect(0, "VETO");
    }
}

#[test]
fn what_is_not_an_objection_still_needs_the_contract_that_was_adopted() {
    let world = World::claimed();
    world.write(THEIRS, &world.read(THEIRS).replace("max_age = \"24h\"", "max_age = \"9000h\""));
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(31, "is in force");
    world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "x"]).expect(0, "which was adopted");
    world.write(THEIRS, "schema = ");
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(31, "PHASE-demo.toml");
    world
        .run_in("adversary", &["adversary", "waive", "--criterion", "guard", "--reason", "x", "--for", "1h"])
        .expect(31, "");
    // A contract that is broken here alone is not published.
    world.run_in("adversary", &["sync"]).expect(31, "PHASE-demo.toml");
    // Whoever is listed nowhere is told so.
    world.run_as("nobody", "adversary", &["key", "new", "adversary"]).expect(0, "ssh-ed25519");
    world.run_as("nobody", "adversary", &["adversary", "veto", "raise", "--reason", "x"]).expect(12, "is not listed");
}
