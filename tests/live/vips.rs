//! Exact address accounting on a real swarm: what leaked, which addresses, one held at a time, nothing left.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::twin::Twin;

/// The twin's own image.
pub const IMAGE: &str = "countersign-twin:1";

/// Runs countersign against the twin's engine, with host state of its own.
pub fn countersign(twin: &Twin, args: &[&str]) -> Output {
    command(twin, args).output().expect("runs")
}

/// The same, not started yet.
pub fn command(twin: &Twin, args: &[&str]) -> Command {
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

/// What the engine answers to a question, as it comes.
pub fn get(twin: &Twin, path: &str) -> String {
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
pub fn walk(twin: &Twin, network: &str) -> Value {
    let output = countersign(twin, &["vips", network, "--walk", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str::<Value>(&text).expect("JSON")["networks"][0].clone()
}

/// What becomes of services, as the engine tells it while it happens.
struct Events(std::process::Child, std::io::Lines<std::io::BufReader<std::process::ChildStdout>>);

impl Events {
    fn of(twin: &Twin) -> Self {
        let mut command = Command::new("docker");
        command.args(["events", "--filter", "type=service", "--format", "{{.Action}} {{.Actor.Attributes.name}}"]);
        command.env("DOCKER_HOST", twin.engine()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().expect("docker runs");
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("piped")));
        let mut events = Self(child, lines);
        // Nothing tells when it listens: something is done until it is heard of.
        service(twin, "heard", &[], 0, &[]);
        let (begin, mut heard) = (Instant::now(), String::new());
        while heard.is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(30), "the engine tells nothing");
            twin.docker(&["service", "update", "--quiet", "--detach", "--label-add", "a=b", "heard"]);
            heard = events.1.next().expect("an event").expect("text");
        }
        twin.docker(&["service", "rm", "heard"]);
        events.until("remove heard");
        events
    }

    /// All of them up to this one.
    fn until(&mut self, last: &str) -> Vec<String> {
        self.1.by_ref().map(|line| line.expect("text")).take_while(|line| line != last).collect()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// How many canaries are in the swarm.
pub fn canaries(twin: &Twin) -> usize {
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

    // By the engine's own word: each canary is gone before the next one comes.
    let mut events = Events::of(&twin);
    walk(&twin, "m24");
    twin.docker(&[
        "service",
        "create",
        "--quiet",
        "--detach",
        "--no-resolve-image",
        "--name",
        "end",
        "--replicas",
        "0",
        IMAGE,
    ]);
    let mut seen = events.until("create end");
    // The engine's own: it notes the address that it gave.
    seen.retain(|line| !line.starts_with("update "));
    twin.docker(&["service", "rm", "end"]);
    assert!(seen.len() > 800, "{} events", seen.len());
    for pair in seen.chunks(2) {
        let [made, gone] = pair else { panic!("{pair:?}") };
        assert!(
            made.starts_with("create countersign-canary-") && *gone == made.replace("create", "remove"),
            "{pair:?}"
        );
    }

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
