//! Whether a lock file is held. Looked up in the kernel's own list, so that looking takes no lock.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

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
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Some programs keep a lock as a link whose target names the holder and is no file.
            return match fs::symlink_metadata(path) {
                Ok(_) => Err(format!("lock {} is a symbolic link to what is not there", path.display())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(broken(error)),
            };
        }
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
        let pid = text.trim().parse().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| format!("lock {} names no process", path.display()))?;
        // A signal that is none: others' processes may be hidden in /proc, and are not from this.
        return match test_kill_process(pid) {
            Err(Errno::SRCH) => Ok(None),
            Ok(()) | Err(Errno::PERM) => Ok(Some(format!("pid {}", pid.as_raw_nonzero()))),
            Err(error) => Err(broken(error.into())),
        };
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
        for text in ["", "0", "-1", "4194999 now"] {
            fs::write(&pid, text).expect("written");
            assert!(holder(&pid).is_err(), "`{text}` names a process");
        }
        let link = home.path().join("link.lock");
        std::os::unix::fs::symlink("host:700", &link).expect("made");
        assert!(holder(&link).is_err_and(|why| why.contains("a symbolic link to what is not there")));
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
