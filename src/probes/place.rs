//! Where the engine's own process is, as seen from this one: what is measured of its machine is measured where it runs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

use crate::engine::Engine;
use crate::engine::server::Server;

/// The process that listens at the engine's socket.
///
/// # Errors
///
/// It is not on this machine as far as is known, or this process is in a pid namespace of its own and sees it not.
pub async fn listener(engine: &Engine) -> Result<u32, String> {
    match engine.listener().await.map_err(|error| error.to_string())? {
        Some(0) => Err("the engine's process is not seen from here: this is a pid namespace of its own".to_owned()),
        Some(pid) => Ok(pid),
        None => {
            Err("the engine is reached over the network: its process is not known to be on this machine".to_owned())
        }
    }
}

/// Who serves at the engine's socket.
///
/// # Errors
///
/// As [`listener`].
pub async fn server(engine: &Engine) -> Result<Server, String> {
    listener(engine).await?;
    let server = engine.server().await.map_err(|error| error.to_string())?;
    server.ok_or_else(|| "the engine is reached over the network".to_owned())
}

/// The network namespace of whoever serves at the engine's socket; `None` where it is the one of this process.
///
/// A file under `/proc/PID/net` has an inode of its own in each network namespace, and every user may ask for it: the kernel looks
/// no permission up for it (Linux `fs/proc/proc_net.c`, `get_proc_task_net`), as it does for `/proc/PID/ns`.
///
/// # Errors
///
/// A process is gone or hidden, or it has another namespace and this user may not look into it; several that may serve have not the
/// same one; or who serves is not seen, and not every engine's process has that of this one.
pub fn network_of(server: &Server) -> Result<Option<File>, String> {
    let inode = |who: &str| {
        let path = format!("/proc/{who}/net/dev");
        fs::metadata(&path).map(|file| file.ino()).map_err(|error| {
            format!("the engine's network namespace is not known: {path}: {error}; run it as a user who sees the engine's process")
        })
    };
    let own = inode("thread-self")?;
    let all = |pids: &BTreeSet<u32>| pids.iter().map(|pid| inode(&pid.to_string())).collect::<Result<BTreeSet<_>, _>>();
    let (first, found) = match server {
        Server::Itself(pid) => (Some(pid), all(&[*pid].into())?),
        Server::Handed(pids) => (pids.first(), all(pids)?),
        Server::Hidden { engines, .. } => (None, all(engines)?),
    };
    if found == [own].into() {
        return Ok(None);
    }
    let pid = first.filter(|_| found.len() == 1).ok_or_else(|| match server {
        Server::Hidden { why, engines } => format!(
            "the init listens for the engine, and whose socket it is, is not seen: {why}; {}; run it as root",
            match engines.is_empty() {
                true => "no process can be taken for the engine's by its name",
                false => "an engine's process is not known to have this network namespace",
            }
        ),
        _ => format!("the engine's network namespace is not known: {server}, and they have not the same one"),
    })?;
    let path = format!("/proc/{pid}/ns/net");
    File::open(&path).map(Some).map_err(|error| {
        format!("the engine runs in another network namespace than this process, and {path}: {error}; run it there, or as root")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_the_namespace_of_this_one_or_is_not_there() {
        let own = std::process::id();
        assert!(network_of(&Server::Itself(own)).expect("seen").is_none());
        let gone = network_of(&Server::Itself(u32::MAX)).expect_err("no such process");
        assert!(gone.contains("/proc/4294967295/net/dev") && gone.contains("not known"), "{gone}");
        assert!(network_of(&Server::Handed([own].into())).expect("seen").is_none());
        assert!(network_of(&Server::Handed([own, u32::MAX].into())).is_err());
    }

    #[test]
    fn who_is_not_seen_has_the_namespace_of_this_one_if_every_engine_has() {
        let hidden =
            |engines: &[u32]| Server::Hidden { why: "denied".into(), engines: engines.iter().copied().collect() };
        assert!(network_of(&hidden(&[std::process::id()])).expect("seen").is_none());
        let none = network_of(&hidden(&[])).expect_err("no engine");
        assert!(none.contains("denied; no process can be taken") && none.contains("run it as root"), "{none}");
        assert!(network_of(&hidden(&[std::process::id(), u32::MAX])).is_err(), "one that cannot be looked at");
    }
}
