//! The shipped units on a real systemd: it holds the socket, starts the interlock when the engine first asks, and again when it dies.

use std::fs;
use std::time::Duration;

use super::lab::{Lab, denied};
use crate::support::systemd::Systemd;
use crate::support::{World, root};

const SOCKET: &str = "countersign-interlock.socket";
const SERVICE: &str = "countersign-interlock.service";

/// Writes the shipped units with the places of this world; its directory is one of temporary files, so these are not kept apart.
fn install(world: &World, engine: &str, units: &std::path::Path) {
    let shipped = |name: &str| fs::read_to_string(root().join("templates/systemd").join(name)).expect("it is shipped");
    let replace = |text: String, old: &str, new: &str| {
        assert!(text.contains(old), "the shipped unit has no `{old}`");
        text.replace(old, new)
    };
    let path = |name: &str| world.path(name).to_string_lossy().into_owned();
    let socket = replace(shipped(SOCKET), "/run/docker/plugins/countersign.sock", &path("ask.sock"));
    let program =
        format!("{} --state {} --engine {engine} interlock", env!("CARGO_BIN_EXE_countersign"), path("state"));
    let mut service = replace(shipped(SERVICE), "/usr/local/bin/countersign interlock", &program);
    service = replace(service, "/srv/cc-ci", &path("builder"));
    service = replace(service, "HOME=/root", &format!("HOME={} COUNTERSIGN_PINS={}", path("home"), path("pins")));
    service = replace(service, "PrivateTmp=yes", "PrivateTmp=no");
    for (name, text) in [(SOCKET, socket), (SERVICE, service)] {
        fs::write(units.join(name), text).expect("written");
    }
}

#[test]
fn systemd_starts_the_interlock_when_it_is_asked_and_when_it_died() {
    let units = tempfile::tempdir().expect("a directory");
    let mut systemd = None;
    let lab = Lab::up_with(1, "units", "window", |world, engine| {
        fs::create_dir_all(world.path("home")).expect("made");
        install(world, engine, units.path());
        systemd = Systemd::start(units.path());
        if let Some(systemd) = &systemd {
            systemd.ctl(&["start", SOCKET]);
            assert_eq!(systemd.is(SERVICE).0, "inactive", "nobody has asked yet");
        }
    });
    let (Some(lab), Some(systemd)) = (lab, systemd) else { return };
    assert_eq!(systemd.is(SERVICE).0, "active", "the engine has asked");
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "M1");

    // Killed, it is started again; who asks meanwhile waits at the socket, and is refused all the same.
    let first = systemd.ctl(&["show", "--property", "MainPID", "--value", SERVICE]);
    systemd.ctl(&["kill", "--signal", "KILL", SERVICE]);
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "M1");
    lab.twin.until("the interlock", || systemd.is(SERVICE).0 == "active");
    assert_ne!(systemd.ctl(&["show", "--property", "MainPID", "--value", SERVICE]), first);

    // Stopped with its socket, the engine carries out nothing; with the socket back, all is as before.
    systemd.ctl(&["stop", SOCKET, SERVICE]);
    let closed = lab.raw(b"DELETE /v1.41/networks/proxy HTTP/1.0\r\nHost: x\r\n\r\n", Duration::from_secs(40));
    assert!(closed.is_none_or(|answer| !answer.contains(" 204 ")), "it was removed");
    systemd.ctl(&["start", SOCKET]);
    assert!(lab.twin.docker(&["network", "ls"]).contains("proxy"));
    denied(&lab.twin.try_docker(&["network", "rm", "proxy"]), "M1");
}
