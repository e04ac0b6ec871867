//! `run.lock`: one run at a time on an engine, from whatever clone. The operating system's lock, so that it goes with its last
//! holder; a step's child may inherit the open file and so keep it when its parent is killed.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};

use super::{HostError, HostState};

/// The lock, held until it is dropped and no child holds it.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl RunLock {
    /// The open file, for a child that is to keep the lock.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl HostState {
    /// Takes the run lock. `holder` says who, for whoever is refused.
    ///
    /// # Errors
    ///
    /// Another process holds it, or the directory cannot be used.
    pub fn run_lock(&self, holder: &str) -> Result<RunLock, HostError> {
        self.prepare()?;
        let path = self.directory.join("run.lock");
        let mut file = self.open_append("run.lock")?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(self.io(&path, source)),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.rewind().and_then(|()| file.read_to_string(&mut text)).map_err(|source| self.io(&path, source))?;
                return Err(HostError::Busy { path, holder: text.trim().chars().take(200).collect() });
            }
        }
        let write = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
        write.map_err(|source| self.io(&path, source))?;
        Ok(RunLock { file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_holder_is_named_and_never_robbed() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        let lock = host.run_lock("pid 1: builder run recreate").expect("taken");
        match host.run_lock("pid 2") {
            Err(HostError::Busy { holder, .. }) => assert_eq!(holder, "pid 1: builder run recreate"),
            other => panic!("{other:?}"),
        }
        drop(lock);
        host.run_lock("pid 2").expect("free again");
    }
}
