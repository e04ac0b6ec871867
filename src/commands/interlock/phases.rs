//! The phases that guard something: read again when a file of theirs changed, and kept when they are gone.
//!
//! What is guarded is what the file in the work tree and the contract that both roles adopted guard together: whoever edits the file
//! takes nothing out. Once adopted, nothing is guarded less until both adopt another text, whatever becomes of the files. A contract
//! that cannot be read guards as it did before, and one that was never read guards everything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::commands::open::{Session, phases, read_contract, repository};
use crate::context::Context;
use crate::docs::store::{DIRECTORY, Documents, Store, union};
use crate::error::CommandError;
use crate::gates::done::against_done;
use crate::gates::evaluate::evaluate;
use crate::gates::inputs::{Host, Inputs, Known};
use crate::git::Repository;
use crate::host::HostState;
use crate::host::guarded::Guarded;
use crate::host::stamp::Stamp;
use crate::model::contract::protect::Protect;
use crate::model::digest::Digest;
use crate::model::ids::{ObjectId, PhaseName};
use crate::report;

/// A phase that may guard something.
#[derive(Debug, Clone)]
pub struct View {
    /// The context of commands about it.
    pub context: Context,
    /// The repository's root commit.
    pub repository: ObjectId,
    /// The repository as it was found, where it could be opened.
    pub opened: Option<Repository>,
    /// The phase.
    pub phase: PhaseName,
    /// What it guards; `None` where that cannot be known.
    pub protect: Option<Protect>,
    /// The contract that both roles adopted.
    pub adopted: Option<Digest>,
    /// It is done and guards nothing any more.
    pub done: bool,
    /// What is wrong with its contract, and the next command.
    pub trouble: Option<(String, String)>,
}

impl View {
    /// Takes in what was guarded before, unless both roles adopted another contract since, or nobody had adopted any.
    fn remember(&mut self, before: &Self) {
        let replaced = self.adopted.is_some() && self.adopted != before.adopted;
        match (&mut self.protect, &before.protect) {
            (None, Some(protect)) => self.protect = Some(protect.clone()),
            (Some(mine), Some(protect)) if before.adopted.is_some() && !replaced => mine.take_in(protect),
            _ => {}
        }
        if self.adopted.is_none() {
            self.adopted = before.adopted;
        }
    }

    /// The phase, opened in the repository as it was found when the phase was read.
    ///
    /// # Errors
    ///
    /// No repository, no phase, an invalid contract.
    pub fn session(&self) -> Result<Session, CommandError> {
        let Some(repository) = self.opened.as_ref().map(Repository::unasked) else {
            return Session::open(&self.context);
        };
        let (contract, contract_text) = read_contract(&repository, &self.phase)?;
        let store = Store::new(&repository.root, &repository.common_dir, self.phase.clone());
        Ok(Session { context: self.context.clone(), repository, contract, contract_text, store })
    }

    /// Whether a request must be judged for it.
    pub fn guards(&self) -> bool {
        !self.done && self.protect.as_ref().is_none_or(|protect| !protect.is_empty())
    }
}

/// The phases of the repositories that an interlock was told.
pub struct Phases {
    context: Context,
    roots: Vec<PathBuf>,
    seen: BTreeMap<(PathBuf, PhaseName), (Stamps, View)>,
    remembered: bool,
    /// What the host remembers, and the file that holds it.
    kept: Option<(Option<Stamp>, Vec<Guarded>)>,
}

/// What the files of a phase were when they were read.
type Stamps = Vec<Option<Stamp>>;

impl Phases {
    /// Those of these repositories.
    pub fn new(context: &Context, roots: Vec<PathBuf>) -> Self {
        Self { context: context.clone(), roots, seen: BTreeMap::new(), remembered: false, kept: None }
    }

    /// Every phase as it is now. With the host's state, what guards is remembered there, and what was guarded is known again.
    pub fn look(&mut self, host: Option<&HostState>) -> Vec<View> {
        if let Some(host) = host.filter(|_| !self.remembered) {
            self.recall(host);
            self.remembered = true;
        }
        let mut here = Vec::new();
        for root in self.roots.clone() {
            here.extend(self.of(&root));
        }
        for (key, (stamps, view)) in &mut self.seen {
            if !here.contains(key) && !view.done {
                let file = format!("{DIRECTORY}/PHASE-{}.toml", key.1);
                let found = format!("{file} is not in {} any more", key.0.display());
                view.trouble = Some((found, format!("git checkout HEAD -- {DIRECTORY}")));
                stamps.clear();
            }
        }
        let views: Vec<View> = self.seen.values().map(|(_, view)| view.clone()).collect();
        if let Some(host) = host {
            self.keep(host);
        }
        views
    }

    /// The phases in one repository; those whose files changed are read again.
    fn of(&mut self, root: &Path) -> Vec<(PathBuf, PhaseName)> {
        let found = phases(root);
        let mut opened: Option<Result<Repository, CommandError>> = None;
        for phase in &found {
            let (key, now) = ((root.to_owned(), phase.clone()), stamps(root, phase));
            if self.seen.get(&key).is_some_and(|(stamps, _)| *stamps == now) {
                continue;
            }
            let mut context = Context { directory: root.to_owned(), ..self.context.clone() };
            context.global.phase = Some(phase.to_string());
            let before = self.seen.get(&key).map(|(_, view)| view);
            match opened.get_or_insert_with(|| repository(&context)) {
                Ok(repository) => {
                    let view = read(context, repository, phase, before);
                    self.seen.insert(key, (now, view));
                }
                // No stamps: it is tried again.
                Err(error) => {
                    let view = unopened(context, phase, before, error);
                    self.seen.insert(key, (Vec::new(), view));
                }
            }
        }
        found.into_iter().map(|phase| (root.to_owned(), phase)).collect()
    }

    /// Takes in what was guarded when an interlock ran last.
    fn recall(&mut self, host: &HostState) {
        match host.guarded() {
            Ok(guarded) => {
                for old in guarded {
                    let mut context = Context { directory: old.root.clone(), ..self.context.clone() };
                    context.global.phase = Some(old.phase.to_string());
                    let (repository, phase, protect) = (old.repository, old.phase.clone(), Some(old.protect));
                    let adopted = old.adopted;
                    let view =
                        View { context, repository, opened: None, phase, protect, adopted, done: false, trouble: None };
                    let entry = self.seen.entry((old.root, old.phase));
                    // No stamps: it is read as soon as it is found.
                    entry.and_modify(|(_, seen)| seen.remember(&view)).or_insert((Vec::new(), view));
                }
            }
            Err(error) => report::say(&format!("! {error}")),
        }
    }

    /// Remembers what guards, where that changed, or what remembers it did.
    fn keep(&mut self, host: &HostState) {
        let guarding = self.seen.iter().filter(|(_, (_, view))| view.guards());
        let guarded: Vec<Guarded> = guarding
            .filter_map(|((root, phase), (_, view))| {
                let (root, phase, repository) = (root.clone(), phase.clone(), view.repository.clone());
                Some(Guarded { root, phase, repository, protect: view.protect.clone()?, adopted: view.adopted })
            })
            .collect();
        let now = (host.guarded_stamp(), guarded);
        if self.kept.as_ref() == Some(&now) {
            return;
        }
        if host.guarded().is_ok_and(|before| before == now.1) {
            self.kept = Some(now);
        } else if let Err(error) = host.keep_guarded(&now.1) {
            report::say(&format!("! {error}: after a restart it is not known what was guarded"));
        }
    }
}

fn stamps(root: &Path, phase: &PhaseName) -> Stamps {
    let documents = ["STATUS", "REVIEW", "JOURNAL"].map(|name| format!("{name}-{phase}.md"));
    let names = std::iter::once(format!("PHASE-{phase}.toml")).chain(documents);
    names.map(|name| Stamp::of(&root.join(DIRECTORY).join(name)).ok().flatten()).collect()
}

/// A phase whose repository cannot be opened: it guards as before, or everything.
fn unopened(context: Context, phase: &PhaseName, before: Option<&View>, error: &CommandError) -> View {
    View {
        repository: before.map_or_else(ObjectId::none, |view| view.repository.clone()),
        opened: None,
        protect: before.and_then(|view| view.protect.clone()),
        adopted: before.and_then(|view| view.adopted),
        phase: phase.clone(),
        done: false,
        trouble: Some((error.message.clone(), error.hint.clone().unwrap_or_default())),
        context,
    }
}

/// Reads one phase.
fn read(context: Context, repository: &Repository, phase: &PhaseName, before: Option<&View>) -> View {
    let store = Store::new(&repository.root, &repository.common_dir, phase.clone());
    let on_disk = read_contract(repository, phase);
    let adopted = Session::as_adopted(&context).ok().map(|(session, _)| session);
    let mut protect: Option<Protect> = None;
    let texts =
        [on_disk.as_ref().ok().map(|(contract, _)| contract), adopted.as_ref().map(|session| &session.contract)];
    for contract in texts.into_iter().flatten() {
        protect.get_or_insert_default().take_in(&contract.protect);
    }
    let trouble = on_disk.as_ref().err().map(|error| {
        let first = error.details.first().map_or_else(String::new, |detail| format!(": {detail}"));
        (format!("{}{first}", error.message), error.hint.clone().unwrap_or_default())
    });
    let mut view = View {
        done: adopted.as_ref().is_some_and(|session| is_done(session, &store)),
        adopted: adopted.as_ref().map(|session| session.contract.digest),
        opened: Some(adopted.as_ref().map_or(repository, |session| &session.repository).unasked()),
        repository: adopted.map_or_else(|| repository.root_commit.clone(), |session| session.repository.root_commit),
        protect,
        context,
        phase: phase.clone(),
        trouble,
    };
    if let Some(before) = before {
        view.remember(before);
    }
    view
}

/// Whether a signed DONE counts, and nothing came up against it since.
fn is_done(session: &Session, store: &Store) -> bool {
    let documents: Documents = store.clone().without_missing().load().unwrap_or_default();
    let records = union(&documents, None);
    let (host, subject) = (Host::unknown("not asked for DONE"), Known::Unknown("not asked for DONE".to_owned()));
    let report = evaluate(Inputs {
        repository: &session.repository.root_commit,
        roots: &session.repository.roots,
        contract: &session.contract,
        records: &records,
        defects: documents.defects().count(),
        host: &host,
        subject: &subject,
        now: session.context.now(),
    });
    documents.defects().count() == 0 && report.done.is_some() && against_done(&report).is_empty()
}
