//! Whether this user may read all of the system's journal. journalctl shows what the user may read and is silent about the rest, so that
//! a journal that was not seen looks like one that holds nothing.

use std::fs::{self, File};
use std::io::{Error, ErrorKind};
use std::path::Path;

/// Where journald keeps its files, below a directory that is called by the machine's id (systemd-journald.service(8), FILES).
const ROOTS: [&str; 2] = ["/run/log/journal", "/var/log/journal"];

/// Refuses a user who may not read one of the files that hold what the system's own services say.
///
/// # Errors
///
/// One cannot be opened; one line.
pub fn is_readable() -> Result<(), String> {
    let from = "/etc/machine-id";
    let machine = fs::read_to_string(from).map_err(|error| format!("{from}: {error}"))?;
    ROOTS.iter().try_for_each(|root| all_of(&Path::new(root).join(machine.trim())))
}

/// Opens every file of the system's in one directory. What is not there, or is vacuumed meanwhile, hides nothing.
fn all_of(directory: &Path) -> Result<(), String> {
    let told = |path: &Path, error: Error| match error.kind() {
        ErrorKind::NotFound => Ok(()),
        ErrorKind::PermissionDenied => Err(format!(
            "this user may not read {}, and what is in it is not seen; run it as root, or as a member of group systemd-journal",
            path.display()
        )),
        _ => Err(format!("{}: {error}", path.display())),
    };
    let entries = match fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) => return told(directory, error),
    };
    for entry in entries.iter().filter(|entry| entry.file_name().to_str().is_none_or(is_the_system_s)) {
        let path = entry.path();
        File::open(&path).map(drop).or_else(|error| told(&path, error))?;
    }
    Ok(())
}

/// Whether a file holds what the system's services say: it is written to, or archived (`system@…`), or was put aside as damaged (`~`).
/// Those of users are called `user-…`.
fn is_the_system_s(name: &str) -> bool {
    name.starts_with("system") && (name.ends_with(".journal") || name.ends_with(".journal~"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_system_s_that_cannot_be_opened_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("system.journal"), "").expect("written");
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, path(name)).expect("linked");
        // One that is gone, and those of users, whatever they are: a link to itself cannot be opened, by root neither.
        link("nowhere", "system@gone.journal");
        link("user-1000.journal", "user-1000.journal");
        assert_eq!(all_of(directory.path()), Ok(()));
        assert_eq!(all_of(&path("none")), Ok(()));
        link("system@loop.journal~", "system@loop.journal~");
        assert!(all_of(directory.path()).expect_err("it cannot be opened").contains("system@loop.journal~: "));
    }
}
