//! A phase at the moment before its first step: a private swarm, both parties' clones, M1 passed, the key pinned, the window open.

use std::fs;
#[cfg(feature = "test-hooks")]
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use super::twin::Twin;
use super::{Answer, CONTRACT, World};

/// The phase and what it stands on.
pub struct Stage {
    /// The clones.
    pub world: World,
    /// The swarm, which may be another stage's afterwards.
    pub twin: Rc<Twin>,
    pins: String,
}

impl Stage {
    /// Sets a phase with these steps (`[[step]]` tables of gate M1), and the window open.
    pub fn set(twin: impl Into<Rc<Twin>>, steps: &str) -> Self {
        let twin = twin.into();
        let world = World::opened();
        let contract = world.read(CONTRACT).replace("unix:///nonexistent/docker.sock", &twin.engine());
        world.write(CONTRACT, &format!("{contract}\n{steps}"));
        world.adopt();
        let pins = format!("/etc/countersign/{}", twin.docker(&["info", "--format", "{{.ID}}"]));
        let stage = Self { world, twin, pins };
        stage.world.claim();
        stage.world.pass();
        let public = stage.world.key("adversary").with_extension("pub");
        stage.builder(&["trust", &public.to_string_lossy()]).expect(0, "pinned");
        stage.builder(&["builder", "window", "open", "--for", "2h"]).expect(0, "is open");
        stage
    }

    /// Runs countersign as the Builder, with this stage's host state.
    pub fn builder(&self, args: &[&str]) -> Answer {
        self.ordered(args, &[])
    }

    /// The same with a fault ordered, as in `kill drain.captured`.
    #[cfg(feature = "test-hooks")]
    pub fn with_fault(&self, args: &[&str], order: &str) -> Answer {
        self.ordered(args, &[("COUNTERSIGN_FAULT", order)])
    }

    /// The same with further variables.
    pub fn ordered(&self, args: &[&str], env: &[(&str, &str)]) -> Answer {
        let state = self.world.path("state");
        let state = state.to_string_lossy();
        self.world.run_ordered("builder", "builder", &[&["--state", &state], args].concat(), env)
    }

    /// Starts countersign as the Builder with a fault ordered, and does not wait for it.
    #[cfg(feature = "test-hooks")]
    pub fn start(&self, args: &[&str], order: &str) -> Running {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_countersign"), "builder", "builder");
        command.arg("--state").arg(self.world.path("state")).args(args).env("COUNTERSIGN_FAULT", order);
        Running::start(command)
    }

    /// Every document of the phase, and every object of the Builder's repository, as one text.
    pub fn everything_written(&self) -> String {
        let documents = fs::read_dir(self.world.path("builder/machine-docs")).expect("documents").flatten();
        let text: String = documents.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect();
        self.builder(&["sync"]).expect(0, "");
        text + &self.world.git("builder", &["log", "-p", "--all"])
    }
}

/// A command that was started.
#[cfg(feature = "test-hooks")]
pub struct Running(Child);

#[cfg(feature = "test-hooks")]
impl Running {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("started"))
    }

    /// Whether it has stopped itself at the ordered point.
    pub fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("waited");
    }

    /// Lets it go on, and waits for its end.
    pub fn go_on(self) -> Answer {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("continued");
        let output = self.0.wait_with_output().expect("ended");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer { exit: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.pins).ok();
        // Only if no other engine is pinned here.
        fs::remove_dir("/etc/countersign").ok();
    }
}
