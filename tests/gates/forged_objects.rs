//! What a clone's own files, settings and attributes say of the commits changes neither what is read of them nor what runs.

use std::fs;

use crate::support::steps::Steps;
use crate::support::{CONTRACT, World};

use super::branches::{REVIEW, TOLD, object, passed};

const SCRIPT: &str = "builder/scripts/step0.sh";
/// A step that writes what it finds in its checkout.
const STEP: &str = r#"
[[step]]
id = "one"
title = "The first"
gate = "M1"
kind = "command"
argv = ["sh", "-c", "cat scripts/step0.sh >>LAB/log; find . -type f | sort >>LAB/log"]
timeout = "1m"
[[step.postflight]]
id = "one-done"
title = "The first is there"
probe = "command"
argv = ["cat", "LAB/log"]
stdout = 'available'
"#;

/// Gives an object of the Builder's clone other bytes.
fn forge(world: &World, id: &str, bytes: &str) {
    let path = world.path(&format!("builder/.git/objects/{}/{}", &id[..2], &id[2..]));
    world.write("x", bytes);
    let other = world.git("builder", &["hash-object", "-w", "../x"]);
    fs::remove_file(&path).expect("a loose object");
    fs::copy(world.path(&format!("builder/.git/objects/{}/{}", &other[..2], &other[2..])), &path).expect("forged");
}

#[test]
fn an_object_that_stands_for_another_hides_no_objection() {
    let steps = passed();
    let world = &steps.world;
    let (old, before) = (world.git("builder", &["rev-parse", "HEAD:machine-docs/REVIEW-demo.md"]), world.read(REVIEW));
    object(world, TOLD[0]);
    world.git("builder", &["fetch", "-q"]);
    let new = world.git("builder", &["rev-parse", "origin/main:machine-docs/REVIEW-demo.md"]);
    let tips = world.git("builder", &["rev-parse", "origin/main", "HEAD"]);
    let tips: Vec<&str> = tips.lines().collect();
    for (one, other) in [(&*new, &*old), (tips[0], tips[1])] {
        world.git("builder", &["replace", one, other]);
        steps.builder(&["builder", "done"]).expect(10, "wait");
        steps.builder(&["check", "--against"]).expect(30, "is gone or altered");
        world.git("builder", &["replace", "-d", one]);
    }
    forge(world, &new, &before);
    steps.builder(&["builder", "done"]).expect(30, "is not what its id says");
    steps.builder(&["check", "--against"]).expect(30, "is not what its id says");
}

#[test]
fn parents_that_a_file_invents_hide_nothing_that_was_cut_off() {
    let steps = passed();
    let world = &steps.world;
    let head = world.git("builder", &["rev-parse", "HEAD"]);
    let text = world.read(REVIEW);
    object(world, TOLD[0]);
    world.git("builder", &["pull", "-q", "--rebase"]);
    world.write(REVIEW, &text);
    world.git("builder", &["commit", "-qam", "docs: tidy"]);
    world.git("builder", &["push", "-q", "origin", "HEAD"]);
    let cut = world.git("builder", &["rev-parse", "HEAD"]);
    world.write("builder/.git/info/grafts", &format!("{cut} {head}\n"));
    steps.builder(&["builder", "done"]).expect(30, "is in the history and in no document");
}

#[test]
fn a_step_runs_on_the_very_bytes_of_the_commit() {
    let committed = "journalctl | grep 'available IP' # \u{ff1b} $Id$\n";
    let steps = Steps::adopted(STEP, |world| {
        world.write(SCRIPT, committed);
        world.commit("builder", "the net");
        world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    });
    steps.world.claim();
    steps.world.pass();
    steps.pin();
    steps.window();
    let world = &steps.world;
    world.keep();
    let info = |file: &str, text: &str| world.write(&format!("builder/.git/info/{file}"), text);
    let set = |key: &str, value: &str| drop(world.git("builder", &["config", key, value]));
    let changes: [&dyn Fn(); 5] = [
        &|| info("attributes", "scripts/step0.sh working-tree-encoding=ASCII//TRANSLIT\n"),
        &|| info("attributes", "scripts/step0.sh ident\n"),
        &|| set("core.autocrlf", "true"),
        &|| {
            set("core.sparseCheckout", "true");
            info("sparse-checkout", "/*\n!/scripts\n");
        },
        &|| {
            world.write("x", "echo replaced # available IP\n");
            let other = world.git("builder", &["hash-object", "-w", "../x"]);
            world.git("builder", &["replace", &world.git("builder", &["rev-parse", "HEAD:scripts/step0.sh"]), &other]);
        },
    ];
    for (at, change) in changes.iter().enumerate() {
        change();
        steps.builder(&["builder", "run", "one"]).expect(0, "one");
        let log = world.read("lab/log");
        assert!(log.starts_with(committed), "{at}: {log}");
        // Neither documents nor evidence are there: they are not what was passed.
        assert!(log.contains("./nix/swarm.nix") && !log.contains("machine-docs"), "{at}: {log}");
        world.restore();
    }
    let id = world.git("builder", &["rev-parse", "HEAD:scripts/step0.sh"]);
    forge(world, &id, "echo forged # available IP\n");
    steps.builder(&["builder", "run", "one"]).expect(20, "is not what its id says");
    assert_eq!(world.read("lab/log"), "");
}

#[test]
fn a_work_tree_is_held_against_head_byte_by_byte() {
    let steps = passed();
    let world = &steps.world;
    let text = world.read(SCRIPT);
    let held = |changed: &str| {
        world.write(SCRIPT, changed);
        steps.builder(&["builder", "claim", "M1"]).expect(14, "scripts/step0.sh");
        world.write(SCRIPT, &text);
    };
    world.git("builder", &["config", "core.autocrlf", "true"]);
    held(&text.replace('\n', "\r\n"));
    world.write("builder/.git/info/attributes", "scripts/step0.sh working-tree-encoding=UTF-16\n");
    held(&format!("{text}#"));
    steps.builder(&["builder", "claim", "M1"]).expect(0, "is claimed");
}

#[test]
fn a_contract_runs_no_state_file() {
    let world = World::opened();
    let step = STEP.replace("cat scripts/step0.sh", ". ./machine-docs/evidence/lib/x.sh");
    world.write(CONTRACT, &(world.read(CONTRACT) + &step));
    let refused =
        world.run_in("builder", &["builder", "adopt"]).expect(31, "machine-docs/evidence/lib/x.sh, a state file");
    assert!(refused.stderr.contains("machine-docs/PHASE-demo.toml:"), "{}", refused.stderr);
}

#[test]
fn an_objection_gets_in_whatever_stands_in_the_place_of_review() {
    let steps = passed();
    let world = &steps.world;
    world.keep();
    let put: [&dyn Fn(); 2] =
        [&|| std::os::unix::fs::symlink("/dev/null", world.path(REVIEW)).expect("linked"), &|| {
            world.write(&format!("{REVIEW}/x"), "x")
        }];
    for other in put {
        fs::remove_file(world.path(REVIEW)).expect("removed");
        other();
        world.git("builder", &["add", "-A"]);
        world.git("builder", &["commit", "-qm", "x"]);
        world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
        world.git("adversary", &["pull", "-q"]);
        world.run_in("adversary", TOLD[0]).expect(0, "REVIEW-demo.md was no file, and is back");
        world.run_in("adversary", &["sync"]).expect(0, "pushed");
        assert!(world.git("origin.git", &["show", "main:machine-docs/REVIEW-demo.md"]).contains("## VETO wait"));
        world.restore();
    }
    world.git("builder", &["mv", "machine-docs", "elsewhere"]);
    std::os::unix::fs::symlink("elsewhere", world.path("builder/machine-docs")).expect("linked");
    world.git("builder", &["add", "-A"]);
    world.git("builder", &["commit", "-qm", "x"]);
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    world.git("adversary", &["pull", "-q"]);
    let told = world.run_in("adversary", TOLD[0]).expect(30, "Hint: git checkout ");
    let commit = told.stderr.split("git checkout ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a commit");
    world.git("adversary", &["checkout", commit, "--", "machine-docs"]);
    world.git("adversary", &["commit", "-qm", "docs: put back"]);
    world.run_in("adversary", TOLD[0]).expect(0, "raised");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
}

#[test]
fn no_token_of_a_remote_is_shown() {
    let steps = passed();
    let world = &steps.world;
    for url in ["http://127.0.0.1:1/x.git?access_token=s3cr3t", "http://user:a/s3cr3t@127.0.0.1:1/x.git"] {
        world.git("builder", &["remote", "set-url", "origin", url]);
        for command in [&["sync"][..], &["builder", "done"], &["doctor"], &["check", "--against"]] {
            let told = steps.builder(command).all();
            assert!(!told.contains("s3cr3t"), "{command:?}: {told}");
        }
    }
}
