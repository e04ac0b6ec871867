//! Whoever holds an address is accounted for: what `vips` counts is compared with what the engine still has to hand out, which the
//! test asks of it by itself, without the program under test.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;

use super::vips::{IMAGE, canaries, countersign, get, live_tasks, running, service, wait, walk};
use crate::support::twin::Twin;

/// The free addresses of a network by the engine's own allocator: addresses are handed out in turn, so services without replicas
/// are made and removed until an address comes back.
fn free(twin: &Twin, network: &str) -> BTreeSet<Ipv4Addr> {
    let mut seen = BTreeSet::new();
    loop {
        service(twin, "asked", &[network], 0, &[]);
        let mut address = None;
        wait("an address", Duration::from_secs(20), || {
            let asked: Value = serde_json::from_str(&get(twin, "/services/asked")).expect("JSON");
            let cidr = asked["Endpoint"]["VirtualIPs"][0]["Addr"].as_str().and_then(|cidr| cidr.split('/').next());
            address = cidr.and_then(|bare| bare.parse().ok());
            address.is_some()
        });
        twin.docker(&["service", "rm", "asked"]);
        if !seen.insert(address.expect("an address")) {
            return seen;
        }
    }
}

/// What `vips` says of a network: consumers (services, tasks, plain containers, nodes) and what is accounted for of the capacity.
fn counted(twin: &Twin, network: &str) -> ([u64; 4], u64, u64) {
    let output = countersign(twin, &["vips", network, "--json"]);
    let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let one = &seen["networks"][0];
    let number = |key: &str| one[key].as_u64().unwrap_or_else(|| panic!("{key}: {one}"));
    (["vips", "tasks", "attached", "load_balancers"].map(number), number("accounted"), number("capacity"))
}

/// The figures of a network, and that the engine has exactly the rest to give.
#[track_caller]
fn equal(twin: &Twin, network: &str, consumers: [u64; 4]) {
    let (seen, accounted, capacity) = counted(twin, network);
    assert_eq!(seen, consumers, "{network}");
    assert_eq!(accounted, consumers.iter().sum::<u64>(), "{network}");
    assert_eq!(
        free(twin, network).len() as u64,
        capacity - accounted,
        "{network}: the engine has another number to give"
    );
    assert_eq!(counted(twin, network).0, consumers, "{network}: it moved meanwhile");
}

#[test]
fn every_kind_of_holder_is_accounted_for() {
    let Some(twin) = Twin::up("holders", &[]) else { return };
    for (name, subnet) in [("a", "10.20.0.0/27"), ("b", "10.21.0.0/27")] {
        twin.docker(&["network", "create", "--driver", "overlay", "--attachable", "--subnet", subnet, name]);
    }
    service(&twin, "both", &["a", "b"], 2, &[]);
    service(&twin, "everywhere", &["a"], 0, &["--mode", "global"]);
    service(&twin, "plain-dns", &["a"], 2, &["--endpoint-mode", "dnsrr"]);
    service(&twin, "nothing-runs", &["b"], 0, &[]);
    let order = ["--update-order", "start-first", "--update-parallelism", "1", "--stop-grace-period", "1s"];
    service(&twin, "rolling", &["a"], 3, &order);
    for (name, count) in [("both", 2), ("everywhere", 1), ("plain-dns", 2), ("rolling", 3)] {
        running(&twin, name, count);
    }
    let container = ["run", "--detach", "--name", "plain", "--network", "a", IMAGE];
    twin.docker(&[&container[..], &["/countersign", "twin-serve", "backend", "--name", "plain"]].concat());
    equal(&twin, "a", [3, 8, 1, 1]);
    equal(&twin, "b", [2, 2, 0, 1]);

    // A new task that never gets well: it starts beside the old one, and for as long as one looks both hold an address.
    let health = ["--health-cmd", "no-shell-here", "--health-interval", "10m", "--health-start-period", "1h"];
    twin.docker(&[&["service", "update", "--quiet", "--detach"][..], &health, &["rolling"]].concat());
    let starting = || live_tasks(&twin).iter().filter(|task| task["Status"]["State"] == "starting").count();
    wait("old and new side by side", Duration::from_secs(60), || starting() == 1);
    equal(&twin, "a", [3, 9, 1, 1]);
    let refused = countersign(&twin, &["vips", "a", "--walk"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(10) && said.contains("update of service rolling is in flight"), "{said}");

    // Back to what it was; and down to nothing, with its services' addresses still held.
    twin.docker(&["service", "update", "--quiet", "--detach", "--rollback", "rolling"]);
    wait("the way back", Duration::from_secs(120), || {
        let state = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}";
        starting() == 0 && twin.docker(&["service", "inspect", "rolling", "--format", state]) == "rollback_completed"
    });
    running(&twin, "rolling", 3);
    wait("the new one's end", Duration::from_secs(60), || live_tasks(&twin).len() == 8);
    let walked = walk(&twin, "a");
    assert_eq!((walked["leaked"].as_u64(), walked["free"].as_u64()), (Some(0), Some(29 - 13)), "{walked}");
    twin.docker(&["service", "scale", "--detach", "both=0", "plain-dns=0", "rolling=0"]);
    wait("their tasks' end", Duration::from_secs(60), || live_tasks(&twin).len() == 1);
    equal(&twin, "a", [3, 1, 1, 1]);
    equal(&twin, "b", [2, 0, 0, 0]);

    // A canary of a walk on another machine, which may go on: its address is no leak.
    let label = ["--label", "countersign.canary=elsewhere/1/1"];
    service(&twin, "countersign-canary-1-1", &["b"], 0, &label);
    let walked = walk(&twin, "b");
    let why = walked["leaked_unknown"].as_str().unwrap_or_default();
    assert!(why.contains("docker service rm countersign-canary-1-1"), "{walked}");
    assert_eq!(canaries(&twin), 1, "another's canary is left to it");
}
