//! Before the PASS: every way to the network, by the stock client, by plain HTTP, by another client's library and from afar.

use std::fs;
use std::process::Command;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{LeaveSwarmOptions, UpdateServiceOptions};

use super::lab::{DENIED, Lab, denied, service, status};
use crate::support::fake_swarm::over_tcp;
use crate::support::root;

#[test]
fn before_the_pass_no_client_gets_through_and_nothing_moves() {
    let Some(lab) = Lab::up("wall", "always") else { return };
    let id = lab.twin.docker(&["network", "inspect", "proxy", "--format", "{{.Id}}"]);
    let node = lab.twin.docker(&["node", "ls", "--format", "{{.ID}}"]);
    let before = lab.state();
    by_the_stock_client(&lab, &id, &node);
    by_plain_http(&lab, &id, &node);
    by_another_library(&lab, &id);
    from_afar(&lab);
    let after = lab.state();
    let moved: Vec<_> = before.lines().zip(after.lines()).filter(|(before, after)| before != after).collect();
    assert!(before == after, "something moved: {moved:#?}");
    the_rest_goes_on(&lab);

    // A thousand at once, while nothing moves.
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let ask = || (0..20).map(|_| lab.http("DELETE", "/networks/proxy", "").0).collect::<Vec<_>>();
        let threads: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("asked")).collect()
    });
    assert_eq!(answers, [403; 1000]);

    // What was tried is told, with its reason.
    let told = lab.run(&["status"]).expect(0, "the interlock refused").stdout;
    assert!(told.contains("refused DELETE /networks/proxy") && told.contains("gate M1 has no PASS"), "{told}");
    let socket = lab.socket();
    let socket = socket.to_string_lossy();
    let told = lab.run(&["interlock", "status", "--socket", &socket, "--last", "5000"]).expect(0, "answers at").stdout;
    assert!(told.contains("networks: proxy") && told.contains("leaves the swarm"), "{told}");
}

fn by_the_stock_client(lab: &Lab, id: &str, node: &str) {
    let gate = "gate M1 has no PASS";
    let rows: Vec<Vec<&str>> = vec![
        vec!["network", "rm", "proxy"],
        vec!["network", "rm", "PROXY"],
        vec!["network", "rm", id],
        vec!["network", "rm", &id[..5]],
        vec!["network", "disconnect", "-f", "proxy", "somebody"],
        vec!["network", "create", "--driver", "overlay", "proxy"],
        vec!["network", "create", "--driver", "bridge", "Proxy"],
        vec!["network", "connect", "proxy", "somebody"],
        vec!["service", "rm", "traefik_app"],
        vec!["service", "scale", "--detach", "traefik_app=0"],
        vec!["service", "update", "--detach", "--network-rm", "proxy", "recipe_app"],
        vec!["service", "update", "--detach", "--network-add", "proxy", "quiet_app"],
        vec!["service", "rm", "quiet_app"],
        vec!["service", "rm", "recipe_app"],
        service("new", "proxy", &[]),
        vec!["stack", "rm", "traefik"],
        vec!["swarm", "leave", "--force"],
        vec!["node", "update", "--availability", "drain", node],
        vec!["node", "demote", node],
        vec!["node", "rm", "--force", node],
        vec!["run", "--rm", "--network", "proxy", "countersign-twin:1", "/countersign", "--version"],
    ];
    for row in rows {
        denied(&lab.twin.try_docker(&row), gate);
    }
    // A prune takes what no service is on, and nothing else.
    let pruned = lab.twin.try_docker(&["network", "prune", "--force"]);
    assert!(pruned.status.success(), "{}", String::from_utf8_lossy(&pruned.stderr));
}

fn by_plain_http(lab: &Lab, id: &str, node: &str) {
    let on = |target: &str| format!(r#"{{"Name": "x", "TaskTemplate": {{"Networks": [{{"tArGeT": "{target}"}}]}}}}"#);
    let (proxy, begin) = (on("proxy"), on(&id[..6]));
    let update = format!("/v1.41/nodes/{node}/update?version=1");
    let rows: &[(&str, &str, &str)] = &[
        ("DELETE", "/networks/proxy", ""),
        ("DELETE", "/v1.12/networks/proxy", ""),
        ("DELETE", "/v1.41/networks/%70%72oxy", ""),
        ("DELETE", "/v1.41/networks%2Fproxy", ""),
        ("DELETE", "/v1.41/networks/proxy?force=1", ""),
        ("DELETE", "http://x/v1.41/networks/proxy", ""),
        ("POST", "/v1.41/networks/proxy/disconnect", r#"{"Container": "x", "Force": true}"#),
        ("POST", "/v1.41/services/create", &proxy),
        ("POST", "/v1.41/services/create", &begin),
        ("POST", "/v1.41/networks/create", r#"{"nAme": "proxy"}"#),
        ("POST", "/v1.41/networks/create", r#"{"Name": "mine", "name": "proxy"}"#),
        ("POST", "/v1.41/containers/create", r#"{"Image": "countersign-twin:1", "NetworkMode": "proxy"}"#),
        ("POST", "/v1.41/build?networkmode=proxy&remote=x", ""),
        ("POST", &update, r#"{"Role": "manager", "role": "worker", "Availability": "active"}"#),
        ("POST", "/v1.41/swarm/init", r#"{"ForceNewCluster": true, "ListenAddr": "127.0.0.1"}"#),
        ("POST", "/v1.41/swarm/leave?force=true", ""),
    ];
    for (method, path, body) in rows {
        let (code, answer) = lab.http(method, path, body);
        assert!(code == 403 && answer.contains(DENIED), "{method} {path} {body}: {answer}");
    }
    // The router sends these elsewhere before anything is asked; nobody who follows gets further.
    for path in ["//v1.41//networks//proxy", "/v1.41/images/../networks/proxy", "/v1.41/networks/./proxy"] {
        let (code, answer) = lab.http("DELETE", path, "");
        assert!(matches!(code, 301 | 308 | 403 | 404), "{path}: {answer}");
    }
    // A body that the engine does not hand on: chunked, of no type, of length zero, and more than it shows.
    let chunked = format!("{:x}\r\n{proxy}\r\n0\r\n\r\n", proxy.len());
    let long = format!(
        r#"{{"Name": "x", "Labels": {{"pad": "{}"}}, "Networks": [{{"Target": "proxy"}}]}}"#,
        "x".repeat(1 << 20)
    );
    let with = |headers: &str, body: &str| {
        format!("POST /v1.41/services/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n\r\n{body}")
    };
    let json = "Content-Type: application/json\r\n";
    for request in [
        with(&format!("{json}Transfer-Encoding: chunked"), &chunked),
        with(&format!("{json}Content-Length: {}", long.len()), &long),
        with(&format!("Content-Length: {}", proxy.len()), &proxy),
        with(&format!("Content-Type: text/plain\r\nContent-Length: {}", proxy.len()), &proxy),
        with(&format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}", proxy.len()), &proxy),
        with(&format!("{json}Content-Length: 0"), &proxy),
        with(&format!("{json}Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: {}", proxy.len()), &proxy),
    ] {
        let answer = lab.raw(request.as_bytes(), Duration::from_secs(20)).expect("an answer");
        let head: String = request.chars().take(200).collect();
        assert!(status(&answer) == 403 && answer.contains(DENIED), "{head}: {answer}");
    }
    // A token that nobody made.
    let guess = format!(
        "DELETE /networks/proxy HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Countersign-Token: {}\r\n\r\n",
        "0".repeat(64)
    );
    let answer = lab.raw(guess.as_bytes(), Duration::from_secs(20)).expect("an answer");
    assert!(status(&answer) == 403 && answer.contains(DENIED), "{answer}");
}

/// Over TCP, and over ssh as the stock client does it: the far side is its own `system dial-stdio`; only ssh between them is a fake.
fn from_afar(lab: &Lab) {
    let port = over_tcp(&lab.twin.engine());
    let bin = lab.world.path("bin");
    fs::create_dir_all(&bin).expect("made");
    fs::copy(root().join("tests/support/fakes/ssh"), bin.join("ssh")).expect("copied");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a path"));
    for host in [format!("tcp://127.0.0.1:{port}"), "ssh://somebody@far".to_owned()] {
        let docker = |args: &[&str]| {
            let mut command = Command::new("docker");
            command.args(args).env("DOCKER_HOST", &host).env("PATH", &path).env("FAR_ENGINE", lab.twin.engine());
            command.output().expect("docker runs")
        };
        let listed = docker(&["network", "ls"]);
        assert!(listed.status.success(), "{host}: {}", String::from_utf8_lossy(&listed.stderr));
        denied(&docker(&["network", "rm", "proxy"]), "gate M1 has no PASS");
        denied(&docker(&["service", "rm", "traefik_app"]), "gate M1 has no PASS");
    }
}

fn by_another_library(lab: &Lab, id: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let docker =
            Docker::connect_with_unix(&lab.twin.engine(), 20, bollard::API_DEFAULT_VERSION).expect("connected");
        let docker = docker.negotiate_version().await.expect("a version");
        let refused = |what: &str, error: Option<bollard::errors::Error>| {
            let text = error.map_or_else(|| "it went through".to_owned(), |error| error.to_string());
            assert!(text.contains(DENIED), "{what}: {text}");
        };
        refused("remove by name", docker.remove_network("proxy").await.err());
        refused("remove by id", docker.remove_network(id).await.err());
        refused("leave", docker.leave_swarm(Some(LeaveSwarmOptions { force: true })).await.err());
        refused("remove a service", docker.delete_service("traefik_app").await.err());
        let service = docker.inspect_service("recipe_app", None).await.expect("inspected");
        let mut spec = service.spec.expect("a spec");
        spec.task_template.as_mut().expect("a template").networks = Some(Vec::new());
        let version =
            i32::try_from(service.version.and_then(|version| version.index).expect("a version")).expect("small");
        let options = UpdateServiceOptions { version, ..UpdateServiceOptions::default() };
        refused("detach", docker.update_service("recipe_app", spec, options, None).await.err());
    });
}

fn the_rest_goes_on(lab: &Lab) {
    lab.twin.docker(&["network", "create", "--driver", "overlay", "mine"]);
    lab.twin.docker(&service("mine_app", "mine", &[]));
    lab.twin.docker(&["service", "update", "--detach", "--label-add", "a=b", "recipe_app"]);
    lab.twin.docker(&["service", "rm", "mine_app"]);
    lab.twin.docker(&["run", "--rm", "countersign-twin:1", "/countersign", "--version"]);
    lab.twin.docker(&["volume", "create", "plain"]);
    lab.twin.docker(&["volume", "rm", "plain"]);
    lab.twin.until("the network's end", || lab.twin.try_docker(&["network", "rm", "mine"]).status.success());
}
