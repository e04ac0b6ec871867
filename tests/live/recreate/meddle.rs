//! What others do while the step runs: they change services, bring new ones, and stand in its way.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::lab::{Lab, NETWORK, Phase, backend};

/// A run that stops at a point until it is told to go on.
struct Stopped(Child);

impl Stopped {
    #[track_caller]
    fn at(phase: &Phase, point: &str) -> Self {
        let mut command = phase.command(&["builder", "run", "recreate"]);
        command.env("COUNTERSIGN_FAULT", format!("stop {point}")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("started");
        let stat = format!("/proc/{}/stat", child.id());
        let begun = Instant::now();
        while !std::fs::read_to_string(&stat).is_ok_and(|text| text.contains(") T ")) {
            assert!(begun.elapsed() < Duration::from_secs(90), "{point} was not reached");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child)
    }

    /// Goes on, to an end with this exit code; gives all that was said.
    #[track_caller]
    fn goes_on(self, exit: i32) -> String {
        signal("CONT", self.0.id());
        let output = self.0.wait_with_output().expect("ended");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert_eq!(output.status.code(), Some(exit), "{said}");
        said
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([format!("-{name}"), process.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "{name} to {process}");
}

#[test]
fn what_others_change_meanwhile_is_kept_and_newcomers_are_moved_too() {
    let Some(lab) = Lab::up("meddle") else { return };
    for (strategy, number) in [("break-before-make", "1"), ("make-before-break", "2")] {
        let phase = Phase::new(&lab, strategy, "");
        let subnet = lab.other_subnet();
        let stopped = Stopped::at(&phase, "engine.network.remove.before");
        lab.twin.docker(&[
            "service",
            "update",
            "--quiet",
            "--detach",
            "--env-add",
            &format!("OTHER={number}"),
            "rr_app",
        ]);
        let newcomer = format!("new{number}_app");
        lab.service(&newcomer, &["--replicas", "2"], &backend("new"));
        let said = stopped.goes_on(0);
        assert!(said.contains(&newcomer) && said.contains("rr_app"), "{said}");
        lab.settled();
        assert_eq!(lab.subnet(), subnet);
        let id = lab.inspect("network", NETWORK)["Id"].clone();
        let env = lab.inspect("service", "rr_app")["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"].clone();
        assert!(env.as_array().expect("a list").contains(&format!("OTHER={number}").into()), "{env}");
        let networks = lab.inspect("service", &newcomer)["Spec"]["TaskTemplate"]["Networks"].clone();
        assert_eq!((&networks[0]["Target"], networks.as_array().map(Vec::len)), (&id, Some(1)));
        lab.twin.docker(&["service", "rm", &newcomer]);
    }
}

#[test]
fn what_stands_against_it_is_found_before_the_first_edit() {
    let Some(lab) = Lab::up("against") else { return };
    let specs = lab.specs();
    let before = lab.subnet();
    lab.twin.docker(&[
        "run",
        "--detach",
        "--name",
        "guest",
        "--network",
        NETWORK,
        "countersign-twin:1",
        "/countersign",
        "twin-serve",
        "backend",
        "--name",
        "guest",
    ]);
    let phase = Phase::new(&lab, "break-before-make", "");
    phase.run(&["builder", "run", "recreate"]).expect(20, "plain containers are attached to shared: container ");
    lab.twin.docker(&["rm", "--force", "guest"]);
    // A network that has a part of the wanted subnet, and a program that no node has.
    let part = lab.other_subnet().replace("0.0/16", "5.0/24");
    lab.twin.docker(&["network", "create", "--driver", "overlay", "--subnet", &part, "inthe_way"]);
    phase.run(&["builder", "run", "recreate"]).expect(20, "of network inthe_way");
    lab.twin.docker(&["network", "rm", "inthe_way"]);
    let phase = Phase::new(&lab, "break-before-make", "check_argv = [\"/no-such-program\"]");
    phase.run(&["builder", "run", "recreate"]).expect(20, "does not run on every node, so nothing was begun");
    assert_eq!((lab.subnet(), lab.specs()), (before, specs));
    lab.settled();
}

#[test]
fn a_node_that_refuses_the_new_network_stops_it_and_the_way_is_forward() {
    let Some(lab) = Lab::up("refuses") else { return };
    let (specs, subnet) = (lab.specs(), lab.other_subnet());
    let phase = Phase::new(&lab, "break-before-make", "");
    let stopped = Stopped::at(&phase, "engine.network.create.before");
    // This node's own bridge has the range: the cluster's allocator does not see it, only a task that starts here does.
    lab.twin.docker(&["network", "create", "--driver", "bridge", "--subnet", subnet, "bridge_inthe_way"]);
    let said = stopped.goes_on(21);
    assert!(said.contains("so no service was put on it") && said.contains("overlaps"), "{said}");
    lab.twin.docker(&["network", "rm", "bridge_inthe_way"]);
    phase.run(&["builder", "resume"]).expect(0, "is done");
    lab.is_whole(subnet, &specs);
}

/// The Adversary raises a veto and publishes it; gives its first digits.
fn veto(phase: &Phase) -> String {
    let adversary = |args: &[&str]| phase.world.run_in("adversary", args).expect(0, "");
    adversary(&["sync"]);
    let raised = adversary(&["adversary", "veto", "raise", "--reason", "wait"]);
    adversary(&["sync"]);
    raised.stdout.split(['(', ')']).nth(1).expect("an id").to_owned()
}

#[test]
fn a_veto_stops_it_before_the_old_network_is_removed_and_not_after() {
    let Some(lab) = Lab::up("vetoed") else { return };
    let (specs, before, after) = (lab.specs(), lab.subnet(), lab.other_subnet());
    let phase = Phase::new(&lab, "break-before-make", "");
    let stopped = Stopped::at(&phase, "engine.service.update.after");
    let id = veto(&phase);
    let said = stopped.goes_on(20);
    assert!(said.contains("came up: wait") && said.contains("every service is back on"), "{said}");
    lab.is_whole(&before, &specs);
    phase.run(&["builder", "run", "recreate"]).expect(10, "wait");
    phase.world.run_in("adversary", &["adversary", "veto", "lift", &id, "--reason", "over"]).expect(0, "lifted");
    phase.world.run_in("adversary", &["sync"]).expect(0, "pushed");
    let stopped = Stopped::at(&phase, "engine.network.remove.before");
    veto(&phase);
    let said = stopped.goes_on(0);
    assert!(said.contains("Step `recreate` is done"), "{said}");
    lab.is_whole(after, &specs);
}

/// The engine goes away as by a power cut while the step waits for it, and comes back; nobody has to do anything.
#[test]
fn an_engine_that_is_cut_off_and_starts_again_in_the_middle_is_waited_for() {
    let Some(lab) = Lab::up("power") else { return };
    for (strategy, point) in [
        ("break-before-make", "engine.service.update.after#3"),
        ("break-before-make", "engine.network.remove.after"),
        ("make-before-break", "engine.network.create.after#2"),
    ] {
        let (specs, subnet) = (lab.specs(), lab.other_subnet());
        let phase = Phase::new(&lab, strategy, "");
        let stopped = Stopped::at(&phase, point);
        lab.twin.node("stop", "n1");
        signal("CONT", stopped.0.id());
        lab.twin.node("start", "n1");
        let said = stopped.goes_on(0);
        assert!(said.contains("is done"), "{strategy} at {point}: {said}");
        lab.is_whole(subnet, &specs);
    }
}
