//! The process is killed, and the disk is full, at every point of a real run.

use std::fs;

use crate::support::steps::{Steps, THREE};

/// The points that a command passes, each once, in order.
fn points(steps: &Steps, args: &[&str]) -> Vec<String> {
    let log = steps.world.path("points");
    fs::remove_file(&log).ok();
    steps.with(&[("COUNTERSIGN_FAULT_LOG", &log.to_string_lossy())], args).expect(0, "");
    fs::read_to_string(&log).expect("read").lines().map(str::to_owned).collect()
}

/// Every point where the whole sweep is asked for (`scripts/test --sweep`), else some: those around the ledger and one in four.
fn some(points: &[String]) -> Vec<&String> {
    let all = crate::support::thorough();
    let named = |(at, point): &(usize, &String)| all || at % 4 == 0 || point.starts_with("ledger.appended");
    points.iter().enumerate().filter(named).map(|(_, point)| point).collect()
}

/// Brings a phase that was cut off to its end, as a person would, and checks that nothing was done twice or left out.
fn to_the_end(steps: &Steps, at: &str) {
    let ran = steps.log().contains(&"one".into());
    let resumed = steps.builder(&["builder", "resume"]);
    if resumed.exit == 21 {
        assert!(!ran, "{at}: it was done, and resume did not see it: {}{}", resumed.stdout, resumed.stderr);
        steps.builder(&["builder", "resume", "--again", "--reason", "it did not happen"]).expect(0, "is done");
    } else {
        resumed.expect(0, "");
    }
    steps.builder(&["builder", "run", "--all"]).expect(0, "");
    let log = steps.log();
    let count = |word: &str| log.iter().filter(|line| *line == word).count();
    assert_eq!((count("one"), count("two")), (1, 1), "{at}: {log:?}");
    assert_eq!(log.last().map(String::as_str), Some("back"), "{at}: {log:?}");
    steps.builder(&["check"]).expect(0, "every byte, signature and link");
    steps.builder(&["builder", "run", "--all"]).expect(0, "");
    assert_eq!(steps.log(), log, "{at}: a second run does nothing");
}

#[test]
fn killed_at_every_point_of_a_run_it_is_brought_to_its_end() {
    let steps = Steps::new(THREE);
    steps.keep();
    let run = ["builder", "run", "one"];
    let points = points(&steps, &run);
    assert!(points.len() >= 20, "{points:?}");
    for point in some(&points) {
        steps.restore();
        let killed = steps.with(&[("COUNTERSIGN_FAULT", &format!("kill {point}"))], &run);
        assert_eq!(killed.exit, -1, "{point}: {}{}", killed.stdout, killed.stderr);
        to_the_end(&steps, point);
    }
}

#[test]
fn killed_at_every_point_of_a_resume_it_is_brought_to_its_end() {
    let steps = Steps::new(THREE);
    steps.with(&[("COUNTERSIGN_FAULT", "kill ledger.append#2")], &["builder", "run", "one"]);
    assert_eq!(steps.log(), ["one"]);
    steps.keep();
    let points = points(&steps, &["builder", "resume"]);
    assert!(points.len() >= 30, "{points:?}");
    for point in some(&points) {
        steps.restore();
        let killed = steps.with(&[("COUNTERSIGN_FAULT", &format!("kill {point}"))], &["builder", "resume"]);
        assert_eq!(killed.exit, -1, "{point}: {}{}", killed.stdout, killed.stderr);
        // Killed in the step that brings things back, resume does not know whether it happened, unless it did.
        if steps.builder(&["builder", "resume"]).exit == 21 {
            steps.builder(&["builder", "resume", "--again", "--reason", "looked"]).expect(0, "is done");
        }
        to_the_end(&steps, point);
    }
}

#[test]
fn a_disk_full_at_any_point_of_a_run_never_runs_what_is_not_recorded() {
    let steps = Steps::new(THREE);
    steps.keep();
    let run = ["builder", "run", "one"];
    for point in some(&points(&steps, &run)) {
        steps.restore();
        let failed = steps.with(&[("COUNTERSIGN_FAULT", &format!("fail {point}"))], &run);
        let all = format!("{point}: exit {}: {}{}", failed.exit, failed.stdout, failed.stderr);
        let expected = match point.split('#').next() {
            Some("journal.after") => 0,
            // The intent and what came of it are recorded: the step was not begun.
            Some("host.token.write") => 20,
            _ => 74,
        };
        assert_eq!(failed.exit, expected, "{all}");
        let intent = fs::read_to_string(steps.state().join("ledger")).unwrap_or_default();
        assert!(steps.log().is_empty() || intent.contains("\"intent\""), "{all}");
        to_the_end(&steps, point);
    }
}

#[test]
fn an_intent_that_is_not_recorded_is_not_run() {
    let steps = Steps::new(THREE);
    steps.keep();
    for (fault, says) in [("fail ledger.append", "host state"), ("fail docs.write", "is not run")] {
        steps.restore();
        steps.with(&[("COUNTERSIGN_FAULT", fault)], &["builder", "run", "one"]).expect(74, says);
        assert_eq!(steps.log(), [""; 0], "{fault}");
    }
    // The ledger alone has the intent, and that it was not begun: nothing runs until JOURNAL has both, and no PASS is spent.
    steps.builder(&["builder", "run", "one"]).expect(21, "records that the documents lack");
    steps.builder(&["builder", "resume"]).expect(0, "JOURNAL lacked 2 records");
    steps.builder(&["builder", "run", "one"]).expect(0, "Step `one` is done");
    steps.restore();
    let outcome = [("COUNTERSIGN_FAULT", "fail ledger.append#2")];
    steps.with(&outcome, &["builder", "run", "one"]).expect(74, "It is in doubt");
    steps.builder(&["builder", "run", "two"]).expect(21, "step `one` is in doubt");
}
