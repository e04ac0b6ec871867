//! The twin's image: this very executable and `sleep`, with the loader and libraries that they need. No registry is asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::process::{Spec, run};
use crate::twin::error::TwinError;

/// The image's name.
pub const REPOSITORY: &str = "countersign-twin";
/// The image's tag.
pub const TAG: &str = "1";
/// Where the executable is in it.
pub const ENTRY: &str = "/countersign";

/// Makes a tar archive of an executable, this machine's `sleep`, which most images have, and what they are linked to.
pub fn archive(executable: &Path) -> Result<Vec<u8>, TwinError> {
    let mut tar = Vec::new();
    let sleep = Path::new("/bin/sleep");
    append(&mut tar, ENTRY, executable)?;
    append(&mut tar, "/bin/sleep", sleep)?;
    for library in libraries(executable)?.union(&libraries(sleep)?) {
        append(&mut tar, &library.display().to_string(), library)?;
    }
    // Two blocks of zeros end an archive.
    tar.resize(tar.len() + 1024, 0);
    Ok(tar)
}

fn libraries(executable: &Path) -> Result<BTreeSet<PathBuf>, TwinError> {
    let listed = run(&Spec::new([Path::new("ldd"), executable]))?;
    // A static executable makes ldd fail with this sentence.
    let text = listed.text() + &String::from_utf8_lossy(&listed.stderr);
    if text.contains("not a dynamic executable") || text.contains("statically linked") {
        return Ok(BTreeSet::new());
    }
    let failed = |why: String| TwinError::Command { command: format!("ldd {}", executable.display()), why };
    if !listed.ok() {
        return Err(failed(listed.complaint()));
    }
    if text.contains("=> not found") {
        return Err(failed(text));
    }
    Ok(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}

fn append(tar: &mut Vec<u8>, name: &str, file: &Path) -> Result<(), TwinError> {
    let content = std::fs::read(file).map_err(TwinError::file(file))?;
    let name = name.trim_start_matches('/');
    if name.len() > 99 {
        return Err(TwinError::Directory {
            dir: file.to_owned(),
            why: "the path is too long for an archive".to_owned(),
        });
    }
    tar.extend_from_slice(&header(name, content.len()));
    tar.extend_from_slice(&content);
    tar.resize(tar.len().next_multiple_of(512), 0);
    Ok(())
}

/// A ustar header of an executable file (POSIX.1-1988): name, mode, owner, size, time, sum, type, magic.
fn header(name: &str, size: usize) -> [u8; 512] {
    let mut block = [0u8; 512];
    let mut put = |at: usize, bytes: &[u8]| {
        for (slot, byte) in block.iter_mut().skip(at).zip(bytes) {
            *slot = *byte;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000755\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    // The sum is taken with its own field as spaces.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    for (slot, byte) in block.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *slot = byte;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tar_reads_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data");
        std::fs::write(&file, b"hello").unwrap();
        let mut tar = Vec::new();
        append(&mut tar, "/bin/data", &file).unwrap();
        tar.resize(tar.len() + 1024, 0);
        let mut spec = Spec::new(["tar", "-tvf", "-"]);
        spec.stdin = tar;
        let listed = run(&spec).unwrap();
        let text = listed.text();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(listed.ok(), "{}", listed.complaint());
        assert_eq!((words.first(), words.get(2), words.last()), (Some(&"-rwxr-xr-x"), Some(&"5"), Some(&"bin/data")));
    }
}
