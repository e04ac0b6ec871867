//! `file.contains`: a declared file keeps its marker.
//!
//! A relative path is a file of the subject: it is read out of HEAD, not out of the work tree, so that what is judged is what was
//! committed. An absolute path is a file of the host; it is opened without following any symlink, must be a regular file of at
//! most 8 MiB, and is read from the handle that was checked.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path};

use regex::Regex;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use super::seen::{Seen, texts};
use crate::git::entry::Entry;
use crate::git::{GitError, Repository};
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
    /// An absolute path, on a machine that is not known to be the target's.
    #[error("`{0}` is a file of the engine's own machine, and this is not known to be it: run it there")]
    Elsewhere(String),
    /// A state document.
    #[error("`{0}` is a state document and no part of the subject")]
    State(String),
    /// git could not tell.
    #[error("`{0}`: {1}")]
    Git(String, GitError),
    /// A path that leaves the repository.
    #[error("`{0}` leaves the repository: wanted a path beneath its root, without `..`")]
    Outside(String),
    /// It is not there.
    #[error("`{0}` is not there")]
    Missing(String),
    /// The commit does not have it.
    #[error("`{0}` is not in HEAD: git add and git commit, if it is in the work tree")]
    NotCommitted(String),
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

/// Where a probe may read files.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The repository, if there is one.
    pub repository: Option<Repository>,
    /// Whether this machine is the target's node.
    pub here: bool,
}

impl Place {
    /// Reads a file of bounded size: a relative path out of the subject, an absolute one from the host.
    ///
    /// # Errors
    ///
    /// What stood in the way.
    pub fn read(&self, file: &str) -> Result<Vec<u8>, Unreadable> {
        match (Path::new(file).is_absolute(), &self.repository) {
            (true, _) if !self.here => Err(Unreadable::Elsewhere(file.to_owned())),
            (true, _) => read_host(file),
            (false, Some(repository)) => of_subject(repository, file),
            (false, None) => Err(Unreadable::NoRepository(file.to_owned())),
        }
    }
}

fn of_subject(repository: &Repository, file: &str) -> Result<Vec<u8>, Unreadable> {
    let name = || file.to_owned();
    if Path::new(file).components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(Unreadable::Outside(name()));
    }
    let git = |error| Unreadable::Git(name(), error);
    match repository.subject_entry(file).map_err(git)? {
        Entry::Absent => Err(Unreadable::NotCommitted(name())),
        Entry::State => Err(Unreadable::State(name())),
        Entry::Other("a symlink") => Err(Unreadable::Symlink(name())),
        Entry::Other(_) => Err(Unreadable::NotRegular(name())),
        Entry::File { size, .. } if size > LIMIT => Err(Unreadable::TooLarge(name(), size)),
        Entry::File { id, .. } => repository.blob(&id).map_err(git),
    }
}

/// Reads a regular file of this machine, of bounded size, following no symlink.
///
/// # Errors
///
/// What stood in the way.
pub fn read_host(file: &str) -> Result<Vec<u8>, Unreadable> {
    let name = || file.to_owned();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened = openat2(CWD, file, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS);
    let mut open = File::from(opened.map_err(|error| match error {
        rustix::io::Errno::NOENT => Unreadable::Missing(name()),
        rustix::io::Errno::LOOP => Unreadable::Symlink(name()),
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
pub fn look(place: &Place, params: &Params) -> Seen {
    let Some(file) = params.text("file") else { return Seen::unknown("file.contains was given no file") };
    let patterns = params.list("patterns");
    if patterns.is_empty() {
        return Seen::unknown(format!("file.contains was given no pattern for `{file}`: nothing to look for"));
    }
    let bytes = match place.read(file) {
        Ok(bytes) => bytes,
        Err(missing @ (Unreadable::Missing(_) | Unreadable::NotCommitted(_))) => {
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

    /// A repository with one commit of these files.
    fn repository(root: &Path) -> Repository {
        let git = |args: &[&str]| {
            let spec = crate::process::Spec::new(
                ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid"].iter().chain(args),
            );
            let done = crate::process::run(&spec.in_dir(root)).expect("git runs");
            assert!(done.ok(), "git {args:?}: {}", done.complaint());
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "-A"]);
        git(&["commit", "--quiet", "-m", "all"]);
        Repository::discover(root, Vec::new()).expect("a repository")
    }

    #[test]
    fn held_failed_and_each_way_of_unknown() {
        let home = tempfile::tempdir().expect("a directory");
        let root = home.path().join("repo");
        std::fs::create_dir_all(root.join("d")).expect("made");
        std::fs::create_dir_all(root.join("machine-docs")).expect("made");
        let write = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).expect("written");
        write(&root.join("d/step0.sh"), b"a\nmarker 1\n");
        write(&root.join("edited.sh"), b"marker\n");
        write(&root.join("binary"), &[0xff, 0xfe]);
        write(&root.join("machine-docs/STATUS-x.md"), b"marker\n");
        std::os::unix::fs::symlink("d/step0.sh", root.join("link")).expect("linked");
        File::create(root.join("huge")).and_then(|f| f.set_len(LIMIT + 1)).expect("sparse");
        let repository = repository(&root);
        // What was committed counts, whatever the work tree says.
        write(&root.join("edited.sh"), b"gone\n");
        write(&root.join("late.sh"), b"marker\n");
        // Files of the host.
        let host = home.path().canonicalize().expect("real");
        write(&host.join("outside.sh"), b"marker\n");
        std::os::unix::fs::symlink(host.join("outside.sh"), host.join("link")).expect("linked");
        std::os::unix::fs::symlink(&host, host.join("up")).expect("linked");
        rustix::fs::mknodat(CWD, host.join("fifo"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
        File::create(host.join("huge")).and_then(|f| f.set_len(LIMIT + 1)).expect("sparse");
        let on_host = |name: &str| host.join(name).to_str().expect("text").to_owned();

        let table: &[(&str, &[&str], Outcome, &str)] = &[
            ("d/step0.sh", &["^marker", "a"], Outcome::Held, "each of"),
            ("edited.sh", &["marker"], Outcome::Held, "each of"),
            ("d/step0.sh", &["marker", "gone"], Outcome::Failed, "/gone/"),
            ("d/none.sh", &["marker"], Outcome::Failed, "not in HEAD"),
            ("late.sh", &["marker"], Outcome::Failed, "git commit"),
            ("d/step0.sh", &[], Outcome::Unknown, "nothing to look for"),
            ("link", &["marker"], Outcome::Unknown, "symlink"),
            ("../outside.sh", &["marker"], Outcome::Unknown, "leaves the repository"),
            ("d", &["marker"], Outcome::Unknown, "no regular file"),
            ("huge", &["marker"], Outcome::Unknown, "at most"),
            ("binary", &["marker"], Outcome::Unknown, "UTF-8"),
            ("machine-docs/STATUS-x.md", &["marker"], Outcome::Unknown, "state document"),
            (&on_host("outside.sh"), &["marker"], Outcome::Held, "each of"),
            (&on_host("none.sh"), &["marker"], Outcome::Failed, "not there"),
            (&on_host("link"), &["marker"], Outcome::Unknown, "symlink"),
            (&on_host("up/outside.sh"), &["marker"], Outcome::Unknown, "symlink"),
            (&on_host("fifo"), &["marker"], Outcome::Unknown, "no regular file"),
            (&on_host("huge"), &["marker"], Outcome::Unknown, "at most"),
        ];
        let place = Place { repository: Some(repository), here: true };
        for (file, patterns, outcome, word) in table {
            let seen = look(&place, &params(file, patterns));
            assert_eq!(seen.outcome, *outcome, "{file}: {}", seen.says);
            assert!(seen.says.contains(word), "{file}: {}", seen.says);
        }
        let nowhere = Place::default();
        let absolute = look(&nowhere, &params(&on_host("outside.sh"), &["marker"]));
        assert!(
            absolute.outcome == Outcome::Unknown && absolute.says.contains("not known to be it"),
            "{}",
            absolute.says
        );
        assert_eq!(look(&nowhere, &params("d/step0.sh", &["marker"])).outcome, Outcome::Unknown, "no repository");
    }
}
