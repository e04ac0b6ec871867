//! Whether an engine runs on this machine. A socket in its file system may be another machine's, passed on.

use std::fs;

use bollard::models::SystemInfo;

/// Programs that pass a socket on, by the kernel's short name for their processes.
const FORWARDERS: [&str; 8] = ["ssh", "sshd", "sshd-session", "socat", "ncat", "nc", "nc.openbsd", "systemd-socket-"];

/// Whether the engine that says this, and that this process listens for, runs on this machine: its memory is this one's (moby
/// `pkg/meminfo` reads `MemTotal` of `/proc/meminfo` too), and nothing is known to pass its socket on. 0: a process that is not seen.
pub(super) fn is_here(info: &SystemInfo, listener: u32) -> bool {
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory(&text));
    let name = fs::read_to_string(format!("/proc/{listener}/comm")).unwrap_or_default();
    memory.is_some() && memory == info.mem_total && !FORWARDERS.contains(&name.trim_end())
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
            assert_eq!(is_here(&said(bytes), std::process::id()), here, "{bytes:?}");
        }
    }
}
