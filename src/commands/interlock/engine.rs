//! Which engine an interlock is about: by a contract, or by what the host remembers where the engine does not answer.

use std::fs;
use std::path::PathBuf;

use crate::commands::engine::address;
use crate::commands::open::{phases, read_contract, repository};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::host::guarded::Guarded;
use crate::host::{DEFAULT_STATE, HostState};

/// The address of the engine that asks: the one that was named, else that of the first contract, else the usual one.
pub fn asking(context: &Context, roots: &[PathBuf]) -> String {
    let of_contract = || {
        let root = roots.first()?;
        let repository = repository(&Context { directory: root.clone(), ..context.clone() }).ok()?;
        let phase = phases(root).into_iter().next()?;
        Some(read_contract(&repository, &phase).ok()?.0.engine)
    };
    match &context.global.engine {
        Some(named) => named.clone(),
        None => of_contract().unwrap_or_else(|| address(context)),
    }
}

/// The engine's id and what is guarded on it, by the host's state: the engine itself may not answer now.
///
/// # Errors
///
/// Nothing is guarded on this host, or something on several engines and none was named.
pub fn remembered(context: &Context, wanted: Option<&String>) -> Result<(String, Vec<Guarded>), CommandError> {
    let base = context.global.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
    let names = fs::read_dir(&base).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<(String, Vec<Guarded>)> = names
        .filter(|name| wanted.is_none_or(|named| named == name))
        .filter_map(|name| Some((name.clone(), HostState::at(&base, &name).ok()?.guarded().ok()?)))
        .filter(|(_, guarded)| !guarded.is_empty() || wanted.is_some())
        .collect();
    if found.len() > 1 {
        let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
        let message = format!("this host guards something on several engines: {}", names.join(", "));
        return Err(CommandError::new(Exit::Usage, message, "name one: --engine-id ID"));
    }
    found.pop().ok_or_else(|| {
        let message = format!("nothing is guarded on this host, by {}", base.display());
        CommandError::new(Exit::Usage, message, "name the state with --state DIR, or the engine with --engine-id ID")
    })
}
