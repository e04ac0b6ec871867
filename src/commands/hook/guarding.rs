//! The phases that guard something, looked at without git and without an engine: those of the repository that a command is run in, and
//! those that an interlock remembers on this host.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::commands::adopted::in_force;
use crate::commands::interlock::words::{self, Words};
use crate::commands::maintenance;
use crate::commands::open::{phases, read_contract};
use crate::context::Context;
use crate::docs::read::Signatures;
use crate::docs::store::{Documents, Store, union};
use crate::error::CommandError;
use crate::gates::done::against_done;
use crate::gates::evaluate::evaluate;
use crate::gates::inputs::{Host, Inputs, Known};
use crate::gates::progress::State;
use crate::git::Repository;
use crate::git::place::Place;
use crate::hook::act::Found;
use crate::hook::rule::{Phase, Ruling, decide};
use crate::host::guarded::Guarded;
use crate::host::{DEFAULT_STATE, HostState};
use crate::model::contract::Contract;
use crate::model::contract::protect::Protect;
use crate::model::ids::{ObjectId, PhaseName};
use crate::model::record::{Adoption, Body, Record, Subject};
use crate::model::time::Time;

/// A phase that guards something, with the words by which it is refused.
pub struct Guarding {
    /// What is judged by.
    pub phase: Phase,
    /// Which gate, why, and the next command.
    pub words: Words,
}

/// What the host says, as far as this user may know.
#[derive(Default)]
struct OnHost {
    guarded: Vec<Guarded>,
    window: bool,
    step: bool,
    until: Option<Time>,
    places: Vec<PathBuf>,
}

/// Every phase that guards something which a command that is run in these directories may touch.
pub fn all(context: &Context, directories: &[PathBuf], acts: &[Found]) -> Vec<Guarding> {
    let host = on_host(context);
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for place in directories.iter().flat_map(|directory| Place::all(directory)) {
        for phase in phases(&place.root) {
            let key = (place.root.clone(), phase.clone());
            if seen.contains(&key) {
                continue;
            }
            let remembered = host.guarded.iter().find(|old| old.root == place.root && old.phase == phase);
            found.extend(one((context, acts), &place, &phase, remembered, &host));
            seen.push(key);
        }
    }
    for old in &host.guarded {
        let key = (old.root.clone(), old.phase.clone());
        if seen.contains(&key) {
            continue;
        }
        match Place::find(&old.root).filter(|place| place.root == old.root && phases(&place.root).contains(&old.phase))
        {
            Some(place) => found.extend(one((context, acts), &place, &old.phase, Some(old), &host)),
            None => found.push(gone(old, &host)),
        }
        seen.push(key);
    }
    found
}

fn on_host(context: &Context) -> OnHost {
    let mut host = OnHost::default();
    let base = context.global.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
    host.places.extend([base.clone(), context.pins()]);
    // Whoever is not the uid that runs steps may not read this, and then the documents alone tell.
    for entry in fs::read_dir(&base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(state) = HostState::at(&base, &name) else { continue };
        host.guarded.extend(state.guarded().unwrap_or_default());
        host.step |= maintenance::is_unfinished(&state).unwrap_or(false);
        let open = state.window().ok().flatten().filter(|window| window.until > context.now());
        host.until = host.until.max(open.map(|window| window.until));
    }
    host.window = host.step || host.until.is_some();
    host
}

/// A phase whose repository is not there any more guards as it did.
fn gone(old: &Guarded, host: &OnHost) -> Guarding {
    Guarding {
        phase: Phase {
            name: old.phase.to_string(),
            repository: None,
            protect: Some(old.protect.clone()),
            window: host.window,
            step: host.step,
            places: host.places.clone(),
        },
        words: Words {
            why: format!("its documents are not in {} any more", old.root.display()),
            next: "countersign interlock status".into(),
        },
    }
}

/// One phase; `None` where it guards nothing that these acts may touch, or is done.
fn one(
    (context, acts): (&Context, &[Found]),
    place: &Place,
    name: &PhaseName,
    remembered: Option<&Guarded>,
    host: &OnHost,
) -> Option<Guarding> {
    let store = Store::new(&place.root, &place.common_dir, name.clone()).without_missing();
    let named = |root_commit: ObjectId| {
        Repository::known_to_be(place.root.clone(), place.git_dir.clone(), place.common_dir.clone(), root_commit)
    };
    let on_disk = read_contract(&named(ObjectId::none()), name);
    let text = on_disk.as_ref().ok().map(|(contract, _)| contract);
    let guarding = |adopted: Option<&Contract>| {
        let mut protect: Option<Protect> = remembered.map(|old| old.protect.clone());
        for contract in [text, adopted].into_iter().flatten() {
            protect.get_or_insert_default().take_in(&contract.protect);
        }
        Phase {
            name: name.to_string(),
            repository: Some(place.common_dir.clone()),
            protect,
            window: host.window,
            step: host.step,
            places: host.places.clone(),
        }
    };
    // What a window and a step would not refuse, nothing does: then nobody needs to know how the phase stands.
    let is_free = |phase: &Phase| {
        let strictest = Phase { window: true, step: true, ..phase.clone() };
        decide(acts, &[strictest]).ruling == Ruling::Allow
    };
    // Reading the documents takes several times as long as all else.
    if is_free(&guarding(None)) && store.adopt_no_other(text.map(|contract| &contract.digest)) {
        return None;
    }
    // Of observations and notes only what the gates rest on is checked, below.
    let mut documents = store.load_with(Signatures::Deciding).unwrap_or_default();
    let repository = named(beginning(&documents));
    let adopted = in_force(&repository, &documents);
    let mut phase = guarding(adopted.as_ref());
    if is_free(&phase) {
        return None;
    }
    let of_error = |words: &CommandError| {
        let first = words.details.first().map_or_else(String::new, |detail| format!(": {detail}"));
        let why = format!("its contract is what is wrong: {}{first}", words.message);
        Words { why, next: words.hint.clone().unwrap_or_default() }
    };
    let words = match (on_disk, adopted) {
        (Err(error), None) => of_error(&error),
        (on_disk, adopted) => {
            let trouble = on_disk.as_ref().err().map(of_error);
            let contract = on_disk.map(|(contract, _)| contract).ok().or(adopted)?;
            let records = union(&documents, None);
            let until = host.until.or_else(|| open_until(&records, context.now()));
            let unasked = Host::unknown("not asked before a command");
            let asked = Host { window: Known::Is(until), ..unasked };
            // Whether the subject moved since the claim, git alone could tell; nothing is opened here, so that it does not matter.
            let subject = claimed(&records);
            let now = context.now();
            let named = {
                let defects = documents.defects().count();
                evaluate(inputs(&repository, &contract, &records, defects, (&asked, &subject), now)).rests_on()
            };
            drop(records);
            store.check_signatures(&mut documents, &named);
            let records = union(&documents, None);
            let defects = documents.defects().count();
            let report = evaluate(inputs(&repository, &contract, &records, defects, (&asked, &subject), now));
            if defects == 0 && report.done.is_some() && against_done(&report).is_empty() {
                return None;
            }
            let unfinished = |state: &State| matches!(state, State::InDoubt | State::Stuck | State::Failed);
            phase.step |= report.steps.values().any(|progress| unfinished(&progress.state));
            phase.window |= phase.step || until.is_some();
            trouble.unwrap_or_else(|| words::of_report(&report))
        }
    };
    Some(Guarding { phase, words })
}

fn inputs<'a>(
    repository: &'a Repository,
    contract: &'a Contract,
    records: &'a [Arc<Record>],
    defects: usize,
    (host, subject): (&'a Host, &'a Known<Subject>),
    now: Time,
) -> Inputs<'a> {
    let (root, roots) = (&repository.root_commit, &repository.roots);
    Inputs { repository: root, roots, contract, records, defects, host, subject, now }
}

/// The root commit that the phase's first adoption names; where nobody adopted anything, none.
fn beginning(documents: &Documents) -> ObjectId {
    let first = |record: &Record| matches!(record.block.body, Body::Contract(Adoption { replaces: None, .. }));
    let found = documents.records().find(|record| first(record)).map(|record| record.block.repository.clone());
    found.unwrap_or_else(ObjectId::none)
}

/// The end of the window that was opened last, if it was not closed and has not ended.
fn open_until(records: &[Arc<Record>], now: Time) -> Option<Time> {
    let windows = records.iter().filter_map(|record| match &record.block.body {
        Body::Window(window) => Some((record.block.at, window.until)),
        _ => None,
    });
    windows.max_by_key(|(at, _)| *at)?.1.filter(|until| *until > now)
}

/// The subject of the newest claim.
fn claimed(records: &[Arc<Record>]) -> Known<Subject> {
    let claims = records.iter().filter(|record| matches!(record.block.body, Body::Claim(_)));
    match claims.max_by_key(|record| record.block.at) {
        Some(record) => Known::Is(record.block.subject.clone()),
        None => Known::Unknown("nothing is claimed".to_owned()),
    }
}
