//! Recovery under another `--state`, where this host kept nothing: JOURNAL, and the contract that both roles adopted.

use std::fs;

use crate::support::steps::{Steps, THREE};
use crate::support::{Answer, CONTRACT};

const STATUS: &str = "builder/machine-docs/STATUS-demo.md";

/// Runs countersign as the Builder with a state directory that is new.
fn elsewhere(steps: &Steps, args: &[&str]) -> Answer {
    let state = steps.world.path("elsewhere");
    steps.world.run_as("builder", "builder", &[args, &["--state", &state.to_string_lossy()]].concat())
}

#[test]
fn the_contract_is_the_one_that_was_adopted_whatever_the_file_says() {
    let steps = Steps::cut_off();
    let other = steps.world.read(CONTRACT).replace("echo back", "echo evil");
    for (text, says) in [(other.as_str(), "opens nothing yet"), ("schema = ", "going on with contract")] {
        steps.restore();
        fs::remove_dir_all(steps.world.path("elsewhere")).ok();
        steps.world.write(CONTRACT, text);
        let answer = elsewhere(&steps, &["builder", "resume"]).expect(0, says);
        answer.expect(0, "Step `one` is done").expect(0, "Step `back` is done");
        assert_eq!(steps.log(), ["one", "back"]);
    }
    steps.restore();
    fs::remove_dir_all(steps.world.path("elsewhere")).ok();
    fs::remove_file(steps.world.path(CONTRACT)).expect("removed");
    elsewhere(&steps, &["builder", "resume"]).expect(0, "Step `back` is done");
}

#[test]
fn an_undo_is_that_of_the_adopted_contract() {
    let steps = Steps::new(THREE);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    steps.builder(&["builder", "run", "two"]).expect(0, "is done");
    steps.world.write(CONTRACT, &steps.world.read(CONTRACT).replace("sed -i /two/d", "echo evil >>"));
    elsewhere(&steps, &["builder", "undo", "two"]).expect(0, "Step `two` is unwound");
    assert_eq!(steps.log(), ["one"]);
}

#[test]
fn without_an_adopted_contract_that_can_be_read_only_a_host_that_remembers_goes_on() {
    let steps = Steps::cut_off();
    // What was seen of the remote when it was whole is enough; then that is gone too.
    let damaged = steps.world.read(STATUS).replacen("role = ", "rule = ", 1);
    steps.world.write(STATUS, &damaged);
    steps.world.git("builder", &["commit", "-qam", "damaged"]);
    steps.world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    steps.world.git("builder", &["fetch", "-q", "origin", "+refs/heads/main:refs/countersign/origin/main"]);
    steps.keep();
    elsewhere(&steps, &["builder", "resume"]).expect(0, "Step `back` is done");
    steps.restore();
    fs::remove_dir_all(steps.world.path("elsewhere")).expect("removed");
    steps.world.git("builder", &["update-ref", "-d", "refs/countersign-records/origin/demo/main"]);
    elsewhere(&steps, &["builder", "resume"]).expect(31, "no contract that both roles adopted");
    assert_eq!(steps.log(), ["one"]);
    steps.builder(&["builder", "resume"]).expect(0, "Step `back` is done");
}

#[test]
fn a_contract_that_this_host_does_not_trust_runs_nothing() {
    let steps = Steps::cut_off();
    fs::remove_dir_all(steps.world.path("pins")).expect("removed");
    elsewhere(&steps, &["builder", "resume"]).expect(12, "does not trust the key");
    assert_eq!(steps.log(), ["one"]);
    // Where the host remembers the run, recovery asks nothing.
    steps.builder(&["builder", "resume"]).expect(0, "Step `back` is done");
}

#[test]
fn a_step_that_nothing_permitted_is_not_gone_on_with() {
    let steps = Steps::cut_off();
    // As if the Builder had written the intent without any PASS.
    let review = "builder/machine-docs/REVIEW-demo.md";
    let text = steps.world.read(review);
    steps.world.write(review, &text[..text.find("## Gate: M1").expect("the PASS")]);
    elsewhere(&steps, &["builder", "resume"]).expect(10, "hold no PASS by a pinned key that its intent names");
    assert_eq!(steps.log(), ["one"]);
    steps.builder(&["builder", "resume"]).expect(0, "Step `back` is done");
}

#[test]
fn a_host_that_remembers_other_steps_believes_no_intent_that_names_no_pass() {
    let steps = Steps::new(THREE);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    elsewhere(&steps, &["builder", "window", "open", "--for", "30m"]).expect(0, "open until");
    let (there, fault) = (steps.world.path("elsewhere"), [("COUNTERSIGN_FAULT", "kill ledger.append#4")]);
    let run = ["builder", "run", "two", "--state", &there.to_string_lossy()];
    steps.world.run_ordered("builder", "builder", &run, &fault).expect(-1, "step two");
    assert_eq!(steps.log(), ["one", "two"]);
    steps.keep();
    // The intent names the PASS, so any host believes it.
    steps.builder(&["builder", "resume"]).expect(0, "Step `two` is done");
    steps.restore();
    let review = "builder/machine-docs/REVIEW-demo.md";
    let text = steps.world.read(review);
    steps.world.write(review, &text[..text.find("## Gate: M1").expect("the PASS")]);
    // Copied into the ledger by a run that is refused, it is no memory of this host's.
    steps.builder(&["builder", "run", "two"]).expect(21, "step `two` is in doubt");
    let again = ["builder", "resume", "--again", "--reason", "x"];
    steps.builder(&again).expect(10, "this host does not remember it");
    steps.builder(&["builder", "undo", "two"]).expect(10, "this host does not remember it");
    assert_eq!(steps.log(), ["one", "two"]);
}

#[test]
fn a_pass_that_was_spent_under_another_state_stays_spent() {
    let steps = Steps::new(THREE);
    let journal = "builder/machine-docs/JOURNAL-demo.md";
    let before = steps.world.read(journal);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    elsewhere(&steps, &["builder", "window", "open", "--for", "30m"]).expect(0, "open until");
    elsewhere(&steps, &["builder", "run", "one"]).expect(10, "step `one` is done");
    // A JOURNAL that was thrown away is on the remote, or was seen there.
    steps.builder(&["sync"]).expect(0, "pushed");
    steps.world.write(journal, &before);
    elsewhere(&steps, &["builder", "run", "one"]).expect(10, "step `one` is done");
    assert_eq!(steps.log(), ["one"]);
}
