//! Drone's queue is paused and resumed. A fake Drone stands in: a thread that speaks its three routes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::support::stage::Stage;
use crate::support::twin::Twin;

const TOKEN: &str = "0c1d2e3f-the-admin-token";

/// What the fake knows.
#[derive(Default)]
struct Drone {
    paused: bool,
    /// Answers that come before it is well, as when it restarts.
    bad_answers: usize,
    /// Looks at the queue for which a build still runs.
    running: usize,
    /// Stages that wait, each as long as a real one.
    waiting: usize,
    /// What it answers instead while it does not take orders.
    broken: Option<u16>,
    seen: Vec<String>,
}

fn fake_drone(drone: &Arc<Mutex<Drone>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let drone = Arc::clone(drone);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let Some(request) = lines.next() else { continue };
            let admin = lines.any(|line| line.eq_ignore_ascii_case(&format!("authorization: Bearer {TOKEN}")));
            let mut drone = drone.lock().expect("the fake");
            let method = request.split(' ').next().unwrap_or_default().to_owned();
            let (status, body) = match method.as_str() {
                _ if !admin => (401, String::new()),
                _ if drone.bad_answers > 0 => {
                    drone.bad_answers -= 1;
                    (502, String::new())
                }
                "GET" if drone.running > 0 => {
                    drone.running -= 1;
                    (200, "[{\"id\":1,\"status\":\"running\"}]".to_owned())
                }
                "GET" => {
                    let stage = format!("{{\"status\":\"pending\",\"name\":\"{}\"}}", "x".repeat(1000));
                    (200, format!("[{}]", vec![stage; drone.waiting].join(",")))
                }
                _ if drone.broken.is_some() => (drone.broken.unwrap_or_default(), "not now".to_owned()),
                order => {
                    drone.paused = order == "DELETE";
                    (204, String::new())
                }
            };
            drone.seen.push(request);
            let length = body.len();
            write!(&stream, "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").ok();
        }
    });
    format!("http://{address}")
}

fn steps(url: &str, file: &str) -> String {
    let step = |id: &str, act: &str, more: &str| {
        format!(
            "[[step]]\nid = \"{id}\"\ntitle = \"{act} CI\"\ngate = \"M1\"\nkind = \"drone.queue\"\nurl = \"{url}\"\n\
             token_file = \"{file}\"\nact = \"{act}\"\ntimeout = \"30s\"\n{more}\n"
        )
    };
    step("pause-ci", "pause", "idle = true\n") + &step("resume-ci", "resume", "restores = true\n")
}

#[test]
fn the_queue_is_paused_and_resumed_and_the_token_is_written_nowhere() {
    let Some(twin) = Twin::up("queue", &[]) else { return };
    let drone = Arc::new(Mutex::new(Drone { bad_answers: 2, running: 2, ..Drone::default() }));
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).expect("written");
    let mode = |bits| std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(bits)).expect("set");
    let stage = Stage::set(twin, &steps(&fake_drone(&drone), &file.to_string_lossy()));
    mode(0o644);
    let mut said = stage.builder(&["builder", "run", "pause-ci"]).expect(20, "others could use the token").all();
    mode(0o600);
    std::fs::write(&file, "another-token").expect("written");
    said += &stage.builder(&["builder", "run", "pause-ci"]).expect(20, "wanted the token of an administrator").all();
    assert!(!drone.lock().expect("the fake").paused);
    std::fs::write(&file, format!("{TOKEN}\n")).expect("written");
    said += &stage.builder(&["builder", "run", "pause-ci"]).expect(0, "queue paused; 0 stages wait or run").all();
    assert!(drone.lock().expect("the fake").paused);
    said += &stage.builder(&["builder", "run", "resume-ci"]).expect(0, "queue resumed").all();
    assert!(!drone.lock().expect("the fake").paused);
    let seen = drone.lock().expect("the fake").seen.join("\n");
    assert!(seen.contains("DELETE /api/queue ") && seen.contains("POST /api/queue "), "{seen}");
    assert!(!(said + &stage.everything_written()).contains(TOKEN), "the token was written");
}

#[test]
fn a_full_queue_is_resumed_and_a_drone_that_restarts_is_asked_again() {
    let Some(twin) = Twin::up("full-queue", &[]) else { return };
    let drone = Arc::new(Mutex::new(Drone { bad_answers: 3, waiting: 150, ..Drone::default() }));
    let change = |change: &dyn Fn(&mut Drone)| change(&mut drone.lock().expect("the fake"));
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).expect("written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    let steps = steps(&fake_drone(&drone), &file.to_string_lossy()).replace("30s", "4s").replace("idle = true\n", "");
    let stage = Stage::set(twin, &steps);
    stage.builder(&["builder", "run", "pause-ci"]).expect(0, "queue paused; 150 stages wait or run");
    // Somebody is there and takes no order: nothing is changed, and the undo may be tried again.
    change(&|drone| drone.broken = Some(404));
    stage.builder(&["builder", "undo", "pause-ci"]).expect(21, "it answered 404");
    change(&|drone| *drone = Drone { paused: true, bad_answers: 3, waiting: 150, ..Drone::default() });
    stage.builder(&["builder", "undo", "pause-ci"]).expect(0, "queue resumed; 150 stages wait or run");
    stage.builder(&["builder", "run", "pause-ci"]).expect(0, "is done");
    // What the order brings is not its list: a list that cannot be read holds nothing up.
    change(&|drone| *drone = Drone { paused: true, bad_answers: 3, waiting: 20_000, ..Drone::default() });
    stage
        .builder(&["builder", "run", "resume-ci"])
        .expect(0, "queue resumed; how many stages wait or run is not known");
    let first = drone.lock().expect("the fake").seen.first().cloned().unwrap_or_default();
    assert!(first.starts_with("POST "), "asked {first} before a resume");
    assert!(!drone.lock().expect("the fake").paused);
}
