//! What walks and what guards is killed: the next command finds what was left, and ends the work.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::vips::{canaries, command, countersign, service, state, walk};
use crate::support::Answer;
use crate::support::twin::Twin;

/// The points that a command passes, each once, in order; it must succeed.
fn points(twin: &Twin, args: &[&str]) -> Vec<String> {
    let log = twin.dir().join("points");
    fs::remove_file(&log).ok();
    let answer = Answer::of(&command(twin, args).env("COUNTERSIGN_FAULT_LOG", &log).output().expect("runs"));
    answer.expect(0, "");
    fs::read_to_string(&log).expect("read").lines().map(str::to_owned).collect()
}

/// Every point where the whole sweep is asked for (`scripts/test --sweep`), else the first of each name and one in twenty-nine.
fn some(points: &[String]) -> Vec<&String> {
    let all = crate::support::thorough();
    let named = |(at, point): &(usize, &String)| all || at % 29 == 0 || point.ends_with("#1");
    points.iter().enumerate().filter(named).map(|(_, point)| point).collect()
}

#[track_caller]
fn killed(twin: &Twin, args: &[&str], point: &str) {
    let output = command(twin, args).env("COUNTERSIGN_FAULT", format!("kill {point}")).output().expect("runs");
    assert_eq!(output.status.code(), None, "{point}: killed by a signal");
}

#[test]
fn a_walk_killed_at_any_moment_is_cleaned_up_by_the_next_command() {
    let Some(twin) = Twin::up("killed", &[]) else { return };
    twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.20.0.0/28", "small"]);
    let walking = ["vips", "small", "--walk"];
    let points = points(&twin, &walking);
    assert!(points.len() > 13 * 2 * 6, "{points:?}");
    let mut left = 0;
    for point in some(&points) {
        killed(&twin, &walking, point);
        assert!(canaries(&twin) <= 1, "{point}");
        left += canaries(&twin);
        let next = countersign(&twin, &["vips"]);
        assert!(next.status.success(), "{point}: {}", String::from_utf8_lossy(&next.stderr));
        assert_eq!(canaries(&twin), 0, "{point}");
    }
    assert!(left > 2, "only {left} deaths left a canary");
    assert_eq!(walk(&twin, "small")["leaked"], 0);

    // And at moments that no point names.
    twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.21.0.0/24", "large"]);
    for moment in 0..6 {
        let mut child = command(&twin, &["vips", "large", "--walk"]).stdout(Stdio::null()).spawn().expect("starts");
        thread::sleep(Duration::from_millis(20 + 45 * moment));
        child.kill().expect("killed");
        child.wait().expect("waited");
        assert!(countersign(&twin, &["vips"]).status.success());
        assert_eq!(canaries(&twin), 0, "after the moment {moment}");
    }
    assert_eq!(walk(&twin, "large")["leaked"], 0);
    refused_in_a_window(&twin);
}

/// While a phase's window is open on this host, nobody walks.
fn refused_in_a_window(twin: &Twin) {
    let engine = twin.docker(&["info", "--format", "{{.ID}}"]);
    let (object, record) = ("a".repeat(40), "b".repeat(64));
    let window =
        format!(r#"{{"repository":"{object}","phase":"pvfix","id":"{record}","until":"2099-01-01T00:00:00Z"}}"#);
    fs::write(state(twin).join(&engine).join("window"), window).expect("written");
    let refused = countersign(twin, &["vips", "small", "--walk"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(10) && said.contains("the window of phase pvfix is open"), "{said}");
    assert!(countersign(twin, &["vips", "small"]).status.success(), "looking is always possible");
}

/// A network that removed stacks left behind.
fn left_behind(twin: &Twin, name: &str) {
    let label = ["--label", "com.docker.stack.namespace=gone"];
    twin.docker(&[&["network", "create", "--driver", "overlay"][..], &label, &[name]].concat());
}

fn overlays(twin: &Twin) -> Vec<String> {
    let all = twin.docker(&["network", "ls", "--filter", "driver=overlay", "--format", "{{.Name}}"]);
    all.lines().filter(|name| *name != "ingress").map(str::to_owned).collect()
}

#[test]
fn a_guard_killed_while_it_prunes_leaves_the_rest_to_the_next_one() {
    let Some(twin) = Twin::up("guard-killed", &[]) else { return };
    twin.docker(&["network", "create", "--driver", "overlay", "shared"]);
    service(&twin, "web", &["shared"], 0, &[]);
    let log = twin.dir().join("engine.log").display().to_string();
    let guard = ["guard", "--apply", "--older-than", "1s", "--log", &log];
    let leave = || {
        for name in ["one", "two"].into_iter().filter(|name| !overlays(&twin).contains(&(*name).to_owned())) {
            left_behind(&twin, name);
        }
        thread::sleep(Duration::from_millis(1100));
    };
    leave();
    let points = points(&twin, &guard);
    assert!(points.iter().filter(|point| point.starts_with("engine.network.remove.")).count() == 4, "{points:?}");
    for point in &points {
        leave();
        killed(&twin, &guard, point);
        thread::sleep(Duration::from_millis(1100));
        let next = countersign(&twin, &guard);
        assert!(next.status.success(), "{point}: {}", String::from_utf8_lossy(&next.stderr));
        assert_eq!(overlays(&twin), ["shared"], "{point}");
    }
}
