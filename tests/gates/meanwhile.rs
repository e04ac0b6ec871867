//! An objection that comes while a step is on its way.

use std::process::{Command, Stdio};

use crate::support::steps::{Steps, THREE};

/// The Adversary objects and publishes it; gives the veto's first digits.
fn veto(steps: &Steps) -> String {
    steps.world.run_in("adversary", &["sync"]).expect(0, "");
    let raised =
        steps.world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "wait"]).expect(0, "raised");
    steps.world.run_in("adversary", &["sync"]).expect(0, "pushed");
    raised.stdout.split(['(', ')']).nth(1).expect("an id").to_owned()
}

#[test]
fn a_veto_before_the_point_of_no_return_stops_the_step_and_spends_nothing() {
    let steps = Steps::new(THREE);
    let run = steps.stopped_at("journal.after", &[], &["builder", "run", "--all"]);
    let id = veto(&steps);
    run.go_on().expect(20, "came up: wait");
    assert_eq!(steps.log(), [""; 0]);
    steps.builder(&["builder", "run", "one"]).expect(10, "wait");
    steps.builder(&["status"]).expect(0, "step one                unwound");
    steps.world.run_in("adversary", &["adversary", "veto", "lift", &id, "--reason", "it is over"]).expect(0, "lifted");
    steps.world.run_in("adversary", &["sync"]).expect(0, "pushed");
    steps.builder(&["builder", "run", "--all"]).expect(0, "Step `back` is done");
    assert_eq!(steps.log(), ["one", "two", "back"]);
}

#[test]
fn a_fail_and_a_finding_stop_it_there_too() {
    let objections: [(&[&str], &str); 2] = [
        (&["adversary", "fail", "M1", "--reason", "no"], "gate M1 got a FAIL"),
        (&["adversary", "finding", "open", "no", "--gate", "M1"], "finding A1 was opened: no"),
    ];
    for (objection, says) in objections {
        let steps = Steps::new(THREE);
        let run = steps.stopped_at("journal.after", &[], &["builder", "run", "one"]);
        steps.world.run_in("adversary", objection).expect(0, "");
        steps.world.run_in("adversary", &["sync"]).expect(0, "pushed");
        run.go_on().expect(20, says);
        assert_eq!(steps.log(), [""; 0]);
    }
}

#[test]
fn after_the_point_of_no_return_the_step_goes_on_and_the_next_is_refused() {
    let waits = THREE.replacen(
        "echo one >>LAB/log",
        "touch LAB/begun; while ! [ -e LAB/go ]; do sleep 0.05; done; echo one >>LAB/log",
        1,
    );
    let steps = Steps::new(&waits);
    let mut command: Command = steps.command(&[], &["builder", "run", "--all"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let start = std::time::Instant::now();
    while !steps.world.path("lab/begun").exists() {
        assert!(start.elapsed().as_secs() < 60, "the step did not begin");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    veto(&steps);
    steps.world.write("lab/go", "");
    let answer = crate::support::Answer::of(&child.wait_with_output().expect("ended"));
    answer.expect(10, "step `two` is not run").expect(10, "wait");
    assert_eq!(steps.log(), ["one"]);
    steps.builder(&["status"]).expect(0, "step one                done").expect(0, "step two                not begun");
    // What brings things back is not refused.
    steps.builder(&["builder", "resume"]).expect(0, "Step `back` is done");
}
