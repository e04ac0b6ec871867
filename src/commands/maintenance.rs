//! Whether anyone but the executor may touch the swarm's networks now: no maintenance window is open on this host, no step is
//! run and none is in doubt.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::context::Context;
use crate::engine::Engine;
use crate::error::{CommandError, Exit};
use crate::host::ledger::{Entry, What};
use crate::host::run_lock::RunLock;
use crate::host::stamp::Stamp;
use crate::host::token::Issued;
use crate::host::{DEFAULT_STATE, HostError, HostState};
use crate::model::record::Ending;
use crate::model::time::Time;
use crate::report;

/// The state of this engine on this host.
///
/// # Errors
///
/// It lies in a repository, or the engine's id is no plain name.
pub fn state(context: &Context, engine_id: &str) -> Result<HostState, HostError> {
    let base = context.global.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
    HostState::at(&base, engine_id)
}

/// What is under way, of whatever phase and repository; `None` when nothing is.
///
/// # Errors
///
/// The host's state cannot be read.
pub fn under_way(state: &HostState, now: Time) -> Result<Option<String>, HostError> {
    if let Some(window) = state.window()?.filter(|window| window.until > now) {
        return Ok(Some(format!("the window of phase {} is open until {}", window.phase, window.until)));
    }
    let doubt = newest(state)?.into_iter().find(|entry| entry.what == What::Intent);
    Ok(doubt.map(|entry| format!("step {} of phase {} is run or in doubt", entry.step, entry.phase)))
}

/// Whether some step is not at its end on this host: run, in doubt, failed on the way or stuck.
///
/// # Errors
///
/// The ledger cannot be read.
pub fn is_unfinished(state: &HostState) -> Result<bool, HostError> {
    let ended =
        |entry: &Entry| entry.what == What::Outcome && matches!(entry.ending, Some(Ending::Done | Ending::Unwound));
    Ok(!newest(state)?.iter().all(ended))
}

/// The same for whoever asks it of every request: a ledger that did not change is not read again.
#[derive(Default)]
pub struct Watch(Option<(Option<Stamp>, bool)>);

impl Watch {
    /// Whether some step is not at its end on this host.
    ///
    /// # Errors
    ///
    /// The ledger cannot be read.
    pub fn is_unfinished(&mut self, state: &HostState) -> Result<bool, HostError> {
        let now = state.ledger_stamp()?;
        if let Some((_, known)) = self.0.filter(|(before, _)| *before == now) {
            return Ok(known);
        }
        let unfinished = is_unfinished(state)?;
        self.0 = Some((now, unfinished));
        Ok(unfinished)
    }
}

/// The newest line of each step in the ledger.
fn newest(state: &HostState) -> Result<Vec<Entry>, HostError> {
    let step = |entry: &Entry| (entry.repository.clone(), entry.phase.clone(), entry.step.clone());
    let last: BTreeMap<_, Entry> = state.ledger()?.entries.into_iter().map(|entry| (step(&entry), entry)).collect();
    Ok(last.into_values().collect())
}

/// Refuses (10) while maintenance is under way; takes nothing.
///
/// # Errors
///
/// Something is under way, or that cannot be known.
pub fn look(context: &Context, engine_id: &str) -> Result<(), CommandError> {
    let state = state(context, engine_id).map_err(|error| unknown(&error))?;
    match under_way(&state, context.now()) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(closed(&why)),
        Err(error) => Err(unknown(&error)),
    }
}

/// The run lock of a change of the swarm that is no step, with a token by which an interlock lets it through.
pub struct Held {
    token: Option<Issued>,
    _lock: RunLock,
}

impl Held {
    /// The engine, asked as whoever holds the lock.
    pub fn executor(&self, engine: Engine) -> Engine {
        match &self.token {
            Some(token) => engine.as_executor(token.secret()),
            None => engine,
        }
    }
}

/// Takes the run lock for a change of the swarm, so that no step begins meanwhile; refused (10) while one is under way.
///
/// # Errors
///
/// Something is under way, or that cannot be known.
pub fn hold(context: &Context, engine_id: &str, command: &str) -> Result<Held, CommandError> {
    let state = state(context, engine_id).map_err(|error| unknown(&error))?;
    let lock = match state.run_lock(&context.holder(command)) {
        Ok(lock) => lock,
        Err(HostError::Busy { holder, .. }) => return Err(closed(&format!("the run lock is held by {holder}"))),
        Err(error) => return Err(unknown(&error)),
    };
    look(context, engine_id)?;
    // Without one only what an interlock guards is refused.
    let token = state.issue_token(command).map_err(|error| report::say(&format!("! {error}"))).ok();
    Ok(Held { token, _lock: lock })
}

fn unknown(error: &HostError) -> CommandError {
    let message = format!("whether maintenance is under way is not known: {error}");
    CommandError::new(Exit::Unknown, message, "run it as the user that runs the steps, or name the state with --state")
}

fn closed(why: &str) -> CommandError {
    CommandError::new(Exit::Closed, format!("not now: {why}"), "wait for its end, or countersign builder resume")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_read_again_when_it_changed_and_not_believed_when_it_cannot_be() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        let mut watch = Watch::default();
        assert_eq!(watch.is_unfinished(&host).ok(), Some(false));
        let entry = |what: What, ending: Option<Ending>| Entry {
            what,
            repository: "a".repeat(40).parse().expect("an id"),
            phase: "demo".parse().expect("a phase"),
            id: crate::model::ids::RecordId::of_block(b"x"),
            step: "recreate".parse().expect("a step"),
            spends: None,
            ending,
            section: String::new(),
            evidence: None,
            beside: Vec::new(),
            copied: false,
        };
        let done = Some(Ending::Done);
        for (entry, unfinished) in
            [(entry(What::Intent, None), true), (entry(What::Outcome, done), false), (entry(What::Intent, None), true)]
        {
            host.append_to_ledger(&entry).expect("appended");
            for _ in 0..2 {
                assert_eq!(watch.is_unfinished(&host).ok(), Some(unfinished));
            }
        }
        // Something in its way that is no directory.
        std::fs::remove_dir_all(host.directory()).expect("removed");
        assert_eq!(watch.is_unfinished(&host).ok(), Some(false));
        std::fs::write(host.directory(), "").expect("written");
        assert!(watch.is_unfinished(&host).is_err());
    }
}
