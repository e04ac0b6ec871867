//! What only a node knows of the wanted subnet is found before any service is touched.

use std::process::{Child, Command};

use countersign::twin::place::Place;

use super::lab::{Lab, Phase};

/// Nothing was moved, and nothing of the trial is left.
#[track_caller]
fn is_untouched(lab: &Lab, id: &serde_json::Value, specs: &[serde_json::Value]) {
    assert_eq!((&lab.inspect("network", "shared")["Id"], lab.specs().as_slice()), (id, specs));
    let names = lab.twin.docker(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!names.contains("trial"), "a trial network is left:\n{names}");
    let names = lab.twin.docker(&["service", "ls", "--format", "{{.Name}}"]);
    assert!(!names.contains("countersign"), "a throwaway service is left:\n{names}");
    lab.settled();
}

#[test]
fn a_node_that_has_a_part_of_the_subnet_itself_is_found_before_anything_is_touched() {
    let Some(lab) = Lab::few("trial") else { return };
    let (id, specs, subnet) = (lab.inspect("network", "shared")["Id"].clone(), lab.specs(), lab.other_subnet());
    lab.twin.docker(&["network", "create", "--driver", "bridge", "--subnet", subnet, "bridge_inthe_way"]);
    let phase = Phase::new(&lab, "break-before-make", "");
    phase.run(&["builder", "run", "recreate"]).expect(20, "nothing was begun").expect(20, "overlaps");
    is_untouched(&lab, &id, &specs);
    lab.twin.docker(&["network", "rm", "bridge_inthe_way"]);
    // Killed while the trial network is there: a run that comes back makes room for itself.
    let fault = [("COUNTERSIGN_FAULT", "kill engine.network.create.after#1")];
    phase.run_with(&["builder", "run", "recreate"], &fault).expect(-1, "trial network");
    phase.run(&["builder", "undo", "recreate"]).expect(0, "is unwound");
    is_untouched(&lab, &id, &specs);
    phase.run(&["builder", "run", "recreate"]).expect(0, "is done");
    lab.is_whole(subnet, &specs);
}

/// A host behind the node's way out, with two addresses.
struct Far(Child);

impl Far {
    fn at(lab: &Lab, addresses: [&str; 2]) -> Self {
        let place = Place::new(lab.twin.dir()).expect("a place");
        let (switch, node) = (place.switch(), format!("{}n1", place.netns_prefix()));
        let ip = |args: &[&str]| {
            let done = Command::new("ip").args(args).status().expect("ip runs");
            assert!(done.success(), "ip {args:?}");
        };
        // The node's own network, whose last but one address nobody has.
        let (net, _) = lab.twin.address.rsplit_once('.').expect("an address");
        let gate = format!("{net}.200");
        ip(&["-n", &switch, "link", "set", "lo", "up"]);
        ip(&["-n", &switch, "address", "add", &format!("{gate}/24"), "dev", "br0"]);
        for address in addresses {
            ip(&["-n", &switch, "address", "add", &format!("{address}/32"), "dev", "lo"]);
        }
        ip(&["-n", &node, "route", "add", &format!("{gate}/32"), "dev", "eth0"]);
        ip(&["-n", &node, "route", "add", "default", "via", &gate]);
        let tool = env!("CARGO_BIN_EXE_countersign");
        let serve = ["netns", "exec", &switch, tool, "twin-serve", "backend", "--name", "far", "--port", "8080"];
        Self(Command::new("ip").args(serve).spawn().expect("it serves"))
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_host_that_the_subnet_would_hide_is_found_before_anything_is_touched() {
    let Some(lab) = Lab::few("hidden") else { return };
    let (id, specs, subnet) = (lab.inspect("network", "shared")["Id"].clone(), lab.specs(), lab.other_subnet());
    let (hidden, seen) = (subnet.replace("0.0/16", "9.9"), "10.79.9.9");
    let _far = Far::at(&lab, [&hidden, seen]);
    let reaches = |host: &str| {
        let program = "check_argv = [\"/countersign\", \"twin-serve\", \"reach\"]";
        Phase::new(&lab, "break-before-make", &format!("{program}\nreaches = [\"{host}:8080\"]"))
    };
    let said = reaches(&hidden).run(&["builder", "run", "recreate"]).expect(20, "nothing was begun").all();
    assert!(said.contains("was tried as the subnet of a trial network, and node n1 has it failed"), "{said}");
    is_untouched(&lab, &id, &specs);
    // A host elsewhere is reached from the same network by the same program.
    reaches(seen).run(&["builder", "run", "recreate"]).expect(0, "is done");
    lab.is_whole(subnet, &specs);
}
