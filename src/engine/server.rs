//! Who serves at the engine's unix socket. An init that starts the engine by its socket (`dockerd -H fd://`) is what listens there; who
//! answers is the process to which the init handed that socket.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;

/// Programs that can be handed a listening socket and pass on what comes to it (systemd-socket-proxyd(8); `ACCEPT-FD` of socat(1)),
/// by the kernel's short name for their processes.
const HANDED_ON: [&str; 2] = ["systemd-socket-", "socat"];
/// What an engine's process is called, whatever wraps it: NixOS calls it `.dockerd-wrapped`, of which the kernel keeps 15 characters.
const ENGINE: &str = "dockerd";
/// Between two looks, where several have the socket: what an init is about to start has all of the init's until it is another program.
const PAUSE: Duration = Duration::from_millis(50);

/// Who serves at a unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// The process that listens there. 0: it is not seen from here.
    Itself(u32),
    /// An init listens there, and these processes have the same socket open: the engine's, and whatever started it and kept the socket.
    /// Never empty. Which of them answers is not told, so that what is asked of the engine's process must be so of each.
    Handed(BTreeSet<u32>),
    /// An init listens there, and who else has the same socket open is not seen.
    Hidden {
        /// Why not.
        why: String,
        /// All processes that are engines by their names; none where a program runs that an init may have handed the socket to pass
        /// it on, since then that may be who serves.
        engines: BTreeSet<u32>,
    },
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself(pid) => write!(f, "process {pid} listens"),
            Self::Handed(pids) => {
                let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
                write!(f, "the init listens for process {}", pids.join(", "))
            }
            Self::Hidden { why, .. } => {
                write!(f, "the init listens for a process that is not seen ({why}; run it as root)")
            }
        }
    }
}

/// Who serves at this socket, where this process listens.
pub(super) fn of(listener: u32, socket: &Path) -> Server {
    let name = name(listener);
    // Nobody started by its socket but by an init: that of the machine, or one of a user or a container.
    if listener == 0 || name.contains(ENGINE) || listener != 1 && name != "systemd" {
        return Server::Itself(listener);
    }
    match handed(listener, socket, processes) {
        Ok(pids) => Server::Handed(pids),
        Err(why) => Server::Hidden { why, engines: by_name() },
    }
}

/// The kernel's short name for a process; empty where there is none.
pub(super) fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}

/// The processes beside the listener that have its socket open, among all there are.
fn handed(listener: u32, socket: &Path, all: impl Fn() -> Result<Vec<u32>, String>) -> Result<BTreeSet<u32>, String> {
    let link = format!("socket:[{}]", inode(listener, socket)?);
    let look = || {
        let mut holders = holders(&link, &all()?)?;
        match (holders.remove(&listener), holders.is_empty()) {
            (false, _) => Err(format!("process {listener} listens at {}, and has it not open", socket.display())),
            (true, true) => Err(format!("no process but {listener} has {} open", socket.display())),
            (true, false) => Ok(holders),
        }
    };
    let first = look()?;
    if first.len() == 1 {
        return Ok(first);
    }
    std::thread::sleep(PAUSE);
    let both: BTreeSet<u32> = look()?.intersection(&first).copied().collect();
    if both.is_empty() { Err(format!("who has {} open changes", socket.display())) } else { Ok(both) }
}

/// The inode of the one socket that listens at this path, as the listener's network namespace lists it: a socket is known there alone.
fn inode(listener: u32, socket: &Path) -> Result<u64, String> {
    let from = format!("/proc/{listener}/net/unix");
    let text = fs::read_to_string(&from).map_err(|error| format!("{from}: {error}"))?;
    // Whatever the path is written like: /var/run is a link.
    let file = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    let wanted = file(socket).ok_or_else(|| format!("{} is not there", socket.display()))?;
    let found: Vec<u64> = listening(&text)
        .filter(|(_, path)| path.starts_with('/') && file(Path::new(path)) == Some(wanted))
        .map(|(inode, _)| inode)
        .collect();
    match found[..] {
        [inode] => Ok(inode),
        _ => Err(format!("{from} lists {} sockets that listen at {}", found.len(), socket.display())),
    }
}

/// Inode and path of each socket that listens, in the kernel's table (`net/unix/af_unix.c`: number, references, protocol, flags, type,
/// state, inode, path; the flag of one that listens is `__SO_ACCEPTCON`). Pure.
fn listening(table: &str) -> impl Iterator<Item = (u64, &str)> {
    table.lines().skip(1).filter_map(|line| {
        let mut rest = line;
        let mut field = || {
            let (word, after) = rest.trim_start().split_once(' ')?;
            rest = after;
            Some(word)
        };
        let flags = (0..4).map_while(|_| field()).nth(3)?;
        let inode = (0..3).map_while(|_| field()).nth(2)?;
        let listens = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & 0x0001_0000 != 0);
        Some((inode.parse().ok()?, rest)).filter(|_| listens)
    })
}

/// Those of the processes that have this open. Whoever ends meanwhile has not.
///
/// # Errors
///
/// There is one of which that is not told to this user.
fn holders(link: &str, pids: &[u32]) -> Result<BTreeSet<u32>, String> {
    let mut holders = BTreeSet::new();
    for &pid in pids {
        let directory = format!("/proc/{pid}/fd");
        let untold = |error: Error| format!("{directory}: {error}");
        let open = match fs::read_dir(&directory) {
            Err(error) if is_gone(&error) => continue,
            open => open.map_err(untold)?,
        };
        for entry in open {
            match entry.and_then(|entry| fs::read_link(entry.path())) {
                Ok(target) if target.as_os_str() == link => drop(holders.insert(pid)),
                Ok(_) => {}
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(untold(error)),
            }
        }
    }
    Ok(holders)
}

/// Processes that are engines by their names; none where one runs that may pass a handed socket on.
fn by_name() -> BTreeSet<u32> {
    let names: Vec<(u32, String)> = processes().unwrap_or_default().into_iter().map(|pid| (pid, name(pid))).collect();
    if names.iter().any(|(_, name)| HANDED_ON.contains(&&**name)) {
        return BTreeSet::new();
    }
    names.into_iter().filter(|(_, name)| name.contains(ENGINE)).map(|(pid, _)| pid).collect()
}

/// All processes that this one sees.
fn processes() -> Result<Vec<u32>, String> {
    let all = fs::read_dir("/proc").and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.map_err(|error| format!("/proc: {error}"))?;
    Ok(all.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

fn is_gone(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound || Errno::from_io_error(error) == Some(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that was handed this socket, ended with the test.
    struct Holder(Child);

    impl Holder {
        fn of(listener: &UnixListener) -> Self {
            let socket = OwnedFd::from(listener.try_clone().expect("cloned"));
            let mut command = Command::new("sleep");
            Self(command.arg("600").stdin(Stdio::from(socket)).spawn().expect("it starts"))
        }
    }

    impl Drop for Holder {
        fn drop(&mut self) {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }

    #[test]
    fn who_was_handed_a_socket_is_found_by_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let (real, link) = (directory.path().join("run"), directory.path().join("var-run"));
        fs::create_dir(&real).expect("made");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        let socket = real.join("engine.sock");
        // As a unit of systemd names it by /var/run.
        let listener = UnixListener::bind(link.join("engine.sock")).expect("bound");
        let own = std::process::id();
        // Those of this test: what others have open is not told to every user.
        let among = |path: &Path, pids: &[u32]| handed(own, path, || Ok([&[own], pids].concat()));
        assert!(among(&socket, &[]).expect_err("nobody else").contains("no process but"));
        let (holder, more) = (Holder::of(&listener), Holder::of(&listener));
        let (first, second) = (holder.0.id(), more.0.id());
        assert_eq!(among(&socket, &[first]), Ok([first].into()));
        assert_eq!(among(&socket, &[first, second]), Ok([first, second].into()));
        let looks = std::cell::Cell::new(0);
        let changing = || Ok(if looks.replace(1) == 0 { vec![own, first, second] } else { vec![own, second] });
        assert_eq!(handed(own, &socket, changing), Ok([second].into()), "who had it for a moment only");
        assert_eq!(of(own, &socket), Server::Itself(own), "this process is no init");
        assert!(among(&real.join("none.sock"), &[first]).expect_err("no such socket").contains("is not there"));

        // The same path, bound again while the first socket is still open: which of the two was connected to is not told.
        fs::remove_file(&socket).expect("removed");
        let again = UnixListener::bind(&socket).expect("bound");
        assert!(among(&socket, &[first]).expect_err("two").contains("lists 2 sockets"));
        drop((holder, more, listener));
        assert!(among(&socket, &[first]).expect_err("nobody else").contains("no process but"));
        drop(again);
        assert!(among(&socket, &[first]).expect_err("nobody").contains("lists 0 sockets"));
    }

    #[test]
    fn the_kernels_table_is_read() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01    19 /run/a b.sock\n\
            0000000000000000: 00000003 00000000 00000000 0001 03  4711 /run/a b.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 28530 @abstract\n\
            0000000000000000: 00000002 00000000 00010000 0005 01 28531\n\
            torn\n";
        assert_eq!(listening(table).collect::<Vec<_>>(), [(19, "/run/a b.sock"), (28530, "@abstract")]);
    }

    #[test]
    fn what_is_not_seen_says_why() {
        let hidden = Server::Hidden { why: "/proc/2/fd: denied".to_owned(), engines: BTreeSet::new() };
        assert!(hidden.to_string().contains("denied; run it as root"), "{hidden}");
        assert_eq!(Server::Handed([8, 7].into()).to_string(), "the init listens for process 7, 8");
    }
}
