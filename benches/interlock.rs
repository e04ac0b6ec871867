//! What an interlock costs: the same requests, in turn, to an engine that asks one and to an engine that asks nobody. Needs root and
//! dockerd; both are private swarms of this machine.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TOOL: &str = env!("CARGO_BIN_EXE_countersign");
/// Rounds; in each, every request goes to both engines once.
const ROUNDS: usize = 500;

/// What is asked: its name, method, path and body.
const REQUESTS: [(&str, &str, &str, &str); 6] = [
    ("a list (reads)", "GET", "/v1.41/networks", ""),
    ("a ping (reads, the shortest)", "GET", "/_ping", ""),
    ("a signal to no container (changes, harmless)", "POST", "/v1.41/containers/nobody/kill", ""),
    ("removing none by a name (judged, let through)", "DELETE", "/v1.41/networks/ci-42", ""),
    ("removing none by an id (the same, looked up)", "DELETE", "/v1.41/networks/4f1c9a", ""),
    ("removing what is guarded (refused)", "DELETE", "/v1.41/networks/shared", ""),
];

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    let place = PathBuf::from(format!("/run/cs-bench-{}", std::process::id()));
    let Some(bench) = Bench::up(&place)? else {
        return writeln!(out, "no private swarm can be started here (root and dockerd are needed)");
    };
    let mut took = vec![[Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)]; REQUESTS.len()];
    for round in 0..ROUNDS {
        for (at, (name, method, path, body)) in REQUESTS.iter().enumerate() {
            // Who is asked first changes with each round.
            for side in [round % 2, 1 - round % 2] {
                let (spent, answer) = ask(&bench.sockets[side], method, path, body)?;
                let refused = answer.contains("authorization denied by plugin");
                assert_eq!(refused, side == 1 && name.contains("refused"), "{name}: {answer}");
                took[at][side].push(spent);
            }
        }
    }
    writeln!(out, "{ROUNDS} rounds, milliseconds: p50 and p99 without an interlock, with one, and what it costs")?;
    for ((name, ..), [without, with]) in REQUESTS.iter().zip(&mut took) {
        let (a, b) = (figures(without), figures(with));
        writeln!(
            out,
            "{name:46} {:6.2} {:6.2}   {:6.2} {:6.2}   {:+6.2} {:+6.2}",
            a[0],
            a[1],
            b[0],
            b[1],
            b[0] - a[0],
            b[1] - a[1]
        )?;
    }
    at_once(&bench, &mut out)
}

/// A thousand requests at the same time, each on a connection of its own.
fn at_once(bench: &Bench, out: &mut impl io::Write) -> io::Result<()> {
    for (side, word) in ["without", "with"].into_iter().enumerate() {
        let begun = Instant::now();
        let socket = &bench.sockets[side];
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..50)
                .map(|_| scope.spawn(|| (0..20).all(|_| ask(socket, "DELETE", "/v1.41/networks/nobody", "").is_ok())))
                .collect();
            assert!(threads.into_iter().all(|thread| thread.join().is_ok_and(|answered| answered)));
        });
        let seconds = begun.elapsed().as_secs_f64();
        writeln!(out, "1,000 judged requests by 50 clients, {word} an interlock: {seconds:.2} s")?;
    }
    Ok(())
}

/// Two engines, of which the second asks an interlock.
struct Bench {
    sockets: [PathBuf; 2],
    place: PathBuf,
    interlock: Child,
}

impl Bench {
    fn up(place: &Path) -> io::Result<Option<Self>> {
        let (repository, socket) = (place.join("repository"), place.join("ask.sock"));
        fs::create_dir_all(&repository)?;
        let git =
            |args: &[&str]| Command::new("git").current_dir(&repository).args(args).stdout(Stdio::null()).status();
        git(&["init", "-q"])?;
        git(&[
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.invalid",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "x",
        ])?;
        let init = ["init", "--phase", "bench", "--template", "network-resize"];
        Command::new(TOOL).current_dir(&repository).args(init).stdout(Stdio::null()).status()?;
        let dirs = [place.join("plain"), place.join("asks")];
        let sockets = dirs.clone().map(|dir| dir.join("engine.sock"));
        let interlock = Command::new(TOOL)
            .current_dir(&repository)
            .arg("--engine")
            .arg(format!("unix://{}", sockets[1].display()))
            .arg("--state")
            .arg(place.join("state"))
            .args(["interlock", "serve", "--socket"])
            .arg(&socket)
            .stderr(Stdio::null())
            .spawn()?;
        let bench = Self { sockets, place: place.to_owned(), interlock };
        let begun = Instant::now();
        while UnixStream::connect(&socket).is_err() && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        for (dir, asks) in dirs.iter().zip([false, true]) {
            let mut up = Command::new(TOOL);
            up.args(["twin", "up", "--dir"]).arg(dir).stdout(Stdio::null()).stderr(Stdio::null());
            if asks {
                up.arg("--interlock").arg(&socket);
            }
            if !up.status()?.success() {
                return Ok(None);
            }
        }
        Ok(Some(bench))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for dir in ["plain", "asks"] {
            Command::new(TOOL).args(["twin", "down", "--dir"]).arg(self.place.join(dir)).output().ok();
        }
        self.interlock.kill().and_then(|()| self.interlock.wait()).ok();
        fs::remove_dir_all(&self.place).ok();
    }
}

/// One request on a connection of its own; gives the milliseconds from connecting to the last byte, and the answer.
fn ask(socket: &Path, method: &str, path: &str, body: &str) -> io::Result<(f64, String)> {
    let begun = Instant::now();
    let mut stream = UnixStream::connect(socket)?;
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok((begun.elapsed().as_secs_f64() * 1e3, answer))
}

/// The median and the 99th percentile.
fn figures(took: &mut [f64]) -> [f64; 2] {
    took.sort_by(f64::total_cmp);
    [took[took.len() / 2], took[took.len() * 99 / 100]]
}
