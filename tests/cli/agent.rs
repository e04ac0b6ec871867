//! Keys that an agent or a security key holds sign through `ssh-keygen`; without them nothing is signed, and the message says why.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::device::{Device, TOUCHED, string};
use crate::support::{CONTRACT, World};

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
    let world = World::opened();
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

/// A fake agent that holds one security key: it stands for the device, which no machine of a test has. `ssh-keygen` asks it as it
/// asks a real one (the agent's protocol: draft-ietf-sshm-ssh-agent).
fn agent_of(device: Device, flags: u8, socket: &Path) {
    let listener = UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A caller that hangs up has what it wanted.
            serve(&device, flags, stream).ok();
        }
    });
}

fn serve(device: &Device, flags: u8, mut stream: UnixStream) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut asked = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut asked)?;
        let answer = match asked[0] {
            // Which keys there are.
            11 => [&[12, 0, 0, 0, 1], &string(&device.blob())[..], &string(b"device")].concat(),
            // A signature: the key, then what is to be signed.
            13 => {
                let field = |at: usize| u32::from_be_bytes(asked[at..at + 4].try_into().expect("four")) as usize;
                let data = 1 + 4 + field(1);
                let data = &asked[data + 4..data + 4 + field(data)];
                [&[14], &string(&device.sign(data, flags, 41))[..]].concat()
            }
            _ => vec![5],
        };
        stream.write_all(&string(&answer))?;
    }
}

#[test]
fn a_security_key_signs_once_it_is_touched_and_status_says_so() {
    let world = World::opened();
    let contract = world.read(CONTRACT);
    let soft = contract.lines().find(|line| line.contains("ssh-ed25519")).expect("the builder's key").to_owned();
    let device = Device::new(7, "ssh:");
    world.write("device.pub", &format!("{} device\n", device.public_text()));
    world.write("site.pub", &format!("{}\n", Device::new(7, "https://example.org").public_text()));
    let path = |name: &str| world.path(name).to_string_lossy().into_owned();
    world.run_in("builder", &["key", "add", "builder", &path("site.pub")]).expect(2, "is for `https://example.org`");
    world.run_in("builder", &["key", "add", "builder", &path("device.pub")]).expect(0, "Added for the builder");
    let hard = world.read(CONTRACT);
    let hard = hard.lines().find(|line| line.contains("sk-ssh-ed25519@openssh.com")).expect("the device's key");
    assert_ne!(hard, soft);
    agent_of(Device::new(7, "ssh:"), TOUCHED, &world.path("touched"));
    agent_of(Device::new(7, "ssh:"), 0, &world.path("untouched"));
    let with = |socket: &str, args: &[&str]| {
        let key = path("device.pub");
        let args = [args, &["--key", &key]].concat();
        world.run_ordered("builder", "builder", &args, &[("SSH_AUTH_SOCK", &path(socket))])
    };
    let digest = world.digest("builder");
    with("untouched", &["builder", "adopt", "--yes", &digest]).expect(12, "nobody touched it");
    with("touched", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.git(".", &["clone", "-q", "origin.git", "adversary"]);
    world.run_in("adversary", &["adversary", "adopt", "--yes", &digest]).expect(0, "adopts");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    with("touched", &["builder", "note", "by the device"]).expect(0, "Note ");
    with("touched", &["builder", "claim", "M1"]).expect(0, "is claimed");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.run_in("adversary", &["sync"]).expect(0, "pulled");
    world.pass();
    world.run_in("builder", &["check"]).expect(0, "every byte, signature and link");
    world.run_in("builder", &["status"]).expect(0, "separation of M1: `clone`, wanted `clone`, hardware key: builder");
    let text = world.run_in("builder", &["status", "--json"]).stdout;
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["hardware"], serde_json::json!({ "M1": ["builder"] }));
    // A byte of what the device signed is changed.
    let journal = "builder/machine-docs/JOURNAL-demo.md";
    world.write(journal, &world.read(journal).replace("text = \"by the device\"", "text = \"by the devise\""));
    world.run_in("builder", &["check"]).expect(30, "does not match the block");
}
