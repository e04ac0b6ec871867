//! `guard` on an engine that answers from memory: what it does not cure.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::fake_swarm::{FakeEngine, manager_info};

/// The engine said that it had no address, since its start.
const REFUSED: &str = "time=\"2026-06-13T05:00:00Z\" level=info msg=\"Starting up\"\n\
    time=\"2026-06-13T05:30:00Z\" level=error msg=\"Failed allocation for service s9\" \
    error=\"could not find an available IP while allocating VIP\"\n";
/// The same of the canary.
const REFUSED_CANARY: &str = "time=\"2026-06-13T05:31:00Z\" level=error msg=\"Failed allocation for service canary1\" \
    error=\"could not find an available IP while allocating VIP\"\n";

/// A swarm in which a canary gets an address on every network but `full`, until the engine was restarted.
struct Lab {
    directory: tempfile::TempDir,
    engine: FakeEngine,
    /// The engine's log, which its process has open: it is in this one.
    _log: File,
}

impl Lab {
    /// `pools`: those of network `full`; `canary`: the address that a canary has on it, if any; `leader`: who leads.
    fn new(pools: Value, canary: Option<&'static str>, leader: &'static str, log: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("engine.log");
        std::fs::write(&path, log).expect("written");
        let held = File::options().append(true).open(path).expect("opened");
        let restart = directory.path().join("restart");
        let script = format!("#!/bin/sh\ntouch {}\n", directory.path().join("restarted").display());
        std::fs::write(&restart, script).expect("written");
        std::fs::set_permissions(&restart, std::fs::Permissions::from_mode(0o755)).expect("set");
        let network = |id: &str, name: &str, pools: Value| {
            json!({"Id": id, "Name": name, "Scope": "swarm", "Driver": "overlay", "Created": "2026-06-13T00:00:00Z",
                   "Ingress": name == "ingress", "IPAM": {"Config": pools}})
        };
        let networks = json!([
            network("i", "ingress", json!([{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}])),
            network("f", "full", pools)
        ]);
        let manager = |id: &str| {
            json!({"ID": id, "Description": {"Hostname": format!("host-{id}")},
            "ManagerStatus": {"Leader": id == leader, "Reachability": "reachable"}})
        };
        let nodes = json!([manager("n0"), manager("n1")]);
        let restarted = directory.path().join("restarted");
        let engine = FakeEngine::start("1.41", move |path| {
            let body: Arc<str> = match path.split('?').next().unwrap_or(path) {
                "/info" => manager_info().to_string().into(),
                "/networks" => networks.to_string().into(),
                "/nodes" => nodes.to_string().into(),
                "/services" | "/tasks" => "[]".into(),
                "/services/create" => json!({"ID": "canary1"}).to_string().into(),
                "/services/canary1" => {
                    let on_full = if restarted.exists() { Some("10.1.0.9/24") } else { canary };
                    let mut vips = vec![json!({"NetworkID": "i", "Addr": "10.0.0.9/24"})];
                    vips.extend(on_full.map(|address| json!({"NetworkID": "f", "Addr": address})));
                    json!({"ID": "canary1", "Endpoint": {"VirtualIPs": vips}}).to_string().into()
                }
                _ => return (404, r#"{"message": "not found"}"#.into()),
            };
            (200, body)
        });
        Self { directory, engine, _log: held }
    }

    fn guard(&self, engine: &str) -> (i32, Value) {
        let at = |name: &str| self.directory.path().join(name).display().to_string();
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["guard", "--apply", "--json", "--log", &at("engine.log"), "--restart-with", &at("restart")])
            .args(["--engine", engine, "--state", &at("state")])
            .current_dir(self.directory.path())
            .env_clear()
            .output()
            .expect("runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap_or(-1), value)
    }

    fn apply(&self) -> (i32, Value) {
        self.guard(&self.engine.address())
    }

    fn was_restarted(&self) -> bool {
        self.directory.path().join("restarted").exists()
    }
}

fn plain() -> Value {
    json!([{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"}])
}

/// Both hold still: what is refused by the engine's word, and held by nobody.
#[test]
fn what_leaked_is_freed_and_every_network_that_was_asked_is_named() {
    let lab = Lab::new(plain(), None, "n0", &format!("{REFUSED}{REFUSED_CANARY}"));
    let (exit, seen) = lab.apply();
    assert_eq!((exit, lab.was_restarted(), &seen["restarted"]), (0, true, &json!(true)), "{seen}");
    assert_eq!(
        (&seen["full"], &seen["giving"]),
        (&json!([{"name": "full", "leaked": 253}]), &json!(["ingress"])),
        "{seen}"
    );
}

#[test]
fn an_allocator_that_only_takes_its_time_is_not_restarted() {
    let lab = Lab::new(plain(), None, "n0", REFUSED);
    let (exit, seen) = lab.apply();
    assert_eq!((exit, lab.was_restarted(), &seen["silent"]), (13, false, &json!(["full"])), "{seen}");
}

#[test]
fn a_range_of_its_own_is_full_and_whether_it_leaked_is_not_known() {
    let pools = json!([{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1", "IPRange": "10.1.0.128/28"}]);
    let lab = Lab::new(pools, None, "n0", &format!("{REFUSED}{REFUSED_CANARY}"));
    let (exit, seen) = lab.apply();
    assert_eq!((exit, lab.was_restarted()), (14, false), "{seen}");
    assert!(seen["full"][0]["leaked_unknown"].as_str().is_some_and(|why| why.contains("address range")), "{seen}");
}

#[test]
fn an_ipv6_address_is_an_address_and_both_families_are_not_accounted() {
    let pools =
        || json!([{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"}, {"Subnet": "fd01::/64", "Gateway": "fd01::1"}]);
    let lab = Lab::new(pools(), Some("fd01::9/64"), "n0", REFUSED);
    let (exit, seen) = lab.apply();
    assert_eq!((exit, lab.was_restarted(), &seen["full"]), (0, false, &json!([])), "{seen}");
    let full = Lab::new(pools(), None, "n0", &format!("{REFUSED}{REFUSED_CANARY}"));
    let (exit, seen) = full.apply();
    assert_eq!((exit, full.was_restarted()), (14, false), "{seen}");
    assert!(seen["full"][0]["leaked_unknown"].as_str().is_some_and(|why| why.contains("IPv6")), "{seen}");
}

#[test]
fn only_the_leader_s_own_machine_tells() {
    let lab = Lab::new(plain(), None, "n1", &format!("{REFUSED}{REFUSED_CANARY}"));
    let (exit, seen) = lab.apply();
    assert_eq!((exit, lab.was_restarted(), &seen["leads"]), (13, false, &json!("node host-n1 (n1)")), "{seen}");

    let lab = Lab::new(plain(), None, "n0", REFUSED);
    let port = crate::support::fake_swarm::over_tcp(&lab.engine.address());
    let (exit, seen) = lab.guard(&format!("tcp://127.0.0.1:{port}"));
    assert_eq!((exit, lab.was_restarted()), (13, false), "{seen}");
    assert!(
        seen["error"]["message"].as_str().is_some_and(|said| said.contains("not known to run on this machine")),
        "{seen}"
    );
}
