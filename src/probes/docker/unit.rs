//! What systemd tells of a unit, and whether the unit is the engine that was asked: the journal of another one tells nothing of it,
//! and its restart frees nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::server::Server;
use crate::probes::place;
use crate::process::{self, Spec};

/// What systemd says of a unit.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unit {
    /// Its process; 0 where it has none.
    main: u32,
    /// Where the sockets that start it listen.
    listens: Vec<PathBuf>,
}

/// Refuses a unit that is not known to be the engine's: its process must serve at the engine's socket; where an init listens there, and
/// for whom is not seen, the unit must be one that it starts by that socket.
///
/// # Errors
///
/// It is another's, or that cannot be known; one line.
pub async fn is_the_engine_s(unit: &str, engine: &Engine, timeout: Duration) -> Result<(), String> {
    let server = place::server(engine).await?;
    let name = unit.to_owned();
    let shown = tokio::task::spawn_blocking(move || show(&name, timeout)).await.map_err(|error| error.to_string());
    let shown = shown.and_then(|shown| shown);
    let shown = shown.map_err(|why| format!("whether unit {unit} is this engine's is not known: {why}"))?;
    let socket = engine.address().trim_start_matches("unix://");
    match is_of(&shown, &server, Path::new(socket)) {
        true => Ok(()),
        false => Err(format!(
            "{server} at {socket}, and unit {unit} has process {} and is started by sockets at [{}]",
            shown.main,
            shown.listens.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// Whether the unit's process serves, or the init listens for the unit. Pure but for links in paths.
fn is_of(unit: &Unit, server: &Server, socket: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match server {
        Server::Itself(pid) => *pid > 0 && *pid == unit.main,
        Server::Handed(pids) => pids.contains(&unit.main),
        Server::Hidden { .. } => unit.listens.iter().any(|path| real(path) == real(socket)),
    }
}

fn show(unit: &str, timeout: Duration) -> Result<Unit, String> {
    let main = property(unit, "MainPID", timeout)?;
    let main = main.parse().map_err(|_| format!("systemctl tells no process of it (MainPID `{main}`)"))?;
    // Where nothing triggers it, systemctl may leave the line out.
    let triggers = value("TriggeredBy", &shown(unit, "TriggeredBy", timeout)?).unwrap_or_default();
    let mut listens = Vec::new();
    for socket in triggers.split_whitespace().filter(|unit| unit.ends_with(".socket")) {
        listens.extend(paths(&shown(socket, "Listen", timeout)?));
    }
    Ok(Unit { main, listens })
}

/// What `systemctl show` says of one property, a line for each of its values; times as `@SECONDS`.
fn shown(unit: &str, name: &str, timeout: Duration) -> Result<String, String> {
    if !unit.chars().all(|c| c.is_ascii_alphanumeric() || "@._:-\\".contains(c)) || unit.starts_with('-') {
        return Err("that is no unit's name".to_owned());
    }
    let argv = ["systemctl", "show", unit, "-p", name, "--timestamp=unix"];
    let done = process::run(&Spec::new(argv).timeout(timeout)).map_err(|error| error.to_string())?;
    if done.ok() && !done.truncated { Ok(done.text()) } else { Err(done.complaint()) }
}

/// A property of a unit, times as `@SECONDS`.
///
/// # Errors
///
/// The name is none of a unit, or systemd does not tell.
pub fn property(unit: &str, name: &str, timeout: Duration) -> Result<String, String> {
    value(name, &shown(unit, name, timeout)?)
}

/// The value in what `systemctl show` says. Pure.
fn value(name: &str, shown: &str) -> Result<String, String> {
    let value = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.map(str::to_owned).ok_or_else(|| format!("systemctl tells no {name} of it (`{shown}`)"))
}

/// The main process of a unit.
///
/// # Errors
///
/// As [`property`], or it has none: it is not active.
pub fn main_pid(unit: &str, timeout: Duration) -> Result<u32, String> {
    pid_in(&property(unit, "MainPID", timeout)?)
}

fn pid_in(told: &str) -> Result<u32, String> {
    let pid = told.trim().parse().ok().filter(|pid| *pid != 0);
    pid.ok_or_else(|| format!("the unit has no main process (MainPID `{told}`): it is not active"))
}

/// The paths in lines such as `Listen=/run/docker.sock (Stream)`. Pure.
fn paths(shown: &str) -> Vec<PathBuf> {
    let of = |line: &str| Some(line.strip_prefix("Listen=")?.rsplit_once(" (")?.0.to_owned());
    shown.lines().filter_map(of).filter(|path| path.starts_with('/')).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_shows_is_read() {
        let shown = "MainPID=812\nTriggeredBy=docker.socket docker.timer";
        assert_eq!(value("MainPID", shown).as_deref(), Ok("812"));
        assert_eq!(value("TriggeredBy", shown).as_deref(), Ok("docker.socket docker.timer"));
        for odd in ["", "MainPI=1", "TriggeredBy=docker.socket"] {
            assert!(value("MainPID", odd).is_err_and(|why| why.contains("no MainPID")), "{odd}");
        }
        let shown = "Listen=/run/docker.sock (Stream)\nListen=127.0.0.1:2375 (Stream)\nListen=/run/a b.sock (Stream)\n";
        assert_eq!(paths(shown), [PathBuf::from("/run/docker.sock"), PathBuf::from("/run/a b.sock")]);
    }

    #[test]
    fn a_unit_is_the_engine_s_by_its_process_or_by_its_socket() {
        let directory = tempfile::tempdir().expect("a directory");
        let (socket, link) = (directory.path().join("engine.sock"), directory.path().join("link.sock"));
        std::fs::write(&socket, "").expect("written");
        std::os::unix::fs::symlink(&socket, &link).expect("linked");
        let unit =
            |main, listens: &[&Path]| Unit { main, listens: listens.iter().map(|path| (*path).into()).collect() };
        let other = Path::new("/run/docker.sock");
        let hidden = || Server::Hidden { why: "denied".into(), engines: [9].into() };
        let handed = |pids: &[u32]| Server::Handed(pids.iter().copied().collect());
        let table = [
            ("its process listens", unit(7, &[]), Server::Itself(7), true),
            ("its process was handed the socket", unit(7, &[]), handed(&[7]), true),
            ("its process handed it on to its child", unit(7, &[]), handed(&[7, 8]), true),
            ("another process was handed it", unit(7, &[&socket]), handed(&[8]), false),
            ("its socket was linked", unit(7, &[other, &link]), hidden(), true),
            ("it was not started yet", unit(0, &[&socket]), hidden(), true),
            ("it was not started, and another serves", unit(0, &[&socket]), handed(&[8]), false),
            ("another process listens", unit(7, &[]), Server::Itself(8), false),
            ("another process listens at its socket", unit(7, &[&socket]), Server::Itself(8), false),
            ("the init listens for another unit", unit(7, &[other]), hidden(), false),
            ("the init listens, and no socket is the unit's", unit(7, &[]), hidden(), false),
            ("neither is known", unit(0, &[]), Server::Itself(0), false),
        ];
        for (name, unit, server, is) in table {
            assert_eq!(is_of(&unit, &server, &socket), is, "{name}");
        }
    }

    #[test]
    fn a_unit_without_a_process_has_none() {
        assert_eq!(pid_in("812\n"), Ok(812));
        for told in ["0", "", "x"] {
            assert!(pid_in(told).is_err_and(|why| why.contains("no main process")), "{told}");
        }
        for unit in ["no unit; rm", "-p"] {
            assert!(main_pid(unit, Duration::from_secs(5)).is_err_and(|why| why.contains("no unit's name")));
        }
    }
}
