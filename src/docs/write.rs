//! The one write path: temporary file, sync, rename, directory sync.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::fault;
use crate::interrupt;

/// A write that did not happen. What was there is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("could not write {}: {source}; what was there is unchanged", .path.display())]
pub struct WriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
}

/// Replaces a file's content as a whole, keeping its mode; a new file gets mode 0644.
///
/// # Errors
///
/// Anything on the way; the file is then as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let _held = interrupt::finish_first();
    let failed = |source| WriteError { path: path.to_owned(), source };
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory).map_err(failed)?;
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let permissions = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions(),
        Err(_) => std::os::unix::fs::PermissionsExt::from_mode(0o644),
    };
    let mut temporary = tempfile::Builder::new().prefix(".countersign-").tempfile_in(directory).map_err(failed)?;
    fault::point("docs.write").map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    temporary.as_file().set_permissions(permissions).map_err(failed)?;
    fault::point("docs.sync").map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    fault::point("docs.rename").map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    interrupt::note(format!("{} was written, whole", path.display()));
    fault::point("docs.renamed").ok();
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}
