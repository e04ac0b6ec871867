//! A private swarm whose engine asks an interlock, and a phase that guards its network `proxy`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::twin::Twin;
use crate::support::{Answer, CONTRACT, GUARD, World};

/// What an engine's answer begins with when its plugin said no.
pub const DENIED: &str = "authorization denied by plugin countersign";

/// The swarm, the phase and the interlock between them.
pub struct Lab {
    /// Its engine.
    pub twin: Twin,
    /// Its clones and keys.
    pub world: World,
    interlock: Option<Child>,
}

impl Lab {
    /// Starts them: `proxy` with a front's stack and a recipe's on it, and a service elsewhere. `None` where the machine cannot.
    pub fn up(name: &str, attachments: &str) -> Option<Self> {
        Self::up_of(1, name, attachments)
    }

    /// The same with so many managers, whose engines all ask one interlock.
    pub fn up_of(managers: usize, name: &str, attachments: &str) -> Option<Self> {
        let mut interlock = None;
        let start = |world: &World, engine: &str| interlock = Some(serve(world, engine));
        let mut lab = Self::up_with(managers, name, attachments, start)?;
        lab.interlock = interlock;
        Some(lab)
    }

    /// The same with an interlock that somebody else starts, at `ask.sock` of the world, for the engine that will be at this address.
    pub fn up_with(managers: usize, name: &str, attachments: &str, start: impl FnOnce(&World, &str)) -> Option<Self> {
        let world = World::new();
        let twin = Twin::up_after(name, |dir| {
            start(&world, &format!("unix://{}/engine.sock", dir.display()));
            let (number, socket) = (managers.to_string(), world.path("ask.sock").to_string_lossy().into_owned());
            ["--nodes", &number, "--managers", &number, "--interlock", &socket].map(str::to_owned).to_vec()
        });
        let lab = Self { twin: twin?, world, interlock: None };
        lab.fill();
        lab.phase(attachments);
        Some(lab)
    }

    fn fill(&self) {
        for (name, subnet) in [("proxy", "10.0.77.0/24"), ("other", "10.0.78.0/24")] {
            let create = ["network", "create", "--driver", "overlay", "--attachable", "--subnet", subnet, name];
            self.twin.docker(&create);
        }
        for (name, stack, network) in
            [("traefik_app", "traefik", "proxy"), ("recipe_app", "recipe", "proxy"), ("quiet_app", "quiet", "other")]
        {
            let label = format!("com.docker.stack.namespace={stack}");
            self.twin.docker(&service(name, network, &["--label", &label]));
        }
        self.twin.until("the services", || {
            self.twin.docker(&["service", "ls", "--format", "{{.Replicas}}"]).lines().all(|line| line == "1/1")
        });
    }

    /// Opens the phase: each of its two steps recreates the network.
    fn phase(&self, attachments: &str) {
        self.world.open(GUARD);
        let step = |id: &str, subnet: &str| {
            format!(
                "[[step]]\nid = \"{id}\"\ntitle = \"Recreate\"\ngate = \"M1\"\nkind = \"docker.network.recreate\"\n\
                 network = \"proxy\"\nsubnet = \"{subnet}\"\ntimeout = \"10m\"\n\n"
            )
        };
        let more = format!(
            "\n[window]\nmax_length = \"60m\"\n\n{}{}\
             [protect]\nnetworks = [\"proxy\"]\nservices = [\"quiet_app\"]\nstacks = [\"traefik\"]\n\
             swarm = [\"leave\", \"demote\", \"drain\"]\nattachments = \"{attachments}\"\n",
            step("recreate", "10.77.0.0/16"),
            step("again", "10.79.0.0/16"),
        );
        let contract = self.world.read(CONTRACT).replace("unix:///nonexistent/docker.sock", &self.twin.engine());
        self.world.write(CONTRACT, &format!("{contract}{more}"));
        self.world.adopt();
        self.world.claim();
    }

    /// The Adversary passes M1, an operator trusts its key here, and the Builder opens the window.
    pub fn pass(&self) {
        self.world.pass();
        let public = self.world.key("adversary").with_extension("pub");
        self.run(&["trust", &public.to_string_lossy()]).expect(0, "pinned");
        self.run(&["builder", "window", "open", "--for", "50m"]).expect(0, "is open");
    }

    /// Runs countersign as the Builder, with this host state.
    pub fn run(&self, args: &[&str]) -> Answer {
        Answer::of(&self.command(args).output().expect("runs"))
    }

    /// A command as the Builder, with this host state, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_countersign"), "builder", "builder");
        command.arg("--state").arg(self.world.path("state")).args(args);
        command
    }

    /// Ends the interlock, as a crash does.
    pub fn end_interlock(&mut self) {
        if let Some(mut child) = self.interlock.take() {
            child.kill().expect("killed");
            child.wait().expect("waited");
        }
    }

    /// Starts it again.
    pub fn start_interlock(&mut self) {
        self.interlock = Some(serve(&self.world, &self.twin.engine()));
    }

    /// The file that names the interlock's socket.
    pub fn socket(&self) -> PathBuf {
        self.world.path("ask.sock")
    }

    /// Sends bytes to the engine's socket and reads the answer; nothing where none comes in time.
    pub fn raw(&self, request: &[u8], patience: Duration) -> Option<String> {
        let mut stream = UnixStream::connect(self.twin.dir().join("engine.sock")).expect("the socket");
        stream.set_read_timeout(Some(patience)).expect("a timeout");
        // The engine may answer before it has read everything.
        stream.write_all(request).ok();
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
                Err(_) if bytes.is_empty() => return None,
                Err(_) => break,
            }
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A request with a JSON body and its length; gives status and answer.
    pub fn http(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self.raw(head.as_bytes(), Duration::from_secs(20)).expect("an answer");
        (status(&answer), answer)
    }

    /// Every network, service, task and node as the engine has them, without what moves by itself.
    pub fn state(&self) -> String {
        // The engine lists in no order of its own.
        let of = |path: &str| {
            let text = self.raw(format!("GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes(), Duration::from_secs(20));
            let text = text.expect("an answer");
            let list: Vec<serde_json::Value> =
                serde_json::from_str(text.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
            let mut lines: Vec<String> = list.iter().map(ToString::to_string).collect();
            lines.sort();
            lines.join("\n")
        };
        let tasks = self.twin.docker(&[
            "service",
            "ps",
            "--format",
            "{{.ID}} {{.Name}} {{.DesiredState}}",
            "traefik_app",
            "recipe_app",
            "quiet_app",
        ]);
        let containers = self.twin.docker(&["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Networks}}"]);
        let nodes = self.twin.docker(&["node", "inspect", "self", "--format", "{{json .Spec}}"]);
        [of("/v1.41/networks"), of("/v1.41/services"), tasks, containers, nodes].join("\n")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.end_interlock();
    }
}

/// The status of an answer.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status: {answer}"))
}

/// The arguments that make a service.
pub fn service<'a>(name: &'a str, network: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    let always = ["service", "create", "--quiet", "--detach", "--no-resolve-image", "--stop-grace-period", "1s"];
    let image = ["countersign-twin:1", "/countersign", "twin-serve", "backend", "--name", "x"];
    [&always[..], &["--name", name, "--network", network], options, &image].concat()
}

/// Starts an interlock and waits until it answers.
fn serve(world: &World, engine: &str) -> Child {
    let socket = world.path("ask.sock");
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), "builder", "builder");
    command.arg("--state").arg(world.path("state")).args(["--engine", engine, "interlock", "serve", "--socket"]);
    let log = fs::File::create(world.path("interlock.log")).expect("a log");
    let child = command.arg(&socket).stdout(Stdio::null()).stderr(log).spawn().expect("starts");
    let begun = Instant::now();
    while UnixStream::connect(&socket).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "no interlock answers");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

/// Checks that the engine's plugin refused what the stock client asked for, with these words.
#[track_caller]
pub fn denied(output: &Output, words: &str) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && text.contains(DENIED) && text.contains(words), "wanted `{words}`: {text}");
}
