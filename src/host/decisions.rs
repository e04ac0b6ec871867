//! What an interlock decided, one line each, append-only. Whoever reviews a phase may read it: it lies apart from the rest of the
//! host's state, which nobody else can.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::HostError;
use crate::model::ids::{ObjectId, PhaseName};
use crate::model::time::Time;

/// Where decisions lie unless `--state` says otherwise.
pub const DEFAULT_LOG: &str = "/var/log/countersign";
/// A file of this length is followed by a new one, in bytes.
const LONGEST: u64 = 4 << 20;
/// How many full files are kept.
const KEPT: usize = 4;
const FILE: &str = "decisions";

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ruling {
    /// The request was refused.
    Refused,
    /// It was the executor's.
    Permitted,
    /// The door was open.
    Door,
}

impl Ruling {
    /// In one word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Permitted => "permitted",
            Self::Door => "door",
        }
    }
}

/// One decision about a request that would do something to what is guarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Time,
    /// What was decided.
    pub ruling: Ruling,
    /// The phases that guard what it is about, each with its repository's root commit.
    pub phases: Vec<(ObjectId, PhaseName)>,
    /// Method and path, without the query.
    pub request: String,
    /// What it would have done, or why that could not be read.
    pub would: Vec<String>,
    /// Why.
    pub why: String,
    /// Who asked, as far as the engine knows: a certificate's name, else what the client calls itself.
    pub client: String,
}

/// The decisions about one engine.
#[derive(Debug, Clone)]
pub struct Decisions {
    directory: PathBuf,
}

impl Decisions {
    /// Those of this engine, below `base`.
    pub fn at(base: &Path, engine_id: &str) -> Self {
        Self { directory: base.join(engine_id.replace('/', "_")) }
    }

    /// Their directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends a decision. A file that is full is kept beside it, the oldest goes. One process appends at a time.
    ///
    /// # Errors
    ///
    /// The disk did not take it.
    pub fn append(&self, decision: &Decision) -> Result<(), HostError> {
        let mut line = serde_json::to_vec(decision).map_err(|error| self.io(FILE, error.into()))?;
        line.push(b'\n');
        self.append_line(FILE, &line, true)
    }

    /// Appends a line to a file, mode 0644.
    pub(super) fn append_line(&self, file: &str, line: &[u8], rotates: bool) -> Result<(), HostError> {
        let io = |source| self.io(file, source);
        let path = self.directory.join(file);
        DirBuilder::new().recursive(true).mode(0o755).create(&self.directory).map_err(io)?;
        let open = || OpenOptions::new().append(true).create(true).mode(0o644).open(&path);
        let mut to = open().map_err(io)?;
        if rotates && to.metadata().map_err(io)?.len() + line.len() as u64 > LONGEST {
            for number in (1..KEPT).rev() {
                let named = |number: usize| self.directory.join(format!("{file}.{number}"));
                fs::rename(named(number), named(number + 1)).ok();
            }
            fs::rename(&path, self.directory.join(format!("{file}.1"))).map_err(io)?;
            to = open().map_err(io)?;
        }
        to.write_all(line).map_err(io)?;
        if rotates { Ok(()) } else { to.sync_all().map_err(io) }
    }

    /// The decisions that are kept, oldest first. A line that is not whole is left out.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn all(&self) -> Result<Vec<Decision>, HostError> {
        let mut all = Vec::new();
        let older = (1..=KEPT).rev().map(|number| format!("{FILE}.{number}"));
        for name in older.chain([FILE.to_owned()]) {
            let bytes = self.read(&name)?;
            all.extend(bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()));
        }
        Ok(all)
    }

    /// The decisions about one repository's phase, oldest first.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn of(&self, repository: &ObjectId, phase: &PhaseName) -> Result<Vec<Decision>, HostError> {
        let mut all = self.all()?;
        all.retain(|decision| decision.phases.iter().any(|(root, name)| root == repository && name == phase));
        Ok(all)
    }

    /// A file's bytes; none where it is not there.
    pub(super) fn read(&self, file: &str) -> Result<Vec<u8>, HostError> {
        match fs::read(self.directory.join(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other.map_err(|source| self.io(file, source)),
        }
    }

    fn io(&self, file: &str, source: io::Error) -> HostError {
        HostError::Io { path: self.directory.join(file), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_followed_by_a_new_one_and_nothing_recent_is_lost() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = Decisions::at(directory.path(), "ABC/D");
        let decision = |number: usize| Decision {
            at: "2026-06-13T05:00:00Z".parse().expect("a time"),
            ruling: Ruling::Refused,
            phases: vec![("a".repeat(40).parse().expect("an id"), "demo".parse().expect("a phase"))],
            request: format!("DELETE /networks/{number}"),
            would: vec!["x".repeat(100_000)],
            why: String::new(),
            client: "curl".into(),
        };
        for number in 0..300 {
            log.append(&decision(number)).expect("appended");
        }
        let kept = log.all().expect("read");
        let last = kept.last().map(|decision| decision.request.clone());
        assert_eq!(last.as_deref(), Some("DELETE /networks/299"));
        assert!(kept.len() > 120 && kept.len() < 220, "{} are kept", kept.len());
        assert!(kept.is_sorted_by_key(|d| d.request.rsplit('/').next().and_then(|n| n.parse::<usize>().ok())));
        let (here, there) = ("a".repeat(40).parse().expect("an id"), "b".repeat(40).parse().expect("an id"));
        let phase = "demo".parse().expect("a phase");
        assert_eq!(log.of(&here, &phase).expect("read").len(), kept.len());
        assert_eq!(log.of(&there, &phase).expect("read"), []);
    }
}
