//! Opening a phase: repository, contract, documents, host state, and the evaluation of them all.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::docs::store::{self, DIRECTORY, Documents, Store};
use crate::error::{CommandError, Exit};
use crate::gates::evaluate::{PhaseReport, evaluate};
use crate::gates::inputs::{Host, Inputs, Known};
use crate::git::Repository;
use crate::host::HostState;
use crate::host::ledger;
use crate::host::pins::Pins;
use crate::model::contract::{Contract, parse};
use crate::model::ids::PhaseName;
use crate::model::record::{Record, Subject, Target};
use crate::model::role::Role;
use crate::model::time::Time;
use crate::sign::key_file::Key;

use super::absent::no_phase;
use super::{identity, remembered};

/// The engine that is asked where no contract names one.
pub const USUAL_ENGINE: &str = "unix:///var/run/docker.sock";
/// How long the remote may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// What is run where the repository has no remote.
pub const ADD_REMOTE: &str = "git remote add origin URL";
/// A line of every block that adopts a contract.
const ADOPTION: &str = "record = \"contract\"\n";

/// An open phase.
pub struct Session {
    /// The process's surroundings.
    pub context: Context,
    /// The repository.
    pub repository: Repository,
    /// The contract in the work tree.
    pub contract: Contract,
    /// Its exact text.
    pub contract_text: String,
    /// The documents.
    pub store: Store,
}

/// Everything a decision is made from.
pub struct Gathered {
    /// The documents in the work tree.
    pub documents: Documents,
    /// The union of local and remote records.
    pub records: Vec<Arc<Record>>,
    /// How many defects there are, here and on the remote.
    pub defects: usize,
    /// What the host remembers.
    pub host: Host,
    /// The subject now.
    pub subject: Known<Subject>,
    /// Now.
    pub now: Time,
}

/// The phases of a repository: by their contracts, and where one is gone by what the Adversary adopted.
pub fn phases(root: &Path) -> Vec<PhaseName> {
    let Ok(entries) = fs::read_dir(root.join(DIRECTORY)) else { return Vec::new() };
    let name = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        if let Some(phase) = name.strip_prefix("PHASE-").and_then(|rest| rest.strip_suffix(".toml")) {
            return phase.parse().ok();
        }
        let phase = name.strip_prefix("REVIEW-").or(name.strip_prefix("STATUS-"))?.strip_suffix(".md")?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let gone = is_file && !root.join(format!("{DIRECTORY}/PHASE-{phase}.toml")).exists();
        let holds = |bytes: Vec<u8>| memchr::memmem::find(&bytes, ADOPTION.as_bytes()).is_some();
        let adopted = gone && fs::read(entry.path()).is_ok_and(holds);
        adopted.then(|| phase.parse().ok()).flatten()
    };
    let mut phases: Vec<PhaseName> = entries.flatten().filter_map(name).collect();
    phases.sort();
    phases.dedup();
    phases
}

/// The repository that the command stands in.
///
/// # Errors
///
/// There is none that can carry a phase.
pub fn repository(context: &Context) -> Result<Repository, CommandError> {
    Ok(Repository::discover(&context.directory, context.credentials())?)
}

/// The phase that is meant: the named one, else the only one.
///
/// # Errors
///
/// The documents' directory is a link; there is none, or there are several and none was named.
pub fn phase(context: &Context, repository: &Repository) -> Result<PhaseName, CommandError> {
    if fs::symlink_metadata(repository.root.join(DIRECTORY)).is_ok_and(|there| !there.is_dir()) {
        let message = format!("{DIRECTORY} is a link or a file, and is not followed; wanted a directory");
        let hint = match repository.last_directory(DIRECTORY) {
            Some(commit) => format!(
                "git checkout {} -- {DIRECTORY}, then git commit -m \"docs: put back\", then the same command again",
                commit.short()
            ),
            None => format!("git log -- {DIRECTORY}, and put it back"),
        };
        return Err(CommandError::new(Exit::Invalid, message, hint));
    }
    let phases = phases(&repository.root);
    if let Some(name) = &context.global.phase {
        let name: PhaseName =
            name.parse().map_err(|error| CommandError::new(Exit::Usage, format!("--phase: {error}"), ""))?;
        if phases.contains(&name) {
            return Ok(name);
        }
        let message = format!("there is no phase {name}: {DIRECTORY}/PHASE-{name}.toml is missing");
        return Err(no_phase(repository, message, &format!("countersign init --phase {name}")));
    }
    match phases.as_slice() {
        [] => {
            Err(no_phase(repository, format!("there is no phase in {DIRECTORY}/"), "countersign init --template pvfix"))
        }
        [one] => Ok(one.clone()),
        several => {
            let names: Vec<&str> = several.iter().map(PhaseName::as_str).collect();
            let message = format!("there are several phases: {}", names.join(", "));
            Err(CommandError::new(Exit::Usage, message, format!("name one: --phase {}", names[0])))
        }
    }
}

/// The contract in the work tree, with its exact text.
///
/// # Errors
///
/// It is missing, no regular file, or has defects (31).
pub fn read_contract(repository: &Repository, phase: &PhaseName) -> Result<(Contract, String), CommandError> {
    let file = format!("{DIRECTORY}/PHASE-{phase}.toml");
    let path = repository.root.join(&file);
    let unreadable = |why: String| {
        let hint = match repository.show("HEAD", &file).ok().flatten() {
            Some(_) => format!("git checkout HEAD -- {file}"),
            None => format!("git log -p -- {file}, and put it back"),
        };
        CommandError::new(Exit::Contract, format!("{file}: {why}"), hint)
    };
    match fs::symlink_metadata(&path) {
        Ok(there) if there.is_file() => {}
        Ok(_) => return Err(unreadable("not a regular file".into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(unreadable("it is missing".into())),
        Err(error) => return Err(unreadable(error.to_string())),
    }
    let text = fs::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
    let contract = parse::parse(&text, Some(&repository.root)).map_err(|defects| CommandError {
        exit: Exit::Contract,
        message: format!("{file} has {} defects", defects.len()),
        details: defects.iter().map(|defect| format!("{file}:{defect}")).collect(),
        hint: Some(format!("mend them in {file}; countersign probe --explain KIND shows how a criterion is written, countersign init --schema all that a contract may hold")),
    })?;
    if contract.phase != *phase {
        let message = format!("{file} says phase {}, and its name says {phase}", contract.phase);
        return Err(CommandError::new(Exit::Contract, message, "one name in both"));
    }
    Ok((contract, text))
}

impl Session {
    /// Opens the phase that the command is about.
    ///
    /// # Errors
    ///
    /// No repository, no phase, an invalid contract.
    pub fn open(context: &Context) -> Result<Self, CommandError> {
        let mut repository = repository(context)?;
        let phase = phase(context, &repository)?;
        let (contract, contract_text) = read_contract(&repository, &phase)?;
        let store = Store::new(&repository.root, &repository.common_dir, phase);
        identity::settle(&mut repository, &store);
        Ok(Self { context: context.clone(), repository, contract, contract_text, store })
    }

    /// The role's key; it must be listed in the contract.
    ///
    /// # Errors
    ///
    /// There is none that can be used, or it is not listed for the role.
    pub fn key(&self, role: Role) -> Result<Key, CommandError> {
        let path = self.context.key_path(role)?;
        let key = Key::load(&path)?;
        let public = key.public_text();
        if self.contract.keys_of(role).contains(&public) {
            return Ok(key);
        }
        let other = Role::ALL.into_iter().find(|other| self.contract.keys_of(*other).contains(&public));
        let (found, next) = match other {
            Some(other) => (
                format!("{} is a key of the {other}, not of the {role}", path.display()),
                format!("the {role} signs with a key of its own: countersign key new {role}, as another user"),
            ),
            None => (
                format!("{} is not listed in the contract for the {role}", path.display()),
                format!("countersign key add {role} KEY.pub, by whoever opens the phase"),
            ),
        };
        Err(CommandError::new(Exit::Role, found, next))
    }

    /// The documents on the remote's branch, which a veto may be in.
    ///
    /// # Errors
    ///
    /// It lost what was seen there before, or the history holds what no document has (30); another branch of it holds an objection
    /// (10); the remote does not answer, or there is nothing to ask: no remote, a detached HEAD, a branch that it does not have.
    pub fn remote_documents(&self, patience: Duration) -> Result<Documents, CommandError> {
        match self.remote_state(patience)? {
            Some(asked) => {
                asked.judge()?;
                Ok(asked.documents)
            }
            None if self.repository.remote_url("origin").is_none() => {
                Err(CommandError::new(Exit::Unknown, "the repository has no remote `origin`", ADD_REMOTE))
            }
            None => {
                let branch = self.repository.branch().unwrap_or_else(|| "none: HEAD is detached".into());
                let message = format!("remote `origin` has no documents to look at for this branch ({branch})");
                Err(CommandError::new(
                    Exit::Unknown,
                    message,
                    "countersign sync, from the branch that both parties use",
                ))
            }
        }
    }

    /// What the remote says, with what is wrong with it not judged yet.
    ///
    /// # Errors
    ///
    /// The remote does not answer, or lost what was seen there before.
    pub fn remote_state(&self, patience: Duration) -> Result<Option<remembered::Asked>, CommandError> {
        remembered::ask(&self.repository, &self.store, patience)
    }

    /// Asks the remote where it can be asked: out of reach, or with nothing to ask, is no reason to refuse; what it says may be.
    ///
    /// # Errors
    ///
    /// It lost what it had (30), or holds an objection on another branch (10).
    pub fn heed_remote(&self, patience: Duration) -> Result<(), CommandError> {
        match self.remote_documents(patience) {
            Err(error) if error.exit != Exit::Unknown => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether this clone holds records or commits that its remote lacks; no where there is no remote or branch.
    ///
    /// # Errors
    ///
    /// git fails.
    pub fn unpublished(&self) -> Result<bool, CommandError> {
        let Some(branch) = self.repository.branch() else { return Ok(false) };
        if self.repository.remote_url("origin").is_none() {
            return Ok(false);
        }
        Ok(self.repository.unpublished("origin", &branch)?)
    }

    /// What the host remembers of the engine and this phase; `asked` is what the engine said.
    pub fn host(&self, asked: &Known<(Target, Known<Time>)>, records: &[Arc<Record>]) -> Host {
        let (target, clock) = match asked {
            Known::Is((target, clock)) => (target, clock.clone()),
            Known::Unknown(why) => return Host::unknown(why),
        };
        let here = Known::Is(target.clone());
        let known = |error: &dyn std::fmt::Display| error.to_string();
        let pins = match Pins::at(&self.context.pins(), &target.engine).keys() {
            Ok(keys) => Known::Is(keys),
            Err(error) => Known::Unknown(known(&error)),
        };
        let doors = match self.context.decisions(&target.engine).doors() {
            Ok(doors) => {
                let mine = doors.iter().filter(|door| door.concerns(&self.repository.root_commit, self.store.phase()));
                Known::Is(mine.map(|door| (door.id(), door.reason.clone())).collect())
            }
            Err(error) => Known::Unknown(known(&error)),
        };
        let state = match self.host_state(&target.engine) {
            Ok(state) => state,
            Err(error) => return Host { target: here, clock, pins, doors, ..Host::unknown(&error.message) },
        };
        let (spent, unjournaled) = match state.ledger() {
            Err(error) => (Known::Unknown(known(&error)), Known::Unknown(known(&error))),
            Ok(ledger) => {
                let entries = ledger.of(&self.repository.root_commit, self.store.phase());
                let journaled: BTreeSet<_> = records.iter().map(|record| record.id).collect();
                let missing = ledger::ids(&entries).filter(|id| !journaled.contains(id)).collect();
                (Known::Is(ledger::spent(&entries)), Known::Is(missing))
            }
        };
        let window = match state.window() {
            Err(error) => Known::Unknown(known(&error)),
            Ok(window) => {
                let mine = window.filter(|window| {
                    window.repository == self.repository.root_commit && window.phase == *self.store.phase()
                });
                Known::Is(mine.map(|window| window.until))
            }
        };
        let vanished = match state.objections(&self.repository.root_commit, self.store.phase()) {
            Err(error) => Known::Unknown(known(&error)),
            Ok(seen) => {
                let here: BTreeSet<_> = records.iter().map(|record| record.id).collect();
                let gone = seen.into_iter().filter(|seen| !here.contains(&seen.id));
                Known::Is(gone.map(|seen| (seen.id, seen.heading)).collect())
            }
        };
        Host { target: here, clock, pins, spent, window, unjournaled, vanished, doors }
    }

    /// The state directory of an engine.
    ///
    /// # Errors
    ///
    /// It lies in a repository, or the engine's id is no plain name.
    pub fn host_state(&self, engine: &str) -> Result<HostState, CommandError> {
        let base = self.context.global.state.clone().unwrap_or_else(|| PathBuf::from(crate::host::DEFAULT_STATE));
        Ok(HostState::at(&base, engine)?)
    }

    /// Gathers everything a decision is made from. With `ask_remote` the remote is asked, and out of reach is an error.
    ///
    /// # Errors
    ///
    /// A document is missing; the remote does not answer.
    pub fn gather(&self, ask_remote: bool) -> Result<Gathered, CommandError> {
        let remote = if ask_remote { Some(self.remote_documents(PATIENCE)?) } else { None };
        let (documents, subject) = self.read()?;
        Ok(self.gathered(documents, remote.as_ref(), subject, &self.engine_asked()))
    }

    /// The same from documents that were read already, and those of the remote where it was asked.
    pub fn gather_from(&self, documents: Documents, remote: Option<&Documents>) -> Gathered {
        let subject = self.subject();
        self.gathered(documents, remote, subject, &self.engine_asked())
    }

    pub(super) fn subject(&self) -> Known<Subject> {
        match self.repository.subject() {
            Ok(subject) => Known::Is(subject),
            Err(error) => Known::Unknown(error.to_string()),
        }
    }

    /// Reads the documents while git looks at the subject.
    pub(super) fn read(&self) -> Result<(Documents, Known<Subject>), CommandError> {
        let (documents, subject) = std::thread::scope(|scope| {
            let subject = scope.spawn(|| self.subject());
            (self.store.load(), subject.join())
        });
        Ok((documents?, subject.unwrap_or_else(|_| Known::Unknown("the look at it stopped".to_owned()))))
    }

    /// Everything beside what was read and asked already.
    pub(super) fn gathered(
        &self,
        documents: Documents,
        remote: Option<&Documents>,
        subject: Known<Subject>,
        asked: &Known<(Target, Known<Time>)>,
    ) -> Gathered {
        let records = store::union(&documents, remote);
        let defects = documents.defects().count() + remote.into_iter().flat_map(Documents::defects).count();
        let host = self.host(asked, &records);
        Gathered { documents, records, defects, host, subject, now: self.context.now() }
    }

    /// Evaluates what was gathered.
    pub fn evaluate<'a>(&'a self, gathered: &'a Gathered) -> PhaseReport<'a> {
        evaluate(Inputs {
            repository: &self.repository.root_commit,
            roots: &self.repository.roots,
            contract: &self.contract,
            records: &gathered.records,
            defects: gathered.defects,
            host: &gathered.host,
            subject: &gathered.subject,
            now: gathered.now,
        })
    }
}
