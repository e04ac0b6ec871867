//! `file.contains`: a declared file keeps its marker.
//!
//! The file is opened without following any symlink, must be a regular file of at most 8 MiB, and one given by a relative
//! path must lie beneath the repository's root. It is opened once and read from that handle, so that what is judged is
//! what was checked.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path};

use regex::Regex;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use super::seen::{Seen, texts};
use crate::model::contract::Params;
use crate::model::digest::Digest;

/// The largest file that is read, in bytes.
const LIMIT: u64 = 8 << 20;

/// Why a file could not be read safely.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// A relative path without a repository to look in.
    #[error("`{0}` is inside a repository, and none is here: run in the repository")]
    NoRepository(String),
    /// A path that leaves the repository.
    #[error("`{0}` leaves the repository: wanted a path beneath its root, without `..`")]
    Outside(String),
    /// It is not there.
    #[error("`{0}` is not there")]
    Missing(String),
    /// It, or a directory on the way, is a symlink.
    #[error("`{0}` is or passes through a symlink: wanted the file itself")]
    Symlink(String),
    /// A directory, FIFO, socket or device.
    #[error("`{0}` is no regular file")]
    NotRegular(String),
    /// More than the limit.
    #[error("`{0}` has {1} bytes: wanted at most {LIMIT}")]
    TooLarge(String, u64),
    /// Anything else.
    #[error("`{0}` cannot be read: {1}")]
    Io(String, std::io::Error),
}

/// Reads a regular file of bounded size, following no symlink; a relative path is beneath `root`.
///
/// # Errors
///
/// What stood in the way.
pub fn read_safely(root: Option<&Path>, file: &str) -> Result<Vec<u8>, Unreadable> {
    let name = || file.to_owned();
    let path = Path::new(file);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened = if path.is_absolute() {
        openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS)
    } else {
        if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(Unreadable::Outside(name()));
        }
        let root = File::open(root.ok_or_else(|| Unreadable::NoRepository(name()))?)
            .map_err(|error| Unreadable::Io(name(), error))?;
        openat2(&root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
    };
    let mut open = File::from(opened.map_err(|error| match error {
        rustix::io::Errno::NOENT => Unreadable::Missing(name()),
        rustix::io::Errno::LOOP => Unreadable::Symlink(name()),
        rustix::io::Errno::XDEV => Unreadable::Outside(name()),
        other => Unreadable::Io(name(), other.into()),
    })?);
    let about = open.metadata().map_err(|error| Unreadable::Io(name(), error))?;
    if !about.is_file() {
        return Err(Unreadable::NotRegular(name()));
    }
    if about.len() > LIMIT {
        return Err(Unreadable::TooLarge(name(), about.len()));
    }
    let mut bytes = Vec::new();
    open.by_ref().take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| Unreadable::Io(name(), error))?;
    match bytes.len() as u64 {
        long if long > LIMIT => Err(Unreadable::TooLarge(name(), long)),
        _ => Ok(bytes),
    }
}

/// Looks. A file that is not there is a failure, since someone looked; one that cannot be read is unknown.
pub fn look(root: Option<&Path>, params: &Params) -> Seen {
    let Some(file) = params.text("file") else { return Seen::unknown("file.contains was given no file") };
    let patterns = params.list("patterns");
    if patterns.is_empty() {
        return Seen::unknown(format!("file.contains was given no pattern for `{file}`: nothing to look for"));
    }
    let bytes = match read_safely(root, file) {
        Ok(bytes) => bytes,
        Err(missing @ Unreadable::Missing(_)) => {
            return Seen::failed(format!("{missing}: wanted a file with {}", quoted(patterns)));
        }
        Err(error) => return Seen::unknown(error.to_string()),
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return Seen::unknown(format!("`{file}` is not UTF-8 text"));
    };
    judge(file, &text, patterns)
}

fn judge(file: &str, text: &str, patterns: &[String]) -> Seen {
    let mut raw = String::new();
    let mut absent = Vec::new();
    for pattern in patterns {
        let regex = match Regex::new(pattern) {
            Ok(regex) => regex,
            Err(error) => return Seen::unknown(format!("/{pattern}/ is no regular expression: {error}")),
        };
        match text.lines().zip(1..).find(|(line, _)| regex.is_match(line)) {
            Some((line, number)) => raw.push_str(&format!("{file}:{number}: {line}\n")),
            None => absent.push(pattern.clone()),
        }
    }
    let seen = if absent.is_empty() {
        Seen::held(format!("`{file}` has a line for each of {}", quoted(patterns)))
    } else {
        Seen::failed(format!("`{file}` has no line that matches {}: put the marker back", quoted(&absent)))
    };
    let matched = patterns.iter().filter(|pattern| !absent.contains(pattern));
    seen.fact("matched", texts(matched))
        .reading("sha256", Digest::of(text.as_bytes()).to_string())
        .reading("bytes", i64::try_from(text.len()).unwrap_or(i64::MAX))
        .raw(raw)
}

fn quoted(patterns: &[String]) -> String {
    patterns.iter().map(|pattern| format!("/{pattern}/")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    fn params(file: &str, patterns: &[&str]) -> Params {
        let list = patterns.iter().map(|p| (*p).to_owned()).collect();
        Params([("file".into(), Param::Text(file.into())), ("patterns".into(), Param::List(list))].into())
    }

    #[test]
    fn held_failed_and_each_way_of_unknown() {
        let home = tempfile::tempdir().expect("a directory");
        let root = home.path().join("repo");
        std::fs::create_dir_all(root.join("d")).expect("made");
        std::fs::write(home.path().join("outside.sh"), "marker\n").expect("written");
        std::fs::write(root.join("d/step0.sh"), "a\nmarker 1\n").expect("written");
        std::fs::write(root.join("binary"), [0xff, 0xfe]).expect("written");
        std::os::unix::fs::symlink(home.path().join("outside.sh"), root.join("link")).expect("linked");
        std::os::unix::fs::symlink(home.path(), root.join("up")).expect("linked");
        File::create(root.join("huge")).and_then(|f| f.set_len(LIMIT + 1)).expect("sparse");
        let fifo = root.join("fifo");
        rustix::fs::mknodat(CWD, &fifo, rustix::fs::FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");

        let absolute = root.join("d/step0.sh");
        let absolute = absolute.to_str().expect("text");
        let table: &[(&str, &[&str], Outcome, &str)] = &[
            ("d/step0.sh", &["^marker", "a"], Outcome::Held, "each of"),
            (absolute, &["marker"], Outcome::Held, "each of"),
            ("d/step0.sh", &["marker", "gone"], Outcome::Failed, "/gone/"),
            ("d/none.sh", &["marker"], Outcome::Failed, "not there"),
            ("d/step0.sh", &[], Outcome::Unknown, "nothing to look for"),
            ("link", &["marker"], Outcome::Unknown, "symlink"),
            ("up/outside.sh", &["marker"], Outcome::Unknown, "symlink"),
            ("../outside.sh", &["marker"], Outcome::Unknown, "leaves the repository"),
            ("fifo", &["marker"], Outcome::Unknown, "no regular file"),
            ("d", &["marker"], Outcome::Unknown, "no regular file"),
            ("huge", &["marker"], Outcome::Unknown, "at most"),
            ("binary", &["marker"], Outcome::Unknown, "UTF-8"),
        ];
        for (file, patterns, outcome, word) in table {
            let seen = look(Some(&root), &params(file, patterns));
            assert_eq!(seen.outcome, *outcome, "{file}: {}", seen.says);
            assert!(seen.says.contains(word), "{file}: {}", seen.says);
        }
        assert_eq!(look(None, &params("d/step0.sh", &["marker"])).outcome, Outcome::Unknown, "no repository");
    }
}
