//! Where the engine's process is: its network namespace is looked at, and what cannot be seen from here is not known.

use std::process::Command;

use countersign::twin::place::Place;

use crate::support::twin::Twin;
use crate::support::{Answer, CONTRACT, World};

const CRITERIA: &str = "[[gate.criterion]]\nid = \"clear\"\ntitle = \"x\"\nprobe = \"docker.subnet\"\nsubnet = \"10.77.0.0/16\"\n\n\
    [[gate.criterion]]\nid = \"quiet\"\ntitle = \"x\"\nprobe = \"host.quiet\"\nprocesses = [\"nobody-runs-this\"]\n";

#[test]
fn the_engines_own_namespaces_are_looked_at_or_the_answer_is_unknown() {
    let Some(twin) = Twin::up("place", &[]) else { return };
    let world = World::new();
    world.open(CRITERIA);
    world.write(CONTRACT, &world.read(CONTRACT).replace("unix:///nonexistent/docker.sock", &twin.engine()));
    let probe = |by: &[&str], criterion: &str| {
        let mut command = world.command(by[0], "builder", "builder");
        command.args(&by[1..]).arg(env!("CARGO_BIN_EXE_countersign")).args(["probe", criterion]);
        let output = command.output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer { exit: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    };
    let as_it_is = |criterion: &str| probe(&["env"], criterion);
    as_it_is("clear").expect(0, "disjoint").expect(0, "those of the engine's own network namespace");
    as_it_is("quiet").expect(0, "the host is quiet");

    // A route that the engine's host has, and this one has not.
    let node = format!("{}n1", Place::new(twin.dir()).expect("a place").netns_prefix());
    let route = ["-n", &node, "route", "add", "blackhole", "10.77.3.0/24", "table", "77"];
    assert!(Command::new("ip").args(route).status().expect("ip runs").success());
    as_it_is("clear").expect(14, "overlaps 1 of").expect(14, "blackhole route, table 77");

    // A user who may not look into it.
    let bounded = ["setpriv", "--bounding-set", "-sys_ptrace,-sys_admin", "--inh-caps", "-all"];
    probe(&bounded, "clear").expect(13, "another network namespace").expect(13, "as root");

    // A container's view: other processes, another network.
    let alone = ["unshare", "--pid", "--fork", "--mount-proc"];
    for criterion in ["clear", "quiet"] {
        probe(&alone, criterion).expect(13, "is not seen from here: this is a pid namespace of its own");
    }
    // In a network of one's own the engine's is looked at all the same.
    probe(&["unshare", "--net"], "clear").expect(14, "blackhole route, table 77");
}
