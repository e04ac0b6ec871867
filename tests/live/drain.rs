//! Stacks are drained without a leak, and come back whole.

use crate::support::stage::Stage;
use crate::support::twin::Twin;

const STEP: &str = "[[step]]\nid = \"drain\"\ntitle = \"Take the shops down\"\ngate = \"M1\"\nkind = \"docker.stack.drain\"\n\
                    pattern = \"recipe-.*|shop\"\nexcept = [\"recipe-cryptpad\"]\ntimeout = \"2m\"\n";

/// A stack with everything that must come back: alias, environment, secret, config, an own network.
const COMPOSE: &str = "
version: '3.8'
services:
  app:
    image: countersign-twin:1
    command: [/countersign, twin-serve, backend, --name, shop]
    environment: [TOKEN=kept-in-the-capture]
    stop_grace_period: 2s
    networks: {proxy: {aliases: [shop.alias]}, internal: {}}
    secrets: [key]
    configs: [{source: menu, target: /menu}]
    deploy: {labels: {route.host: shop.ci.test}}
networks:
  proxy: {external: true}
  internal: {labels: {kept: 'yes'}}
secrets:
  key: {file: ./key}
configs:
  menu: {file: ./menu}
";

fn deploy(twin: &Twin) {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in [("compose.yml", COMPOSE), ("key", "a secret"), ("menu", "a config")] {
        std::fs::write(directory.path().join(name), text).expect("written");
    }
    let file = directory.path().join("compose.yml");
    twin.docker(&["stack", "deploy", "--resolve-image", "never", "-c", &file.to_string_lossy(), "shop"]);
    twin.until("the shop's route", || twin.route("shop.ci.test") == 200);
}

/// A service's spec with its networks by name, since ids are new after a network was made again.
fn spec(twin: &Twin, service: &str) -> serde_json::Value {
    let text = twin.docker(&["service", "inspect", service, "--format", "{{json .Spec}}"]);
    let mut spec: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for entry in spec.pointer_mut("/TaskTemplate/Networks").and_then(|list| list.as_array_mut()).expect("networks") {
        let id = entry["Target"].as_str().expect("an id").to_owned();
        entry["Target"] = twin.docker(&["network", "inspect", &id, "--format", "{{.Name}}"]).into();
    }
    spec
}

const NAMES: [&str; 2] = ["shop_app", "recipe-hedgedoc_app"];

#[test]
fn drained_stacks_come_back_whole_and_nothing_leaks() {
    let Some(twin) = Twin::up("drain", &["--topology", "pvfix"]) else { return };
    deploy(&twin);
    let stage = Stage::set(twin, STEP);
    let twin = &stage.twin;
    let before = NAMES.map(|name| spec(twin, name));
    let format = "{{.Labels}} {{.IPAM.Config}}";
    let internal = twin.docker(&["network", "inspect", "shop_internal", "--format", format]);
    stage.builder(&["builder", "run", "drain"]).expect(0, "drained 2 stacks: 2 services and 2 networks removed");
    let left = twin.docker(&["service", "ls", "--format", "{{.Name}}"]);
    assert!(!left.contains("shop") && !left.contains("hedgedoc") && left.contains("recipe-cryptpad_app"), "{left}");
    let networks = twin.docker(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(
        !networks.contains("shop") && !networks.contains("hedgedoc") && networks.contains("cryptpad"),
        "{networks}"
    );
    assert_eq!(twin.docker(&["secret", "ls", "--format", "{{.Name}}"]), "shop_key");
    let log = std::fs::read_to_string(twin.dir().join("engine.log")).expect("the engine's log");
    assert!(!log.contains("could not find network allocator state"), "an address was leaked");
    stage.builder(&["builder", "undo", "drain"]).expect(0, "2 stacks are back");
    assert_eq!(NAMES.map(|name| spec(twin, name)), before);
    assert_eq!(twin.docker(&["network", "inspect", "shop_internal", "--format", format]), internal);
    twin.until("the routes", || ["shop.ci.test", "hedgedoc.ci.test"].iter().all(|host| twin.route(host) == 200));
    assert!(!stage.everything_written().contains("kept-in-the-capture"), "the environment is in a document");
}

#[test]
fn a_stranger_on_a_stacks_network_is_named_and_nothing_is_touched() {
    let Some(twin) = Twin::up("stranger", &["--topology", "pvfix"]) else { return };
    let create = ["service", "create", "--detach", "--name", "guest", "--network", "recipe-hedgedoc_internal"];
    twin.docker(
        &[&create[..], &["countersign-twin:1", "/countersign", "twin-serve", "backend", "--name", "g"]].concat(),
    );
    let stage = Stage::set(twin, STEP);
    let before = stage.twin.docker(&["service", "ls"]);
    stage
        .builder(&["builder", "run", "drain"])
        .expect(20, "service guest is on recipe-hedgedoc_internal; wanted nobody else on the networks of these stacks");
    assert_eq!(stage.twin.docker(&["service", "ls"]), before);
}

/// The process dies at one point after another, each time while it goes on from the last death.
#[cfg(feature = "test-hooks")]
#[test]
fn a_drain_killed_at_any_point_goes_on() {
    let Some(twin) = Twin::up("drain-kill", &["--topology", "pvfix"]) else { return };
    deploy(&twin);
    let stage = Stage::set(twin, STEP);
    let mut before = NAMES.map(|name| spec(&stage.twin, name));
    // A service comes, and another is changed, after the capture: both are captured before they are removed.
    let stopped = stage.start(&["builder", "run", "drain"], "stop drain.captured");
    stage.twin.until("the drain to stop", || stopped.is_stopped());
    let stack = "com.docker.stack.namespace=shop";
    let late = ["service", "create", "--detach", "--name", "shop_late", "--label", stack, "--network", "shop_internal"];
    let serves = ["countersign-twin:1", "/countersign", "twin-serve", "backend", "--name", "late"];
    stage.twin.docker(&[&late[..], &serves].concat());
    stage.twin.docker(&["service", "update", "--quiet", "--detach", "--label-add", "changed=yes", "shop_app"]);
    let done = stopped.go_on().expect(0, "drained 2 stacks: 3 services and 2 networks removed");
    done.expect(0, "came or was changed meanwhile, and is captured, too: ");
    stage.builder(&["builder", "undo", "drain"]).expect(0, "2 stacks are back");
    before[0]["Labels"]["changed"] = "yes".into();
    assert_eq!(NAMES.map(|name| spec(&stage.twin, name)), before);
    stage.twin.docker(&["service", "rm", "shop_late"]);
    let mut act = "run drain";
    for point in [
        "drain.captured",
        "engine.service.remove.before#1",
        "drain.services",
        "drain.ended",
        "engine.network.remove.before#1",
        "engine.network.remove.after#1",
        "drain.network#1",
    ] {
        let args: Vec<&str> = ["builder"].into_iter().chain(act.split(' ')).collect();
        stage.with_fault(&args, &format!("kill {point}")).expect(-1, "");
        act = "resume";
    }
    stage.builder(&["builder", "resume"]).expect(0, "drained 2 stacks: 2 services and 2 networks removed");
    let left = stage.twin.docker(&["network", "ls", "--format", "{{.Name}}"]) + &stage.twin.docker(&["service", "ls"]);
    assert!(!left.contains("shop") && !left.contains("hedgedoc"), "{left}");
    let log = std::fs::read_to_string(stage.twin.dir().join("engine.log")).expect("the engine's log");
    assert!(!log.contains("could not find network allocator state"), "an address was leaked");
    stage.builder(&["check"]).expect(0, "every byte");
    for point in ["restore.network#1", "restore.service#1", "restore.settled"] {
        stage.with_fault(&["builder", "undo", "drain"], &format!("kill {point}")).expect(-1, "");
    }
    // Whoever began to bring them back wanted them back.
    stage.builder(&["builder", "resume"]).expect(0, "2 stacks are back");
    assert_eq!(NAMES.map(|name| spec(&stage.twin, name)), before);
}
