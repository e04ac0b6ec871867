//! Clocks: this machine's against the engine's, and one that moves on between a decision and its act.

use crate::support::steps::{Steps, THREE};

const WRONG: &str = "2026-01-01T00:00:00Z";

/// The engine says that it is this time.
fn engine_says(steps: &Steps, time: Option<&str>) {
    match time {
        Some(time) => steps.world.write("engine-time", time),
        None => std::fs::remove_file(steps.world.path("engine-time")).expect("removed"),
    }
}

#[test]
fn what_opens_something_is_refused_while_the_clocks_are_apart() {
    let steps = Steps::adopted(THREE, |_| {});
    let refused = |party: &str, args: &[&str]| {
        for (time, says) in [(WRONG, "and the engine's 2026-01-01T00:00:00Z"), ("none", "named no time")] {
            engine_says(&steps, Some(time));
            let answer = if party == "builder" { steps.builder(args) } else { steps.world.run_in(party, args) };
            assert!(answer.exit == 13 && answer.stderr.contains(says), "{args:?}: {}: {}", answer.exit, answer.all());
        }
        engine_says(&steps, None);
    };
    refused("builder", &["builder", "claim", "M1"]);
    steps.world.claim();
    refused("adversary", &["adversary", "pass", "M1"]);
    steps.world.pass();
    steps.pin();
    refused("builder", &["builder", "window", "open", "--for", "30m"]);
    steps.window();
    refused("builder", &["builder", "run", "one"]);
    steps.builder(&["builder", "run", "--all"]).expect(0, "Step `back` is done");
    refused("builder", &["builder", "done"]);
}

#[test]
fn an_objection_and_recovery_get_in_with_both_times() {
    let steps = Steps::new(THREE);
    steps.with(&[("COUNTERSIGN_FAULT", "kill ledger.append#2")], &["builder", "run", "one"]);
    engine_says(&steps, Some(WRONG));
    let adversary = |args: &[&str]| steps.world.run_in("adversary", args);
    let both = "and the engine's 2026-01-01T00:00:00Z";
    adversary(&["adversary", "veto", "raise", "--reason", "x"]).expect(0, both);
    adversary(&["adversary", "fail", "M1", "--reason", "x"]).expect(0, both);
    adversary(&["adversary", "finding", "open", "x"]).expect(0, both);
    steps.builder(&["status"]).expect(0, both);
    steps.builder(&["builder", "resume"]).expect(0, "Step `back` is done");
}

/// Steps that may run, in a world whose every clock says what a file says; the window is open for three days.
fn ordered_clock() -> Steps {
    let steps = Steps::closed(THREE);
    steps.pin();
    steps.builder(&["builder", "window", "open", "--for", "3d"]).expect(0, "open until");
    steps
}

/// Every clock says that it is so much later than now.
fn later(steps: &Steps, by: &str) {
    let date = std::process::Command::new("date").args(["-u", "-d", by, "+%Y-%m-%dT%H:%M:%SZ"]).output();
    steps.world.write("engine-time", &String::from_utf8_lossy(&date.expect("runs").stdout));
}

#[test]
fn h20_what_ends_between_the_decision_and_the_intent_permits_nothing() {
    let steps = ordered_clock();
    steps.keep();
    let clock = format!("@{}", steps.world.path("engine-time").display());
    let env = [("COUNTERSIGN_NOW", clock.as_str())];
    for (by, exit, says) in
        [("25 hours", 11, "wanted one younger than"), ("4 days", 10, "the maintenance window ended at")]
    {
        steps.restore();
        later(&steps, "now");
        let run = steps.stopped_at("host.runs.renamed", &env, &["builder", "run", "one"]);
        later(&steps, by);
        run.go_on().expect(exit, says);
        assert_eq!(steps.log(), [""; 0], "{by}");
        assert!(!steps.world.read("builder/machine-docs/JOURNAL-demo.md").contains("record = \"intent\""), "{by}");
        assert!(!steps.state().join("ledger").exists(), "{by}");
    }
}

#[test]
fn h20_what_ends_between_the_intent_and_the_act_unwinds_it_untouched() {
    let steps = ordered_clock();
    let clock = format!("@{}", steps.world.path("engine-time").display());
    let env = [("COUNTERSIGN_NOW", clock.as_str())];
    later(&steps, "now");
    let run = steps.stopped_at("journal.after", &env, &["builder", "run", "one"]);
    later(&steps, "25 hours");
    run.go_on().expect(20, "what permits it ended at");
    assert_eq!(steps.log(), [""; 0]);
    steps.with(&env, &["builder", "run", "one"]).expect(11, "wanted one younger than");
    steps.with(&env, &["check"]).expect(0, "every byte, signature and link");
}
