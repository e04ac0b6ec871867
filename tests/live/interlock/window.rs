//! In the window: the executor's own step goes through, and nobody else's request on the network does.

use super::lab::{Lab, denied, service};
use crate::support::stage::Running;

#[test]
fn in_the_window_the_executor_alone_touches_the_network() {
    let Some(lab) = Lab::up("window", "window") else { return };
    // Before it, recipes come and go.
    lab.twin.docker(&service("early_app", "proxy", &[]));
    lab.twin.docker(&["service", "rm", "early_app"]);
    lab.twin.docker(&[
        "create",
        "--name",
        "waiting",
        "--network",
        "proxy",
        "countersign-twin:1",
        "/countersign",
        "--version",
    ]);
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "gate M1 has no PASS");
    lab.pass();
    // In it, nobody.
    let bystanders = |next: &str| {
        denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), next);
        denied(&lab.twin.try_docker(&service("late_app", "proxy", &[])), next);
        denied(&lab.twin.try_docker(&["start", "waiting"]), next);
        denied(&lab.twin.try_docker(&["network", "connect", "proxy", "waiting"]), next);
        denied(&lab.twin.try_docker(&["service", "rm", "recipe_app"]), next);
        denied(&lab.twin.try_docker(&["service", "update", "--detach", "--force", "recipe_app"]), next);
        denied(&lab.twin.try_docker(&["network", "prune", "--force"]), next);
    };
    bystanders("gate M1 is open for the executor alone. Next: countersign builder run recreate");
    // A container that has the engine's socket is a bystander too, and gets to see no place where the token is.
    let state = lab.world.path("state");
    let mount = format!("type=bind,source={},target=/x", state.display());
    let seen = ["run", "--rm", "--mount", &mount, "countersign-twin:1", "/countersign", "--version"];

    let mut command = lab.command(&["builder", "run", "recreate"]);
    command.env("COUNTERSIGN_FAULT", "stop engine.network.remove.before#2");
    let step = Running::start(command);
    lab.twin.until("the step", || step.is_stopped());
    bystanders("countersign builder resume");
    denied(&lab.twin.try_docker(&seen), "where the executor's word is");
    step.go_on().expect(0, "done");
    let subnet = || lab.twin.docker(&["network", "inspect", "proxy", "--format", "{{(index .IPAM.Config 0).Subnet}}"]);
    assert_eq!(subnet(), "10.77.0.0/16");
    // The token went with the step.
    let tokens = walk(&state).into_iter().filter(|name| name.ends_with("/token")).collect::<Vec<_>>();
    assert_eq!(tokens, Vec::<String>::new());
    let decisions = lab.run(&["interlock", "status", "--last", "500", "--json"]).expect(0, "").stdout;
    assert!(decisions.contains("step recreate of phase demo"), "{decisions}");
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "phase demo guards this");
    // Killed with the network gone, and the window closed: what it leaves counts for nobody, and its recovery is not refused.
    let mut command = lab.command(&["builder", "run", "again"]);
    command.env("COUNTERSIGN_FAULT", "stop engine.network.create.before#2");
    let step = Running::start(command);
    lab.twin.until("the step", || step.is_stopped());
    let left = walk(&state).into_iter().find(|name| name.ends_with("/token")).expect("a token");
    let left: serde_json::Value = serde_json::from_slice(&std::fs::read(left).expect("read")).expect("JSON");
    // Whoever gets to read what lies there has nothing to show, also while the step runs.
    let shown = left["digest"].as_str().expect("a digest");
    let make = r#"{"Name": "proxy", "Driver": "overlay"}"#;
    let stale = format!(
        "POST /networks/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Countersign-Token: {shown}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{make}",
        make.len()
    );
    let answer = lab.raw(stale.as_bytes(), std::time::Duration::from_secs(20)).expect("an answer");
    assert!(answer.contains("makes a network `proxy`"), "{answer}");
    step.kill();
    lab.run(&["builder", "window", "close"]).expect(0, "closed");
    let answer = lab.raw(stale.as_bytes(), std::time::Duration::from_secs(20)).expect("an answer");
    assert!(answer.contains("makes a network `proxy`") && answer.contains("countersign builder resume"), "{answer}");
    lab.run(&["builder", "resume"]).expect(0, "done");
    assert_eq!(subnet(), "10.79.0.0/16");
    lab.twin.docker(&service("after_app", "proxy", &[]));
}

fn walk(directory: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}
