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
    steps.builder(&["builder", "run", "one"]).expect(21, "holds 2 records that JOURNAL lacks");
    steps.builder(&["builder", "run", "two"]).expect(21, "holds 2 records that JOURNAL lacks");
    steps.builder(&["builder", "done"]).expect(21, "holds 2 records that JOURNAL lacks");
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
    steps.world.run_as("builder", "second", &second).expect(21, "records that JOURNAL lacks");
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
