//! What others do while the step runs: they change services, bring new ones, and stand in its way.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use super::lab::{Lab, NETWORK, Phase, backend};
use crate::support::these;

/// A run that stops at a point until it is told to go on.
pub struct Stopped {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Stopped {
    #[track_caller]
    pub fn at(phase: &Phase, point: &str) -> Self {
        Self::of(phase.command(&["builder", "run", "recreate"]), point)
    }

    /// The same of any command that becomes the program.
    #[track_caller]
    pub fn of(mut command: Command, point: &str) -> Self {
        command.env("COUNTERSIGN_FAULT", format!("stop {point}")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let stat = format!("/proc/{}/stat", child.id());
        let begun = Instant::now();
        while !std::fs::read_to_string(&stat).is_ok_and(|text| text.contains(") T ")) {
            assert!(begun.elapsed() < Duration::from_secs(90), "{point} was not reached");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, stderr, said: String::new() }
    }

    /// Goes on until it says something; gives the line.
    #[track_caller]
    pub fn says(&mut self, words: &str) -> String {
        signal("CONT", self.child.id());
        loop {
            let mut line = String::new();
            let more = self.stderr.read_line(&mut line).expect("read") > 0;
            assert!(more, "it ended without `{words}`:\n{}", self.said);
            self.said += &line;
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Goes on, to an end with this exit code; gives all that was said.
    #[track_caller]
    pub fn goes_on(self, exit: i32) -> String {
        let (code, said) = self.ends();
        assert_eq!(code, Some(exit), "{said}");
        said
    }

    /// Goes on to its end; gives the exit code and all that was said.
    pub fn ends(mut self) -> (Option<i32>, String) {
        signal("CONT", self.child.id());
        self.stderr.read_to_string(&mut self.said).expect("read");
        let output = self.child.wait_with_output().expect("ended");
        (output.status.code(), self.said + &String::from_utf8_lossy(&output.stdout))
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([format!("-{name}"), process.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "{name} to {process}");
}

#[test]
fn what_others_change_meanwhile_is_kept_and_newcomers_are_moved_too() {
    let Some(lab) = Lab::few("meddle") else { return };
    for (strategy, number) in these(1, &[("make-before-break", "1"), ("break-before-make", "2")]) {
        let phase = Phase::new(&lab, strategy, "");
        let subnet = lab.other_subnet();
        let stopped = Stopped::at(&phase, "engine.network.remove.before#2");
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
    let Some(lab) = Lab::few("against") else { return };
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
    let Some(lab) = Lab::few("refuses") else { return };
    let (specs, subnet) = (lab.specs(), lab.other_subnet());
    let phase = Phase::new(&lab, "break-before-make", "");
    let stopped = Stopped::at(&phase, "engine.network.create.before#2");
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
    let Some(lab) = Lab::few("vetoed") else { return };
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
    let stopped = Stopped::at(&phase, "engine.network.remove.before#2");
    veto(&phase);
    let said = stopped.goes_on(0);
    assert!(said.contains("Step `recreate` is done"), "{said}");
    lab.is_whole(after, &specs);
}

/// A document is damaged while the services are on their way. Before the point of no return that stops the step and everything is
/// put back; after it nothing stops it.
#[test]
fn a_document_damaged_meanwhile_stops_it_before_the_old_network_is_removed_and_not_after() {
    let Some(lab) = Lab::few("damaged") else { return };
    let (specs, before, after) = (lab.specs(), lab.subnet(), lab.other_subnet());
    let review = "builder/machine-docs/REVIEW-demo.md";
    for (point, exit) in [("engine.service.update.after", 20), ("engine.network.remove.after#2", 0)] {
        let phase = Phase::new(&lab, "break-before-make", "");
        let stopped = Stopped::at(&phase, point);
        let whole = phase.world.read(review);
        phase.world.write(review, &whole.replacen("role = ", "rule = ", 1));
        let said = stopped.goes_on(exit);
        lab.is_whole(if exit == 0 { after } else { &before }, &specs);
        assert!(
            said.contains(if exit == 0 { "Step `recreate` is done" } else { "every service is back on" }),
            "{said}"
        );
        phase.world.write(review, &whole);
        phase.run(&["check"]).expect(0, "every byte, signature and link");
    }
}

/// The engine goes away as by a power cut while the step waits for it, and comes back; nobody has to do anything.
#[test]
fn an_engine_that_is_cut_off_and_starts_again_in_the_middle_is_waited_for() {
    let Some(lab) = Lab::few("power") else { return };
    let points = [
        ("break-before-make", "engine.network.remove.after#2"),
        ("make-before-break", "engine.network.create.after#3"),
        ("break-before-make", "engine.service.update.after#3"),
    ];
    for (strategy, point) in these(1, &points) {
        let (specs, subnet) = (lab.specs(), lab.other_subnet());
        let phase = Phase::new(&lab, strategy, "");
        let mut stopped = Stopped::at(&phase, point);
        lab.twin.node("stop", "n1");
        // Whoever watches is told meanwhile that it goes on, what it does, and what is dark.
        let told = stopped.says("dark now: ");
        assert!(told.contains(" s of about ") && told.contains(": still "), "{told}");
        lab.twin.node("start", "n1");
        let said = stopped.goes_on(0);
        assert!(said.contains("is done"), "{strategy} at {point}: {said}");
        lab.is_whole(subnet, &specs);
    }
}
