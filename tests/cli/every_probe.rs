//! Every probe of the table, by the program itself: one look that holds, one that fails, and each way of not being able to look.
//! A probe that has no row here fails the first test.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use countersign::model::contract::schema::{Binds, PROBES};
use serde_json::{Value, json};

use crate::support::fake_swarm::{FakeEngine, manager_info, over_tcp, own_memory};
use crate::support::{CONTRACT, World};

/// One probe: parameters with which it holds and with which it fails, and parameters with which it cannot look, each with a word
/// of the reason. What stands in capitals is filled in by [`stage`].
struct Row {
    probe: &'static str,
    holds: Option<&'static str>,
    fails: Option<&'static str>,
    unknown: &'static [(&'static str, &'static str)],
}

const ROWS: &[Row] = &[
    Row {
        probe: "docker.network",
        holds: Some("network = \"shared\"\nsubnet = \"10.0.1.0/24\"\nservices = [\"web_app\"]"),
        fails: Some("network = \"shared\"\nsubnet = \"10.0.2.0/24\"\nothers = true"),
        unknown: &[("network = \"shared\"\nothers = true\nnetwork_id = \"{step.later.finished}\"", "has no value")],
    },
    Row {
        probe: "docker.subnet",
        holds: Some("subnet = \"fd12:3456:789a::/48\""),
        fails: Some("subnet = \"10.0.1.0/24\""),
        unknown: &[],
    },
    Row {
        probe: "docker.vips",
        holds: Some("network = \"shared\"\nmax_used_percent = 100"),
        fails: Some("network = \"shared\"\nmax_used_percent = 0"),
        unknown: &[
            ("network = \"shared\"\nmax_leaked = 0", "how many leaked is unknown"),
            ("network = \"shared\"\nmax_used_percent = 50", "whether at most 50 % are used is unknown"),
            ("network = \"shared\"\nmin_free = 1", "whether 1 are free is unknown"),
        ],
    },
    Row {
        probe: "docker.signatures",
        holds: Some("log = \"DIR/good.log\""),
        fails: Some("log = \"DIR/bad.log\""),
        unknown: &[
            ("log = \"DIR/no.log\"", "cannot be read"),
            ("log = \"DIR\"", "no regular file"),
            ("log = \"DIR/fifo\"", "no regular file"),
            ("log = \"DIR/empty.log\"", "no line in the engine's form"),
            ("log = \"DIR/good.log\"\nsince = \"2020-01-01T00:00:00Z\"\nclasses = [\"typo\"]", "no class `typo`"),
            ("log = \"DIR/short.log\"", "the older part was rotated away"),
            ("log = \"DIR/other.log\"", "not open for writing"),
            ("unit = \"no-such-unit.service\"", "unit no-such-unit.service "),
        ],
    },
    Row {
        probe: "docker.services",
        holds: Some("services = [\"web_app\"]\nnetworks = [\"shared\"]"),
        fails: Some("services = [\"web_app\", \"gone\"]"),
        unknown: &[(
            "services = [\"web_app\"]\nchecks = [{ name = \"c\", polls = \"http://x.test\", gates = [\"web_app\"] }]",
            "no rule of a service names",
        )],
    },
    Row {
        probe: "docker.stacks",
        holds: Some("declared = [\"web\"]"),
        fails: Some("declared = [\"other\"]"),
        unknown: &[],
    },
    Row {
        probe: "host.quiet",
        holds: Some("processes = [\"no-such-program\"]\ndeclared_stacks = [\"web\"]\nupdates = true"),
        fails: Some("declared_stacks = [\"other\"]"),
        unknown: &[
            ("ci_containers = false", "nothing to look at"),
            ("processes = [\"^(\"]", "no regular expression"),
            ("declared_stacks = [\"web\"]\nci_queues = [{ url = \"http://127.0.0.1:CLOSED\" }]", "connection refused"),
            (
                "comments = [{ url = \"http://127.0.0.1:CLOSED\", repos = [\"a/b\"], within = \"5m\" }]",
                "connection refused",
            ),
        ],
    },
    Row {
        probe: "http.route",
        holds: Some(
            "interval = \"1s\"\nconsecutive = 2\nroutes = [{ name = \"a\", url = \"http://127.0.0.1:OPEN/\", status = [200] }]",
        ),
        fails: Some("routes = [{ name = \"a\", url = \"http://127.0.0.1:OPEN/\", status = [204] }]"),
        unknown: &[
            ("routes = [{ name = \"a\", url = \"http://127.0.0.1:SILENT/\", status = [200] }]", "no answer in time"),
            (
                "routes = [{ name = \"a\", url = \"http://no-such-host.invalid/\", status = [200] }]",
                "could not be asked",
            ),
            (
                "ca = \"/no/such/ca\"\nroutes = [{ name = \"a\", url = \"https://x.test/\", status = [200] }]",
                "is not there",
            ),
        ],
    },
    Row {
        probe: "git.pushed",
        holds: Some("branch = \"main\""),
        fails: Some("repo = \"DIR/other\""),
        unknown: &[("remote = \"nowhere\"", "nowhere"), ("repo = \"/no/such/checkout\"", "/no/such/checkout")],
    },
    Row {
        probe: "git.patch",
        holds: Some("base = \"BASE\"\npaths = [\"nix/\"]\nadds = ['--subnet']"),
        fails: Some("base = \"BASE\"\npaths = [\"other/\"]"),
        unknown: &[("base = \"0123456789012345678901234567890123456789\"\npaths = [\"nix/\"]", "0123456789")],
    },
    Row {
        probe: "git.secrets",
        holds: Some("base = \"HEAD\""),
        fails: Some("base = \"BASE\""),
        unknown: &[("base = \"0123456789012345678901234567890123456789\"", "0123456789")],
    },
    Row {
        probe: "nix.option",
        holds: Some("file = \"nix/module.nix\"\noption = \"a.enable\"\nvalue = \"true\""),
        fails: Some("file = \"nix/module.nix\"\noption = \"a.enable\"\nvalue = \"false\""),
        unknown: &[
            ("file = \"nix/module.nix\"\noption = \"c.d\"\nvalue = \"1\"", "only an evaluation tells"),
            ("file = \"/etc/hosts\"\noption = \"a\"\nvalue = \"1\"", "is absolute"),
            ("file = \"nix/binary.nix\"\noption = \"a\"\nvalue = \"1\"", "not UTF-8"),
            ("file = \"nix/module.nix\"\noption = \"p.password\"\nvalue = \"1\"", "looks like a secret"),
            ("file = \"machine-docs/PHASE-demo.toml\"\noption = \"a\"\nvalue = \"1\"", "state document"),
        ],
    },
    // What holds and fails needs a NixOS: played in its own unit tests, over a tree in NixOS's form.
    Row { probe: "nix.generation", holds: None, fails: None, unknown: &[("", "this is no NixOS")] },
    Row {
        probe: "file.contains",
        holds: Some("file = \"scripts/step0.sh\"\npatterns = ['available IP']"),
        fails: Some("file = \"scripts/step0.sh\"\npatterns = ['no such line']"),
        unknown: &[
            ("file = \"DIR/link\"\npatterns = ['x']", "symlink"),
            ("file = \"DIR\"\npatterns = ['x']", "no regular file"),
            ("file = \"DIR/fifo\"\npatterns = ['x']", "no regular file"),
            ("file = \"DIR/binary\"\npatterns = ['x']", "not UTF-8"),
        ],
    },
    Row {
        probe: "command",
        holds: Some("argv = [\"echo\", \"active\"]\nstdout = '^active$'"),
        fails: Some("argv = [\"echo\", \"inactive\"]\nstdout = '^active$'"),
        unknown: &[
            ("argv = [\"no-such-program\"]\nstdout = 'x'", "no-such-program"),
            ("argv = [\"sleep\", \"30\"]\nstdout = 'x'", "sleep"),
            ("argv = [\"sh\", \"-c\", \"kill -9 $$\"]\nstdout = 'x'", "no whole answer: signal 9"),
        ],
    },
];

/// A world in which each row can be played.
struct Stage {
    /// The engine answers from this process, so this process is who writes its logs.
    _written: [File; 3],
    world: World,
    engine: FakeEngine,
    base: String,
    ports: [u16; 3],
}

fn stage() -> Stage {
    let world = World::new();
    let base = world.git("builder", &["rev-parse", "HEAD"]);
    world.git(".", &["clone", "-q", "origin.git", "other"]);
    world.write(
        "builder/nix/module.nix",
        "{\n  a.enable = true; # --subnet\n  c = lib.mkIf x { d = 1; };\n  p.password = \"hunter2hunter2\";\n}\n",
    );
    std::fs::write(world.path("builder/nix/binary.nix"), [0xff, 0xfe]).expect("written");
    world.write("builder/nix/secret", "password=hunter2hunter2\n");
    world.commit("builder", "change");
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    let start = "time=\"2026-06-13T00:00:00.5Z\" level=info msg=\"Starting up\"\n";
    let bad = "time=\"2026-06-13T00:00:01Z\" level=error msg=\"could not find an available IP while allocating VIP\"\n";
    world.write("good.log", start);
    world.write("bad.log", &format!("{start}{bad}"));
    world.write("short.log", bad);
    world.write("empty.log", "");
    world.write("other.log", start);
    let written = |name: &str| File::options().append(true).open(world.path(name)).expect("opened");
    let _written = ["good.log", "bad.log", "short.log"].map(written);
    std::fs::write(world.path("binary"), [0xff, 0xfe]).expect("written");
    std::os::unix::fs::symlink("good.log", world.path("link")).expect("linked");
    // Whoever opens it to read, and waits, waits for ever.
    assert!(std::process::Command::new("mkfifo").arg(world.path("fifo")).status().expect("runs").success());
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    Stage {
        _written,
        engine: engine(|_| None),
        base,
        ports: [server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), server(""), closed],
        world,
    }
}

/// A server that always answers so; an empty answer is silence.
fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // It ends with the test's process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut request = [0; 2048];
                let _ = stream.read(&mut request);
                if answer.is_empty() {
                    thread::sleep(Duration::from_secs(60));
                }
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    port
}

/// A small healthy swarm, in which some paths answer otherwise.
fn engine(otherwise: impl Fn(&str) -> Option<(u16, &'static str)> + Send + Sync + 'static) -> FakeEngine {
    let network = |id: &str, name: &str, scope: &str, driver: &str, subnet: &str| {
        let gateway = subnet.replace("0/", "1/").split('/').next().unwrap_or_default().to_owned();
        json!({"Id": id, "Name": name, "Scope": scope, "Driver": driver, "Created": "2026-06-13T00:00:00Z", "Attachable": true,
               "Ingress": name == "ingress", "Labels": {}, "IPAM": {"Config": [{"Subnet": subnet, "Gateway": gateway}]}})
    };
    let networks = json!([
        network("b", "bridge", "local", "bridge", "172.17.0.0/16"),
        network("i", "ingress", "swarm", "overlay", "10.0.0.0/24"),
        network("s", "shared", "swarm", "overlay", "10.0.1.0/24")
    ]);
    let services = json!([{"ID": "web", "Version": {"Index": 1},
        "Spec": {"Name": "web_app", "Labels": {"com.docker.stack.namespace": "web"}, "Mode": {"Replicated": {"Replicas": 1}},
                 "TaskTemplate": {"Networks": [{"Target": "s", "Aliases": ["app"]}]}},
        "Endpoint": {"VirtualIPs": [{"NetworkID": "s", "Addr": "10.0.1.2/24"}]}}]);
    let tasks = json!([{"ID": "t", "ServiceID": "web", "NodeID": "n0", "DesiredState": "running",
        "Status": {"State": "running", "Timestamp": "2026-06-13T00:00:00Z"}, "Spec": {"Networks": [{"Target": "s"}]},
        "NetworksAttachments": [{"Network": {"ID": "s", "Spec": {"Name": "shared"}}, "Addresses": ["10.0.1.3/24"]}]}]);
    let nodes = json!([{"ID": "n0", "Description": {"Hostname": "n0"}, "Status": {"State": "ready", "Addr": "192.0.2.1"},
                "ManagerStatus": {"Leader": true, "Reachability": "reachable"}}]);
    FakeEngine::start("1.41", move |path| {
        if let Some((status, body)) = otherwise(path) {
            return (status, body.into());
        }
        let body: Arc<str> = match path.split('?').next().unwrap_or(path) {
            "/info" => manager_info().to_string().into(),
            "/networks" => networks.to_string().into(),
            "/services" => services.to_string().into(),
            "/tasks" if path.contains("attachment") => "[]".into(),
            "/tasks" => tasks.to_string().into(),
            "/nodes" => nodes.to_string().into(),
            "/containers/json" => "[]".into(),
            _ => return (404, r#"{"message": "not found"}"#.into()),
        };
        (200, body)
    })
}

impl Stage {
    /// Opens a phase with one criterion for each of these, named `c0`, `c1` and so on.
    fn open(&self, criteria: &[(&str, &str)]) {
        let ports = ["OPEN", "SILENT", "CLOSED"].into_iter().zip(self.ports);
        let head = self.world.git("builder", &["rev-parse", "HEAD"]);
        let mut text = String::new();
        for (number, (probe, params)) in criteria.iter().enumerate() {
            text += &format!(
                "[[gate.criterion]]\nid = \"c{number}\"\ntitle = \"x\"\nprobe = \"{probe}\"\ntimeout = \"4s\"\n{params}\n"
            );
        }
        for (name, port) in ports {
            text = text.replace(name, &port.to_string());
        }
        let dir = self.world.path("").canonicalize().expect("real").display().to_string();
        let text = text
            .replace("DIR", dir.trim_end_matches('/'))
            .replace("BASE", &self.base)
            .replace("\"HEAD\"", &format!("\"{head}\""));
        self.world.open(&text);
        let later = "[[step]]\nid = \"later\"\ntitle = \"x\"\ngate = \"M1\"\nkind = \"docker.capture\"\ntimeout = \"1m\"\nnetwork = \"shared\"\n";
        self.world.write(CONTRACT, &(self.world.read(CONTRACT) + "\n" + later));
    }

    /// What the criteria's observations say, in their order.
    fn look(&self, count: usize, engine: &str) -> Vec<Value> {
        self.look_at(&(0..count).collect::<Vec<_>>(), engine)
    }

    fn look_at(&self, criteria: &[usize], engine: &str) -> Vec<Value> {
        let names: Vec<String> = criteria.iter().map(|number| format!("c{number}")).collect();
        let names = names.iter().map(String::as_str);
        let args: Vec<&str> = ["probe", "--json", "--engine", engine].into_iter().chain(names).collect();
        let answer = self.world.run_in("builder", &args);
        let value: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.all()));
        let seen = value["observations"].as_array().unwrap_or_else(|| panic!("{value}")).clone();
        assert_eq!(seen.len(), criteria.len());
        seen
    }
}

#[test]
fn every_probe_has_a_row() {
    let rows: Vec<&str> = ROWS.iter().map(|row| row.probe).collect();
    let table: Vec<&str> = PROBES.iter().map(|probe| probe.name).collect();
    assert_eq!(rows, table);
    assert!(PROBES.iter().all(|probe| probe.built), "the whole table is built");
}

#[test]
fn every_probe_holds_where_it_should_and_twice_with_the_same_facts() {
    let stage = stage();
    let rows: Vec<(&str, &str)> = ROWS.iter().filter_map(|row| Some((row.probe, row.holds?))).collect();
    stage.open(&rows);
    let seen = stage.look(rows.len(), &stage.engine.address());
    for ((probe, _), seen) in rows.iter().zip(&seen) {
        assert_eq!(seen["outcome"], "held", "{probe}: {}", seen["says"]);
        assert!(seen["facts"].as_object().is_some_and(|facts| !facts.is_empty()), "{probe}: {seen}");
    }
    let again = stage.look(rows.len(), &stage.engine.address());
    for (one, two) in seen.iter().zip(&again) {
        assert_eq!(one["facts"], two["facts"]);
    }
}

#[test]
fn every_probe_fails_where_it_should() {
    let stage = stage();
    let rows: Vec<(&str, &str)> = ROWS.iter().filter_map(|row| Some((row.probe, row.fails?))).collect();
    stage.open(&rows);
    for ((probe, _), seen) in rows.iter().zip(stage.look(rows.len(), &stage.engine.address())) {
        assert_eq!(seen["outcome"], "failed", "{probe}: {}", seen["says"]);
    }
}

#[test]
fn what_cannot_be_looked_at_is_unknown_in_every_way() {
    let stage = stage();
    let rows: Vec<(&str, &str, &str)> =
        ROWS.iter().flat_map(|row| row.unknown.iter().map(|(params, word)| (row.probe, *params, *word))).collect();
    stage.open(&rows.iter().map(|(probe, params, _)| (*probe, *params)).collect::<Vec<_>>());
    for ((probe, params, word), seen) in rows.iter().zip(stage.look(rows.len(), &stage.engine.address())) {
        assert_eq!(seen["outcome"], "unknown", "{probe} with {params}: {}", seen["says"]);
        assert!(
            seen["says"].as_str().is_some_and(|says| says.contains(word)),
            "{probe}: {} lacks {word}",
            seen["says"]
        );
        assert!(seen["facts"].as_object().is_some_and(serde_json::Map::is_empty), "{probe}: {seen}");
    }
}

/// An engine that refuses, answers nonsense, nothing or never: none of it is good, for any probe that asks it.
#[test]
fn whatever_is_wrong_with_the_engine_is_unknown() {
    let stage = stage();
    let asks = |row: &&Row| row.probe.starts_with("docker.") || row.probe == "host.quiet";
    let rows: Vec<(&str, &str)> = ROWS.iter().filter(asks).filter_map(|row| Some((row.probe, row.holds?))).collect();
    stage.open(&rows);
    let silent = "SLEEP";
    for (status, body) in [
        (500, r#"{"message": "rpc error: code = Unavailable"}"#),
        (403, r#"{"message": "authorization denied by plugin"}"#),
        (200, "{\"unexpected\": true}"),
        (200, "[{\"ID\": "),
        (200, ""),
        (200, "<html>"),
        (200, silent),
    ] {
        for everything in [true, false] {
            // One that does not even say who it is, is waited for as long as any of its calls may take.
            if everything && body == silent {
                continue;
            }
            let broken = engine(move |path| {
                if !everything && path == "/info" {
                    return None;
                }
                if body == silent {
                    thread::sleep(Duration::from_secs(30));
                }
                Some((status, body))
            });
            for ((probe, _), seen) in rows.iter().zip(stage.look(rows.len(), &broken.address())) {
                assert_eq!(seen["outcome"], "unknown", "{probe} at {status} `{body}`: {}", seen["says"]);
            }
        }
    }
    for (probe, seen) in rows.iter().zip(stage.look(rows.len(), "unix:///no/such.sock")) {
        assert_eq!(seen["outcome"], "unknown", "{probe:?}: {}", seen["says"]);
    }
}

/// One list alone is null, or names an object without an id, and everything else is as ever: whoever asked for it does not know.
#[test]
fn a_list_that_is_none_is_unknown_to_whoever_asks_for_it() {
    let stage = stage();
    let asks = |row: &&Row| row.probe.starts_with("docker.");
    let mut rows: Vec<(&str, &str)> =
        ROWS.iter().filter(asks).filter_map(|row| Some((row.probe, row.holds?))).collect();
    rows.push(("host.quiet", "ci_containers = true"));
    stage.open(&rows);
    let mut asked = 0;
    for list in ["/nodes", "/networks", "/services", "/tasks", "/containers/json"] {
        for body in ["null", "[null]", "[{}]"] {
            let is_it = move |path: &str| path.split('?').next() == Some(list);
            let broken = engine(move |path| is_it(path).then_some((200, body)));
            for (number, (probe, _)) in rows.iter().enumerate() {
                broken.calls();
                let seen = &stage.look_at(&[number], &broken.address())[0];
                if broken.calls().iter().any(|path| is_it(path)) {
                    asked += 1;
                    assert_eq!(seen["outcome"], "unknown", "{probe} at {list} = {body}: {}", seen["says"]);
                }
            }
        }
    }
    assert!(asked >= 3 * 15, "only {asked} were asked: this proves little");
}

/// Another node, a dead network, an address that is none: a subnet is not proven where one of them is.
#[test]
fn a_subnet_is_not_proven_beside_what_cannot_be_judged() {
    let stage = stage();
    let row = ROWS.iter().find(|row| row.probe == "docker.subnet").and_then(|row| Some((row.probe, row.holds?)));
    stage.open(&[row.expect("a row")]);
    let table: [(&str, &str, &str); 5] = [
        (
            "/nodes",
            r#"[{"ID": "n0"}, {"ID": "n1", "Description": {"Hostname": "worker"}}]"#,
            "cannot see the networks of node worker: name its engine under [nodes]",
        ),
        ("/networks", r#"[{"Id": "d", "Name": "dead", "Scope": "swarm", "Driver": ""}]"#, "never allocated"),
        ("/networks", "[]", "no network at all"),
        (
            "/networks",
            r#"[{"Id": "e", "Name": "empty", "Scope": "swarm", "Driver": "overlay", "IPAM": {"Config": null}}]"#,
            "tells no range",
        ),
        ("/nodes", r#"[{"ID": "n0", "Status": {"Addr": "nowhere"}}]"#, "`nowhere` is no range or address"),
    ];
    for (at, body, word) in table {
        let engine = engine(move |path| (path == at).then_some((200, body)));
        let seen = &stage.look(1, &engine.address())[0];
        assert_eq!(seen["outcome"], "unknown", "{}", seen["says"]);
        assert!(seen["says"].as_str().is_some_and(|says| says.contains(word)), "{}", seen["says"]);
    }
}

/// The leader's log alone tells, and CI runs on any node.
#[test]
fn a_manager_that_follows_and_a_node_that_nobody_names_leave_it_unknown() {
    let stage = stage();
    stage.open(&[("docker.signatures", "log = \"DIR/good.log\""), ("host.quiet", "ci_containers = true")]);
    let nodes = r#"[{"ID": "n0", "ManagerStatus": {"Leader": false}},
        {"ID": "n1", "Description": {"Hostname": "first"}, "ManagerStatus": {"Leader": true}}]"#;
    let follower = engine(move |path| (path == "/nodes").then_some((200, nodes)));
    let seen = stage.look(2, &follower.address());
    for (seen, word) in seen.iter().zip(["node first (n1) leads", "node first: name its engine under [nodes]"]) {
        assert_eq!(seen["outcome"], "unknown", "{}", seen["says"]);
        assert!(seen["says"].as_str().is_some_and(|says| says.contains(word)), "{}", seen["says"]);
    }
}

/// Where a walk would disturb or be disturbed, nothing is walked, and what leaked is not known.
#[test]
fn no_canary_walks_while_the_swarm_moves_or_maintenance_is_under_way() {
    let stage = stage();
    stage.open(&[("docker.vips", "network = \"shared\"\nwalk = true\nmax_leaked = 0")]);
    let moving = r#"[{"ID": "web", "Spec": {"Name": "web_app"}, "UpdateStatus": {"State": "updating"}}]"#;
    let updating = engine(move |path| (path == "/services").then_some((200, moving)));
    let state = stage.world.path("state");
    let look = |engine: &FakeEngine| {
        let args = ["probe", "c0", "--json", "--engine", &engine.address(), "--state", &state.to_string_lossy()];
        let answer = stage.world.run_in("builder", &args);
        let value: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.all()));
        let seen = &value["observations"][0];
        (seen["outcome"].as_str().unwrap_or_default().to_owned(), seen["says"].as_str().unwrap_or_default().to_owned())
    };
    let (outcome, says) = look(&updating);
    assert!(outcome == "unknown" && says.contains("an update of service web_app is in flight"), "{says}");
    let window = format!(
        r#"{{"repository":"{}","phase":"pvfix","id":"{}","until":"2099-01-01T00:00:00Z"}}"#,
        "a".repeat(40),
        "b".repeat(64)
    );
    stage.world.write("state/ENGINE/window", &window);
    let (outcome, says) = look(&stage.engine);
    assert!(outcome == "unknown" && says.contains("no walk now: the window of phase pvfix is open"), "{says}");
    assert!(stage.engine.calls().iter().all(|call| !call.contains("create")), "nothing was walked");
}

/// An engine that is reached over the network, or whose memory is not this machine's (its socket is passed on from elsewhere), is not
/// known to run here: what only its own machine tells is unknown.
#[test]
fn from_another_machine_a_probe_of_the_host_is_unknown() {
    let stage = stage();
    let of_host = |name: &str| PROBES.iter().any(|probe| probe.name == name && probe.binds == Binds::Host);
    let rows: Vec<(&str, &str)> =
        ROWS.iter().filter(|row| of_host(row.probe)).map(|row| (row.probe, row.holds.unwrap_or(""))).collect();
    assert!(rows.len() > 2, "{rows:?}");
    stage.open(&rows);
    let port = over_tcp(&stage.engine.address());
    let elsewhere = engine(|path| {
        let info = || json!({"ID": "ENGINE", "MemTotal": own_memory() + 4096, "Swarm": manager_info()["Swarm"]});
        (path == "/info").then(|| (200, &*info().to_string().leak()))
    });
    for (address, word) in [
        (elsewhere.address(), "not known to be it"),
        (format!("tcp://127.0.0.1:{port}"), "not known to be it"),
        ("tcp://127.0.0.1:1".into(), "no engine could be asked"),
    ] {
        for ((probe, _), seen) in rows.iter().zip(stage.look(rows.len(), &address)) {
            let says = seen["says"].as_str().unwrap_or_default();
            assert!(seen["outcome"] == "unknown" && says.contains(word), "{probe}: {says}");
        }
    }
}

/// Each probe's example is a criterion that a contract takes as it stands, with the values that it names.
#[test]
fn the_example_of_every_probe_is_what_a_contract_takes() {
    let world = World::new();
    let base = world.git("builder", &["rev-parse", "HEAD"]);
    let values = [
        ("{network}", "proxy"),
        ("{subnet}", "10.10.0.0/16"),
        ("{base}", base.as_str()),
        ("{step.recreate.finished}", "2026-06-13T05:34:13Z"),
    ];
    let mut criteria = String::new();
    for (number, probe) in PROBES.iter().enumerate() {
        let told = world.run_in("builder", &["probe", "--explain", probe.name]).expect(0, "").stdout;
        let example = told.split("As a contract writes it\n").nth(1).expect("an example").replace("\n  ", "\n");
        let example = values.iter().fold(example, |text, (name, value)| text.replace(name, value));
        criteria += &format!("[[gate.criterion]]\nid = \"c{number}\"\ntitle = \"x\"\ntimeout = \"4s\"\n{example}\n");
    }
    world.open(&criteria);
    let answer = world.run_in("builder", &["probe", "--json", "--engine", "unix:///no/such.sock"]);
    let seen: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.all()));
    let names: Vec<&str> =
        seen["observations"].as_array().into_iter().flatten().filter_map(|one| one["probe"].as_str()).collect();
    assert!(PROBES.iter().all(|probe| names.contains(&probe.name)), "{}", answer.all());
}
