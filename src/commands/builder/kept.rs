//! Finding the run that this host kept, from inside or outside its repository.

use std::fs;
use std::path::PathBuf;

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::host::open_run::OpenRun;
use crate::host::{DEFAULT_STATE, HostState};
use crate::model::ids::ObjectId;
use crate::report;

/// The one run that is kept for this repository, phase and engine, as far as each is known; `None` when there is none.
///
/// # Errors
///
/// Several are kept, and nothing says which is meant.
pub fn find(
    context: &Context,
    repository: Option<&ObjectId>,
    phase: Option<&str>,
    engine_id: Option<&str>,
) -> Result<Option<(HostState, OpenRun)>, CommandError> {
    let meant = |engine: &str, run: &OpenRun| {
        repository.is_none_or(|repository| run.repository == *repository)
            && phase.is_none_or(|phase| run.phase.as_str() == phase)
            && engine_id.is_none_or(|id| engine == id)
    };
    let mut found = all(context);
    found.retain(|(engine, _, run)| meant(engine, run));
    // Another address of the same engine is no other run: it only decides between several.
    if let (true, Some(address)) = (found.len() > 1, &context.global.engine) {
        found.retain(|(_, _, run)| run.engine == *address);
    }
    if found.len() > 1 {
        let names = found.iter().map(|(engine, _, run)| {
            format!("phase {} of {} on engine {engine} ({})", run.phase, run.root.display(), run.engine)
        });
        return Err(CommandError {
            exit: Exit::Usage,
            message: "this host keeps several runs".into(),
            details: names.collect(),
            hint: Some("name one: --phase NAME, --engine ADDRESS, or -C DIR".into()),
        });
    }
    Ok(found.pop().map(|(_, host, run)| (host, run)))
}

/// Every run that can be read, with the engine's id. One that cannot is said.
fn all(context: &Context) -> Vec<(String, HostState, OpenRun)> {
    let base = context.global.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
    let entries = fs::read_dir(&base).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for engine in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
        let Ok(host) = HostState::at(&base, &engine) else { continue };
        for run in host.runs().unwrap_or_else(|error| vec![Err(error)]) {
            match run {
                Ok(run) => found.push((engine.clone(), host.clone(), run)),
                Err(error) => report::say(&format!("! {error}")),
            }
        }
    }
    found
}
