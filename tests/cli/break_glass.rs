//! Break-glass: loud, for one step, once, and not done until it is accepted.

use std::fs;

use crate::support::steps::{Steps, THREE};
use crate::support::{CONTRACT, World};

/// A phase whose contract lists an operator, with nothing claimed.
fn with_operator() -> Steps {
    Steps::adopted(THREE, |world: &World| {
        world.run_as("operator", "builder", &["key", "new", "operator"]).expect(0, "ssh-ed25519");
        let public = fs::read_to_string(world.key("operator").with_extension("pub")).expect("read");
        let key: Vec<&str> = public.split(' ').take(2).collect();
        let contract = world.read(CONTRACT);
        world.write(CONTRACT, &(contract + &format!("\n[roles.operator]\nkeys = [\"{}\"]\n", key.join(" "))));
    })
}

fn operator(steps: &Steps, args: &[&str]) -> crate::support::Answer {
    let state = steps.world.path("state").to_string_lossy().into_owned();
    steps.world.run_as("operator", "builder", &[args, &["--state", state.as_str()]].concat())
}

const BREAK: [&str; 4] = ["break-glass", "one", "--reason", "nobody is awake"];

#[test]
fn the_operator_permits_one_step_once() {
    let steps = with_operator();
    steps.builder(&["builder", "run", "one"]).expect(10, "gate M1 has no claim");
    operator(&steps, &BREAK).expect(0, "permits step `one` without a PASS").expect(0, "blocks DONE");
    steps.builder(&["status"]).expect(0, "BREAK-GLASS").expect(0, "nobody is awake").expect(0, "not accepted");
    // It stands for the PASS and for nothing else.
    steps.builder(&["builder", "run", "one"]).expect(12, "the Adversary's adoption").expect(12, "countersign trust");
    steps.pin();
    steps.builder(&["builder", "run", "one"]).expect(10, "no maintenance window is open");
    steps.window();
    steps.builder(&["builder", "run", "two"]).expect(10, "step `one` comes before `two`");
    steps.builder(&["builder", "run", "one"]).expect(0, "Step `one` is done");
    assert_eq!(steps.log(), ["one"]);
    steps.builder(&["builder", "run", "two"]).expect(10, "gate M1 has no claim");
    steps.builder(&["builder", "done"]).expect(10, "is not accepted");
    steps.builder(&["sync"]).expect(0, "pushed");
    steps.world.run_in("adversary", &["sync"]).expect(0, "pulled");
    let status = steps.world.run_in("adversary", &["status"]).expect(0, "BREAK-GLASS").stdout;
    let id = status.split("BREAK-GLASS ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an id").to_owned();
    let accept = ["adversary", "waive", "--accepts", &id, "--reason", "seen", "--for", "1d"];
    steps.world.run_in("adversary", &accept).expect(0, "");
    let status = steps.world.run_in("adversary", &["status"]).expect(0, "BREAK-GLASS").stdout;
    assert!(!status.contains("not accepted"), "{status}");
}

#[test]
fn it_counts_for_an_hour_on_one_subject() {
    let steps = with_operator();
    steps.pin();
    steps.window();
    operator(&steps, &BREAK).expect(0, "permits");
    steps.keep();
    steps.world.write("builder/nix/swarm.nix", "other\n");
    steps.world.commit("builder", "another subject");
    steps.builder(&["builder", "run", "one"]).expect(10, "gate M1 has no claim");
    steps.restore();
    steps.world.write("engine-time", "2099-01-01T00:00:00Z");
    let later = [("COUNTERSIGN_NOW", "2099-01-01T00:00:00Z")];
    steps.with(&later, &["builder", "run", "one"]).expect(10, "gate M1 has no claim");
    steps.restore();
    std::fs::remove_file(steps.world.path("engine-time")).expect("removed");
    steps.world.run_in("adversary", &["sync"]).expect(0, "");
    steps.world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "no"]).expect(0, "raised");
    steps.world.run_in("adversary", &["sync"]).expect(0, "pushed");
    steps.builder(&["builder", "run", "one"]).expect(10, "veto");
    assert_eq!(steps.log(), [""; 0]);
}

#[test]
fn only_an_operator_breaks_glass_and_says_why() {
    let steps = with_operator();
    steps.builder(&BREAK).expect(12, "there is no key file");
    let key = steps.world.key("builder").to_string_lossy().into_owned();
    steps.builder(&[&BREAK[..], &["--key", &key]].concat()).expect(12, "is a key of the builder, not of the operator");
    operator(&steps, &["break-glass", "one"]).expect(2, "--reason");
    operator(&steps, &["break-glass", "one", "--reason", " "]).expect(2, "--reason is empty");
    operator(&steps, &[&BREAK[..], &["--for", "2h"]].concat()).expect(2, "wanted at most 1h");
    operator(&steps, &["break-glass", "nine", "--reason", "x"]).expect(2, "there is no step `nine`");
    let without = Steps::adopted(THREE, |_| {});
    without.builder(&BREAK).expect(12, "the contract lists no operator");
}
