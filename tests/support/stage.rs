//! A phase at the moment before its first step: a private swarm, both parties' clones, M1 passed, the key pinned, the window open.

use std::fs;

use super::twin::Twin;
use super::{Answer, CONTRACT, GUARD, World};

/// The phase and what it stands on.
pub struct Stage {
    /// The clones.
    pub world: World,
    /// The swarm.
    pub twin: Twin,
    pins: String,
}

impl Stage {
    /// Sets a phase with these steps (`[[step]]` tables of gate M1), and the window open.
    pub fn set(twin: Twin, steps: &str) -> Self {
        let world = World::new();
        world.open(GUARD);
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

    /// Every document of the phase, and every object of the Builder's repository, as one text.
    pub fn everything_written(&self) -> String {
        let documents = fs::read_dir(self.world.path("builder/machine-docs")).expect("documents").flatten();
        let text: String = documents.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect();
        self.builder(&["sync"]).expect(0, "");
        text + &self.world.git("builder", &["log", "-p", "--all"])
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.pins).ok();
        // Only if no other engine is pinned here.
        fs::remove_dir("/etc/countersign").ok();
    }
}
