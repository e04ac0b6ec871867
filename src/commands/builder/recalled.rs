//! The site of recovery where this host kept nothing of a run (another `--state`, a new disk): JOURNAL is all there is.
//!
//! The contract is then the one that both roles adopted, never the file in the work tree, and the Adversary's adoption must be by
//! a key that an operator pinned here: no step was ever begun on this host under any other.

use crate::commands::clean;
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::host::open_run::OpenRun;
use crate::host::pins::Pins;
use crate::model::record::{Body, Record};
use crate::model::role::Document;

use super::site::{Site, key, tidy};

/// The site, from the documents.
///
/// # Errors
///
/// No contract that both adopted can be read (31); its adoption is not by a pinned key (12); the engine cannot be asked, or another
/// run holds the lock.
pub fn site(context: &Context, command: &str) -> Result<Site, CommandError> {
    let (session, adopted_by) = Session::as_adopted(context)?;
    let target =
        session.needed_target("this host keeps no run of the phase, and what JOURNAL says belongs to an engine")?;
    let host = session.host_state(&target.engine)?;
    let lock = host.run_lock(&context.holder(command))?;
    tidy(&host, &session.repository);
    clean::say(&session.repository);
    let key = key(context, &session.contract);
    let mut site = Site { recovery: true, ..Site::at(session, host, lock, key) };
    let records = site.records();
    let newest = records.iter().rev().find_map(|record| run(&site, record));
    if newest.is_some() {
        trusted(context, &target.engine, &adopted_by)?;
    }
    site.kept = newest;
    Ok(site)
}

/// Whether a key that adopted the contract for the Adversary is pinned on this host.
fn trusted(context: &Context, engine: &str, keys: &[String]) -> Result<(), CommandError> {
    let pins = Pins::at(&context.pins(), engine).keys()?;
    if keys.iter().any(|key| pins.contains(key)) {
        return Ok(());
    }
    let message = format!(
        "this host keeps no run of the phase, and does not trust the key that adopted its contract for the Adversary: {}",
        keys.join(", ")
    );
    let next = "name the state in which the step was begun with --state DIR, or countersign trust KEY.pub";
    Err(CommandError::new(Exit::Role, message, next))
}

/// What the host would have kept at this intent.
fn run(site: &Site, record: &Record) -> Option<OpenRun> {
    let Body::Intent(intent) = &record.block.body else { return None };
    let session = site.session.as_ref()?;
    let heads = |document| (document, record.block.seen.get(&document).cloned().unwrap_or_default());
    Some(OpenRun {
        repository: site.repository.clone(),
        phase: site.contract.phase.clone(),
        root: session.repository.root.clone(),
        engine: site.engine.clone(),
        contract: site.contract_text.clone(),
        step: intent.step.clone(),
        strategy: intent.strategy.clone(),
        values: [("subject".to_owned(), record.block.subject.commit.to_string())].into(),
        subject: record.block.subject.clone(),
        context: record.block.context.clone(),
        from: record.block.from.clone(),
        target: record.block.target.clone(),
        seen: [heads(Document::Status), heads(Document::Review)].into(),
    })
}
