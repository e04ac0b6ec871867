//! What was seen on the remote stays known, wherever `origin` points and whatever was pushed over it.

use std::fs;
use std::process::Command;

use crate::support::World;
use crate::support::steps::{Steps, THREE};

const REVIEW: &str = "builder/machine-docs/REVIEW-demo.md";

fn copy(world: &World, from: &str, to: &str) {
    let copied = Command::new("cp").arg("-a").args([world.path(from), world.path(to)]).status();
    assert!(copied.is_ok_and(|status| status.success()));
}

/// A veto that the Builder's run has seen on the remote, beside a copy of the remote from before it.
fn vetoed() -> Steps {
    let steps = Steps::new(THREE);
    steps.builder(&["sync"]).expect(0, "pushed");
    copy(&steps.world, "origin.git", "old.git");
    steps.world.run_in("adversary", &["sync"]).expect(0, "");
    steps.world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "wait"]).expect(0, "raised");
    steps.world.run_in("adversary", &["sync"]).expect(0, "pushed");
    steps.builder(&["builder", "run", "one"]).expect(10, "wait");
    steps
}

#[test]
fn an_old_copy_of_the_remote_dodges_no_veto() {
    let steps = vetoed();
    let world = &steps.world;
    let url = world.path("old.git").to_string_lossy().into_owned();
    world.git("builder", &["remote", "set-url", "origin", &url]);
    let was = world.git("adversary", &["rev-parse", "--short=12", "HEAD"]);
    let now = world.git("old.git", &["rev-parse", "--short=12", "main"]);
    for command in [["builder", "run", "one"].as_slice(), &["builder", "done"]] {
        let answer = steps.builder(command).expect(30, "does not hold what it held");
        assert!(answer.stderr.contains(&was) && answer.stderr.contains(&now), "{}", answer.stderr);
    }
    steps.builder(&["doctor"]).expect(30, "does not come after what it was");
    // The copy gets what this clone holds, and still lacks the veto.
    steps.builder(&["sync"]).expect(30, "gone from").expect(30, "veto");
    steps.builder(&["builder", "run", "one"]).expect(30, "");
    let proposed = steps.builder(&["check", "--repair"]).expect(0, "brings back").stdout;
    let digest = proposed.trim().rsplit(' ').next().expect("a digest").to_owned();
    steps.builder(&["check", "--repair", "--yes", &digest]).expect(0, "written");
    steps.builder(&["sync"]).expect(0, "pushed");
    steps.builder(&["builder", "run", "one"]).expect(10, "wait");
    assert_eq!(steps.log(), [""; 0]);
}

#[test]
fn a_remote_that_is_another_one_is_said() {
    let steps = Steps::new(THREE);
    steps.builder(&["sync"]).expect(0, "pushed");
    let first = steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    assert!(!first.stderr.contains("at the last run"), "{}", first.stderr);
    copy(&steps.world, "origin.git", "copy.git");
    let url = steps.world.path("copy.git").to_string_lossy().into_owned();
    steps.world.git("builder", &["remote", "set-url", "origin", &url]);
    steps
        .builder(&["builder", "run", "two"])
        .expect(0, "copy.git, and was ")
        .expect(0, "at the last run of this phase");
}

#[test]
fn a_veto_that_every_clone_and_the_remote_forgot_is_missed_by_the_host() {
    let steps = vetoed();
    let world = &steps.world;
    let old = world.git("builder", &["rev-parse", "HEAD"]);
    // The Builder owns the remote: it is forced back, and whatever git would remember by is taken away.
    world.git("builder", &["push", "-q", "--force", "origin", &format!("{old}:main")]);
    let under =
        ["refs/countersign", "refs/countersign-known", "refs/countersign-records", "refs/countersign-objections"];
    for name in under {
        for reference in world.git("builder", &["for-each-ref", "--format=%(refname)", name]).lines() {
            world.git("builder", &["update-ref", "-d", reference]);
        }
    }
    for command in [["builder", "run", "one"].as_slice(), &["builder", "done"], &["check"]] {
        let answer = steps.builder(command).expect(30, "this host has seen VETO wait");
        assert!(answer.stderr.contains("which is in no document any more"), "{}", answer.stderr);
    }
    steps.builder(&["status"]).expect(0, "this host has seen VETO wait");
    // Whoever raised it puts it back.
    world.run_in("adversary", &["sync"]).expect(0, "had been forced");
    steps.builder(&["sync"]).expect(0, "pulled");
    steps.builder(&["builder", "run", "one"]).expect(10, "wait");
    assert_eq!(steps.log(), [""; 0]);
}

#[test]
fn an_old_copy_that_gets_everything_is_a_remote_again() {
    let steps = Steps::new(THREE);
    steps.builder(&["sync"]).expect(0, "pushed");
    copy(&steps.world, "origin.git", "old.git");
    steps.builder(&["builder", "note", "later"]).expect(0, "Note");
    steps.builder(&["sync"]).expect(0, "pushed");
    let url = steps.world.path("old.git").to_string_lossy().into_owned();
    steps.world.git("builder", &["remote", "set-url", "origin", &url]);
    steps.builder(&["builder", "run", "one"]).expect(30, "countersign sync");
    steps.builder(&["sync"]).expect(0, "pushed");
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
}

#[test]
fn a_veto_that_is_cut_out_and_pushed_over_is_missed() {
    let steps = vetoed();
    let world = &steps.world;
    steps.builder(&["sync"]).expect(0, "pulled");
    let text = world.read(REVIEW);
    world.write(REVIEW, &text[..text.find("## VETO").expect("the veto")]);
    steps.builder(&["sync"]).expect(30, "is at HEAD, and gone here");
    world.git("builder", &["commit", "-qam", "tidy"]);
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    steps.builder(&["builder", "run", "one"]).expect(30, "gone from remote");
    steps.builder(&["builder", "done"]).expect(30, "gone from remote");
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(30, "gone from remote");
    steps.builder(&["sync"]).expect(30, "gone from remote");
    steps.builder(&["builder", "run", "one"]).expect(30, "gone from remote");
    assert_eq!(steps.log(), [""; 0]);
}

#[test]
fn a_branch_that_was_forced_or_taken_away_is_settled_by_a_sync() {
    let steps = Steps::new(THREE);
    let world = &steps.world;
    steps.builder(&["sync"]).expect(0, "pushed");
    world.git("adversary", &["pull", "-q", "--rebase"]);
    world.git("adversary", &["commit", "-q", "--amend", "-m", "rewritten"]);
    world.git("adversary", &["push", "-q", "--force", "origin", "HEAD:main"]);
    steps.builder(&["builder", "run", "one"]).expect(30, "which does not come after it");
    steps.builder(&["sync"]).expect(0, "pulled");
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    world.git("origin.git", &["update-ref", "-d", "refs/heads/main"]);
    steps.builder(&["builder", "run", "two"]).expect(30, "is not there any more");
    steps.builder(&["sync"]).expect(0, "pushed");
    steps.builder(&["builder", "run", "two"]).expect(0, "is done");
}

#[test]
fn no_document_is_reached_through_a_link() {
    let world = World::adopted();
    let docs = world.path("builder/machine-docs");
    fs::rename(&docs, world.path("aside")).expect("moved");
    std::os::unix::fs::symlink(world.path("aside"), &docs).expect("a link");
    for command in ["status", "sync", "check", "next"] {
        world.run_in("builder", &[command]).expect(30, "is a link or a file, and is not followed");
    }
    world.run_in("builder", &["init", "--phase", "other"]).expect(30, "is not followed");
    assert!(!world.path("aside/PHASE-other.toml").exists());
    fs::remove_file(&docs).expect("removed");
    fs::rename(world.path("aside"), &docs).expect("moved");
    let long = "a long note ".repeat(1000);
    for place in ["evidence", "evidence/demo"] {
        fs::remove_dir_all(docs.join("evidence")).ok();
        fs::create_dir_all(docs.join(place).parent().expect("above")).expect("made");
        std::os::unix::fs::symlink(world.path("home"), docs.join(place)).expect("a link");
        world.run_in("builder", &["builder", "note", &long]).expect(30, "is not followed");
        fs::remove_file(docs.join(place)).expect("removed");
    }
    assert_eq!(fs::read_dir(world.path("home")).expect("read").count(), 0);
}

#[test]
fn a_ledger_that_cannot_be_read_is_named_with_its_line() {
    let steps = Steps::new(THREE);
    fs::write(steps.state().join("ledger"), "{}\n").expect("written");
    let answer = steps.builder(&["builder", "run", "one"]).expect(13, "/ledger, line 1");
    assert!(answer.stderr.contains("no step is run"), "{}", answer.stderr);
    assert_eq!(steps.log(), [""; 0]);
}
