//! An engine that answers from memory, over a socket of its own. For what no engine at hand can show: another API version, tens of
//! thousands of tasks.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

/// A running one.
pub struct FakeEngine {
    directory: tempfile::TempDir,
    calls: Arc<Mutex<Vec<String>>>,
}

/// What it answers: status and body of a path, as in `/networks/proxy?scope=swarm`.
type Answers = dyn Fn(&str) -> (u16, Arc<str>) + Send + Sync;

impl FakeEngine {
    /// Starts one. It says that it speaks this API version; the rest is up to `answers`.
    pub fn start(api: &str, answers: impl Fn(&str) -> (u16, Arc<str>) + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(directory.path().join("engine.sock")).expect("a socket");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (answers, noted): (Arc<Answers>, _) = (Arc::new(answers), Arc::clone(&calls));
        let version: Arc<str> =
            json!({"ApiVersion": api, "MinAPIVersion": "1.12", "Version": "99.0"}).to_string().into();
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, noted, version) = (Arc::clone(&answers), Arc::clone(&noted), Arc::clone(&version));
                thread::spawn(move || serve(stream, &*answers, &noted, &version));
            }
        });
        Self { directory, calls }
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("unix://{}/engine.sock", self.directory.path().display())
    }

    /// The paths that were asked for so far, without the version; forgets them.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(stream: UnixStream, answers: &Answers, calls: &Mutex<Vec<String>>, version: &Arc<str>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let path = first.split(' ').nth(1)?;
    let path = path
        .strip_prefix("/v1.")
        .and_then(|rest| rest.split_once('/'))
        .map_or(path.to_owned(), |(_, rest)| format!("/{rest}"));
    let (status, body) = if path == "/version" {
        (200, Arc::clone(version))
    } else {
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        answers(&path)
    };
    let mut stream = stream;
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()
}

/// The same engine over the network, at a port of this machine.
pub fn over_tcp(address: &str) -> u16 {
    let socket = address.replace("unix://", "");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // It ends with the test's process.
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = UnixStream::connect(&socket).expect("the engine");
            let (mut one, mut two) = (client.try_clone().expect("cloned"), server.try_clone().expect("cloned"));
            thread::spawn(move || std::io::copy(&mut one, &mut two));
            let (mut one, mut two) = (server, client);
            thread::spawn(move || std::io::copy(&mut one, &mut two).map(|_| two.shutdown(std::net::Shutdown::Both)));
        }
    });
    port
}

/// What a manager says about itself.
pub fn manager_info() -> Value {
    json!({"ID": "ENGINE", "ServerVersion": "99.0", "SystemTime": "2026-06-13T06:00:00Z", "MemTotal": own_memory(),
        "Swarm": {"NodeID": "n0", "NodeAddr": "192.0.2.1", "LocalNodeState": "active", "ControlAvailable": true,
                  "Cluster": {"ID": "cluster"}}})
}

/// What an engine on this machine says of its memory, in bytes.
pub fn own_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").expect("read");
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// The lists of a swarm with so many overlays, services and tasks, in the size that real ones have.
pub struct Swarm {
    /// `/networks`.
    pub networks: Arc<str>,
    /// `/services`.
    pub services: Arc<str>,
    /// `/tasks`.
    pub tasks: Arc<str>,
    /// `/nodes`.
    pub nodes: Arc<str>,
}

impl Swarm {
    /// Makes one: every service on one overlay, every fourth task has ended.
    pub fn new(overlays: usize, services: usize, tasks: usize) -> Self {
        let network = |number: usize| {
            json!({"Id": format!("net{number}"), "Name": format!("overlay{number}"), "Scope": "swarm", "Driver": "overlay",
                "Created": "2026-06-13T05:38:02.5Z", "Attachable": true, "Ingress": number == 0,
                "IPAM": {"Driver": "default", "Config": [{"Subnet": format!("10.{number}.0.0/16"), "Gateway": format!("10.{number}.0.1")}]}})
        };
        let address = |number: usize, net: usize| format!("10.{net}.{}.{}/16", 1 + number / 250, 2 + number % 250);
        let spec = |name: &str, net: usize| {
            json!({"ContainerSpec": {"Image": "registry.example.org/some/image:1.2.3@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "Env": (0..12).map(|n| format!("VARIABLE_{n}=some value of {name}")).collect::<Vec<_>>(),
                "Labels": {"com.docker.stack.namespace": name}, "Isolation": "default"},
                "Resources": {}, "RestartPolicy": {"Condition": "any", "Delay": 5_000_000_000_i64, "MaxAttempts": 0},
                "Networks": [{"Target": format!("net{net}"), "Aliases": ["app"]}], "ForceUpdate": 0})
        };
        let service = |number: usize| {
            let (name, net) = (format!("stack{number}_app"), number % overlays);
            let whole = json!({"Name": name, "Labels": {"com.docker.stack.namespace": format!("stack{number}"),
                "traefik.http.routers.x.rule": format!("Host(`{number}.example.org`)")},
                "TaskTemplate": spec(&name, net), "Mode": {"Replicated": {"Replicas": 3}}, "EndpointSpec": {"Mode": "vip"}});
            json!({"ID": format!("service{number}"), "Version": {"Index": number}, "CreatedAt": "2026-06-13T05:38:02.5Z",
                "Spec": whole, "PreviousSpec": whole,
                "Endpoint": {"Spec": {"Mode": "vip"}, "VirtualIPs": [{"NetworkID": format!("net{net}"), "Addr": address(number / overlays, net)}]}})
        };
        let task = |number: usize| {
            let net = number % overlays;
            let state = if number % 4 == 3 { "shutdown" } else { "running" };
            json!({"ID": format!("task{number}"), "Version": {"Index": number}, "CreatedAt": "2026-06-13T05:38:02.5Z",
                "ServiceID": format!("service{}", number % services), "NodeID": format!("n{}", number % 5), "Slot": 1,
                "Spec": spec("task", net), "DesiredState": state, "Status": {"State": state, "Timestamp": "2026-06-13T05:38:02.5Z",
                "ContainerStatus": {"ContainerID": "c".repeat(64), "PID": 1, "ExitCode": 0}},
                "NetworksAttachments": [{"Network": {"ID": format!("net{net}"), "Version": {"Index": 7},
                    "Spec": {"Name": format!("overlay{net}"), "DriverConfiguration": {"Name": "overlay"}, "Scope": "swarm"},
                    "DriverState": {"Name": "overlay", "Options": {"com.docker.network.driver.overlay.vxlanid_list": "4097"}},
                    "IPAMOptions": {"Driver": {"Name": "default"}, "Configs": [{"Subnet": format!("10.{net}.0.0/16")}]}},
                    "Addresses": [address(1000 + number / overlays, net)]}]})
        };
        let list = |values: Vec<Value>| -> Arc<str> { Value::Array(values).to_string().into() };
        Self {
            networks: list((0..overlays).map(network).collect()),
            services: list((0..services).map(service).collect()),
            tasks: list((0..tasks).map(task).collect()),
            nodes: list((0..5).map(|n| json!({"ID": format!("n{n}"), "ManagerStatus": {"Leader": n == 0}})).collect()),
        }
    }

    /// Its answer to a path; 404 for any other.
    pub fn answer(&self, path: &str) -> (u16, Arc<str>) {
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        let empty = || -> Arc<str> { "[]".into() };
        match bare {
            "/info" => (200, manager_info().to_string().into()),
            "/networks" => (200, Arc::clone(&self.networks)),
            "/services" if query.is_empty() => (200, Arc::clone(&self.services)),
            "/services" => (200, empty()),
            "/tasks" if query.contains("attachment") => (200, empty()),
            "/tasks" => (200, Arc::clone(&self.tasks)),
            "/nodes" => (200, Arc::clone(&self.nodes)),
            _ => (404, r#"{"message": "not found"}"#.into()),
        }
    }
}
