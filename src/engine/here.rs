//! Whether an engine runs on this machine. A socket in its file system may be another machine's, passed on.

use std::fs;

use bollard::models::SystemInfo;

use crate::engine::server::{self, Server};

/// Programs that pass a socket on, by the kernel's short name for their processes.
const FORWARDERS: [&str; 8] = ["ssh", "sshd", "sshd-session", "socat", "ncat", "nc", "nc.openbsd", "systemd-socket-"];

/// Whether the engine that says this, and at whose socket this serves, runs on this machine: its memory is this one's (moby
/// `pkg/meminfo` reads `MemTotal` of `/proc/meminfo` too), and nothing is known to pass its socket on. Where who serves is not seen, an
/// engine must run here by its name.
pub(super) fn is_here(info: &SystemInfo, server: &Server) -> bool {
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory(&text));
    let forwards = |pid: &u32| FORWARDERS.contains(&&*server::name(*pid));
    let serves = match server {
        Server::Itself(pid) => !forwards(pid),
        Server::Handed(pids) => !pids.iter().any(forwards),
        Server::Hidden { engines, .. } => !engines.is_empty(),
    };
    memory.is_some() && memory == info.mem_total && serves
}

/// All memory by `/proc/meminfo`, in bytes.
fn memory(meminfo: &str) -> Option<i64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_or_not_known() {
        let table = [
            ("MemTotal:       24576 kB\nMemFree: 1 kB\n", Some(24576 * 1024)),
            ("MemFree: 1 kB\n", None),
            ("MemTotal: 24576\n", None),
            ("MemTotal: many kB\n", None),
            ("", None),
        ];
        for (text, bytes) in table {
            assert_eq!(memory(text), bytes, "{text}");
        }
    }

    #[test]
    fn an_engine_of_other_memory_or_one_that_does_not_say_is_elsewhere() {
        let own = memory(&fs::read_to_string("/proc/meminfo").expect("read")).expect("told");
        let said = |mem_total| SystemInfo { mem_total, ..SystemInfo::default() };
        for (bytes, here) in [(Some(own), true), (Some(own + 4096), false), (None, false)] {
            assert_eq!(is_here(&said(bytes), &Server::Itself(std::process::id())), here, "{bytes:?}");
        }
    }

    #[test]
    fn an_engine_whose_socket_was_handed_to_a_forwarder_is_elsewhere() {
        let directory = tempfile::tempdir().expect("a directory");
        let forwarder = directory.path().join("systemd-socket-proxyd");
        fs::copy("/bin/sleep", &forwarder).expect("copied");
        // Whoever copies a program while another thread starts one may find it busy for a moment.
        let start = || std::process::Command::new(&forwarder).arg("600").spawn();
        let child = std::iter::repeat_with(start).take(50).find_map(|started| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            started.ok()
        });
        let mut child = child.expect("it starts");
        let info = SystemInfo {
            mem_total: memory(&fs::read_to_string("/proc/meminfo").expect("read")),
            ..SystemInfo::default()
        };
        let (own, other) = (std::process::id(), child.id());
        let hidden =
            |engines: &[u32]| Server::Hidden { why: "x".to_owned(), engines: engines.iter().copied().collect() };
        let table = [
            (Server::Itself(other), false),
            (Server::Handed([own].into()), true),
            (Server::Handed([other].into()), false),
            (Server::Handed([own, other].into()), false),
            (hidden(&[]), false),
            (hidden(&[own]), true),
        ];
        let found = table.map(|(server, here)| (is_here(&info, &server) == here, server));
        child.kill().and_then(|()| child.wait()).expect("ended");
        assert!(found.iter().all(|(right, _)| *right), "{found:?}");
    }
}
