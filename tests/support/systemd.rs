//! A real systemd as init of a pid namespace of its own, with mounts and control groups of its own: it knows the units of one
//! directory and those of nobody else. Ended with everything that it started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::twin;

/// Makes the namespaces' mounts and becomes systemd. `$1`: the directory of units. What it writes under /run, /etc and /var/lib is its
/// own; a machine with control groups of version 1 has a hierarchy for systemd alone.
const BOOT: &str = r#"
set -eu
mount --make-rprivate /
# Where /run is no mount, systemd makes it one of its own, and the engine's socket would be out of sight.
mount --rbind /run /run
mkdir -p /run/systemd /etc/systemd/system
for directory in /run/systemd /etc/systemd/system /var/lib /var/log; do mount -t tmpfs tmpfs "$directory"; done
mount --bind "$1" /lib/systemd/system
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
exec env -i container=countersign-test PATH="$PATH" /lib/systemd/systemd --system --log-target=console --log-level=warning
"#;

/// What every unit is ordered by, if it does not say otherwise.
const TARGETS: [&str; 6] = ["default", "sysinit", "basic", "sockets", "timers", "shutdown"];

/// A running one.
pub struct Systemd {
    child: Child,
    cgroup: PathBuf,
    init: u32,
    /// What it leaves under /run where nobody had it before.
    left: Option<PathBuf>,
}

impl Systemd {
    /// Starts one that knows the units in this directory. `None` where the machine cannot: the test then says so and ends.
    #[expect(clippy::disallowed_macros, reason = "a test talks to the test runner")]
    pub fn start(units: &Path) -> Option<Self> {
        let missing = || (!Path::new("/lib/systemd/systemd").exists()).then(|| "no systemd is installed".to_owned());
        if let Some(why) = twin::cannot_run().or_else(missing) {
            eprintln!("skipped: systemd: {why}");
            return None;
        }
        for target in TARGETS {
            let text = format!("[Unit]\nDescription={target}\nDefaultDependencies=no\n");
            fs::write(units.join(format!("{target}.target")), text).expect("written");
        }
        let own = Path::new("/sys/fs/cgroup/systemd");
        let root = if own.is_dir() { own } else { Path::new("/sys/fs/cgroup") };
        let cgroup = root.join(format!("cs-systemd-{}-{}", std::process::id(), units.to_string_lossy().len()));
        fs::create_dir_all(&cgroup).expect("a control group");
        let left = Some(PathBuf::from("/run/credentials")).filter(|path| !path.exists());
        let mut boot = Command::new("sh");
        // In the group before the namespace is made: the group is its root.
        boot.args(["-c", "echo $$ >\"$1/cgroup.procs\" && shift && exec \"$@\"", "sh"]).arg(&cgroup);
        boot.args([
            "unshare",
            "--pid",
            "--mount",
            "--uts",
            "--ipc",
            "--cgroup",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]);
        boot.args(["sh", "-c", BOOT, "sh"]).arg(units).stdin(Stdio::null()).stdout(Stdio::null());
        let child = boot.spawn().expect("it starts");
        let mut systemd = Self { child, cgroup, init: 0, left };
        let begun = Instant::now();
        while !systemd.is_up() {
            assert!(begun.elapsed() < Duration::from_secs(60), "systemd does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(systemd)
    }

    fn is_up(&mut self) -> bool {
        let unshare = self.child.id();
        let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap_or_default();
        self.init = children.trim().parse().unwrap_or(0);
        self.init != 0 && self.try_ctl(&["is-active", "default.target"]).status.success()
    }

    /// The words before a command that runs it where this systemd is the machine's. Of processes it sees this systemd's alone: systemd
    /// answers nobody whom it does not see.
    pub fn inside(&self) -> [String; 5] {
        let target = format!("--target={}", self.init);
        ["nsenter", &target, "--mount", "--pid", "--"].map(str::to_owned)
    }

    /// Its root, as it is seen from outside.
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.init))
    }

    /// A program of these mounts.
    pub fn command(&self, program: &str) -> Command {
        let words = self.inside();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(program);
        command
    }

    /// Runs systemctl, which must succeed; gives what it printed.
    #[track_caller]
    pub fn ctl(&self, args: &[&str]) -> String {
        let output = self.try_ctl(args);
        assert!(output.status.success(), "systemctl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs systemctl.
    pub fn try_ctl(&self, args: &[&str]) -> Output {
        self.command("systemctl").args(args).output().expect("systemctl runs")
    }

    /// A unit's state, as in `active`, and whether it is masked.
    pub fn is(&self, unit: &str) -> (String, bool) {
        let of = |property: &str| self.ctl(&["show", "--property", property, "--value", "--", unit]);
        (of("ActiveState"), of("LoadState") == "masked")
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // With the init of a pid namespace ends everything in it.
        self.child.kill().ok();
        self.child.wait().ok();
        let begun = Instant::now();
        while self.cgroup.exists() && begun.elapsed() < Duration::from_secs(10) {
            remove(&self.cgroup);
            std::thread::sleep(Duration::from_millis(20));
        }
        self.left.iter().for_each(|path| drop(fs::remove_dir(path)));
    }
}

/// Removes a control group with those below it.
fn remove(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        remove(&entry.path());
    }
    fs::remove_dir(cgroup).ok();
}
