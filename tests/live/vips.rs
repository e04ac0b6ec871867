//! Exact address accounting on a real swarm: what leaked, which addresses, one held at a time, nothing left.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::twin::Twin;

const IMAGE: &str = "countersign-twin:1";

/// Runs countersign against the twin's engine, with host state of its own.
pub fn countersign(twin: &Twin, args: &[&str]) -> Output {
    command(twin, args).output().expect("runs")
}

fn command(twin: &Twin, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    // Outside the twin's directory: the twin is taken down as a whole, the state is not part of it.
    command.args(args).env("DOCKER_HOST", twin.engine()).arg("--state").arg(state(twin));
    command
}

/// Host state of this twin's engine.
pub fn state(twin: &Twin) -> std::path::PathBuf {
    twin.dir().join("state")
}

/// Waits until something is so.
#[track_caller]
pub fn wait(what: &str, limit: Duration, mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < limit, "not in {limit:?}: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// A service of the twin's own image; `more` are options of `docker service create`.
pub fn service(twin: &Twin, name: &str, networks: &[&str], replicas: u32, more: &[&str]) {
    let replicas = replicas.to_string();
    let mut args = vec!["service", "create", "--quiet", "--detach", "--no-resolve-image", "--name", name];
    args.extend(networks.iter().flat_map(|network| ["--network", network]));
    if !more.contains(&"global") {
        args.extend(["--replicas", &replicas]);
    }
    args.extend(more);
    args.extend([IMAGE, "/countersign", "twin-serve", "backend", "--name", name, "--ignore-term"]);
    twin.docker(&args);
}

/// Waits until so many tasks of a service run.
pub fn running(twin: &Twin, name: &str, count: usize) {
    wait(&format!("{count} tasks of {name} run"), Duration::from_secs(120), || {
        let states =
            twin.docker(&["service", "ps", name, "-f", "desired-state=running", "--format", "{{.CurrentState}}"]);
        states.lines().filter(|state| state.starts_with("Running")).count() == count
    });
}

/// The tasks of all services that have not ended, as the engine lists them.
pub fn live_tasks(twin: &Twin) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(&get(twin, "/tasks")).expect("a list");
    let ended = ["complete", "shutdown", "failed", "rejected", "remove", "orphaned"];
    all.into_iter().filter(|task| !ended.contains(&task["Status"]["State"].as_str().unwrap_or(""))).collect()
}

fn get(twin: &Twin, path: &str) -> String {
    let socket = twin.engine().replace("unix://", "");
    let output =
        Command::new("curl").args(["-sS", "--unix-socket", &socket, &format!("http://engine/v1.41{path}")]).output();
    String::from_utf8(output.expect("curl runs").stdout).expect("UTF-8")
}

/// The addresses that tasks of a service hold on a network.
fn addresses(twin: &Twin, network: &str) -> BTreeSet<Ipv4Addr> {
    let attachments = live_tasks(twin)
        .into_iter()
        .flat_map(|task| task["NetworksAttachments"].as_array().cloned().unwrap_or_default());
    attachments
        .filter(|one| one["Network"]["Spec"]["Name"] == network)
        .filter_map(|one| one["Addresses"][0].as_str()?.split('/').next()?.parse().ok())
        .collect()
}

/// The real leak: a service and one of its networks are removed while its tasks still take their time to stop. Each task leaves
/// its address on every other network behind. Gives those addresses, network by network.
pub fn leak(twin: &Twin, networks: &[&str], count: u32) -> Vec<BTreeSet<Ipv4Addr>> {
    let before: Vec<_> = networks.iter().map(|network| addresses(twin, network)).collect();
    twin.docker(&["network", "create", "--driver", "overlay", "int"]);
    let mut all = networks.to_vec();
    all.push("int");
    service(twin, "leaky", &all, count, &["--stop-grace-period", "4s"]);
    running(twin, "leaky", count as usize);
    let lost = networks.iter().zip(before).map(|(network, before)| &addresses(twin, network) - &before).collect();
    twin.docker(&["service", "rm", "leaky"]);
    wait("network int goes at once", Duration::from_secs(3), || {
        twin.try_docker(&["network", "rm", "int"]).status.success()
    });
    wait("the tasks have ended", Duration::from_secs(120), || live_tasks(twin).is_empty());
    lost
}

/// `vips NETWORK --walk --json`, which must succeed; the network's object.
#[track_caller]
fn walk(twin: &Twin, network: &str) -> Value {
    let output = countersign(twin, &["vips", network, "--walk", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str::<Value>(&text).expect("JSON")["networks"][0].clone()
}

fn canaries(twin: &Twin) -> usize {
    twin.docker(&["service", "ls", "-q", "--filter", "label=countersign.canary"]).lines().count()
}

#[test]
fn the_walk_names_exactly_what_leaked_holds_one_address_and_leaves_nothing() {
    let Some(twin) = Twin::up("walk", &[]) else { return };
    let networks = [("s28", "10.20.0.0/28"), ("m24", "10.21.0.0/24"), ("l22", "10.22.0.0/22")];
    for (name, subnet) in networks {
        twin.docker(&["network", "create", "--driver", "overlay", "--attachable", "--subnet", subnet, name]);
    }
    let mut lost = vec![BTreeSet::new(); 3];
    for (count, on) in [(0, 3), (1, 3), (4, 3), (35, 2)] {
        // The /28 has no room for the last round.
        let names: Vec<&str> = networks.iter().map(|(name, _)| *name).rev().take(on).collect();
        if count > 0 {
            for (one, more) in lost.iter_mut().rev().zip(leak(&twin, &names, count)) {
                one.extend(more);
            }
        }
        for (lost, (name, _)) in lost.iter().zip(networks).rev().take(on) {
            let seen = walk(&twin, name);
            let among: BTreeSet<Ipv4Addr> = serde_json::from_value(seen["leaked_among"].clone()).expect("addresses");
            assert_eq!((seen["leaked"].as_u64(), &among), (Some(lost.len() as u64), lost), "{name}: {seen}");
        }
    }
    assert_eq!(lost.iter().map(BTreeSet::len).collect::<Vec<_>>(), [5, 40, 40]);
    assert_eq!(canaries(&twin), 0);

    // Watched from outside: never two at once.
    let mut child =
        command(&twin, &["vips", "m24", "--walk"]).stdout(std::process::Stdio::null()).spawn().expect("starts");
    let (mut most, mut looks) = (0, 0);
    while child.try_wait().expect("waited").is_none() {
        let all = get(&twin, "/services?filters=%7B%22label%22%3A%5B%22countersign.canary%22%5D%7D");
        most = most.max(serde_json::from_str::<Vec<Value>>(&all).expect("a list").len());
        looks += 1;
    }
    assert!(most == 1 && looks > 10, "{most} at once in {looks} looks");

    // Told to stop, it takes its canary along.
    let mut child =
        command(&twin, &["vips", "l22", "--walk"]).stderr(std::process::Stdio::piped()).spawn().expect("starts");
    wait("a canary", Duration::from_secs(10), || canaries(&twin) > 0);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("small")).expect("a pid"),
        rustix::process::Signal::TERM,
    )
    .expect("told");
    assert_eq!(child.wait().expect("waited").code(), Some(130));
    assert_eq!(canaries(&twin), 0);

    // Too large to be walked whole: a sample, and it says so.
    twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.23.0.0/16", "h16"]);
    let seen = walk(&twin, "h16");
    assert_eq!((seen["leaked"].as_u64(), seen["sample"]["leaked"].as_u64()), (None, Some(0)), "{seen}");
    assert_eq!(seen["capacity"], 65533);
}

#[test]
#[cfg(feature = "test-hooks")]
fn a_killed_walk_is_cleaned_up_by_the_next_command() {
    let Some(twin) = Twin::up("killed", &[]) else { return };
    twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.20.0.0/28", "small"]);
    for (point, left) in [("walk.made#1", 1), ("walk.read#5", 1), ("walk.removed#9", 0)] {
        let killed =
            command(&twin, &["vips", "small", "--walk"]).env("COUNTERSIGN_FAULT", format!("kill {point}")).output();
        assert_eq!(killed.expect("runs").status.code(), None, "{point}: killed by a signal");
        assert_eq!(canaries(&twin), left, "{point}");
        let next = countersign(&twin, &["vips"]);
        assert!(next.status.success(), "{point}: {}", String::from_utf8_lossy(&next.stderr));
        assert_eq!(canaries(&twin), 0, "{point}");
        assert_eq!(walk(&twin, "small")["leaked"], 0, "{point}");
    }

    // While a phase's window is open on this host, nobody walks.
    let engine = twin.docker(&["info", "--format", "{{.ID}}"]);
    let (object, record) = ("a".repeat(40), "b".repeat(64));
    let window =
        format!(r#"{{"repository":"{object}","phase":"pvfix","id":"{record}","until":"2099-01-01T00:00:00Z"}}"#);
    std::fs::write(state(&twin).join(&engine).join("window"), window).expect("written");
    let refused = countersign(&twin, &["vips", "small", "--walk"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(10) && said.contains("the window of phase pvfix is open"), "{said}");
    assert!(countersign(&twin, &["vips", "small"]).status.success(), "looking is always possible");
}

#[test]
fn every_kind_of_holder_is_accounted_for() {
    let Some(twin) = Twin::up("holders", &[]) else { return };
    for (name, subnet) in [("a", "10.20.0.0/24"), ("b", "10.21.0.0/24")] {
        twin.docker(&["network", "create", "--driver", "overlay", "--attachable", "--subnet", subnet, name]);
    }
    service(&twin, "both", &["a", "b"], 2, &[]);
    service(&twin, "everywhere", &["a"], 0, &["--mode", "global"]);
    service(&twin, "plain-dns", &["a"], 2, &["--endpoint-mode", "dnsrr"]);
    service(&twin, "nothing-runs", &["b"], 0, &[]);
    let slow = [
        "--update-order",
        "start-first",
        "--update-delay",
        "10m",
        "--update-parallelism",
        "1",
        "--stop-grace-period",
        "1s",
    ];
    service(&twin, "rolling", &["a"], 3, &slow);
    for (name, count) in [("both", 2), ("everywhere", 1), ("plain-dns", 2), ("rolling", 3)] {
        running(&twin, name, count);
    }
    twin.docker(&[
        "run",
        "--detach",
        "--name",
        "plain",
        "--network",
        "a",
        IMAGE,
        "/countersign",
        "twin-serve",
        "backend",
        "--name",
        "plain",
    ]);

    let equal = |network: &str, vips: u64, tasks: u64, attached: u64| {
        let seen = walk(&twin, network);
        let counts =
            ["vips", "tasks", "attached", "load_balancers", "leaked"].map(|key| seen[key].as_u64().unwrap_or(999));
        assert_eq!(counts, [vips, tasks, attached, 1, 0], "{network}: {seen}");
        assert_eq!(seen["free"].as_u64(), Some(253 - vips - tasks - attached - 1), "{network}: {seen}");
    };
    equal("a", 3, 8, 1);
    equal("b", 2, 2, 0);

    // One of three tasks is replaced, then the update waits: it is in flight, and the walk is refused.
    twin.docker(&["service", "update", "--quiet", "--detach", "--force", "rolling"]);
    let state = || {
        twin.docker(&[
            "service",
            "inspect",
            "rolling",
            "--format",
            "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}",
        ])
    };
    wait("the update is in flight", Duration::from_secs(30), || state() == "updating");
    let refused = countersign(&twin, &["vips", "a", "--walk"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(10) && said.contains("update of service rolling is in flight"), "{said}");
    // Paused, it moves no more, with old and new tasks side by side.
    wait("a new task runs", Duration::from_secs(60), || live_tasks(&twin).len() >= 8);
    twin.docker(&[
        "service",
        "update",
        "--quiet",
        "--detach",
        "--update-delay",
        "0s",
        "--update-parallelism",
        "0",
        "rolling",
    ]);
    wait("the update is done", Duration::from_secs(120), || state() == "completed" && live_tasks(&twin).len() == 8);
    running(&twin, "rolling", 3);
    equal("a", 3, 8, 1);
    assert_eq!(canaries(&twin), 0);
}
