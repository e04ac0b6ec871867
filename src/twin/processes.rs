//! Finding the processes of a twin or of one of its nodes, also those that an engine left behind, and ending them.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// When a process started, in clock ticks since boot; `None` when there is none, or only its remains.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything: what follows the last one is plain.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

fn inode(path: impl AsRef<Path>) -> Option<u64> {
    std::fs::metadata(path).map(|file| file.ino()).ok()
}

/// All processes in one of these network namespaces (engines and their helpers), and those that have something of `dir` mounted
/// in a mount namespace of their own (containers). A process of this one's mount namespace is never taken for a container.
pub fn of(namespaces: &[String], dir: &Path) -> Vec<u32> {
    let inside: Vec<u64> = namespaces.iter().filter_map(|name| inode(Path::new("/run/netns").join(name))).collect();
    let own_mounts = inode("/proc/self/ns/mnt");
    let mark = format!("{}/", dir.display());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let belongs = |pid: &u32| {
        if inode(format!("/proc/{pid}/ns/net")).is_some_and(|net| inside.contains(&net)) {
            return true;
        }
        let mounts = inode(format!("/proc/{pid}/ns/mnt"));
        let seen = || std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        mounts.is_some() && mounts != own_mounts && seen().contains(&mark)
    };
    pids.filter(|pid| start_time(*pid).is_some()).filter(belongs).collect()
}

/// Kills all of them, `first` before the others so that an engine restarts nothing; gives those that remain at the deadline.
pub fn end_all(namespaces: &[String], dir: &Path, first: &[u32], deadline: Duration) -> Vec<u32> {
    let begin = Instant::now();
    first.iter().copied().for_each(kill);
    loop {
        let left = of(namespaces, dir);
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
