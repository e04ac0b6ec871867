//! The engine as Debian and NixOS run it: a real systemd starts it by its socket (`dockerd -H fd://`), in a network namespace of its
//! own, and a real journald has its log. What the probes and `guard` make of that.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::systemd::Systemd;
use crate::support::{Answer, CONTRACT, World};

const CRITERIA: &str = "[[gate.criterion]]\nid = \"log\"\ntitle = \"x\"\nprobe = \"docker.signatures\"\n\n\
    [[gate.criterion]]\nid = \"other\"\ntitle = \"x\"\nprobe = \"docker.signatures\"\nunit = \"proxy.service\"\n\n\
    [[gate.criterion]]\nid = \"clear\"\ntitle = \"x\"\nprobe = \"docker.subnet\"\nsubnet = \"10.77.0.0/16\"\n";

/// The units, whose directory is `@`. The engine's `ExecReload` says what a test wants said in the engine's name.
const UNITS: [(&str, &str); 9] = [
    (
        "systemd-journald.socket",
        "[Socket]\nListenDatagram=/run/systemd/journal/socket\nListenStream=/run/systemd/journal/stdout\nPassCredentials=yes\n\
         PassSecurity=yes\nReceiveBuffer=8M\n",
    ),
    (
        "systemd-journald.service",
        "[Service]\nType=notify\nExecStart=/lib/systemd/systemd-journald\nStandardOutput=null\nStandardError=null\n",
    ),
    ("dbus.socket", "[Socket]\nListenStream=/run/dbus/system_bus_socket\n"),
    (
        "dbus.service",
        "[Service]\nType=notify\nExecStart=dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation\n",
    ),
    ("docker.socket", "[Socket]\nListenStream=@/engine.sock\n"),
    (
        "docker.service",
        "[Service]\nType=notify\nPrivateNetwork=yes\nPrivateMounts=yes\nExecStart=/bin/sh @/engine.sh @\nExecReload=/bin/cat @/said\n",
    ),
    ("proxy.socket", "[Socket]\nListenStream=@/proxy.sock\n"),
    ("proxy.service", "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd @/engine.sock\n"),
    ("other.service", "[Service]\nType=oneshot\nSyslogIdentifier=dockerd\nExecStart=/bin/cat @/said\n"),
];

/// Gives the engine the control groups that it asks for, an address, and what engines share by fixed paths; then becomes it.
const ENGINE: &str = r#"
set -eu
if ! [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    while IFS=: read -r number controllers path; do
        case $controllers in '') continue ;; name=*) options=none,$controllers ;; *) options=$controllers ;; esac
        mkdir "/sys/fs/cgroup/${controllers#name=}"
        mount -t cgroup -o "$options" cgroup "/sys/fs/cgroup/${controllers#name=}"
    done </proc/self/cgroup
fi
mkdir -p "$1/etc" /etc/docker /run/containerd /run/docker
mount --bind "$1/etc" /etc/docker
for directory in /run/containerd /run/docker; do mount -t tmpfs tmpfs "$directory"; done
ip address add 10.98.0.1/32 dev lo
exec dockerd --host fd:// --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" --bridge none --group root \
    --exec-opt native.cgroupdriver=cgroupfs
"#;

/// Makes journald keep its files in what is a tmpfs of this systemd's already, and the bus its socket in another. That the journal was
/// flushed is what journald asks before it writes below /var/log.
const PREPARE: &str = r#"
set -eu
mkdir -p /run/systemd/journald.conf.d /run/systemd/journal /var/log/journal /run/dbus
mount -t tmpfs tmpfs /run/dbus
touch /run/systemd/journal/flushed
printf '[Journal]\nStorage=persistent\nReadKMsg=no\nAudit=\nForwardToSyslog=no\nForwardToWall=no\nRateLimitIntervalSec=6s\nRateLimitBurst=300\n' \
    >/run/systemd/journald.conf.d/test.conf
systemctl start systemd-journald.socket systemd-journald.service dbus.socket dbus.service docker.socket proxy.socket
systemctl log-target journal
"#;

/// What the engine says when a subnet is full; others may say it, too.
const REFUSED: &str = "time=\"2026-06-13T05:30:00Z\" level=error msg=\"Failed allocation for service s9\" \
    error=\"could not find an available IP while allocating VIP\"";

/// Who is nobody, on Debian and elsewhere.
const NOBODY: u32 = 65534;

/// A directory under /run, removed with what is in it.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Fields in the order in which they end: everything that systemd started before the directory.
struct Lab {
    systemd: Systemd,
    world: World,
    directory: Directory,
    _units: tempfile::TempDir,
    /// Made by the test where no bus had run before.
    _bus: Option<Directory>,
}

impl Lab {
    #[expect(clippy::disallowed_macros, reason = "a test talks to the test runner")]
    fn start() -> Option<Self> {
        if !Path::new("/usr/bin/dbus-daemon").exists() {
            eprintln!("skipped: journal: no dbus-daemon is installed");
            return None;
        }
        let directory = Directory(PathBuf::from(format!("/run/cs-journal-{}", std::process::id())));
        let bus = (!Path::new("/run/dbus").exists()).then(|| Directory(PathBuf::from("/run/dbus")));
        fs::create_dir_all(&directory.0).expect("made");
        let units = tempfile::tempdir().expect("a directory");
        let place = directory.0.to_str().expect("UTF-8");
        for (name, text) in UNITS {
            let text = format!("[Unit]\nDefaultDependencies=no\n{}", text.replace('@', place));
            fs::write(units.path().join(name), text).expect("written");
        }
        fs::write(directory.0.join("engine.sh"), ENGINE).expect("written");
        let systemd = Systemd::start(units.path())?;
        let world = World::new();
        world.open(CRITERIA);
        let engine = format!("unix://{place}/engine.sock");
        world.write(CONTRACT, &world.read(CONTRACT).replace("unix:///nonexistent/docker.sock", &engine));
        let lab = Self { systemd, world, directory, _units: units, _bus: bus };
        lab.sh(PREPARE);
        lab.docker(&["swarm", "init", "--advertise-addr", "10.98.0.1"]);
        Some(lab)
    }

    fn path(&self, name: &str) -> String {
        self.directory.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Runs a script where this systemd is the machine's; it must succeed.
    #[track_caller]
    fn sh(&self, script: &str) -> String {
        let output = self.systemd.command("sh").args(["-c", script]).output().expect("sh runs");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    #[track_caller]
    fn docker(&self, args: &[&str]) {
        let host = format!("unix://{}", self.path("engine.sock"));
        let output = Command::new("docker").args(args).env("DOCKER_HOST", host).output().expect("docker runs");
        assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Probes a criterion inside, run by these words.
    fn probe(&self, by: &[&str], criterion: &str) -> Answer {
        let words = self.systemd.inside();
        let mut command = self.world.command(&words[0], "builder", "builder");
        // Whoever enters other mounts stands at their root.
        command.args(&words[1..]).args(by).arg(env!("CARGO_BIN_EXE_countersign")).arg("-C");
        command.arg(self.world.path("builder")).args(["probe", criterion]);
        Answer::of(&command.output().expect("it runs"))
    }

    /// Runs `guard` inside, as nobody or as root.
    fn guard(&self, as_nobody: bool, socket: &str) -> Answer {
        let (program, state) = (self.path("countersign"), self.path("nobody"));
        if !Path::new(&program).exists() {
            // Where nobody may reach it.
            fs::copy(env!("CARGO_BIN_EXE_countersign"), &program).expect("copied");
            fs::create_dir(&state).expect("made");
            chown(&state, Some(NOBODY), Some(NOBODY)).expect("given");
        }
        let user = NOBODY.to_string();
        let nobody = ["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"];
        let mut command = self.systemd.command("env");
        command.args(if as_nobody { &nobody[..] } else { &[] }).arg(program).args(["-C", "/", "guard", "--state"]);
        command
            .arg(if as_nobody { state } else { self.path("state") })
            .arg("--engine")
            .arg(format!("unix://{}", self.path(socket)));
        Answer::of(&command.output().expect("it runs"))
    }

    /// Lets a unit say this: the engine's, by its reload, or another.
    fn say(&self, act: &str, unit: &str, text: &str) {
        fs::write(self.path("said"), format!("{text}\n")).expect("written");
        self.systemd.ctl(&[act, unit]);
    }

    /// Waits until the journal holds something.
    #[track_caller]
    fn until_said(&self, pattern: &str) {
        let begun = Instant::now();
        while !self.systemd.command("journalctl").args(["-q", "-g", pattern]).output().expect("runs").status.success() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the journal does not hold `{pattern}`");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The files of the journal, as seen from outside.
    fn journals(&self) -> Vec<PathBuf> {
        let own = self.sh("cat /etc/machine-id");
        let root = self.systemd.root().join("var/log/journal").join(own);
        fs::read_dir(root).expect("a journal").flatten().map(|entry| entry.path()).collect()
    }
}

#[test]
fn an_engine_that_is_started_by_its_socket_is_found_and_its_journal_read() {
    let Some(lab) = Lab::start() else { return };
    let held =
        "none of vip-exhaustion, task-exhaustion, node-exhaustion, stuck-tasks in journal of docker.service since";
    lab.probe(&["env"], "log").expect(0, held);
    lab.guard(false, "engine.sock").expect(0, "");
    where_the_engine_is(&lab);
    lines_of_others(&lab, held);
    who_may_not_read(&lab);
    the_engine_s_own_line(&lab);
    what_was_dropped_and_vacuumed(&lab);
}

/// The engine's network namespace is not that of the init, which listens for it.
fn where_the_engine_is(lab: &Lab) {
    let theirs = "those of the engine's own network namespace";
    lab.probe(&["env"], "clear").expect(0, "is disjoint").expect(0, theirs);
    let engine = lab.systemd.ctl(&["show", "docker.service", "--property", "MainPID", "--value"]);
    lab.sh(&format!("nsenter --target {engine} --net ip route add blackhole 10.77.3.0/24 table 77"));
    lab.probe(&["env"], "clear").expect(14, "blackhole route, table 77").expect(14, theirs);
    lab.probe(&["unshare", "--net"], "clear").expect(14, "blackhole route, table 77");
    // Who may not see what others have open goes by names, and the engine of that name has another network namespace.
    let bounded = ["setpriv", "--bounding-set", "-sys_ptrace,-sys_admin", "--inh-caps", "-all"];
    lab.probe(&bounded, "clear")
        .expect(13, "/proc/1/fd: Permission denied")
        .expect(13, "not known to have this network namespace")
        .expect(13, "run it as root");
    // In the engine's network it has this one.
    let within = [&["nsenter", "--target", &engine, "--net"], &bounded[..]].concat();
    lab.probe(&within, "clear").expect(14, "blackhole route, table 77");

    // A forwarder that is started by a socket, too: the engine behind it might be anywhere.
    lab.guard(false, "proxy.sock").expect(13, "not known to run on this machine");
    // And who may not see who has the socket takes no engine for it any more, since the forwarder may be it.
    lab.probe(&within, "clear").expect(13, "this is not known to be it");
    lab.probe(&["env"], "other").expect(13, "and unit proxy.service has process");
    lab.systemd.ctl(&["stop", "proxy.socket", "proxy.service"]);
    lab.sh(&format!("nsenter --target {engine} --net ip route delete blackhole 10.77.3.0/24 table 77"));
}

/// The same text by another unit, by a program of nobody's, and by root with the engine's unit in a field of its own.
fn lines_of_others(lab: &Lab, held: &str) {
    lab.say("start", "other.service", REFUSED);
    let said = lab.path("said");
    lab.sh(&format!("systemd-cat -t dockerd cat {said}"));
    lab.sh(&format!(
        "{{ printf 'SYSLOG_IDENTIFIER=dockerd\\nUNIT=docker.service\\nOBJECT_SYSTEMD_UNIT=docker.service\\nMESSAGE='; cat {said}; }} | \
         logger --journald"
    ));
    let begun = Instant::now();
    let count = || lab.sh("journalctl -q -o cat -g 'could not find an available IP' | wc -l");
    while count() != "3" {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} lines", count());
        std::thread::sleep(Duration::from_millis(100));
    }
    let of_unit = lab.sh("journalctl -q -o cat -u docker.service -g 'could not find an available IP' | wc -l");
    assert_eq!(of_unit, "1", "that of the field counts as the unit's for journalctl");
    lab.probe(&["env"], "log").expect(0, held);
}

/// A user without the right to the journal is told so, also where a part of it may be read.
fn who_may_not_read(lab: &Lab) {
    let denied = "this user may not read /var/log/journal/";
    lab.guard(true, "engine.sock")
        .expect(13, denied)
        .expect(13, "run it as root, or as a member of group systemd-journal");
    lab.sh("journalctl --rotate");
    for journal in lab.journals() {
        let is_old = journal.to_string_lossy().contains('@');
        let mode = if is_old { 0o644 } else { 0o640 };
        fs::set_permissions(&journal, fs::Permissions::from_mode(mode)).expect("set");
        fs::set_permissions(journal.parent().expect("a parent"), fs::Permissions::from_mode(0o755)).expect("set");
    }
    lab.sh(&format!(
        "test -n \"$(setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups journalctl -q -u docker.service -g 'Starting up')\""
    ));
    lab.guard(true, "engine.sock").expect(13, denied).expect(13, "system.journal");
}

/// The engine itself refuses an address.
fn the_engine_s_own_line(lab: &Lab) {
    lab.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.20.9.0/29", "tiny"]);
    for number in 0..7 {
        let name = format!("s{number}");
        let new = ["service", "create", "--quiet", "--detach", "--no-resolve-image", "--replicas", "0"];
        lab.docker(&[&new[..], &["--network", "tiny", "--name", &name, "nothing:latest"]].concat());
    }
    lab.until_said("module=node.*could not find an available IP|could not find an available IP.*module=node");
    lab.probe(&["env"], "log").expect(14, "vip-exhaustion in journal of docker.service since");
    lab.guard(false, "engine.sock").expect(14, "");
}

/// What journald did not keep, and what it keeps no more.
fn what_was_dropped_and_vacuumed(lab: &Lab) {
    let many = vec!["x"; 60_000].join("\n");
    lab.say("reload", "docker.service", &many);
    // It says how many when it takes lines again.
    std::thread::sleep(Duration::from_secs(7));
    lab.say("reload", "docker.service", "hello");
    lab.until_said("Suppressed [0-9]+ messages from docker.service");
    lab.probe(&["env"], "log").expect(13, "the journal dropped messages of it, which wrote too many at once");
    // What is certain counts for the guard all the same.
    lab.guard(false, "engine.sock").expect(14, "addresses were refused since the engine's last start (vip-exhaustion)");

    lab.sh("sleep 1.1; journalctl --rotate; sleep 1.1; journalctl --vacuum-time=1s");
    assert_eq!(lab.sh("journalctl -q -o cat -g 'Starting up' | wc -l"), "0");
    lab.probe(&["env"], "log").expect(13, "it has no line of the engine's since the engine began: all were vacuumed");
    lab.say("reload", "docker.service", "hello");
    lab.until_said("hello");
    lab.probe(&["env"], "log").expect(13, "is to be looked at: the older part was vacuumed");

    // A new engine begins a new journal of its own; the network is as full as before.
    lab.systemd.ctl(&["restart", "docker.service"]);
    lab.until_said("could not find an available IP");
    lab.probe(&["env"], "log").expect(14, "vip-exhaustion in journal of docker.service since");

    // One whose log goes elsewhere from now on has lines of its earlier starts in the journal, and none that count.
    let drop_in = "/run/systemd/system/docker.service.d";
    let elsewhere = "[Service]\nStandardOutput=null\nStandardError=null\n";
    lab.sh(&format!("mkdir -p {drop_in}; printf '{elsewhere}' >{drop_in}/log.conf; systemctl daemon-reload"));
    lab.sh("sleep 1.1; systemctl restart docker.service");
    lab.probe(&["env"], "log").expect(13, "since the engine began").expect(13, "the log goes elsewhere");
}
