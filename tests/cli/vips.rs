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
    world.open("[[gate.criterion]]\nid = \"room\"\ntitle = \"x\"\nprobe = \"docker.vips\"\nnetwork = \"overlay1\"\n");
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
