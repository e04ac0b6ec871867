//! A private swarm for one live test: started by the program under test, taken down when the test ends, however it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// How many twins run at once: they wait for the engine most of the time, but more would slow each other on a small machine.
const AT_ONCE: usize = 3;
static RUNNING: Mutex<usize> = Mutex::new(0);
static FREE: Condvar = Condvar::new();
/// Two tests may call their twins the same.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A turn, until it is dropped, on whatever thread.
struct Turn;

impl Turn {
    fn take() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        *FREE.wait_while(running, |running| *running == AT_ONCE).unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREE.notify_one();
    }
}

/// Where twins of tests are kept, each named after the process that made it.
const PREFIX: &str = "cs-test-";

/// Why no private swarm can be started on this machine, if so.
pub fn cannot_run() -> Option<String> {
    let missing = |program: &str| !runs("sh", &["-c", &format!("PATH=$PATH:/usr/sbin:/sbin; command -v {program}")]);
    if fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) != 0) {
        return Some("not root".into());
    }
    ["dockerd", "ip", "nsenter"].into_iter().find(|program| missing(program)).map(|name| format!("{name} is missing"))
}

fn runs(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

/// A running private swarm.
pub struct Twin {
    dir: PathBuf,
    /// The address of its node, which the front's port 80 answers at.
    pub address: String,
    _turn: Turn,
}

impl Twin {
    /// Starts one (`twin up` with these further arguments). `None` where the machine cannot: the test then says so and ends.
    pub fn up(name: &str, args: &[&str]) -> Option<Self> {
        Self::up_after(name, |_| args.iter().map(|arg| (*arg).to_owned()).collect())
    }

    /// Starts one after something that must know its directory, which gives the further arguments.
    #[expect(clippy::disallowed_macros, reason = "a test talks to the test runner")]
    pub fn up_after(name: &str, prepare: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        if let Some(why) = cannot_run() {
            eprintln!("skipped: {name}: {why}");
            return None;
        }
        let turn = Turn::take();
        clear_dead();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(format!("/run/{PREFIX}{}-{number}-{name}", std::process::id()));
        let args = prepare(&dir);
        let mut all = vec!["twin", "up", "--json", "--dir", dir.to_str().expect("UTF-8")];
        all.extend(args.iter().map(String::as_str));
        // Before anything can fail, so that what was begun is also taken down.
        let mut twin = Self { dir: dir.clone(), address: String::new(), _turn: turn };
        let output = countersign(&all);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "twin up: {text}{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let found = answer.pointer("/result/address").or_else(|| answer.get("address"));
        twin.address = found.and_then(serde_json::Value::as_str).expect("an address").to_owned();
        Some(twin)
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its engine's address, as a contract writes it.
    pub fn engine(&self) -> String {
        format!("unix://{}/engine.sock", self.dir.display())
    }

    /// Runs the stock docker client on its engine, which must succeed; gives what it printed.
    #[track_caller]
    pub fn docker(&self, args: &[&str]) -> String {
        let output = self.try_docker(args);
        assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs the stock docker client on its engine.
    pub fn try_docker(&self, args: &[&str]) -> Output {
        Command::new("docker").args(args).env("DOCKER_HOST", self.engine()).output().expect("docker runs")
    }

    /// Runs the stock docker client on the engine of one of its nodes, which must succeed.
    #[cfg(feature = "test-hooks")]
    #[track_caller]
    pub fn docker_on(&self, node: &str, args: &[&str]) -> String {
        let output = self.try_docker_on(node, args);
        assert!(output.status.success(), "docker {args:?} on {node}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs the stock docker client on the engine of one of its nodes.
    #[cfg(feature = "test-hooks")]
    pub fn try_docker_on(&self, node: &str, args: &[&str]) -> Output {
        let socket = if node == "n1" { "engine.sock".to_owned() } else { format!("engine-{node}.sock") };
        let host = format!("unix://{}/{socket}", self.dir.display());
        Command::new("docker").args(args).env("DOCKER_HOST", host).output().expect("docker runs")
    }

    /// Stops or starts one of its nodes.
    #[track_caller]
    pub fn node(&self, act: &str, node: &str) {
        let output = countersign(&["twin", "node", act, node, "--dir", &self.dir.to_string_lossy()]);
        assert!(output.status.success(), "twin node {act} {node}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The names of the nodes that the swarm has as ready, in order.
    pub fn ready_nodes(&self) -> Vec<String> {
        let listed = self.docker(&["node", "ls", "--format", "{{.Hostname}} {{.Status}}"]);
        let ready = listed.lines().filter_map(|line| line.strip_suffix(" Ready"));
        let mut names: Vec<String> = ready.map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    /// Waits until something holds; a minute at most.
    #[track_caller]
    pub fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !holds() {
            assert!(start.elapsed() < std::time::Duration::from_secs(180), "waited three minutes for {what}");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// The status that a route answers with; 0 when nothing answers.
    pub fn route(&self, host: &str) -> u16 {
        use std::io::{Read as _, Write as _};
        let ask = || {
            let address = format!("{}:80", self.address).parse().ok()?;
            let patience = std::time::Duration::from_secs(2);
            let mut stream = std::net::TcpStream::connect_timeout(&address, patience).ok()?;
            stream.set_read_timeout(Some(patience)).ok()?;
            stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            text.split(' ').nth(1)?.parse().ok()
        };
        ask().unwrap_or(0)
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        countersign(&["twin", "down", "--dir", self.dir.to_str().expect("UTF-8")]);
    }
}

/// What is left of a twin on this machine.
pub fn remains(dir: &Path) -> Vec<String> {
    let place = countersign::twin::place::Place::new(dir).expect("a place");
    let mut left = place.namespaces();
    let groups = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    left.extend(groups.map(|entry| entry.path().join(place.cgroup())).filter(|path| path.exists()).map(shown));
    let link = Path::new("/sys/class/net").join(place.host_link());
    left.extend([link, dir.to_owned()].into_iter().filter(|path| path.exists()).map(shown));
    let processes = countersign::twin::processes::of(&[], dir);
    left.extend(processes.iter().map(|pid| format!("process {pid}")));
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    left.extend(mounts.lines().filter(|line| line.contains(&*dir.to_string_lossy())).map(str::to_owned));
    left
}

fn shown(path: PathBuf) -> String {
    path.display().to_string()
}

fn countersign(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign")).args(args).output().expect("runs")
}

/// Takes down twins whose test was killed.
fn clear_dead() {
    let Ok(entries) = fs::read_dir("/run") else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some(process) = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()) else { continue };
        if !Path::new("/proc").join(process).exists() {
            countersign(&["twin", "down", "--dir", &format!("/run/{name}")]);
        }
    }
}
