//! Whether a lock file is held. Looked up in the kernel's own list, so that looking takes no lock.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Who holds a lock file; `None` when nobody does or it is not there.
///
/// A file with `.pid` in its name is held while the process that it names lives. Any other is held while the kernel lists
/// a lock on its inode; devices are not compared, since some filesystems report another one there.
///
/// # Errors
///
/// It cannot be read, or a pid file names no process id.
pub fn holder(path: &Path) -> Result<Option<String>, String> {
    let broken = |error: std::io::Error| format!("lock {} cannot be read: {error}", path.display());
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(broken(error)),
    };
    if !about.is_file() {
        return Err(format!("lock {} is no regular file", path.display()));
    }
    if path.file_name().is_some_and(|name| name.to_string_lossy().contains(".pid")) {
        if about.len() > 4096 {
            return Err(format!("lock {} is no pid file: it has {} bytes", path.display(), about.len()));
        }
        let text = fs::read_to_string(path).map_err(broken)?;
        let pid: u32 = text.trim().parse().map_err(|_| format!("lock {} names no process", path.display()))?;
        return Ok(Path::new(&format!("/proc/{pid}")).exists().then(|| format!("pid {pid}")));
    }
    let list = fs::read_to_string("/proc/locks").map_err(|error| format!("/proc/locks: {error}"))?;
    Ok(in_list(&list, about.ino()))
}

/// The holder of a lock on this inode, in lines as `1: FLOCK  ADVISORY  WRITE 700 00:1b:1234 0 EOF`.
fn in_list(list: &str, inode: u64) -> Option<String> {
    list.lines().filter(|line| !line.contains("->")).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (pid, place) = (fields.get(4)?, fields.get(5)?);
        let found: u64 = place.rsplit(':').next()?.parse().ok()?;
        (found == inode).then(|| format!("pid {pid}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_free_and_unreadable() {
        let home = tempfile::tempdir().expect("a directory");
        let lock = home.path().join("upgrade.lock");
        assert_eq!(holder(&lock), Ok(None), "not there");
        let file = fs::File::create(&lock).expect("made");
        assert_eq!(holder(&lock), Ok(None), "there and free");
        file.lock().expect("locked");
        assert!(matches!(holder(&lock), Ok(Some(_))), "held");
        drop(file);
        let pid = home.path().join("upgrade.pid");
        fs::write(&pid, format!("{}\n", std::process::id())).expect("written");
        assert!(matches!(holder(&pid), Ok(Some(_))));
        fs::write(&pid, "4194999\n").expect("written");
        assert_eq!(holder(&pid), Ok(None), "no such process");
        fs::write(&pid, "").expect("written");
        assert!(holder(&pid).is_err());
        assert!(holder(home.path()).is_err(), "a directory");
    }

    #[test]
    fn lines_of_the_kernel() {
        let list = "1: FLOCK  ADVISORY  WRITE 700 00:1b:1234 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 701 00:1b:99 0 EOF\n";
        assert_eq!(in_list(list, 1234).as_deref(), Some("pid 700"));
        assert_eq!(in_list(list, 99), None, "who waits does not hold");
        assert_eq!(in_list(list, 123), None);
    }
}
