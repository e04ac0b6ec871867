//! `vips` on 5,000 services, 20,000 tasks and 60 overlays behind a local socket; and the walk of a /24 on a private swarm, where
//! one can be started, beside the same calls by a plain script: make a service, read its address, remove it.

#[path = "../tests/support/fake_swarm.rs"]
#[expect(dead_code, reason = "the benchmark counts no calls")]
mod fake_swarm;

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Instant;

use fake_swarm::{FakeEngine, Swarm};

const TOOL: &str = env!("CARGO_BIN_EXE_countersign");

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    let swarm = Swarm::new(60, 5_000, 20_000);
    let bytes = swarm.services.len() + swarm.tasks.len() + swarm.networks.len();
    let engine = FakeEngine::start("1.41", move |path| swarm.answer(path));
    for _ in 0..3 {
        let begin = Instant::now();
        let output = Command::new(TOOL).args(["vips", "--json", "--engine", &engine.address()]).output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seconds = begin.elapsed().as_secs_f64();
        writeln!(
            out,
            "vips, whole process: 5,000 services, 20,000 tasks, {:.1} MB: {seconds:.2} s",
            bytes as f64 / 1e6
        )?;
    }
    let dir = format!("/run/cs-bench-{}", std::process::id());
    let tool =
        |args: &[&str]| Command::new(TOOL).args(args).env("DOCKER_HOST", format!("unix://{dir}/engine.sock")).output();
    if !tool(&["twin", "up", "--dir", &dir])?.status.success() {
        return writeln!(out, "walk: no private swarm can be started here (root and dockerd are needed)");
    }
    let measured = walk(&tool, &dir, &mut out);
    tool(&["twin", "down", "--dir", &dir])?;
    measured
}

fn walk(
    tool: &dyn Fn(&[&str]) -> io::Result<std::process::Output>,
    dir: &str,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let network = ["network", "create", "--driver", "overlay", "--subnet", "10.21.0.0/24", "bench"];
    let made = Command::new("docker").args(network).env("DOCKER_HOST", format!("unix://{dir}/engine.sock")).output()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for _ in 0..3 {
        let begin = Instant::now();
        let socket = format!("{dir}/engine.sock");
        for _ in 0..2 * 253 {
            plain(&socket)?;
        }
        let least = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let output = tool(&["vips", "bench", "--walk", "--json", "--state", &format!("{dir}/state")])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("\"free\":253"), "{text}");
        let seconds = begin.elapsed().as_secs_f64();
        writeln!(
            out,
            "walk of a /24, whole process: {:.2} s a lap of 253 addresses; the calls alone {:.2} s; {:.2} times as long",
            seconds / 2.0,
            least / 2.0,
            seconds / least
        )?;
    }
    Ok(())
}

/// One address by the fewest calls.
fn plain(socket: &str) -> io::Result<()> {
    let spec = r#"{"Name":"plain","TaskTemplate":{"ContainerSpec":{"Image":"none:never"},"Networks":[{"Target":"bench"}]},"Mode":{"Replicated":{"Replicas":0}}}"#;
    let made = call(socket, "POST", "/services/create", spec)?;
    let id = made.split('"').nth(3).unwrap_or_default().to_owned();
    while !call(socket, "GET", &format!("/services/{id}"), "")?.contains("\"Addr\"") {}
    call(socket, "DELETE", &format!("/services/{id}"), "").map(drop)
}

/// The body of an answer.
fn call(socket: &str, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    let head = format!("{method} /v1.41{path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}
