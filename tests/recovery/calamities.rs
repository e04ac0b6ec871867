//! Recovery is never refused: whatever became of the PASS, the window, the documents, the remote and the repository.

use std::fs;

use crate::support::steps::{Steps, THREE};
use crate::support::{Answer, CONTRACT};

/// Some days later.
const LATER: [(&str, &str); 1] = [("COUNTERSIGN_NOW", "2099-01-01T00:00:00Z")];

#[track_caller]
fn brought_back(steps: &Steps, answer: Answer) {
    answer.expect(0, "Step `one` is done").expect(0, "Step `back` is done");
    assert_eq!(steps.log(), ["one", "back"]);
    let ledger = fs::read_to_string(steps.state().join("ledger")).expect("read");
    assert_eq!(ledger.lines().count(), 5, "an intent cut off, and two with their outcomes");
}

#[test]
fn whatever_became_of_the_documents() {
    let steps = Steps::cut_off();
    let docs = |name: &str| format!("builder/machine-docs/{name}-demo.md");
    let calamities: [(&str, &dyn Fn()); 8] = [
        ("REVIEW is gone", &|| fs::remove_file(steps.world.path(&docs("REVIEW"))).expect("removed")),
        ("JOURNAL is gone", &|| fs::remove_file(steps.world.path(&docs("JOURNAL"))).expect("removed")),
        ("STATUS is damaged", &|| {
            let text = steps.world.read(&docs("STATUS"));
            steps.world.write(&docs("STATUS"), &text.replacen("role = ", "rule = ", 1));
        }),
        ("JOURNAL ends in a conflict", &|| {
            let text = steps.world.read(&docs("JOURNAL"));
            steps.world.write(&docs("JOURNAL"), &format!("{text}\n<<<<<<< ours\n````\n"));
        }),
        ("the contract is broken", &|| steps.world.write(CONTRACT, "schema = ")),
        ("the contract is another", &|| {
            let text = steps.world.read(CONTRACT).replace("echo back", "rm -rf");
            steps.world.write(CONTRACT, &text);
        }),
        ("the contract is gone", &|| fs::remove_file(steps.world.path(CONTRACT)).expect("removed")),
        ("the remote is gone", &|| fs::remove_dir_all(steps.world.path("origin.git")).expect("removed")),
    ];
    for (name, calamity) in calamities {
        steps.restore();
        calamity();
        let answer = steps.with(&LATER, &["builder", "resume"]);
        assert_eq!(answer.exit, 0, "{name}: {}{}", answer.stdout, answer.stderr);
        brought_back(&steps, answer);
    }
}

#[test]
fn a_veto_stops_the_next_step_and_no_recovery() {
    let steps = Steps::cut_off();
    steps.world.run_in("adversary", &["sync"]).expect(0, "");
    steps.world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "stop"]).expect(0, "raised");
    steps.world.run_in("adversary", &["sync"]).expect(0, "pushed");
    steps.builder(&["sync"]).expect(0, "pulled");
    brought_back(&steps, steps.builder(&["builder", "resume"]));
    steps.builder(&["builder", "run", "two"]).expect(10, "stop");
}

#[test]
fn without_the_repository_the_host_is_enough() {
    let steps = Steps::cut_off();
    fs::remove_dir_all(steps.world.path("builder")).expect("removed");
    let state = steps.world.path("state").to_string_lossy().into_owned();
    let outside = |args: &[&str]| {
        let args = [args, &["--state", state.as_str()]].concat();
        steps.world.run_as("builder", "lab", &args)
    };
    brought_back(&steps, outside(&["builder", "resume"]).expect(0, "going on with what this host kept"));
    outside(&["builder", "resume"]).expect(0, "Nothing is in doubt");
    // A fresh clone gets what JOURNAL lacks, byte for byte, and is whole.
    steps.world.git(".", &["clone", "-q", "origin.git", "builder"]);
    steps.builder(&["builder", "run", "two"]).expect(21, "records that the documents lack");
    steps.builder(&["builder", "resume"]).expect(0, "JOURNAL lacked 5 records");
    steps.builder(&["check"]).expect(0, "every byte, signature and link");
    steps.builder(&["status"]).expect(0, "step one                done");
}

#[test]
fn without_a_checkout_a_program_runs_where_there_is_nothing() {
    let steps =
        Steps::new(&THREE.replace("echo back >>LAB/log", "pwd >>LAB/log; ls -A >>LAB/log; echo back >>LAB/log"));
    steps.with(&[("COUNTERSIGN_FAULT", "kill ledger.append#2")], &["builder", "run", "one"]);
    fs::remove_dir_all(steps.world.path("builder")).expect("removed");
    let state = steps.world.path("state").to_string_lossy().into_owned();
    let resume = ["builder", "resume", "--state", state.as_str()];
    let done = steps.world.run_as("builder", "lab", &resume).expect(0, "Step `back` is done");
    assert!(done.stderr.contains("runs in an empty directory, not in a checkout"), "{}", done.stderr);
    let log = steps.log();
    let [one, place, back] = log.as_slice() else { panic!("{log:?}") };
    assert_eq!((one.as_str(), back.as_str()), ("one", "back"));
    assert!(place.starts_with(&*steps.state().to_string_lossy()), "{place}");
    assert!(!std::path::Path::new(place).exists(), "it is removed afterwards");
}

#[test]
fn undo_works_from_the_host_too() {
    let steps = Steps::new(THREE);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    steps.with(&[("COUNTERSIGN_FAULT", "kill ledger.append#2")], &["builder", "run", "two"]);
    assert_eq!(steps.log(), ["one", "two"]);
    fs::remove_dir_all(steps.world.path("builder")).expect("removed");
    let state = steps.world.path("state").to_string_lossy().into_owned();
    let undo = ["builder", "undo", "two", "--state", state.as_str()];
    steps.world.run_as("builder", "lab", &undo).expect(0, "Step `two` is unwound");
    assert_eq!(steps.log(), ["one"]);
    steps.world.run_as("builder", "lab", &undo).expect(10, "there is nothing to undo");
}

#[test]
fn without_the_key_things_are_brought_back_and_nothing_is_signed() {
    let steps = Steps::cut_off();
    let state = steps.world.path("state").to_string_lossy().into_owned();
    let resume = ["builder", "resume", "--state", state.as_str()];
    steps.world.run_as("nobody", "builder", &resume).expect(74, "nothing can be signed");
    steps.builder(&["builder", "resume"]).expect(0, "Step `back` is done");
}
