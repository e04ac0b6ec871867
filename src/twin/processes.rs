//! Finding a twin's processes, also those that its engine left behind, and ending them.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::twin::place::Place;

/// When a process started, in clock ticks since boot; `None` when there is none, or only its remains.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything: what follows the last one is plain.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

/// All processes of a twin: those in its network namespace (engine, its helpers) and those that see its data (containers).
pub fn of_twin(place: &Place) -> Vec<u32> {
    let namespace = std::fs::metadata(Path::new("/run/netns").join(place.netns())).map(|file| file.ino()).ok();
    let mark = format!("{}/", place.data().display());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| start_time(*pid).is_some())
        .filter(|pid| {
            let own = std::fs::metadata(format!("/proc/{pid}/ns/net")).map(|file| file.ino()).ok();
            let inside = own.is_some() && own == namespace;
            inside || std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).is_ok_and(|text| text.contains(&mark))
        })
        .collect()
}

/// Kills all processes of a twin, the engine's first so that it restarts nothing; gives those that remain at the deadline.
pub fn end_all(place: &Place, engine: Option<u32>, deadline: Duration) -> Vec<u32> {
    let begin = Instant::now();
    if let Some(pid) = engine {
        kill(pid);
    }
    loop {
        let left = of_twin(place);
        if left.is_empty() || begin.elapsed() > deadline {
            return left;
        }
        left.into_iter().for_each(kill);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended in this very moment.
        kill_process(pid, Signal::KILL).ok();
    }
}
