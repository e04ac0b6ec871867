//! A configuration manager has a unit that makes the network when it is not there. Started between removal and creation, it brings
//! back what the active configuration says.

use std::process::Command;

use crate::support::stage::Stage;
use crate::support::twin::Twin;

/// The unit's script, as such units have it: idempotent, so that it never resizes a network that is there.
const UNIT: &str = "docker network inspect proxy >/dev/null 2>&1 || \
                    docker network create --driver overlay --attachable --subnet \"$(cat \"$1\")\" proxy";

fn step(twin: &Twin) -> String {
    let route = format!("url = \"http://drone.ci.test/\", status = [303], resolve = \"{}\"", twin.address);
    format!(
        "[[step]]\nid = \"recreate\"\ntitle = \"Recreate\"\ngate = \"M1\"\nkind = \"docker.network.recreate\"\n\
         network = \"proxy\"\nsubnet = \"10.10.0.0/16\"\nstrategy = \"break-before-make\"\nfront = [\"traefik_app\"]\n\
         timeout = \"5m\"\nroutes = [{{ name = \"drone\", {route} }}]\n"
    )
}

/// Runs the step up to the removal, has the unit started by the manager, and lets the step go on.
fn unit_starts_in_between(stage: &Stage, configured: &str) -> crate::support::Answer {
    stage.world.write("configured", configured);
    let running = stage.start(&["builder", "run", "recreate"], "stop engine.network.remove.after#2");
    let (old, _) = seen(&stage.twin);
    stage.twin.until("the step to stop", || running.is_stopped());
    // Until its last container has ended the node has its own copy of the old network, and the unit does nothing.
    stage.twin.until("the unit to make the network", || {
        let mut unit = Command::new("sh");
        unit.args(["-c", UNIT, "unit"]).arg(stage.world.path("configured")).env("DOCKER_HOST", stage.twin.engine());
        let made = unit.output().expect("sh runs").status.success();
        let (id, subnet) = seen(&stage.twin);
        made && id != old && subnet == configured
    });
    running.go_on()
}

/// The network's id and subnet; empty while it is not there.
fn seen(twin: &Twin) -> (String, String) {
    let format = "{{.Id}} {{range .IPAM.Config}}{{.Subnet}}{{end}}";
    let output = twin.try_docker(&["network", "inspect", "proxy", "--format", format]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim().split_once(' ').map(|(id, subnet)| (id.to_owned(), subnet.to_owned())).unwrap_or_default()
}

#[test]
fn a_unit_that_brings_the_old_subnet_back_is_noticed_and_named() {
    let Some(twin) = Twin::up("manager", &["--topology", "pvfix"]) else { return };
    let steps = step(&twin);
    let stage = Stage::set(twin, &steps);
    let said = unit_starts_in_between(&stage, "10.0.1.0/24")
        .expect(21, "proxy is there as 10.0.1.0/24 (attachable true), wanted 10.10.0.0/16: something else created it")
        .all();
    let (id, _) = seen(&stage.twin);
    assert!(said.contains(&format!("docker network rm {id}")), "the way out is not named: {said}");
    stage.twin.docker(&["network", "rm", &id]);
    stage.builder(&["builder", "resume"]).expect(0, "is done");
    assert_eq!((seen(&stage.twin).1.as_str(), stage.twin.route("drone.ci.test")), ("10.10.0.0/16", 303));
}

/// The template switches the configuration first: then the same unit makes what the step wants.
#[test]
fn after_the_switch_the_unit_does_no_harm() {
    let template = std::fs::read_to_string(crate::support::root().join("templates/pvfix.toml")).expect("read");
    let at = |id: &str| template.find(&format!("[[step]]\nid = \"{id}\"")).expect("a step of the template");
    assert!(at("switch") < at("recreate"), "the template recreates before it switches");
    let Some(twin) = Twin::up("manager-switched", &["--topology", "pvfix"]) else { return };
    let steps = step(&twin);
    let stage = Stage::set(twin, &steps);
    unit_starts_in_between(&stage, "10.10.0.0/16").expect(0, "is done");
    assert_eq!((seen(&stage.twin).1.as_str(), stage.twin.route("drone.ci.test")), ("10.10.0.0/16", 303));
}
