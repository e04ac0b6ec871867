//! Where the engine's own process is, as seen from this one: what is measured of its machine is measured where it runs.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

use crate::engine::Engine;

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

/// The network namespace of a process; `None` where it is the one of this process.
///
/// A file under `/proc/PID/net` has an inode of its own in each network namespace, and every user may ask for it: the kernel looks
/// no permission up for it (Linux `fs/proc/proc_net.c`, `get_proc_task_net`), as it does for `/proc/PID/ns`.
///
/// # Errors
///
/// The process is gone or hidden, or it has another namespace and this user may not look into it.
pub fn network_of(pid: u32) -> Result<Option<File>, String> {
    let inode = |who: &str| {
        let path = format!("/proc/{who}/net/dev");
        fs::metadata(&path).map(|file| file.ino()).map_err(|error| {
            format!("the engine's network namespace is not known: {path}: {error}; run it as a user who sees the engine's process")
        })
    };
    if inode(&pid.to_string())? == inode("thread-self")? {
        return Ok(None);
    }
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
        assert!(network_of(std::process::id()).expect("seen").is_none());
        let gone = network_of(u32::MAX).expect_err("no such process");
        assert!(gone.contains("/proc/4294967295/net/dev") && gone.contains("not known"), "{gone}");
    }
}
