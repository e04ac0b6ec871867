//! `run.lock`: one run at a time on an engine, from whatever clone. The operating system's lock, so that it goes with its last
//! holder; a step's child may inherit the open file and so keep it when its parent is killed.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{HostError, HostState};

/// How long a holder that may be ending is awaited: a program that its process is just starting has a copy of every open file
/// until its exec, and so the lock.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lock, held until it is dropped, or, where its taker was killed, until no child holds it. A taker that lives gives it up for all:
/// what a program left in the background is no run.
#[derive(Debug)]
pub struct RunLock {
    file: Arc<File>,
}

impl RunLock {
    /// The open file, for a child that is to keep the lock.
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Where that is not possible it ends with its last holder.
        self.file.unlock().ok();
    }
}

impl HostState {
    /// Who holds the run lock now, in their own words; `None` where nobody does, or that cannot be looked at.
    pub fn running(&self) -> Option<String> {
        let mut file = File::open(self.directory.join("run.lock")).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).ok()?;
                let text: String = text.trim().chars().take(200).collect();
                (!ended(&text)).then_some(text)
            }
            _ => None,
        }
    }

    /// Takes the run lock. `holder` says who, for whoever is refused; it begins with `pid N:`.
    ///
    /// # Errors
    ///
    /// Another process holds it for longer than a second, or the directory cannot be used.
    pub fn run_lock(&self, holder: &str) -> Result<RunLock, HostError> {
        self.prepare()?;
        let path = self.directory.join("run.lock");
        let mut file = self.open_append("run.lock")?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(self.io(&path, source)),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    file.rewind()
                        .and_then(|()| file.read_to_string(&mut text))
                        .map_err(|source| self.io(&path, source))?;
                    let text: String = text.trim().chars().take(200).collect();
                    let holder = if ended(&text) {
                        let who = holders(&path).join(", ");
                        let who = if who.is_empty() { String::new() } else { format!(" ({who})") };
                        format!("a program{who} that outlives its parent, which was {text}")
                    } else {
                        text
                    };
                    return Err(HostError::Busy { path, holder });
                }
            }
        }
        // A full disk must not hinder recovery: the lock is what counts, the text is for whoever waits.
        file.set_len(0).and_then(|()| file.write_all(holder.as_bytes())).ok();
        Ok(RunLock { file: Arc::new(file) })
    }
}

/// Whether the process that a holder's text names is gone.
fn ended(holder: &str) -> bool {
    let pid =
        holder.strip_prefix("pid ").and_then(|rest| rest.split(':').next()).and_then(|pid| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

/// The processes that have a file open, as far as this user may look, each with its number and name.
fn holders(path: &Path) -> Vec<String> {
    let has_it = |fds: fs::ReadDir| fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|link| link == path));
    let one = |process: fs::DirEntry| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        if pid == std::process::id() || !has_it(fs::read_dir(process.path().join("fd")).ok()?) {
            return None;
        }
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        Some(format!("process {pid}, {}", name.trim()))
    };
    fs::read_dir("/proc").map(|all| all.flatten().filter_map(one).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_holder_is_named_and_never_robbed() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        let name = format!("pid {}: builder run recreate", std::process::id());
        let lock = host.run_lock(&name).expect("taken");
        match host.run_lock("pid 2: x") {
            Err(HostError::Busy { holder, .. }) => assert_eq!(holder, name),
            other => panic!("{other:?}"),
        }
        assert_eq!(host.running(), Some(name));
        drop(lock);
        assert_eq!(host.running(), None);
        host.run_lock("pid 2: x").expect("free again");
    }

    #[test]
    fn a_holder_that_is_gone_is_named_as_the_parent() {
        assert!(ended("pid 4194305: builder run recreate"));
        assert!(!ended(&format!("pid {}: x", std::process::id())) && !ended("somebody"));
    }
}
