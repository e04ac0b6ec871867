//! Errors as people and programs meet them: kinds, hints, exit codes. Modules have typed errors of their own; only here do
//! they become exit codes.

use std::fmt;

use crate::docs::clean::visible;
use crate::docs::lock::LockError;
use crate::docs::store::StoreError;
use crate::gates::reason::{Class, Reason};
use crate::git::GitError;
use crate::host::HostError;
use crate::model::role::Role;
use crate::sign::key_file::KeyFileError;

/// Exit codes: an API, named and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done, or it holds.
    Ok = 0,
    /// Usage; no repository; no phase, or several and none named.
    Usage = 2,
    /// Gate closed: no PASS, FAIL, veto, outside the window.
    Closed = 10,
    /// There was a PASS, and something moved.
    Stale = 11,
    /// Not your role; key not listed, not pinned, readable by others or inside a repository; separation too low.
    Role = 12,
    /// Could not look: engine, worker, remote, timeout.
    Unknown = 13,
    /// Looked, and a criterion does not hold.
    Failed = 14,
    /// A step failed and was unwound.
    Unwound = 20,
    /// A step is in doubt.
    InDoubt = 21,
    /// Stuck: a person is needed.
    Stuck = 22,
    /// A document is invalid or altered.
    Invalid = 30,
    /// The contract is invalid or not adopted.
    Contract = 31,
    /// A bug in countersign.
    Bug = 70,
    /// Could not write; what was there is unchanged.
    Write = 74,
    /// Another holder has the lock.
    Busy = 75,
    /// Interrupted.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Which exit code wins when several apply: 2, 75, 30, 31, 22, 21, 12, 13, 10, 11, 14.
    pub fn first_of(exits: impl IntoIterator<Item = Self>) -> Option<Self> {
        const ORDER: [Exit; 11] = [
            Exit::Usage,
            Exit::Busy,
            Exit::Invalid,
            Exit::Contract,
            Exit::Stuck,
            Exit::InDoubt,
            Exit::Role,
            Exit::Unknown,
            Exit::Closed,
            Exit::Stale,
            Exit::Failed,
        ];
        let rank = |exit: &Exit| ORDER.iter().position(|other| other == exit).unwrap_or(ORDER.len());
        exits.into_iter().min_by_key(rank)
    }
}

impl From<Class> for Exit {
    fn from(class: Class) -> Self {
        match class {
            Class::Closed => Self::Closed,
            Class::Stale => Self::Stale,
            Class::Role => Self::Role,
            Class::Unknown => Self::Unknown,
            Class::Failed => Self::Failed,
            Class::InDoubt => Self::InDoubt,
            Class::Stuck => Self::Stuck,
            Class::Invalid => Self::Invalid,
            Class::Contract => Self::Contract,
        }
    }
}

/// A command that did not do what was asked.
#[derive(Debug)]
pub struct CommandError {
    /// The exit code.
    pub exit: Exit,
    /// What it is about: the object and the state it was found in.
    pub message: String,
    /// Everything that applies, each with what was wanted and the next command.
    pub details: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl CommandError {
    /// An error with a hint.
    pub fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            details: Vec::new(),
            hint: Some(hint.into()).filter(|hint| !hint.is_empty()),
        }
    }

    /// An error from the reasons of an evaluation.
    pub fn refused(message: impl Into<String>, reasons: &[Reason]) -> Self {
        let exit = Exit::first_of(reasons.iter().map(|reason| Exit::from(reason.class))).unwrap_or(Exit::Bug);
        let details = reasons.iter().map(|reason| format!("{}; wanted {}", reason.found, reason.wanted)).collect();
        let first = reasons.iter().find(|reason| Exit::from(reason.class) == exit && !reason.next.is_empty());
        Self { exit, message: message.into(), details, hint: first.map(|reason| reason.next.clone()) }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Words of others stand in messages: nothing in them may steer a terminal.
        writeln!(f, "Error: {}", visible(&self.message))?;
        for detail in &self.details {
            writeln!(f, "  - {}", visible(detail))?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "Hint: {}", visible(hint)),
            None => Ok(()),
        }
    }
}

impl From<GitError> for CommandError {
    fn from(error: GitError) -> Self {
        let (exit, hint) = match &error {
            GitError::NoRepository(_) => (Exit::Usage, "run it inside the repository, or name it with -C DIR"),
            GitError::Unsuitable { next, .. } => (Exit::Usage, *next),
            GitError::NoBranch { .. } => (Exit::Unknown, "countersign sync, which publishes it"),
            GitError::Remote { .. } => (Exit::Unknown, "git remote -v; then try again when the remote answers"),
            GitError::Altered(_) => (Exit::Invalid, "git fsck, which names what is broken; then a fresh clone"),
            GitError::Written(_) => (Exit::Busy, "try again when the holder is done"),
            GitError::Io { .. } => (Exit::Write, ""),
            GitError::Failed { .. } | GitError::Process(_) => (Exit::Unknown, ""),
        };
        Self::new(exit, error.to_string(), hint)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Missing { .. } | StoreError::Unreadable { .. } => {
                Self::new(Exit::Invalid, message, "countersign check --repair puts it back as git has it")
            }
            StoreError::Invalid(defects) => Self {
                details: defects.iter().map(ToString::to_string).collect(),
                ..Self::new(Exit::Invalid, message, "countersign check")
            },
            StoreError::Lock(LockError::Busy { .. }) => {
                Self::new(Exit::Busy, message, "try again when the holder is done")
            }
            StoreError::Lock(LockError::Io { .. }) | StoreError::Write(_) => Self::new(Exit::Write, message, ""),
            StoreError::Sign(_) => Self::new(Exit::Role, message, ""),
            StoreError::NotReadBack { .. } | StoreError::Encode(_) => {
                Self::new(Exit::Bug, message, "nothing was written")
            }
        }
    }
}

impl From<KeyFileError> for CommandError {
    fn from(error: KeyFileError) -> Self {
        let message = error.to_string();
        match error {
            KeyFileError::Missing(_) => {
                Self::new(Exit::Role, message, "countersign key new ROLE, or name one with --key")
            }
            KeyFileError::Open { path, .. } => Self::new(Exit::Role, message, format!("chmod 0600 {}", path.display())),
            KeyFileError::Io { .. } => Self::new(Exit::Write, message, ""),
            KeyFileError::Exists(path) => {
                let (public, name) =
                    (path.with_extension("pub"), path.file_name().unwrap_or_default().to_string_lossy());
                let role = name.parse::<Role>().map_or("ROLE", Role::name);
                Self::new(Exit::Role, message, format!("countersign key add {role} {}", public.display()))
            }
            KeyFileError::InRepository { .. } => {
                Self::new(Exit::Role, message, "name a place outside with --key FILE, or by XDG_CONFIG_HOME")
            }
            _ => Self::new(Exit::Role, message, "countersign key new ROLE"),
        }
    }
}

impl From<HostError> for CommandError {
    fn from(error: HostError) -> Self {
        let message = error.to_string();
        match error {
            HostError::Busy { .. } => Self::new(Exit::Busy, message, "wait until it is done; countersign status"),
            HostError::Io { .. } => Self::new(Exit::Write, message, "countersign doctor"),
            HostError::Unsuitable { .. } => Self::new(Exit::Role, message, "countersign doctor"),
            HostError::Malformed { .. } => Self::new(Exit::Unknown, message, "countersign doctor"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_when_several_apply() {
        let first = |exits: &[Exit]| Exit::first_of(exits.iter().copied());
        assert_eq!(first(&[Exit::Stale, Exit::Closed]), Some(Exit::Closed));
        assert_eq!(first(&[Exit::Unknown, Exit::Role, Exit::Failed]), Some(Exit::Role));
        assert_eq!(first(&[Exit::Contract, Exit::Invalid]), Some(Exit::Invalid));
        assert_eq!(first(&[]), None);
    }
}
