//! The site of recovery where this host kept nothing of a run (another `--state`, a new disk): JOURNAL is all there is.
//!
//! The contract is then the one that both roles adopted, never the file in the work tree, and the Adversary's adoption must be by
//! a key that an operator pinned here: no step was ever begun on this host under any other. JOURNAL is the Builder's own word, so
//! that a step was begun is believed only where the documents hold the PASS or the break-glass that its intent names.

use std::collections::BTreeSet;

use crate::commands::open::Session;
use crate::context::Context;
use crate::docs::store::Documents;
use crate::error::{CommandError, Exit};
use crate::host::open_run::OpenRun;
use crate::host::pins::Pins;
use crate::model::contract::Step;
use crate::model::ids::RecordId;
use crate::model::record::{Body, Intent, Record, Ruling};
use crate::model::role::{Document, Role};

use super::site::{Site, key};

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
    let mut site = Site {
        context: context.clone(),
        contract: session.contract.clone(),
        contract_text: session.contract_text.clone(),
        repository: session.repository.root_commit.clone(),
        engine: session.engine_address().to_owned(),
        host,
        lock,
        key: key(context, &session.contract),
        session: Some(session),
        kept: None,
        recovery: true,
    };
    let records = site.records();
    let newest = records.iter().rev().find_map(|record| run(&site, record));
    if newest.is_some() {
        let pins = trusted(context, &target.engine, &adopted_by)?;
        permitted(&site, &records, &pins)?;
    }
    site.kept = newest;
    Ok(site)
}

/// Whether the key that adopted the contract for the Adversary is pinned on this host; gives all that are.
fn trusted(context: &Context, engine: &str, key: &str) -> Result<BTreeSet<String>, CommandError> {
    let pins = Pins::at(&context.pins(), engine).keys()?;
    if pins.contains(key) {
        return Ok(pins);
    }
    let message = format!(
        "this host keeps no run of the phase, and does not trust the key that adopted its contract for the Adversary: {key}"
    );
    let next = "name the state in which the step was begun with --state DIR, or countersign trust KEY.pub";
    Err(CommandError::new(Exit::Role, message, next))
}

/// Whether each step that JOURNAL says was begun names what permitted it. One that brings things back needs nothing.
fn permitted(site: &Site, records: &[Record], pins: &BTreeSet<String>) -> Result<(), CommandError> {
    let documents = site.session.as_ref().and_then(|session| session.store.clone().without_missing().load().ok());
    let operators = site.contract.keys_of(Role::Operator);
    let holds = |step: &Step, id: &RecordId| {
        documents.iter().flat_map(Documents::records).filter(|record| record.id == *id).any(|record| {
            match &record.block.body {
                Body::Verdict(verdict) => {
                    verdict.ruling == Ruling::Pass && verdict.gate == step.gate && pins.contains(&record.signer)
                }
                Body::BreakGlass(glass) => glass.step == step.id && operators.contains(&record.signer),
                _ => false,
            }
        })
    };
    for step in site.contract.steps.iter().filter(|step| !step.restores) {
        let intents = records.iter().filter_map(|record| match &record.block.body {
            Body::Intent(intent) if intent.step == step.id => Some(intent),
            _ => None,
        });
        let intents: Vec<&Intent> = intents.collect();
        let named = |intent: &&Intent| intent.permit.iter().chain(&intent.break_glass).any(|id| holds(step, id));
        if !intents.is_empty() && !intents.iter().any(named) {
            let message = format!(
                "JOURNAL says that step `{}` was begun, this host keeps nothing of it, and the documents hold no PASS by a pinned key \
                 that its intent names",
                step.id
            );
            let next = "name the state in which the step was begun with --state DIR, or countersign check --repair";
            return Err(CommandError::new(Exit::Closed, message, next));
        }
    }
    Ok(())
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
