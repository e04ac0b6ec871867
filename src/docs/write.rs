//! The one write path: temporary file, sync, rename, directory sync.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::fault;
use crate::interrupt;

/// A write that did not happen, or of which it is not known that it will last.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing changed.
    #[error("could not write {}: {source}; what was there is unchanged", .path.display())]
    Unchanged {
        /// The file that was to be written.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The new text is there, whole; after a power cut the old one may be.
    #[error("{} was written whole, but its directory could not be synced: {source}; a power cut may bring the old text back", .path.display())]
    NotSynced {
        /// The file that was written.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// How the name of a file begins that is being written; a killed writer leaves one behind.
pub const TEMPORARY: &str = ".countersign-";

/// Removes what killed writers left in a directory. Only for whoever holds the lock: nobody else writes there then.
pub fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let left = entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes());
        if left && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Replaces a file's content as a whole, keeping its mode; a new file gets mode 0644.
///
/// # Errors
///
/// Anything on the way; the file is then as it was, or (only when the directory cannot be synced) the new one, whole.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let _held = interrupt::finish_first();
    let failed = |source| WriteError::Unchanged { path: path.to_owned(), source };
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory).map_err(failed)?;
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let permissions = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions(),
        Err(_) => std::os::unix::fs::PermissionsExt::from_mode(0o644),
    };
    fault::point("docs.create").map_err(failed)?;
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(directory).map_err(failed)?;
    fault::point("docs.write").map_err(failed)?;
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    temporary.write_all(first).map_err(failed)?;
    fault::point("docs.half-written").map_err(failed)?;
    temporary.write_all(rest).map_err(failed)?;
    fault::point("docs.written").map_err(failed)?;
    temporary.as_file().set_permissions(permissions).map_err(failed)?;
    fault::point("docs.sync").map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    fault::point("docs.synced").map_err(failed)?;
    fault::point("docs.rename").map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    interrupt::note(format!("{} was written, whole", path.display()));
    let not_synced = |source| WriteError::NotSynced { path: path.to_owned(), source };
    fault::point("docs.renamed").map_err(not_synced)?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(not_synced)?;
    fault::point("docs.done").map_err(not_synced)
}

/// Moves what is no regular file out of the way, to a place where nothing is.
///
/// # Errors
///
/// The disk did not take it; it stands where it stood.
pub fn move_aside(path: &Path, place: &Path) -> Result<(), WriteError> {
    let failed = |source| WriteError::Unchanged { path: path.to_owned(), source };
    fs::create_dir_all(place.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    // What was moved there once stays there: another number is taken.
    let free = |number: u32| place.with_added_extension(number.to_string());
    let free = (1..).map(free).find(|place| fs::symlink_metadata(place).is_err()).unwrap_or_else(|| place.to_owned());
    fs::rename(path, free).map_err(failed)
}
