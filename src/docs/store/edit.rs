//! Writes that append no record: the first text of a phase, the contract on disk, BACKLOG.

use std::fs;
use std::path::PathBuf;

use crate::docs::lock::{self, DocumentsLock};
use crate::docs::skeleton;
use crate::docs::store::{BACKLOG, DIRECTORY, Store, StoreError};
use crate::docs::write;
use crate::model::digest::Digest;
use crate::model::role::Document;

impl Store {
    /// The contract's file, relative to the repository's root.
    pub fn contract_file(&self) -> String {
        format!("{DIRECTORY}/PHASE-{}.toml", self.phase)
    }

    /// Writes what a new phase begins with, the contract among it, and gives the names of the files written. A file that is
    /// there already stays as it is, so this may be run again.
    ///
    /// # Errors
    ///
    /// The lock is not to be had, or the disk did not take a file.
    pub fn init(&self, contract: &str, holder: &str) -> Result<Vec<String>, StoreError> {
        let _lock = self.lock(holder)?;
        let mut files = skeleton::files(&self.phase);
        files.push((self.contract_file(), contract.to_owned()));
        let mut written = Vec::new();
        for (file, text) in files {
            let path = self.path(&file)?;
            if fs::symlink_metadata(&path).is_err() {
                write::replace(&path, text.as_bytes())?;
                written.push(file);
            }
        }
        Ok(written)
    }

    /// Replaces the contract's text on disk, which opens nothing until it is adopted.
    ///
    /// # Errors
    ///
    /// The lock is not to be had, or the disk did not take it.
    pub fn write_contract(&self, text: &str, holder: &str) -> Result<(), StoreError> {
        let _lock = self.lock(holder)?;
        Ok(write::replace(&self.path(&self.contract_file())?, text.as_bytes())?)
    }

    /// Puts a contract's text back. What was there and differs is kept under the git directory, and its place is given.
    ///
    /// # Errors
    ///
    /// The lock is not to be had, or the disk did not take it.
    pub fn restore_contract(&self, text: &str, holder: &str) -> Result<Option<PathBuf>, StoreError> {
        let _lock = self.lock(holder)?;
        let file = self.contract_file();
        if self.bytes(&file).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(None);
        }
        self.replace_kept(&file, text.as_bytes())
    }

    /// Replaces a damaged document by its repaired text, if it still is what the repair was made for: `None` for one that is
    /// missing or no regular file. What was there is kept under the git directory, and its place is given.
    ///
    /// # Errors
    ///
    /// The lock is not to be had, the document changed meanwhile, or the disk did not take it.
    pub fn repair(
        &self,
        document: Document,
        damaged: Option<&[u8]>,
        repaired: &str,
        holder: &str,
    ) -> Result<Option<PathBuf>, StoreError> {
        let _lock = self.lock(holder)?;
        let file = self.file(document);
        if self.bytes(&file).ok().as_deref() != damaged {
            return Err(StoreError::Unreadable { file, why: "it changed while it was being repaired".into() });
        }
        self.replace_kept(&file, repaired.as_bytes())
    }

    /// Puts an evidence file back with these bytes. What was there is kept under the git directory, and its place is given.
    ///
    /// # Errors
    ///
    /// The lock is not to be had, or the disk did not take it.
    pub fn restore(&self, file: &str, bytes: &[u8], holder: &str) -> Result<Option<PathBuf>, StoreError> {
        let _lock = self.lock(holder)?;
        self.replace_kept(file, bytes)
    }

    /// Writes a file; what was there, a regular file or anything else, is moved out of the way and kept.
    fn replace_kept(&self, file: &str, bytes: &[u8]) -> Result<Option<PathBuf>, StoreError> {
        let path = self.path(file)?;
        let mut kept = None;
        if fs::symlink_metadata(&path).is_ok() {
            let name = file.rsplit('/').next().unwrap_or(file);
            let there = self.bytes(file);
            let digest = there.as_ref().map_or_else(|_| "other".to_owned(), |bytes| Digest::of(bytes).short());
            let place = self.git_common_dir.join("countersign/before-repair").join(format!("{digest}-{name}"));
            match there {
                Ok(there) => write::replace(&place, &there)?,
                // A link, a pipe or a directory is no content: it goes as it is.
                Err(_) => write::move_aside(&path, &place)?,
            }
            kept = Some(place);
        }
        write::replace(&path, bytes)?;
        Ok(kept)
    }

    /// Puts a document that is not there back, with these bytes. A link or a directory in its place is kept under the git
    /// directory; a regular file stays.
    ///
    /// # Errors
    ///
    /// The lock is not to be had, or the disk did not take it.
    pub fn put_back(&self, document: Document, bytes: &[u8], holder: &str) -> Result<(), StoreError> {
        let _lock = self.lock(holder)?;
        let path = self.path(&self.file(document))?;
        if !fs::symlink_metadata(&path).is_ok_and(|there| there.is_file()) {
            self.replace_kept(&self.file(document), bytes)?;
        }
        Ok(())
    }

    /// Keeps every other writer of the documents waiting until it is dropped.
    ///
    /// # Errors
    ///
    /// Another process holds the lock for longer than 20 s, or it cannot be used.
    pub fn hold(&self, holder: &str) -> Result<DocumentsLock, StoreError> {
        self.lock(holder)
    }

    /// Takes the documents' lock, and removes what killed writers left.
    pub(super) fn lock(&self, holder: &str) -> Result<DocumentsLock, StoreError> {
        self.path(&format!("{DIRECTORY}/evidence/{}/x", self.phase))?;
        let lock = lock::take(&self.git_common_dir, holder)?;
        write::sweep(&self.root.join(DIRECTORY));
        write::sweep(&self.root.join(DIRECTORY).join("evidence").join(self.phase.as_str()));
        Ok(lock)
    }

    /// Edits BACKLOG through one of the functions of [`backlog`](crate::docs::backlog).
    ///
    /// # Errors
    ///
    /// The lock is not to be had, BACKLOG is missing or no UTF-8, or the disk did not take it.
    pub fn edit_backlog(&self, holder: &str, edit: impl FnOnce(&str) -> String) -> Result<(), StoreError> {
        let _lock = self.lock(holder)?;
        let file = format!("{DIRECTORY}/{BACKLOG}{}.md", self.phase);
        let bytes = self.bytes(&file)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| StoreError::Unreadable { file: file.clone(), why: error.to_string() })?;
        let edited = edit(text);
        if edited != text {
            write::replace(&self.root.join(&file), edited.as_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::backlog;

    #[test]
    fn init_makes_what_is_missing_and_touches_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("git")).expect("made");
        let store = Store::new(directory.path(), &directory.path().join("git"), "demo".parse().expect("a phase"));
        assert_eq!(store.init("schema = 1\n", "test").expect("made").len(), 6);
        assert_eq!(store.init("other", "test").expect("again"), Vec::<String>::new());
        let contract = directory.path().join(store.contract_file());
        assert_eq!(fs::read_to_string(&contract).expect("read"), "schema = 1\n");
        assert_eq!(store.load().expect("loads").defects().count(), 0);
        store.edit_backlog("test", |text| backlog::with_task(text, "look at DNS")).expect("edited");
        let backlog = fs::read_to_string(directory.path().join("machine-docs/BACKLOG-demo.md")).expect("read");
        assert!(backlog.contains("## Build backlog\n\n- [ ] look at DNS\n\n## Adversary"), "{backlog}");
    }
}
