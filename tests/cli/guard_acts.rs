//! `guard` on an engine that answers from memory: what it does, what it leaves, and what it says of it where it ends in an error.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::fake_swarm::{FakeEngine, manager_info};

/// The engine started, and refused nothing.
pub(super) const STARTED: &str = "time=\"2026-06-13T05:00:00Z\" level=info msg=\"Starting up\"\n";
/// It refused an address to a service and to the canary.
pub(super) const REFUSED: &str = "time=\"2026-06-13T05:30:00Z\" level=error msg=\"Failed allocation for service s9\" \
    error=\"could not find an available IP while allocating VIP\"\n\
    time=\"2026-06-13T05:31:00Z\" level=error msg=\"Failed allocation for service canary1\" \
    error=\"could not find an available IP while allocating VIP\"\n";

/// A swarm with network `full`, which gives a canary no address until the engine was restarted, and a network that a removed stack
/// left behind.
pub(super) struct Lab {
    directory: tempfile::TempDir,
    pub(super) engine: FakeEngine,
    /// The engine's log, which its process has open: it is in this one.
    _log: File,
}

impl Lab {
    /// `other`: answers that are not the usual ones, by path and by how many canaries were made so far.
    pub(super) fn new(log: &str, other: impl Fn(&str, usize) -> Option<(u16, Value)> + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("engine.log");
        std::fs::write(&path, log).expect("written");
        let held = File::options().append(true).open(path).expect("opened");
        let (restarted, made) = (directory.path().join("restarted"), AtomicUsize::new(0));
        let engine = FakeEngine::start("1.41", move |path| {
            let bare = path.split('?').next().unwrap_or(path);
            if bare == "/services/create" {
                made.fetch_add(1, Ordering::Relaxed);
            }
            let (status, body) =
                other(path, made.load(Ordering::Relaxed)).unwrap_or_else(|| usual(bare, restarted.exists()));
            (status, body.to_string().into())
        });
        let lab = Self { directory, engine, _log: held };
        lab.restart_by("");
        lab
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Has the engine restarted by these words too.
    fn restart_by(&self, words: &str) {
        let script = format!("#!/bin/sh\ntouch {}\n{words}\n", self.at("restarted").display());
        std::fs::write(self.at("restart"), script).expect("written");
        std::fs::set_permissions(self.at("restart"), std::fs::Permissions::from_mode(0o755)).expect("set");
    }

    pub(super) fn guard(&self, args: &[&str]) -> (i32, Value) {
        self.dry(&[&["--apply"], args].concat())
    }

    pub(super) fn dry(&self, args: &[&str]) -> (i32, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["guard", "--json", "--engine", &self.engine.address(), "--log"])
            .arg(self.at("engine.log"))
            .arg("--state")
            .arg(self.at("state"))
            .args(args)
            .current_dir(self.directory.path())
            .env_clear()
            .output()
            .expect("runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap_or(-1), value)
    }

    /// By a restart of its own.
    fn apply(&self) -> (i32, Value) {
        self.guard(&["--restart-with", self.at("restart").to_str().expect("UTF-8")])
    }

    pub(super) fn was_restarted(&self) -> bool {
        Path::exists(&self.at("restarted"))
    }
}

fn usual(path: &str, restarted: bool) -> (u16, Value) {
    let network = |id: &str, name: &str, subnet: u8| {
        let pool = json!({"Subnet": format!("10.{subnet}.0.0/24"), "Gateway": format!("10.{subnet}.0.1")});
        json!({"Id": id, "Name": name, "Scope": "swarm", "Driver": "overlay", "Created": "2026-06-13T00:00:00Z",
               "Ingress": false, "IPAM": {"Config": [pool]}})
    };
    let mut left = network("left-network-1", "Shop_Internal", 2);
    left["Labels"] = json!({"com.docker.stack.namespace": "shop"});
    let body = match path {
        "/info" => manager_info(),
        "/nodes" => json!([{"ID": "n0", "ManagerStatus": {"Leader": true, "Reachability": "reachable"}}]),
        "/networks" => json!([network("f", "full", 1), left]),
        "/networks/left-network-1" => Value::Null,
        "/services" | "/tasks" => json!([]),
        "/services/create" => json!({"ID": "canary1"}),
        "/services/canary1" => {
            let mut vips = vec![json!({"NetworkID": "left-network-1", "Addr": "10.2.0.9/24"})];
            if restarted {
                vips.push(json!({"NetworkID": "f", "Addr": "10.1.0.9/24"}));
            }
            json!({"ID": "canary1", "Endpoint": {"VirtualIPs": vips}})
        }
        _ => return (404, json!({"message": "not found"})),
    };
    (200, body)
}

fn details(seen: &Value) -> Vec<&str> {
    seen["error"]["details"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn who_comes_while_the_canaries_wait_is_no_leak() {
    let lab = Lab::new(&format!("{STARTED}{REFUSED}"), |path, made| {
        let service = |number: usize| {
            json!({"ID": format!("s{number}"), "Spec": {"Name": format!("s{number}")},
                   "Endpoint": {"VirtualIPs": [{"NetworkID": "f", "Addr": format!("10.1.0.{number}/24")}]}})
        };
        (path == "/services" && made > 0).then(|| (200, (2..=254).map(service).collect()))
    });
    let (exit, seen) = lab.apply();
    assert_eq!((exit, lab.was_restarted(), &seen["restarted"]), (14, false, &json!(false)), "{seen}");
    let why = seen["full"][0]["leaked_unknown"].as_str().unwrap_or_default();
    assert!(why.contains("253 taken"), "{seen}");
}

#[test]
fn only_the_unit_of_the_engine_that_was_asked_is_restarted() {
    let lab = Lab::new(&format!("{STARTED}{REFUSED}"), |_, _| None);
    // Where there is no systemd, that is not known either.
    let (exit, seen) = lab.guard(&["--unit", "countersign-test-of-no-unit.service"]);
    assert_eq!(exit, 13, "{seen}");
    let said = seen["error"]["message"].as_str().unwrap_or_default();
    assert!(said.contains("nothing was restarted") && said.contains("countersign-test-of-no-unit.service"), "{seen}");
    let full = "a canary is refused an address on: full (at least 253 leaked)";
    assert_eq!(details(&seen), ["pruned network Shop_Internal", full], "what was done and found is said");
}

#[test]
fn an_error_says_what_was_done_before_it() {
    let refuses = |path: &str, _| (path == "/services/create").then(|| (503, json!({"message": "unavailable"})));
    let lab = Lab::new(&format!("{STARTED}{REFUSED}"), refuses);
    let (exit, seen) = lab.apply();
    assert_eq!((exit, details(&seen)), (13, vec!["pruned network Shop_Internal"]), "{seen}");

    let lab = Lab::new(&format!("{STARTED}{REFUSED}"), |_, _| None);
    lab.restart_by("kill -TERM $PPID");
    let (exit, seen) = lab.apply();
    assert_eq!((exit, lab.was_restarted()), (130, true), "{seen}");
    for done in ["pruned network Shop_Internal", "restarted the engine"] {
        assert!(details(&seen).contains(&done), "{seen}");
    }

    let lab = Lab::new(&format!("{STARTED}{REFUSED}"), |_, _| None);
    lab.restart_by("exit 3");
    let (exit, seen) = lab.apply();
    let (said, next) = (seen["error"]["message"].to_string(), seen["error"]["next"].to_string());
    let program = lab.at("restart").display().to_string();
    assert!(exit == 14 && said.contains(&program) && next.contains(&program), "what was run: {seen}");
    assert!(details(&seen).iter().any(|line| line.contains("full (at least 253 leaked)")), "{seen}");
}

#[test]
fn what_is_to_stay_is_known_or_nothing_is_done() {
    for keep in ["shop_internal", "left-network-1", "left-network"] {
        let (exit, seen) = Lab::new(STARTED, |_, _| None).guard(&["--keep", keep]);
        assert_eq!((exit, &seen["pruned"]), (0, &json!([])), "{keep}: {seen}");
        let stays = json!({"name": "Shop_Internal", "why": "it is kept"});
        assert!(seen["stays"].as_array().is_some_and(|all| all.contains(&stays)), "{keep}: {seen}");
    }
    let lab = Lab::new(STARTED, |_, _| None);
    let (exit, seen) = lab.guard(&["--keep", "full", "--keep", "typo"]);
    assert_eq!(exit, 2, "{seen}");
    assert!(seen["error"]["message"].as_str().is_some_and(|said| said.contains("--keep typo: there is no")), "{seen}");
    assert!(lab.engine.calls().iter().all(|path| !path.starts_with("/networks/")), "nothing was removed");
    let (exit, seen) = lab.guard(&[]);
    assert_eq!((exit, &seen["pruned"]), (0, &json!(["Shop_Internal"])), "{seen}");
}

#[test]
fn a_task_that_waits_in_new_is_not_healthy_and_not_cured_without_the_log_s_word() {
    let lab = Lab::new(STARTED, |path, _| {
        let task = json!({"ID": "waits", "ServiceID": "s", "DesiredState": "running",
            "Status": {"State": "new", "Timestamp": "2026-06-13T02:00:00Z"}, "Spec": {"Networks": [{"Target": "f"}]}});
        (path.starts_with("/tasks") && !path.contains("attachment")).then(|| (200, json!([task])))
    });
    let (exit, seen) = lab.apply();
    assert_eq!((exit, lab.was_restarted(), &seen["still_stuck"]), (14, false, &json!(["waits"])), "{seen}");
    assert_eq!(seen["stuck"], json!([{"task": "waits", "seconds": 14400}]), "{seen}");
}

/// A service was updated while its task waited: the old one waits on, for as long as the network is full.
#[test]
fn a_task_that_is_to_end_and_waits_for_addresses_holds_no_cure_up() {
    let lab = Lab::new(&format!("{STARTED}{REFUSED}"), |path, _| {
        let task = json!({"ID": "old", "ServiceID": "s", "DesiredState": "shutdown",
            "Status": {"State": "new", "Timestamp": "2026-06-13T02:00:00Z"}, "Spec": {"Networks": [{"Target": "f"}]}});
        (path.starts_with("/tasks") && !path.contains("attachment")).then(|| (200, json!([task])))
    });
    let (exit, seen) = lab.apply();
    assert_eq!(
        (lab.was_restarted(), &seen["not_now"], &seen["still_full"]),
        (true, &Value::Null, &json!([])),
        "{seen}"
    );
    assert_eq!((exit, &seen["still_stuck"]), (14, &json!(["old"])), "this one's tasks never move: {seen}");
}

/// Nobody's log but that of the engine that was asked says whether it is healthy.
#[test]
fn another_s_log_and_another_s_unit_tell_nothing() {
    let lab = Lab::new(STARTED, |_, _| None);
    std::fs::write(lab.at("other.log"), STARTED).expect("written");
    let guard = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["guard", "--json", "--engine", &lab.engine.address(), "--state"])
            .arg(lab.at("state"))
            .args(args)
            .output();
        let output = output.expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let log = |name: &str| lab.at(name).to_string_lossy().into_owned();
    let (code, told) = guard(&["--log", &log("other.log")]);
    assert!(code == Some(13) && told.contains("not open for writing"), "{told}");
    let (code, told) = guard(&["--unit", "no-such.service"]);
    assert!(code == Some(13) && told.contains("unit no-such.service"), "{told}");
    let (code, told) = guard(&["--log", &log("engine.log")]);
    assert_ne!(code, Some(13), "{told}");
}
