//! The safety net on a real swarm: it cures an exhausted engine, does nothing on a healthy one, and leaks nothing itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::vips::{countersign, leak, live_tasks, running, service, state, wait, walk};
use crate::support::twin::Twin;

/// Runs `guard --json` with the twin's log; gives exit code and answer.
fn guard(twin: &Twin, args: &[&str]) -> (i32, Value) {
    let log = twin.dir().join("engine.log").display().to_string();
    let all: Vec<&str> = ["guard", "--json", "--log", &log].iter().chain(args).copied().collect();
    let output = countersign(twin, &all);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap_or(-1), value)
}

/// A program that restarts the twin's one engine.
fn restarter(twin: &Twin) -> PathBuf {
    let program = twin.dir().join("restart");
    let (tool, dir) = (env!("CARGO_BIN_EXE_countersign"), twin.dir().display());
    let node = |act: &str| format!("{tool} twin node {act} n1 --dir {dir}");
    let script = format!("#!/bin/sh\n{} && {}\n", node("stop"), node("start"));
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
    program
}

fn stack_network(twin: &Twin, name: &str) {
    twin.docker(&["network", "create", "--driver", "overlay", "--label", "com.docker.stack.namespace=recipe", name]);
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn an_exhausted_engine_is_cured_and_a_healthy_one_left_alone() {
    let Some(twin) = Twin::up("guard", &[]) else { return };
    twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.20.0.0/28", "small"]);
    twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.21.0.0/28", "full"]);

    // Healthy: nothing is done, dry or not.
    for args in [&[][..], &["--apply"]] {
        let (exit, seen) = guard(&twin, args);
        assert_eq!((exit, seen["restarted"].as_bool()), (0, Some(false)), "{seen}");
        assert_eq!((names(&seen["pruned"]).len(), names(&seen["would_prune"]).len()), (0, 0), "{seen}");
    }

    exhaust(&twin);
    // Full: no canary gets an address, and what nobody holds is what leaked.
    let walked = walk(&twin, "small");
    assert_eq!((walked["leaked"].as_u64(), walked["free"].as_u64()), (Some(5), Some(0)), "{walked}");
    let engine = twin.docker(&["info", "--format", "{{.ID}}"]);
    let starts = || log(&twin).matches("Starting up").count();
    let before = starts();

    let (exit, seen) = guard(&twin, &[]);
    assert_eq!((exit, starts()), (14, before), "dry: {seen}");
    assert!(seen["signatures"]["vip-exhaustion"].as_i64() > Some(0), "{seen}");

    let (object, record) = ("a".repeat(40), "b".repeat(64));
    let window =
        format!(r#"{{"repository":"{object}","phase":"pvfix","id":"{record}","until":"2099-01-01T00:00:00Z"}}"#);
    let file = state(&twin).join(&engine).join("window");
    std::fs::write(&file, window).expect("written");
    let (exit, seen) = guard(&twin, &["--apply"]);
    assert!(
        exit == 10 && seen["error"]["message"].as_str().is_some_and(|said| said.contains("window of phase pvfix")),
        "{seen}"
    );
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(starts(), before);

    let restarter = restarter(&twin);
    let with = ["--apply", "--restart-with", restarter.to_str().expect("UTF-8")];
    let (exit, seen) = guard(&twin, &with);
    assert_eq!((exit, seen["restarted"].as_bool(), starts()), (0, Some(true), before + 1), "{seen}");
    assert_eq!(seen["full"], serde_json::json!([{"name": "small", "leaked": 5}]), "{seen}");

    // The old line is older than the engine's start: it restarts nothing again.
    let (exit, seen) = guard(&twin, &with);
    assert_eq!((exit, seen["restarted"].as_bool(), starts()), (0, Some(false), before + 1), "{seen}");

    // Full, and nobody's fault: a restart would not help, and none is made.
    for number in 0..14 {
        service(&twin, &format!("more{number}"), &["full"], 0, &[]);
    }
    wait("the engine says so again", Duration::from_secs(30), || {
        log(&twin)
            .rsplit("Starting up")
            .next()
            .is_some_and(|since| since.contains("could not find an available IP while allocating VIP"))
    });
    let (exit, seen) = guard(&twin, &with);
    assert_eq!((exit, seen["restarted"].as_bool(), starts()), (14, Some(false), before + 1), "{seen}");
    assert_eq!(seen["full"], serde_json::json!([{"name": "full", "leaked": 0}]), "{seen}");
}

/// Network `small` (a /28): five of thirteen addresses leak, eight are taken, the ninth is refused, and the engine says so.
fn exhaust(twin: &Twin) {
    leak(twin, &["small"], 5);
    for number in 0..9 {
        service(twin, &format!("idle{number}"), &["small"], 0, &[]);
    }
    wait("the engine says so", Duration::from_secs(30), || {
        log(twin).rsplit("Starting up").next().is_some_and(|since| since.contains("could not find an available IP"))
    });
}

fn log(twin: &Twin) -> String {
    std::fs::read_to_string(twin.dir().join("engine.log")).expect("read")
}

/// Killed in the middle of the engine's restart: what restarts it goes on to its end.
#[test]
fn a_guard_killed_while_the_engine_restarts_leaves_no_engine_down() {
    let Some(twin) = Twin::up("guard-restart", &[]) else { return };
    twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.20.0.0/28", "small"]);
    exhaust(&twin);
    let restarter = restarter(&twin);
    let script = std::fs::read_to_string(&restarter).expect("read");
    // It says much, and nobody is left to read it.
    let words = "i=0; while [ $i -lt 9999 ]; do echo stopping the engine; i=$((i + 1)); done";
    let meddled = script.replace("#!/bin/sh\n", &format!("#!/bin/sh\nkill -9 $PPID\n{words}\nsleep 2\n{words}\n"));
    std::fs::write(&restarter, meddled).expect("written");
    let log_file = twin.dir().join("engine.log").display().to_string();
    let with = ["guard", "--json", "--log", &log_file, "--apply", "--restart-with", restarter.to_str().expect("UTF-8")];
    let starts = || log(&twin).matches("Starting up").count();
    let before = starts();
    assert_eq!(countersign(&twin, &with).status.code(), None, "killed by a signal");
    wait("the engine to be back", Duration::from_secs(60), || {
        starts() == before + 1 && twin.try_docker(&["node", "ls"]).status.success()
    });
    let (exit, seen) = guard(&twin, &with[4..]);
    assert_eq!((exit, seen["restarted"].as_bool()), (0, Some(false)), "{seen}");
    let walked = countersign(&twin, &["vips", "small", "--walk", "--json"]);
    let walked: Value = serde_json::from_slice(&walked.stdout).expect("JSON");
    assert_eq!((walked["networks"][0]["leaked"].as_u64(), starts()), (Some(0), before + 1), "{walked}");
}

#[test]
fn a_removal_under_way_is_waited_for_and_nothing_leaks() {
    let Some(twin) = Twin::up("removal", &[]) else { return };
    twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.20.0.0/24", "shared"]);
    stack_network(&twin, "recipe_internal");
    service(&twin, "recipe_app", &["shared", "recipe_internal"], 2, &["--stop-grace-period", "6s"]);
    running(&twin, "recipe_app", 2);
    twin.docker(&["service", "rm", "recipe_app"]);
    // What the runbook's prune would do now is the leak itself.
    let (exit, seen) = guard(&twin, &["--apply", "--older-than", "1s"]);
    assert_eq!((exit, names(&seen["pruned"]).len()), (10, 0), "{seen}");
    assert!(seen["not_now"].as_str().is_some_and(|why| why.contains("a removal is under way")), "{seen}");
    wait("the tasks have ended", Duration::from_secs(60), || live_tasks(&twin).is_empty());

    let (exit, seen) = guard(&twin, &["--older-than", "1s"]);
    assert_eq!((exit, names(&seen["would_prune"])), (0, vec!["recipe_internal"]), "dry: {seen}");
    let (exit, seen) = guard(&twin, &["--apply"]);
    assert_eq!((exit, names(&seen["pruned"]).len()), (0, 0), "too young: {seen}");
    let (exit, seen) = guard(&twin, &["--apply", "--older-than", "1s"]);
    assert_eq!((exit, names(&seen["pruned"])), (0, vec!["recipe_internal"]), "{seen}");
    assert!(
        twin.docker(&["network", "ls", "--format", "{{.Name}}"]).lines().any(|name| name == "shared"),
        "made by hand: it stays"
    );
    let walked = countersign(&twin, &["vips", "shared", "--walk", "--json"]);
    let walked: Value = serde_json::from_slice(&walked.stdout).expect("JSON");
    assert_eq!(walked["networks"][0]["leaked"], 0, "{walked}");
}
