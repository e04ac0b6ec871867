//! Whose log it is: what is read as the engine's log must be written by the process that listens at the engine's socket.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::engine::server::Server;
use crate::model::time::Time;
use crate::probes::docker::unit::main_pid;

/// How far the engine's first line may be from its process's start.
const BEGINNING: Duration = Duration::from_secs(60);

/// Whether the engine at whose socket this serves writes this log file: it has it open for writing. Where this user may not see what it
/// has open, its first line (`started`) must be of the time when its process began. Where who serves is not seen, the engine is the
/// unit's process.
///
/// # Errors
///
/// It does not, or that is not told.
pub fn writes(server: &Server, unit: &str, log: &Path, started: Option<Time>, timeout: Duration) -> Result<(), String> {
    let engines = match server {
        Server::Itself(pid) => [*pid].into(),
        Server::Handed(pids) => pids.clone(),
        Server::Hidden { .. } => {
            let main = main_pid(unit, timeout);
            [main.map_err(|why| format!("the engine was started by its socket; unit {unit}: {why}"))?].into()
        }
    };
    let shown = log.display();
    let wanted = fs::metadata(log).map_err(|error| format!("{shown}: {error}"))?;
    let mut untold = None;
    for engine in &engines {
        match has_open(*engine, &wanted) {
            Some(true) => return Ok(()),
            Some(false) => {}
            None => untold = Some(*engine),
        }
    }
    let Some(engine) = untold else {
        let pids: Vec<String> = engines.iter().map(u32::to_string).collect();
        let pids = pids.join(", ");
        return Err(format!(
            "the engine (process {pids}) has {shown} not open for writing: that is not the log that it writes"
        ));
    };
    let began = began(engine)?;
    let apart = |started: Time| started.since(began).or_else(|| began.since(started)).unwrap_or(Duration::MAX);
    if started.is_some_and(|started| apart(started) <= BEGINNING) {
        return Ok(());
    }
    let said = started.map_or("no start".to_owned(), |started| format!("a start at {started}"));
    Err(format!(
        "{shown} has {said}, and the engine (process {engine}) began at {began}: whether it writes this log is not seen by this user; \
         run it as root"
    ))
}

/// Whether a process has a file open for writing; `None` where that is not told.
fn has_open(pid: u32, wanted: &Metadata) -> Option<bool> {
    let is_it = |entry: fs::DirEntry| {
        let writes = fs::symlink_metadata(entry.path()).is_ok_and(|link| link.mode() & 0o200 != 0);
        let file = fs::metadata(entry.path());
        writes && file.is_ok_and(|file| (file.dev(), file.ino()) == (wanted.dev(), wanted.ino()))
    };
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten().any(is_it))
}

/// When a process began (Linux proc(5): field 22 of `stat` in hundredths of a second after `btime`).
fn began(pid: u32) -> Result<Time, String> {
    let read = |path: String| fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"));
    let (own, all) = (read(format!("/proc/{pid}/stat"))?, read("/proc/stat".to_owned())?);
    let ticks = own.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19)?.parse::<i64>().ok());
    let boot = all.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<i64>().ok());
    let seconds = ticks.zip(boot).map(|(ticks, boot)| boot + ticks / 100);
    let moment = seconds.and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    moment.map(Time::from_utc).ok_or_else(|| format!("when process {pid} began is not told by /proc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_the_engines_where_its_process_writes_it() {
        let own = std::process::id();
        let file = tempfile::NamedTempFile::new().expect("a file");
        let by = |server: Server, path: &Path| writes(&server, "x.service", path, None, Duration::from_secs(5));
        let look = |path: &Path| by(Server::Itself(own), path);
        assert_eq!(look(file.path()), Ok(()));
        assert_eq!(by(Server::Handed([own].into()), file.path()), Ok(()));
        let path = file.into_temp_path();
        let _read_alone = fs::File::open(&path).expect("opened");
        let why = look(&path).expect_err("it is open for reading alone");
        assert!(why.contains("not open for writing") && why.contains(&own.to_string()), "{why}");
        assert!(look(Path::new("/no/such/log")).is_err());
    }

    #[test]
    fn when_a_process_began_is_told_by_proc() {
        let now = Time::from_utc(chrono::DateTime::from(
            fs::metadata("/proc/self").expect("seen").modified().expect("a time"),
        ));
        let began = began(std::process::id()).expect("told");
        let apart = now.since(began).or_else(|| began.since(now)).expect("one of them");
        assert!(apart < Duration::from_secs(3600), "{began} and {now}");
    }
}
