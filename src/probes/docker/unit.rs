//! Whether a systemd unit is the engine that was asked: the journal of another one tells nothing of it, and its
//! restart frees nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::Engine;
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

/// Refuses a unit that is not known to be the engine's: neither its process listens at the engine's socket, nor does the init,
/// which starts it by that socket.
///
/// # Errors
///
/// It is another's, or that cannot be known; one line.
pub async fn is_the_engine_s(unit: &str, engine: &Engine, timeout: Duration) -> Result<(), String> {
    let listener = place::listener(engine).await?;
    let name = unit.to_owned();
    let shown = tokio::task::spawn_blocking(move || show(&name, timeout)).await.map_err(|error| error.to_string());
    let shown = shown.and_then(|shown| shown);
    let shown = shown.map_err(|why| format!("whether unit {unit} is this engine's is not known: {why}"))?;
    let socket = engine.address().trim_start_matches("unix://");
    match is_of(&shown, listener, Path::new(socket)) {
        true => Ok(()),
        false => Err(format!(
            "process {listener} listens at {socket}, and unit {unit} has process {} and is started by sockets at [{}]",
            shown.main,
            shown.listens.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// Whether what listens is the unit's process, or the init in its place. Pure but for links in paths.
fn is_of(unit: &Unit, listener: u32, socket: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let by_socket = || unit.listens.iter().any(|path| real(path) == real(socket));
    listener > 0 && (listener == unit.main || listener == 1 && by_socket())
}

fn show(unit: &str, timeout: Duration) -> Result<Unit, String> {
    let run = |argv: &[&str]| {
        let done = process::run(&Spec::new(argv).timeout(timeout)).map_err(|error| error.to_string())?;
        if done.ok() { Ok(done.text()) } else { Err(done.complaint()) }
    };
    let (main, sockets) = read(&run(&["systemctl", "show", "-p", "MainPID", "-p", "TriggeredBy", "--", unit])?)?;
    let mut listens = Vec::new();
    for socket in sockets {
        listens.extend(paths(&run(&["systemctl", "show", "-p", "Listen", "--", &socket])?));
    }
    Ok(Unit { main, listens })
}

/// Process and sockets of a unit, as `systemctl show` says them. Pure.
fn read(shown: &str) -> Result<(u32, Vec<String>), String> {
    let value = |key: &str| shown.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let main = value("MainPID").and_then(|text| text.parse().ok());
    let main = main.ok_or_else(|| format!("systemctl tells no process of it (`{shown}`)"))?;
    let triggers = value("TriggeredBy").unwrap_or_default().split_whitespace();
    Ok((main, triggers.filter(|unit| unit.ends_with(".socket")).map(str::to_owned).collect()))
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
        let (main, sockets) = read("MainPID=812\nTriggeredBy=docker.socket docker.timer").expect("read");
        assert_eq!((main, sockets), (812, vec!["docker.socket".to_owned()]));
        assert_eq!(read("TriggeredBy=\nMainPID=0").expect("read"), (0, vec![]));
        for odd in ["", "MainPID=", "MainPID=x", "TriggeredBy=docker.socket"] {
            assert!(read(odd).is_err(), "{odd}");
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
        let table = [
            ("its process listens", unit(7, &[]), 7, true),
            ("its socket was linked", unit(7, &[other, &link]), 1, true),
            ("it was not started yet", unit(0, &[&socket]), 1, true),
            ("another process listens", unit(7, &[]), 8, false),
            ("another process listens at its socket", unit(7, &[&socket]), 8, false),
            ("the init listens for another unit", unit(7, &[other]), 1, false),
            ("the init listens, and no socket is the unit's", unit(7, &[]), 1, false),
            ("neither is known", unit(0, &[]), 0, false),
        ];
        for (name, unit, listener, is) in table {
            assert_eq!(is_of(&unit, listener, &socket), is, "{name}");
        }
    }
}
