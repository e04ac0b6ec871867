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
