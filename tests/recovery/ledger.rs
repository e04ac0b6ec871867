//! What the host remembers and a document forgets.

use std::fs;

use crate::support::steps::{Steps, THREE};

const JOURNAL: &str = "builder/machine-docs/JOURNAL-demo.md";

#[test]
fn a_discarded_journal_cannot_spend_a_pass_twice() {
    let steps = Steps::new(THREE);
    let before = steps.world.read(JOURNAL);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    let after = steps.world.read(JOURNAL);
    steps.world.write(JOURNAL, &before);
    steps.builder(&["builder", "run", "one"]).expect(21, "holds 2 records that the documents lack");
    steps.builder(&["builder", "run", "two"]).expect(21, "holds 2 records that the documents lack");
    steps.builder(&["builder", "done"]).expect(21, "holds 2 records that the documents lack");
    steps.builder(&["builder", "resume"]).expect(0, "JOURNAL lacked 2 records");
    assert!(steps.world.read(JOURNAL).starts_with(&after), "byte for byte what it was");
    steps.builder(&["check"]).expect(0, "every byte, signature and link");
    steps.builder(&["builder", "run", "one"]).expect(10, "step `one` is done");
    assert_eq!(steps.log(), ["one", "back"]);
}

#[test]
fn a_second_clone_cannot_spend_a_pass_twice() {
    let steps = Steps::new(THREE);
    steps.builder(&["sync"]).expect(0, "pushed");
    steps.world.git(".", &["clone", "-q", "origin.git", "second"]);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    let state = steps.world.path("state");
    let second = ["builder", "run", "one", "--state", &state.to_string_lossy()];
    steps.world.run_as("builder", "second", &second).expect(21, "records that the documents lack");
    assert_eq!(steps.log(), ["one"]);
}

#[test]
fn a_lost_ledger_is_completed_from_journal() {
    let steps = Steps::new(THREE);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    fs::remove_file(steps.state().join("ledger")).expect("removed");
    steps.builder(&["builder", "run", "two"]).expect(0, "2 records of JOURNAL were not in this host's ledger");
    let ledger = fs::read_to_string(steps.state().join("ledger")).expect("read");
    assert_eq!(ledger.lines().count(), 4);
}

#[test]
fn a_torn_line_is_dropped_and_named() {
    let steps = Steps::new(THREE);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    let path = steps.state().join("ledger");
    let whole = fs::read(&path).expect("read");
    fs::write(&path, [&whole[..], b"{\"what\":\"intent\",\"repo"].concat()).expect("written");
    steps.builder(&["builder", "resume"]).expect(0, "the ledger's last line is torn (22 bytes)");
    assert_eq!(fs::read_to_string(&path).expect("read").lines().count(), 4, "outcomes of `one` and `back`");
}

/// Notes, the window and a claim are in this clone alone; then steps are run, and the clone is reset to its last commit.
fn reset_after(run: impl FnOnce(&Steps)) -> Steps {
    let steps = Steps::new(THREE);
    steps.builder(&["builder", "note", &"a long note ".repeat(1000)]).expect(0, "Note");
    run(&steps);
    steps.world.git("builder", &["reset", "-q", "--hard"]);
    steps.world.git("builder", &["clean", "-fdq"]);
    steps
}

#[test]
fn a_clone_that_was_reset_gets_back_what_its_steps_came_after() {
    let steps = reset_after(|steps| {
        steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    });
    steps.builder(&["builder", "run", "two"]).expect(21, "that the documents lack");
    let answer = steps.builder(&["builder", "resume"]).expect(0, "STATUS lacked 1 records");
    answer.expect(0, "JOURNAL lacked 3 records");
    steps.builder(&["check"]).expect(0, "every byte, signature and link");
    steps.builder(&["builder", "run", "two"]).expect(0, "is done");
    steps.builder(&["sync"]).expect(0, "pushed");
    steps.builder(&["check", "--against"]).expect(0, "none is gone, altered or out of order");
    assert_eq!(steps.log(), ["one", "back", "two"]);
}

#[test]
fn a_clone_that_was_reset_with_a_step_in_doubt_too() {
    let steps = reset_after(|steps| {
        steps.with(&[("COUNTERSIGN_FAULT", "kill ledger.append#2")], &["builder", "run", "one"]);
    });
    steps.builder(&["builder", "resume"]).expect(0, "Step `one` is done");
    steps.builder(&["check"]).expect(0, "every byte, signature and link");
}

#[test]
fn one_document_that_was_put_back_alone_is_named_with_the_way_out() {
    let steps = Steps::new(THREE);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    steps.world.git("builder", &["checkout", "-q", "--", "machine-docs/STATUS-demo.md"]);
    steps.builder(&["builder", "run", "two"]).expect(30, "countersign builder resume");
    steps.builder(&["next"]).expect(0, "countersign builder resume");
    steps.builder(&["builder", "resume"]).expect(0, "STATUS lacked 1 records");
    steps.builder(&["builder", "run", "two"]).expect(0, "is done");
    steps.builder(&["check"]).expect(0, "every byte, signature and link");
}
