//! Whose log it is: what is read as the engine's log must be written by the process that listens at the engine's socket.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::engine::server::Server;
use crate::probes::docker::unit::main_pid;

/// Whether the engine at whose socket this serves writes this log file: it has it open for writing. No time tells as much:
/// engines of one machine begin together, and a copy of a log says what the log said. Where who serves is not seen, the engine is the
/// unit's process.
///
/// # Errors
///
/// It does not, or this user may not see what it has open.
pub fn writes(server: &Server, unit: &str, log: &Path, timeout: Duration) -> Result<(), String> {
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
    Err(format!(
        "whether the engine (process {engine}) writes {shown} is not seen by this user, who may not look at what it has open: run it as \
         root, or let it read the journal of the engine's unit"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_the_engines_where_its_process_writes_it() {
        let own = std::process::id();
        let file = tempfile::NamedTempFile::new().expect("a file");
        let by = |server: Server, path: &Path| writes(&server, "x.service", path, Duration::from_secs(5));
        let look = |path: &Path| by(Server::Itself(own), path);
        assert_eq!(look(file.path()), Ok(()));
        assert_eq!(by(Server::Handed([own].into()), file.path()), Ok(()));
        let path = file.into_temp_path();
        let _read_alone = fs::File::open(&path).expect("opened");
        let why = look(&path).expect_err("it is open for reading alone");
        assert!(why.contains("not open for writing") && why.contains(&own.to_string()), "{why}");
        assert!(look(Path::new("/no/such/log")).is_err());
        let hidden = by(Server::Itself(u32::MAX), &path).expect_err("no such process");
        assert!(hidden.contains("not seen by this user") && hidden.contains("as root"), "{hidden}");
    }
}
