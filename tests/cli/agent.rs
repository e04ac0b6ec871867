//! A key that an agent holds signs through `ssh-keygen`; without the agent it signs nothing, and the message says why.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{CONTRACT, GUARD, World};

/// An agent of a world, ended with the test.
struct Agent {
    process: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(world: &World) -> Self {
        let socket = world.path("agent");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("ssh-agent runs");
        let agent = Self { process, socket };
        for _ in 0..500 {
            if agent.socket.exists() {
                return agent;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("ssh-agent made no socket");
    }

    /// Gives it a private key, whose file is then removed.
    fn take(&self, key: &PathBuf) {
        let mut command = Command::new("ssh-add");
        let added = command.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).stdin(Stdio::null()).status();
        assert!(added.expect("ssh-add runs").success());
        fs::remove_file(key).expect("removed");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_key_that_an_agent_holds_signs_and_nothing_else_does() {
    let world = World::new();
    world.open(GUARD);
    let agent = Agent::start(&world);
    let private = world.key("builder");
    agent.take(&private);
    let public = private.with_extension("pub");
    let public = public.to_string_lossy().into_owned();
    let socket = agent.socket.to_string_lossy().into_owned();
    let digest = world.digest("builder");
    let adopt = ["builder", "adopt", "--yes", &digest];
    world.run_in("builder", &adopt).expect(12, "there is no key file");
    let adopt = [&adopt[..], &["--key", &public]].concat();
    world.run_in("builder", &adopt).expect(12, "SSH_AUTH_SOCK names no agent");
    world.run_ordered("builder", "builder", &adopt, &[("SSH_AUTH_SOCK", "/nonexistent")]).expect(12, "ssh-keygen: ");
    world.run_ordered("builder", "builder", &adopt, &[("SSH_AUTH_SOCK", &socket)]).expect(0, "adopts");
    world.run_in("builder", &["check"]).expect(0, "1 record, every byte, signature and link");
    // A key that the agent does not hold, and one that the contract does not list.
    let other = world.key("adversary").with_extension("pub");
    let note = ["builder", "note", "x", "--key", &other.to_string_lossy()];
    world
        .run_ordered("builder", "builder", &note, &[("SSH_AUTH_SOCK", &socket)])
        .expect(12, "is a key of the adversary");
    assert!(world.read(CONTRACT).contains("ssh-ed25519"));
}
