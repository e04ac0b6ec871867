//! The run dies while the services are down, and everything that a run needs is gone: recovery brings every route back.

use std::fs;

use crate::support::stage::Stage;
use crate::support::twin::Twin;
use crate::support::{CONTRACT, World};

/// The recreate, and a program that brings something back.
const STEPS: &str = r#"
[[step]]
id = "recreate"
title = "Recreate proxy"
gate = "M1"
kind = "docker.network.recreate"
network = "proxy"
subnet = "10.10.0.0/16"
strategy = "break-before-make"
front = ["traefik_app"]
timeout = "10m"

[[step]]
id = "back"
title = "Bring CI back"
gate = "M1"
kind = "command"
argv = ["true"]
timeout = "1m"
restores = true
[[step.postflight]]
id = "is-back"
title = "CI is back"
probe = "command"
argv = ["echo", "back"]
stdout = 'back'
"#;

const ROUTES: [(&str, u16); 4] =
    [("traefik.ci.test", 200), ("drone.ci.test", 303), ("ci.ci.test", 200), ("bridge.ci.test", 200)];

fn every_route_answers(twin: &Twin) {
    for (host, status) in ROUTES {
        twin.until(&format!("route {host}"), || twin.route(host) == status);
    }
}

fn subnet(twin: &Twin) -> String {
    twin.docker(&["network", "inspect", "proxy", "--format", "{{(index .IPAM.Config 0).Subnet}}"])
}

#[test]
fn a_step_before_m1_changes_not_a_byte() {
    let Some(twin) = Twin::up("before-m1", &["--topology", "pvfix"]) else { return };
    let world = World::opened();
    let contract = world.read(CONTRACT).replace("unix:///nonexistent/docker.sock", &twin.engine());
    world.write(CONTRACT, &format!("{contract}\n{STEPS}"));
    world.adopt();
    let before = (twin.docker(&["network", "inspect", "proxy"]), twin.docker(&["service", "ls"]));
    let state = world.path("state").to_string_lossy().into_owned();
    let run = ["builder", "run", "recreate", "--state", state.as_str()];
    world.run_in("builder", &run).expect(10, "gate M1 has no claim");
    assert_eq!((twin.docker(&["network", "inspect", "proxy"]), twin.docker(&["service", "ls"])), before);
}

#[test]
fn killed_while_everything_is_down_it_comes_back_with_nothing_left_but_the_host() {
    let Some(twin) = Twin::up("recovery", &["--topology", "pvfix"]) else { return };
    let stage = Stage::set(twin, STEPS);
    let twin = &stage.twin;
    stage.with_fault(&["builder", "run", "--all"], "kill part.appended#4").expect(-1, "creating proxy");
    twin.until("the services to be down", || twin.route("drone.ci.test") == 0);
    stage.builder(&["status"]).expect(0, "step recreate was cut off after").expect(0, "creating proxy");
    // The PASS, the window, the remote, the contract, the documents and the repository: gone, all of them.
    fs::remove_dir_all(stage.world.path("origin.git")).expect("removed");
    fs::remove_dir_all(stage.world.path("builder")).expect("removed");
    let state = stage.world.path("state").to_string_lossy().into_owned();
    let resume = ["builder", "resume", "--state", state.as_str()];
    let later = [("COUNTERSIGN_NOW", "2099-01-01T00:00:00Z")];
    let done = stage.world.run_ordered("builder", "home", &resume, &later);
    done.expect(0, "Step `recreate` is done").expect(0, "Step `back` is done");
    every_route_answers(twin);
    assert_eq!(subnet(twin), "10.10.0.0/16");
}

#[test]
fn killed_while_everything_is_down_it_comes_back_after_pass_and_window_and_without_the_remote() {
    let Some(twin) = Twin::up("resume", &["--topology", "pvfix"]) else { return };
    let stage = Stage::set(twin, STEPS);
    stage.with_fault(&["builder", "run", "--all"], "kill part.appended#4").expect(-1, "creating proxy");
    fs::rename(stage.world.path("origin.git"), stage.world.path("away.git")).expect("moved");
    stage.builder(&["builder", "run", "recreate"]).expect(13, "remote `origin` could not be asked");
    let later = [("COUNTERSIGN_NOW", "2099-01-01T00:00:00Z")];
    stage.ordered(&["builder", "resume"], &later).expect(0, "Step `recreate` is done");
    every_route_answers(&stage.twin);
    assert_eq!(subnet(&stage.twin), "10.10.0.0/16");
    stage.builder(&["check"]).expect(0, "every byte, signature and link");
}

#[test]
fn undone_before_the_point_of_no_return_everything_is_as_it_was() {
    let Some(twin) = Twin::up("undo", &["--topology", "pvfix"]) else { return };
    let stage = Stage::set(twin, STEPS);
    let before = stage.twin.docker(&["network", "inspect", "proxy", "--format", "{{.Id}} {{.Created}}"]);
    stage.with_fault(&["builder", "run", "recreate"], "kill part.append#3").expect(-1, "taking");
    // Cut off, the undo is what goes on.
    stage
        .with_fault(&["builder", "undo", "recreate"], "kill engine.service.update.after#2")
        .expect(-1, "putting every");
    stage.builder(&["next"]).expect(0, "the undo of step `recreate` is in doubt");
    stage.builder(&["builder", "resume"]).expect(0, "Step `recreate` is unwound");
    every_route_answers(&stage.twin);
    assert_eq!(stage.twin.docker(&["network", "inspect", "proxy", "--format", "{{.Id}} {{.Created}}"]), before);
    // Unwound cleanly, so the PASS still permits it; past the point of no return the way is forward.
    stage.with_fault(&["builder", "run", "recreate"], "kill part.appended#4").expect(-1, "creating proxy");
    let refused = stage.builder(&["builder", "undo", "recreate"]).expect(21, "the way is forward");
    assert!(refused.stderr.trim_end().ends_with("Hint: countersign builder resume"), "{}", refused.stderr);
    stage.builder(&["builder", "resume"]).expect(0, "Step `recreate` is done");
    every_route_answers(&stage.twin);
}
