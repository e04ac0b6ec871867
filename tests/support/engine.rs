//! A stand-in for an engine that only says who it is and what time it is: enough for steps that run programs.
//!
//! A file `engine-time` beside its socket holds what it says the time is; `none`: nothing. Without one its clock is right.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// The id it gives itself.
pub const ENGINE: &str = "FAKE:ENGI:NE";

/// Listens at a socket until the test process ends.
pub fn listen(socket: &Path) {
    let listener = UnixListener::bind(socket).expect("bound");
    let time: Arc<PathBuf> = Arc::new(socket.with_file_name("engine-time"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let time = Arc::clone(&time);
            std::thread::spawn(move || answer(stream, &time));
        }
    });
}

/// What its clock says.
fn time(file: &Path) -> Option<String> {
    let said = std::fs::read_to_string(file);
    let right = || Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output().expect("runs").stdout;
    let time = said.unwrap_or_else(|_| String::from_utf8_lossy(&right()).into_owned());
    Some(time.trim().to_owned()).filter(|time| time != "none")
}

fn answer(mut stream: UnixStream, clock: &Path) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut request = String::new();
        reader.read_line(&mut request).ok().filter(|count| *count > 0)?;
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 2 {
            line.clear();
        }
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (status, body) = if path.ends_with("/version") {
            ("200 OK", serde_json::json!({ "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24" }))
        } else if path.ends_with("/info") {
            let swarm = serde_json::json!({
                "NodeID": "node", "NodeAddr": "127.0.0.1", "LocalNodeState": "active", "ControlAvailable": true,
                "Cluster": { "ID": "cluster" },
            });
            let info = serde_json::json!({ "ID": ENGINE, "Name": "fake", "Swarm": swarm, "SystemTime": time(clock),
                "MemTotal": super::fake_swarm::own_memory() });
            ("200 OK", info)
        } else {
            ("404 Not Found", serde_json::json!({ "message": format!("no {path} here") }))
        };
        let body = body.to_string();
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    }
}
