//! `docker.network.recreate` on a real swarm.

#[cfg(feature = "test-hooks")]
mod absent;
#[cfg(feature = "test-hooks")]
mod containers;
#[cfg(feature = "test-hooks")]
mod full;
mod lab;
#[cfg(feature = "test-hooks")]
mod meddle;
#[cfg(feature = "test-hooks")]
mod sweep;
mod told;
#[cfg(feature = "test-hooks")]
mod trial;

use self::lab::{Lab, NETWORK, Phase};

#[test]
fn a_network_gets_another_subnet_and_every_service_is_as_it_was() {
    let Some(lab) = Lab::up("recreate") else { return };
    // The swarm forgets its task long before its container has ended.
    let deaf = ["backend", "--name", "deaf", "--ignore-term"];
    lab.service("deaf", &["--stop-grace-period", "4s", "--network", "inside"], &deaf);
    lab.settled();
    for strategy in ["break-before-make", "make-before-break"] {
        let (specs, subnet) = (lab.specs(), lab.other_subnet());
        let phase = Phase::new(&lab, strategy, "");
        let done = phase.run(&["builder", "run", "recreate"]).expect(0, "is done");
        lab.is_whole(subnet, &specs);
        assert_eq!(lab.leaked("inside"), 0, "the other network of a service lost addresses");
        lab.twin.docker(&["service", "rollback", "--quiet", "--detach", "web_app"]);
        lab.is_whole(subnet, &specs);
        assert!(done.stderr.contains("if it stops here"), "{}", done.stderr);
        let waits = strategy == "break-before-make";
        assert_eq!(done.stderr.contains("containers on the old network are still stopping"), waits, "{}", done.stderr);
        phase.run(&["check"]).expect(0, "every byte, signature and link");
        let journal = phase.world.read("builder/machine-docs/JOURNAL-demo.md");
        assert!(!journal.contains("hunter2"), "a captured secret is in JOURNAL");
        phase.run(&["builder", "run", "recreate"]).expect(10, "is done");
    }
}

#[test]
fn a_network_with_ipv6_keeps_it() {
    let Some(lab) = Lab::dual("dual") else { return };
    for strategy in crate::support::these(1, &["break-before-make", "make-before-break"]) {
        let (specs, subnet) = (lab.specs(), lab.other_subnet());
        Phase::new(&lab, strategy, "").run(&["builder", "run", "recreate"]).expect(0, "is done");
        let network = lab.inspect("network", NETWORK);
        let subnets = network["IPAM"]["Config"].as_array().expect("a list").iter().map(|entry| entry["Subnet"].clone());
        assert_eq!(subnets.collect::<Vec<_>>(), [subnet, lab::SIX]);
        assert_eq!(network["EnableIPv6"], true);
        lab.is_whole(subnet, &specs);
    }
}

/// The reason for a recreate: the network has no address left, not even for the second task of a service that starts first.
#[test]
fn from_a_network_without_a_free_address_services_move_with_the_front() {
    let Some(lab) = Lab::between("narrow", ["10.77.0.0/28", "10.78.0.0/16"]) else { return };
    let held = |network: &str| {
        let format = "{{range .Endpoint.VirtualIPs}}{{.Addr}} {{end}}";
        lab.twin.docker(&["service", "inspect", network, "--format", format])
    };
    // One after the other takes an address, until one gets none.
    for number in 0.. {
        let name = format!("idle{number}");
        lab.service(&name, &["--replicas", "0"], &["backend", "--name", "idle"]);
        std::thread::sleep(std::time::Duration::from_secs(2));
        if !held(&name).contains("10.77.0.") {
            lab.twin.docker(&["service", "rm", &name]);
            break;
        }
    }
    let (specs, subnet) = (lab.specs(), lab.other_subnet());
    let phase = Phase::new(&lab, "make-before-break", "");
    let done = phase.run(&["builder", "run", "recreate"]).expect(0, "is done");
    assert!(done.stderr.contains("2 services get no second task and move with the front"), "{}", done.stderr);
    lab.is_whole(subnet, &specs);
    assert!(held("idle0").contains("10.78."), "{NETWORK}");
}
