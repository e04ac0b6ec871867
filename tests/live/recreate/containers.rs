//! Plain containers on the network, where the contract says that they are reconnected.

use super::lab::{Lab, NETWORK, Phase, backend};
use crate::support::these;

const RECONNECT: &str = "attached = \"reconnect\"";

fn attach(lab: &Lab) {
    let run = ["run", "--detach", "--name", "guest", "--network", NETWORK, "--network-alias", "tool"];
    lab.twin.docker(&[&run[..], &["countersign-twin:1", "/countersign", "twin-serve"], &backend("guest")].concat());
}

/// The container is on the network as it is now, under its alias, and was not restarted.
#[track_caller]
fn is_attached(lab: &Lab, started: &str) {
    let id = lab.inspect("network", NETWORK)["Id"].clone();
    let guest = lab.inspect("container", "guest/json");
    let endpoint = &guest["NetworkSettings"]["Networks"][NETWORK];
    assert_eq!((&endpoint["NetworkID"], &guest["State"]["StartedAt"]), (&id, &started.into()), "{endpoint}");
    let aliases = endpoint["Aliases"].as_array().expect("aliases");
    assert!(aliases.contains(&"tool".into()), "{aliases:?}");
    let address = endpoint["IPAddress"].as_str().expect("an address").to_owned();
    assert!(address.starts_with(&lab.subnet()[..6]), "{address}");
}

#[test]
fn containers_leave_and_come_back_where_the_contract_says_so() {
    let Some(lab) = Lab::few("containers") else { return };
    attach(&lab);
    let started = lab.inspect("container", "guest/json")["State"]["StartedAt"].as_str().expect("a time").to_owned();
    let specs = lab.specs();
    for strategy in these(1, &["make-before-break", "break-before-make"]) {
        let (phase, subnet) = (Phase::new(&lab, strategy, RECONNECT), lab.other_subnet());
        let done = phase.run(&["builder", "run", "recreate"]).expect(0, "is done");
        assert!(done.stderr.contains("off it from its removal until the services run again: guest"), "{}", done.stderr);
        lab.is_whole(subnet, &specs);
        is_attached(&lab, &started);
    }
    // Killed when it has left, and when it is about to come back.
    for point in these(1, &["engine.network.connect.before", "engine.network.disconnect.after"]) {
        let (phase, subnet) = (Phase::new(&lab, "break-before-make", RECONNECT), lab.other_subnet());
        let fault = format!("kill {point}");
        phase.run_with(&["builder", "run", "recreate"], &[("COUNTERSIGN_FAULT", &fault)]).expect(-1, "guest");
        phase.run(&["builder", "resume"]).expect(0, "is done");
        lab.is_whole(subnet, &specs);
        is_attached(&lab, &started);
    }
    // Undone after it has left: it is back on the old network.
    let (phase, before) = (Phase::new(&lab, "break-before-make", RECONNECT), lab.subnet());
    let fault = [("COUNTERSIGN_FAULT", "kill engine.network.disconnect.after")];
    phase.run_with(&["builder", "run", "recreate"], &fault).expect(-1, "guest");
    phase.run(&["builder", "undo", "recreate"]).expect(0, "is unwound");
    lab.is_whole(&before, &specs);
    is_attached(&lab, &started);
}
