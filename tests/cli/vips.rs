//! `vips` without a phase and without a repository, on an engine that answers from memory.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::fake_swarm::{FakeEngine, Swarm, manager_info};

fn vips(engine: &str, args: &[&str]) -> (i32, String, String) {
    let nowhere = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .arg("vips")
        .args(args)
        .args(["--engine", engine])
        .current_dir(nowhere.path())
        .env_clear()
        .output()
        .expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn five_list_calls_whatever_the_size_of_the_swarm() {
    let mut counts = Vec::new();
    for (overlays, services, tasks) in [(2, 3, 4), (40, 400, 1200)] {
        let swarm = Swarm::new(overlays, services, tasks);
        let engine = FakeEngine::start("1.41", move |path| swarm.answer(path));
        let (exit, out, err) = vips(&engine.address(), &["--json"]);
        assert_eq!(exit, 0, "{err}");
        let seen: Value = serde_json::from_str(&out).expect("JSON");
        let networks = seen["networks"].as_array().expect("networks");
        let sum = |key: &str| networks.iter().map(|one| one[key].as_u64().unwrap_or(0)).sum::<u64>();
        let live = tasks - tasks / 4;
        assert_eq!((networks.len(), sum("vips"), sum("tasks")), (overlays, services as u64, live as u64));
        assert!(
            networks.iter().all(|one| one["leaked"].is_null() && one["leaked_unknown"].is_string()),
            "never a guess"
        );
        counts.push(engine.calls().len());
    }
    // Who it is, canaries that were left, five lists.
    assert_eq!(counts, [7, 7]);
}

/// An engine of API 1.52 whose allocator counts seven in use on `proxy`: three reserved, one service, one task, one node's
/// endpoint, and one that nobody holds.
fn of_api_152(allocator: Value) -> FakeEngine {
    let mut networks: Value = serde_json::from_str(&Swarm::new(2, 0, 0).networks).expect("JSON");
    networks[1]["Name"] = json!("proxy");
    let service = json!([{"ID": "s", "Spec": {"Name": "web"}, "Endpoint": {"VirtualIPs": [{"NetworkID": "net1", "Addr": "10.1.0.2/16"}]}}]);
    let task = json!([{"ID": "t", "ServiceID": "s", "NodeID": "n0", "Status": {"State": "running"}, "DesiredState": "running",
        "NetworksAttachments": [{"Network": {"ID": "net1"}, "Addresses": ["10.1.0.3/16"]}]}]);
    let mut one = networks[1].clone();
    one["Status"] = json!({"IPAM": {"Subnets": {"10.1.0.0/16": allocator}}});
    FakeEngine::start("1.52", move |path| {
        let body: Arc<str> = match path.split('?').next().unwrap_or(path) {
            "/info" => manager_info().to_string().into(),
            "/networks" => networks.to_string().into(),
            "/networks/proxy" if path.ends_with("?scope=swarm") => one.to_string().into(),
            "/services" if !path.contains('?') => service.to_string().into(),
            "/tasks" if !path.contains("attachment") => task.to_string().into(),
            "/nodes" => r#"[{"ID": "n0"}]"#.into(),
            "/services" | "/tasks" => "[]".into(),
            _ => return (404, r#"{"message": "not found"}"#.into()),
        };
        (200, body)
    })
}

#[test]
fn from_api_1_52_on_the_leader_s_allocator_tells_what_leaked() {
    let engine = of_api_152(json!({"IPsInUse": 7, "DynamicIPsAvailable": 65529}));
    let (exit, out, err) = vips(&engine.address(), &["proxy", "--json"]);
    let seen: Value = serde_json::from_str(&out).expect("JSON");
    let one = &seen["networks"][0];
    assert_eq!((exit, one["leaked"].as_u64(), one["free"].as_u64()), (0, Some(1), Some(65529)), "{out}{err}");
    // By its id a node that takes part would answer with its own pool.
    assert!(engine.calls().iter().all(|path| !path.contains("/networks/net1")));
    let (_, text, _) = vips(&engine.address(), &["proxy"]);
    assert!(text.lines().nth(1).is_some_and(|row| row.starts_with("proxy") && row.contains("65533")), "{text}");

    // Fewer in use than are held: an answer from the wrong place. Never "no leak".
    let own = of_api_152(json!({"IPsInUse": 2, "DynamicIPsAvailable": 65534}));
    let (_, out, _) = vips(&own.address(), &["proxy", "--json"]);
    assert!(out.contains("fewer than the 6 that are accounted for") && out.contains("\"leaked\":null"), "{out}");
    let silent = of_api_152(json!({}));
    let (_, out, _) = vips(&silent.address(), &["proxy", "--json"]);
    assert!(out.contains("told no count of it") && out.contains("\"leaked\":null"), "{out}");
}

/// A canary that gets no address is refused one only where the allocator meanwhile serves another: silence is no full pool.
#[test]
fn a_walk_to_which_nothing_answers_finds_no_leak() {
    let silent = |on_mesh: bool, config: Value, services: Value| {
        let network = |id: &str, ingress: bool, config: &Value| json!({"Id": id, "Name": id, "Scope": "swarm", "Driver": "overlay", "Ingress": ingress, "IPAM": {"Config": [config]}});
        let mesh = network("mesh", true, &json!({"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}));
        let networks = json!([mesh, network("proxy", false, &config)]);
        let made = std::sync::atomic::AtomicUsize::new(0);
        FakeEngine::start("1.41", move |path| {
            let body = match path.split('?').next().unwrap_or(path) {
                "/info" => manager_info(),
                "/networks" => networks.clone(),
                "/nodes" => json!([{"ID": "n0"}]),
                "/services" if !path.contains('?') => services.clone(),
                "/services" | "/tasks" => json!([]),
                "/services/create" => {
                    json!({"ID": format!("c{}", made.fetch_add(1, std::sync::atomic::Ordering::Relaxed))})
                }
                // The fourth: two canaries, one that waits, one on the mesh.
                "/services/c3" if on_mesh => {
                    json!({"ID": "c3", "Endpoint": {"VirtualIPs": [{"NetworkID": "mesh", "Addr": "10.0.0.9/24"}]}})
                }
                service if service.starts_with("/services/c") => json!({"ID": "c"}),
                _ => return (404, r#"{"message": "not found"}"#.into()),
            };
            (200, body.to_string().into())
        })
    };
    let plain = || json!({"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"});
    // Where all are held by somebody, a network is full whatever the allocator does.
    let small = json!({"Subnet": "10.1.0.0/30", "Gateway": "10.1.0.1"});
    let vip = json!([{"NetworkID": "proxy", "Addr": "10.1.0.2/30"}]);
    let service = json!([{"ID": "s", "Spec": {"Name": "s"}, "Endpoint": {"VirtualIPs": vip}}]);
    let cases =
        [(false, plain(), json!([]), None), (true, plain(), json!([]), Some(253)), (false, small, service, Some(0))];
    std::thread::scope(|scope| {
        for (on_mesh, config, services, leaked) in cases {
            scope.spawn(move || {
                let state = tempfile::tempdir().expect("a directory");
                let engine = silent(on_mesh, config, services);
                let place = state.path().display().to_string();
                let (exit, out, err) = vips(&engine.address(), &["proxy", "--walk", "--json", "--state", &place]);
                let seen: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{exit} {out}{err}"));
                let one = &seen["networks"][0];
                assert_eq!((exit, one["leaked"].as_u64()), (0, leaked), "{one}");
                assert_eq!(one["free"].as_u64(), leaked.map(|_| 0), "{one}");
                let why = one["leaked_unknown"].as_str().unwrap_or_default();
                assert_eq!(why.contains("only busy or stuck"), leaked.is_none(), "{one}");
            });
        }
    });
}

#[cfg(feature = "test-hooks")]
#[test]
fn how_fast_it_fills_is_told_from_what_the_documents_hold_and_never_guessed() {
    use crate::support::World;
    let filled = |vips: usize| {
        let mut networks: Value = serde_json::from_str(&Swarm::new(2, 0, 0).networks).expect("JSON");
        networks[1]["IPAM"]["Config"] = json!([{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"}]);
        let vip = |number: usize| {
            json!({"ID": format!("s{number}"), "Spec": {"Name": format!("s{number}")},
                   "Endpoint": {"VirtualIPs": [{"NetworkID": "net1", "Addr": format!("10.1.0.{}/24", number + 2)}]}})
        };
        let services = Value::Array((0..vips).map(vip).collect());
        FakeEngine::start("1.41", move |path| {
            let body: Arc<str> = match path.split('?').next().unwrap_or(path) {
                "/info" => manager_info().to_string().into(),
                "/networks" => networks.to_string().into(),
                "/services" if !path.contains('?') => services.to_string().into(),
                "/nodes" => r#"[{"ID": "n0"}]"#.into(),
                "/services" | "/tasks" => "[]".into(),
                _ => return (404, r#"{"message": "not found"}"#.into()),
            };
            (200, body)
        })
    };
    let world = World::new();
    world.open("[[gate.criterion]]\nid = \"room\"\ntitle = \"x\"\nprobe = \"docker.vips\"\nnetwork = \"overlay1\"\nmax_used_percent = 100\n");
    world.adopt();
    let run = |args: &[&str], engine: &FakeEngine, now: &str| {
        let (address, state) = (engine.address(), world.path("state"));
        let more = ["--engine", &address, "--state", state.to_str().expect("UTF-8")];
        world.run_ordered("builder", "builder", &[args, &more].concat(), &[("COUNTERSIGN_NOW", now)])
    };
    let (before, after) = (filled(100), filled(120));
    run(&["vips", "overlay1"], &before, "2098-01-01T00:00:00Z")
        .expect(0, "trend: unknown: no earlier observation of this network");
    run(&["builder", "evidence", "room"], &before, "2098-01-01T00:00:00Z").expect(0, "");
    run(&["vips", "overlay1"], &after, "2098-01-01T00:01:00Z").expect(0, "trend: unknown: the earliest observation is");
    let told = run(&["vips", "overlay1"], &after, "2098-01-03T00:00:00Z").expect(0, "none is left in 13.3 days");
    assert!(
        told.stdout.contains("+10.0 addresses a day held (leaked is not known), by 2 observations"),
        "{}",
        told.stdout
    );
    let json = run(&["vips", "overlay1", "--json"], &after, "2098-01-03T00:00:00Z");
    let value: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert!(value["networks"][0]["per_day"].as_f64().is_some_and(|rate| (rate - 10.0).abs() < 0.1), "{value}");
    // The probe tells the same among its readings.
    let probed = run(&["probe", "room", "--json"], &after, "2098-01-03T00:00:00Z");
    assert!(probed.stdout.contains("+10.0 addresses a day"), "{}", probed.stdout);
}

#[test]
fn what_cannot_be_looked_at_is_13_and_what_is_not_there_14() {
    let (exit, _, err) = vips("unix:///nonexistent/engine.sock", &[]);
    assert!(exit == 13 && err.contains("/nonexistent/engine.sock"), "{exit} {err}");
    let worker = FakeEngine::start("1.41", |_| {
        (200, json!({"ID": "E", "Swarm": {"LocalNodeState": "active", "ControlAvailable": false}}).to_string().into())
    });
    let (exit, _, err) = vips(&worker.address(), &[]);
    assert!(exit == 13 && err.contains("worker"), "{exit} {err}");
    let broken = FakeEngine::start("1.41", |path| {
        if path == "/info" { (200, manager_info().to_string().into()) } else { (500, "{}".into()) }
    });
    assert_eq!(vips(&broken.address(), &[]).0, 13);
    let engine = of_api_152(json!({}));
    let (exit, _, err) = vips(&engine.address(), &["prox"]);
    assert!(exit == 14 && err.contains("no overlay network is called prox") && err.contains("proxy"), "{exit} {err}");
}

/// Names and labels are others' words.
#[test]
fn no_name_of_an_engine_s_moves_the_cursor_or_turns_the_text() {
    let name = "\u{1b}[2J; rm -rf / #\n`id`\u{202e}$(id)";
    let networks = json!([{"Id": "net1", "Name": name, "Scope": "swarm", "Driver": "overlay", "Created": "2020-01-01T00:00:00Z",
        "Labels": {"com.docker.stack.namespace": name}, "IPAM": {"Config": [{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"}]}}]);
    let engine = FakeEngine::start("1.41", move |path| {
        let body: Arc<str> = match path.split('?').next().unwrap_or(path) {
            "/info" => manager_info().to_string().into(),
            "/networks" => networks.to_string().into(),
            "/nodes" => r#"[{"ID": "n0"}]"#.into(),
            _ => "[]".into(),
        };
        (200, body)
    });
    let plain = |text: &str| text.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}'));
    for args in [&[][..], &[name], &["nothing\u{1b}[2J"]] {
        let (exit, out, err) = vips(&engine.address(), args);
        assert!([0, 14].contains(&exit) && plain(&out) && plain(&err), "{exit}: {out:?} {err:?}");
        assert!((out + &err).contains("\\u{1b}[2J"));
    }
}

/// It streams for as long as one reads: no memory of this machine is enough for that.
#[test]
fn an_answer_without_an_end_is_given_up() {
    use std::io::{Read as _, Write as _};
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("engine.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).unwrap_or(0);
                let asked = String::from_utf8_lossy(&request[..read]).into_owned();
                let known =
                    [("/version", json!({"ApiVersion": "1.41", "MinAPIVersion": "1.12"})), ("/info", manager_info())];
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
                let body = known.into_iter().find(|(path, _)| asked.contains(&format!("{path} ")));
                if let Some(body) = body.map(|(_, body)| body.to_string()) {
                    let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
                } else {
                    let _ = write!(stream, "{head}\r\n[\"");
                    while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
                }
            });
        }
    });
    // A slow machine may give it up for the time that it takes; none may be out of memory.
    let bounded = "ulimit -v 3000000 && exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", bounded, "sh", env!("CARGO_BIN_EXE_countersign"), "vips", "--engine"]);
    let output = command.arg(format!("unix://{}", socket.display())).output().expect("runs");
    let err = String::from_utf8_lossy(&output.stderr);
    let given_up = err.contains("it is longer than 256 MiB") || err.contains("gave no answer within");
    assert!(output.status.code() == Some(13) && given_up, "{output:?}");
}

#[test]
fn an_address_that_is_none_says_what_one_is() {
    for (address, word) in [
        ("ssh://root@host", "over ssh, run countersign there"),
        ("/var/run/docker.sock", "wanted unix:///path or tcp://host:port"),
        ("tcp://127.0.0.1:99999", "invalid port number"),
        ("unix:///tmp/$(touch x);`id`", "Socket not found: /tmp/$(touch x);`id`"),
    ] {
        let (exit, _, err) = vips(address, &[]);
        assert!(exit == 13 && err.contains(word) && err.contains("--engine or DOCKER_HOST"), "{address}: {err}");
    }
    // `DOCKER_HOST` where nothing is given, and the usual socket where that says nothing.
    let run = |host: &str, args: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_countersign")).arg("vips").args(args).env("DOCKER_HOST", host).output();
        String::from_utf8_lossy(&output.expect("runs").stderr).into_owned()
    };
    assert!(run("unix:///no/such/one", &[]).contains("unix:///no/such/one"));
    assert!(run("unix:///no/such/one", &["--engine", "unix:///no/other"]).contains("unix:///no/other"));
}
