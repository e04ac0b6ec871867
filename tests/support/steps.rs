//! A phase whose steps run programs, brought up to an open gate, a pinned key and an open window.

use std::process::Command;

use super::stage::Running;
use super::{Answer, CONTRACT, World, engine};

/// A world in which steps can be run: the engine is a stand-in, the steps write into `lab/`.
pub struct Steps {
    /// The world.
    pub world: World,
}

/// Three steps that each write their name into `lab/log`, the second with an undo, the third bringing things back.
pub const THREE: &str = r#"
[[step]]
id = "one"
title = "The first"
gate = "M1"
kind = "command"
argv = ["sh", "-c", "echo one >>LAB/log"]
timeout = "1m"
live = ["guard"]
[[step.postflight]]
id = "one-done"
title = "The first is there"
probe = "command"
argv = ["cat", "LAB/log"]
stdout = 'one'

[[step]]
id = "two"
title = "The second"
gate = "M1"
kind = "command"
argv = ["sh", "-c", "echo two >>LAB/log"]
undo = ["sh", "-c", "sed -i /two/d LAB/log"]
timeout = "1m"
[[step.postflight]]
id = "two-done"
title = "The second is there"
probe = "command"
argv = ["cat", "LAB/log"]
stdout = 'two'

[[step]]
id = "back"
title = "Bring it back"
gate = "M1"
kind = "command"
argv = ["sh", "-c", "echo back >>LAB/log"]
timeout = "1m"
restores = true
[[step.postflight]]
id = "back-done"
title = "It is back"
probe = "command"
argv = ["cat", "LAB/log"]
stdout = 'back'
"#;

/// A last gate over what the steps left.
const LAST: &str = r#"
[[gate]]
id = "M2"
title = "It is done"
max_age = "24h"
[[gate.criterion]]
id = "left"
title = "What the steps left"
probe = "command"
argv = ["cat", "LAB/log"]
stdout = 'back'
"#;

impl Steps {
    /// A phase with these steps (`LAB` stands for the lab's directory), its M1 passed, the Adversary's key pinned, the window open.
    pub fn new(steps: &str) -> Self {
        let steps = Self::closed(steps);
        steps.pin();
        steps.window();
        steps
    }

    /// The same without pin and window.
    pub fn closed(steps: &str) -> Self {
        let fixture = Self::adopted(steps, |_| {});
        fixture.world.claim();
        fixture.world.pass();
        fixture
    }

    /// A phase with these steps whose contract both have adopted, changed before by `change`.
    pub fn adopted(steps: &str, change: impl FnOnce(&World)) -> Self {
        let world = World::opened();
        engine::listen(&world.path("engine.sock"));
        world.write("lab/log", "");
        let lab = world.path("lab").to_string_lossy().into_owned();
        let contract =
            world.read(CONTRACT).replace("/nonexistent/docker.sock", &world.path("engine.sock").to_string_lossy());
        world.write(CONTRACT, &(contract + &LAST.replace("LAB", &lab) + &steps.replace("LAB", &lab)));
        change(&world);
        world.adopt();
        Self { world }
    }

    /// A run that was killed when its first step had happened and nothing had recorded it; the intent is in JOURNAL.
    pub fn cut_off() -> Self {
        let steps = Self::new(THREE);
        steps.builder(&["sync"]).expect(0, "pushed");
        steps.with(&[("COUNTERSIGN_FAULT", "kill ledger.append#2")], &["builder", "run", "one"]);
        assert_eq!(steps.log(), ["one"]);
        steps.keep();
        steps
    }

    /// Pins the Adversary's key on this host.
    pub fn pin(&self) {
        let public = self.world.key("adversary").with_extension("pub");
        self.builder(&["trust", &public.to_string_lossy()]).expect(0, "pinned");
    }

    /// Opens the window for half an hour.
    pub fn window(&self) {
        self.builder(&["builder", "window", "open", "--for", "30m"]).expect(0, "open until");
    }

    /// Runs countersign in the Builder's clone.
    pub fn builder(&self, args: &[&str]) -> Answer {
        self.with(&[], args)
    }

    /// The same with further variables.
    pub fn with(&self, env: &[(&str, &str)], args: &[&str]) -> Answer {
        Answer::of(&self.command(env, args).output().expect("runs"))
    }

    /// The command that would be run.
    pub fn command(&self, env: &[(&str, &str)], args: &[&str]) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_countersign"), "builder", "builder");
        command.args(args).args(["--state", &self.world.path("state").to_string_lossy()]).envs(env.iter().copied());
        command
    }

    /// A command that has stopped itself at this point, and goes on when it is told to.
    #[track_caller]
    pub fn stopped_at(&self, point: &str, env: &[(&str, &str)], args: &[&str]) -> Running {
        let mut command = self.command(env, args);
        command.env("COUNTERSIGN_FAULT", format!("stop {point}"));
        let running = Running::start(command);
        let start = std::time::Instant::now();
        while !running.is_stopped() {
            assert!(start.elapsed().as_secs() < 60, "{point} was not reached");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        running
    }

    /// What the steps wrote, one word a line.
    pub fn log(&self) -> Vec<String> {
        self.world.read("lab/log").lines().map(str::to_owned).collect()
    }

    /// Where the host's state of the engine lies.
    pub fn state(&self) -> std::path::PathBuf {
        self.world.path("state").join(engine::ENGINE)
    }

    /// Keeps everything as it is now; [`Steps::restore`] brings it back.
    pub fn keep(&self) {
        self.world.keep();
    }

    /// Brings back what was kept.
    pub fn restore(&self) {
        self.world.restore();
    }
}
