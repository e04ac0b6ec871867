//! Where steps are done: the engine's host state under its run lock, the contract, and the repository where there is one.
//!
//! A run stands in a whole repository. Recovery takes what it finds: a broken contract, missing documents, a repository that is
//! gone are each said and made up for by what the host kept at the last intent.

use std::collections::BTreeMap;

use crate::commands::clean;
use crate::commands::identity;
use crate::commands::measure::measure;
use crate::commands::open::{self, Session};
use crate::context::Context;
use crate::docs::store::sections::read_kept;
use crate::docs::store::{Documents, Store};
use crate::error::{CommandError, Exit};
use crate::gates::graph::Graph;
use crate::gates::inputs::Known;
use crate::gates::progress::{Progress, fold, step_values};
use crate::git::Repository;
use crate::host::HostState;
use crate::host::open_run::OpenRun;
use crate::host::run_lock::RunLock;
use crate::model::contract::{Contract, Criterion, parse};
use crate::model::ids::{ObjectId, StepId};
use crate::model::observation::Observation;
use crate::model::record::{Kind, Record};
use crate::model::role::{Document, Role};
use crate::report;
use crate::sign::key_file::Key;

use super::{kept, recalled};

/// Where steps are done.
pub struct Site {
    /// The process's surroundings.
    pub context: Context,
    /// The contract that counts here.
    pub contract: Contract,
    /// Its exact text.
    pub contract_text: String,
    /// The repository's root commit.
    pub repository: ObjectId,
    /// The engine's address.
    pub engine: String,
    /// The engine's host state.
    pub host: HostState,
    /// Its run lock.
    pub lock: RunLock,
    /// The repository and documents, where there are any.
    pub session: Option<Session>,
    /// The Builder's key; only recovery goes on without.
    pub key: Option<Key>,
    /// What the host kept at the last intent; in recovery without that, what JOURNAL says of it.
    pub kept: Option<OpenRun>,
    /// Whether it is the host that kept it.
    pub host_kept: bool,
    /// Whether this is recovery, which goes on where a run would stop.
    pub recovery: bool,
}

impl Site {
    /// The site of a run.
    ///
    /// # Errors
    ///
    /// The key is not the Builder's, the engine cannot be asked, or another run holds the lock.
    pub fn for_run(session: Session, command: &str) -> Result<Self, CommandError> {
        let key = session.key(Role::Builder)?;
        let target = session.needed_target("no step can be run")?;
        let host = session.host_state(&target.engine)?;
        // Held before anything is decided: two clones on one host must not both find a PASS unspent.
        let lock = host.run_lock(&session.context.holder(command))?;
        tidy(&host, &session.repository);
        Ok(Self::at(session, host, lock, Some(key)))
    }

    /// The site of an open phase, of which nothing was kept yet.
    pub(super) fn at(session: Session, host: HostState, lock: RunLock, key: Option<Key>) -> Self {
        Self {
            context: session.context.clone(),
            contract: session.contract.clone(),
            contract_text: session.contract_text.clone(),
            repository: session.repository.root_commit.clone(),
            engine: session.engine_address().to_owned(),
            host,
            lock,
            session: Some(session),
            key,
            kept: None,
            host_kept: false,
            recovery: false,
        }
    }

    /// The site of recovery, from whatever is left.
    ///
    /// # Errors
    ///
    /// Neither the repository nor the host knows a run, the host knows several, or another run holds the lock.
    pub fn for_recovery(context: &Context, command: &str) -> Result<Self, CommandError> {
        let opened = Session::open(context);
        let mut repository = open::repository(context).ok();
        let target = opened.as_ref().ok().map(Session::target);
        let engine = target.as_ref().and_then(Known::value).map(|target| target.engine.clone());
        let phase = match &opened {
            Ok(session) => Some(session.store.phase().as_str()),
            Err(_) => context.global.phase.as_deref(),
        };
        if let (Some(repository), Some(phase)) = (&mut repository, phase.and_then(|phase| phase.parse().ok())) {
            let store = Store::new(&repository.root, &repository.common_dir, phase);
            identity::settle(repository, &store);
        }
        let found = kept::find(context, repository.as_ref().map(|r| &r.root_commit), phase, engine.as_deref())?;
        let Some((host, run)) = found else { return recalled::site(context, command) };
        let lock = host.run_lock(&context.holder(command))?;
        let contract = parse::parse(&run.contract, None).map_err(|defects| {
            let message = format!("the contract that this host kept cannot be read: {}", defects[0]);
            CommandError::new(Exit::Bug, message, "the version of countersign that began the step")
        })?;
        let mut context = context.clone();
        context.global.engine.get_or_insert_with(|| run.engine.clone());
        let session = match (opened, repository) {
            (Ok(session), _) if session.contract.digest == contract.digest => {
                Some(Session { context: context.clone(), ..session })
            }
            (opened, Some(repository)) => {
                match opened {
                    Ok(_) => {
                        report::say("! the contract was changed since the step was begun; going on with the old one")
                    }
                    Err(error) => report::say(&format!("! {}; going on with what this host kept", error.message)),
                }
                let store = Store::new(&repository.root, &repository.common_dir, run.phase.clone());
                let (contract, contract_text) = (contract.clone(), run.contract.clone());
                Some(Session { context: context.clone(), repository, contract, contract_text, store })
            }
            (_, None) => {
                let there = run.root.display();
                report::say(&format!(
                    "! not in the repository, which was at {there}; going on with what this host kept"
                ));
                None
            }
        };
        if let Some(session) = &session {
            tidy(&host, &session.repository);
            clean::say(&session.repository);
        }
        Ok(Self {
            key: key(&context, &contract),
            engine: context.global.engine.clone().unwrap_or_else(|| run.engine.clone()),
            context,
            contract,
            contract_text: run.contract.clone(),
            repository: run.repository.clone(),
            host,
            lock,
            session,
            kept: Some(run),
            host_kept: true,
            recovery: true,
        })
    }

    /// The documents, where they can be read.
    pub fn documents(&self) -> Option<Documents> {
        self.session.as_ref().and_then(|session| session.store.load().ok())
    }

    /// The Builder's records of this phase, from the documents and from the ledger, each after those it links to.
    pub fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = self.documents().iter().flat_map(Documents::records).cloned().collect();
        match self.host.ledger() {
            Ok(ledger) => {
                let entries = ledger.of(&self.repository, &self.contract.phase);
                let kept = entries.iter().map(|entry| (entry.section.as_str(), entry.evidence.as_deref()));
                records.extend(read_kept(&self.contract.phase, Document::Journal, kept));
            }
            Err(error) => report::say(&format!("! {error}; going on without the ledger")),
        }
        let ours = self.contract.keys_of(Role::Builder);
        let step = |record: &Record| matches!(record.block.body.kind(), Kind::Intent | Kind::Outcome);
        let counts = |record: &Record| record.block.repository == self.repository && ours.contains(&record.signer);
        let graph = Graph::new(&records);
        graph.records().filter(|record| step(record) && counts(record)).cloned().collect()
    }

    /// How far each step has come, from these records.
    pub fn progress<'a>(&self, records: &'a [Record]) -> BTreeMap<StepId, Progress<'a>> {
        fold(records.iter(), &self.contract).0
    }

    /// What late placeholders stand for.
    pub fn values(&self, progress: &BTreeMap<StepId, Progress<'_>>) -> BTreeMap<String, String> {
        let mut values = self.kept.as_ref().map(|run| run.values.clone()).unwrap_or_default();
        if let (None, Some(session)) = (&self.kept, &self.session)
            && let Ok(subject) = session.repository.subject()
        {
            values.insert("subject".into(), subject.commit.to_string());
        }
        values.extend(step_values(progress));
        values
    }

    /// Measures criteria now.
    ///
    /// # Errors
    ///
    /// The runtime for it cannot be started.
    pub fn measure(
        &self,
        criteria: &[Criterion],
        values: BTreeMap<String, String>,
    ) -> Result<Vec<Observation>, CommandError> {
        let repository = self.session.as_ref().map(|session| &session.repository);
        measure(&self.context, &self.engine, repository, &self.contract, values, criteria)
    }
}

/// Removes the checkouts of a run that was killed. Whoever calls it holds the run lock, which a program of that run would hold.
pub(super) fn tidy(host: &HostState, repository: &Repository) {
    match repository.remove_left_checkouts(host.directory()) {
        Ok(removed) => {
            for path in removed {
                report::say(&format!("! {} was left by a run that was killed, and is removed", path.display()));
            }
        }
        Err(error) => report::say(&format!("! the checkouts of a run that was killed could not be removed: {error}")),
    }
}

/// The Builder's key, if there is one that the contract lists.
pub fn key(context: &Context, contract: &Contract) -> Option<Key> {
    let found = context.key_path(Role::Builder).and_then(|path| Ok(Key::load(&path)?));
    let why = match found {
        Ok(key) if contract.keys_of(Role::Builder).contains(&key.public_text()) => return Some(key),
        Ok(_) => "the key at hand is not the Builder's".to_owned(),
        Err(error) => error.message,
    };
    report::say(&format!(
        "! {why}; going on, but nothing can be signed: the step stays in doubt until the Builder resumes"
    ));
    None
}
