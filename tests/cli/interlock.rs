//! The interlock as an engine talks to it: the plugin's own protocol over its socket, without an engine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::{CONTRACT, World};

/// A served interlock, ended when the test ends.
struct Served<'a> {
    child: Child,
    world: &'a World,
}

impl<'a> Served<'a> {
    /// Started as systemd does it: the socket that listens is its standard input.
    fn activated(world: &'a World) -> Self {
        let listener = UnixListener::bind(world.path("ask.sock")).expect("bound");
        let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), "builder", "builder");
        command.arg("--state").arg(world.path("state")).args(["interlock", "serve", "--activated"]);
        command.stdin(OwnedFd::from(listener)).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().expect("starts"), world }
    }

    fn post(&self, path: &str, body: &[u8]) -> (String, Value) {
        let mut stream = UnixStream::connect(self.world.path("ask.sock")).expect("the socket");
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).expect("asked");
        // A path that is not there is answered at once, and what was sent to it is not read.
        stream.write_all(body).ok();
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("answered");
        let (head, body) = text.split_once("\r\n\r\n").expect("a body");
        (head.to_owned(), serde_json::from_str(body).expect("JSON"))
    }

    /// Whether a request is let through, and the words if not.
    fn asks(&self, method: &str, uri: &str) -> (bool, String) {
        let question =
            json!({ "RequestMethod": method, "RequestUri": uri, "RequestHeaders": { "User-Agent": "test" } });
        let answer = self.post("/AuthZPlugin.AuthZReq", question.to_string().as_bytes()).1;
        (answer["Allow"] == true, answer["Msg"].as_str().unwrap_or_default().to_owned())
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

#[test]
fn the_plugins_protocol_is_answered_whatever_is_sent() {
    let world = World::new();
    let served = Served::activated(&world);
    let (head, answer) = served.post("/Plugin.Activate", b"");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/vnd.docker.plugins.v1+json"), "{head}");
    assert_eq!(answer, json!({ "Implements": ["authz"] }));
    assert_eq!(served.post("/AuthZPlugin.AuthZRes", &vec![b'x'; 9 << 20]).1, json!({ "Allow": true }));
    assert!(served.post("/VolumeDriver.Create", b"{}").0.starts_with("HTTP/1.1 404"));
    for broken in [&b""[..], b"{", b"null", b"\xff\xff", br#"{"RequestMethod": 7}"#, &vec![b' '; 5 << 20]] {
        let answer = served.post("/AuthZPlugin.AuthZReq", broken).1;
        assert_eq!(answer["Allow"], false, "{}", String::from_utf8_lossy(&broken[..broken.len().min(40)]));
    }
    // Where no phase guards anything, everything passes.
    assert_eq!(served.asks("DELETE", "/v1.41/networks/proxy"), (true, String::new()));
}

#[test]
fn what_reads_waits_for_nothing_and_what_cannot_be_judged_is_refused() {
    let world = World::opened();
    let served = Served::activated(&world);
    // The contract of the blank template guards nothing.
    assert_eq!(served.asks("DELETE", "/v1.41/networks/proxy"), (true, String::new()));
    let contract = world.read(CONTRACT);
    world.write(CONTRACT, &format!("{contract}\n[protect]\nnetworks = [\"proxy\"]\n"));
    // Its engine does not answer: nobody knows what a name means.
    let (allowed, words) = served.asks("DELETE", "/v1.41/networks/proxy");
    assert!(!allowed && words.contains("cannot be judged") && words.contains("countersign doctor"), "{words}");
    for (method, uri) in [("GET", "/v1.41/networks"), ("HEAD", "/_ping"), ("POST", "/v1.41/containers/x/kill")] {
        assert_eq!(served.asks(method, uri), (true, String::new()), "{method} {uri}");
    }
    // Not even where the documents are a pipe that nobody writes to.
    let status = world.path("builder/machine-docs/STATUS-demo.md");
    fs::remove_file(&status).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&status).status().expect("mkfifo runs");
    assert!(made.success());
    assert_eq!(served.asks("GET", "/v1.41/containers/json"), (true, String::new()));
}

#[test]
fn a_socket_that_is_taken_is_not_taken_over() {
    let world = World::new();
    let _listener = UnixListener::bind(world.path("ask.sock")).expect("bound");
    let socket = world.path("ask.sock");
    let serve = ["interlock", "serve", "--socket", &socket.to_string_lossy()].map(str::to_owned);
    let serve: Vec<&str> = serve.iter().map(String::as_str).collect();
    world.run_in("builder", &serve).expect(75, "something is at");
    world.write("plain", "text");
    let plain = world.path("plain").to_string_lossy().into_owned();
    world.run_in("builder", &["interlock", "serve", "--socket", &plain]).expect(75, "something is at");
    assert_eq!(world.read("plain"), "text");
}

#[test]
fn a_door_is_opened_by_root_for_a_while_with_a_reason() {
    let world = World::new();
    let state = world.path("state").to_string_lossy().into_owned();
    let door = |args: &[&str]| {
        let all = [&["--state", &state, "interlock", "door"], args].concat();
        world.run_in("builder", &all)
    };
    if rustix::process::geteuid().is_root() {
        door(&["--for", "2h", "--reason", "x"]).expect(2, "is longer than 1h");
        door(&["--for", "soon", "--reason", "x"]).expect(2, "--for");
        door(&["--for", "5m", "--reason", " "]).expect(2, "--reason is empty");
        door(&["--for", "5m", "--reason", "x"]).expect(2, "nothing is guarded on this host");
    } else {
        door(&["--for", "5m", "--reason", "x"]).expect(12, "the door opens for root");
    }
    assert!(!world.path("state/interlock").exists(), "no mark is left by a door that stayed shut");
}
