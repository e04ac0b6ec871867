//! Which networks refuse a canary by the engine's own word, and whether what is missing there is held by nobody.

use crate::engine::Engine;
use crate::error::CommandError;
use crate::probes::docker::signatures::classes::refuses;
use crate::probes::docker::vips::account::{Use, account};
use crate::probes::docker::vips::leaks::missing_where_full;
use crate::probes::docker::vips::walk::try_one;
use crate::probes::docker::vips::walker;

use super::super::engine::could_not_look;
use super::{Args, read_log};

/// A network that refuses an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Full {
    /// Its name.
    pub(super) name: String,
    /// How many of its addresses nobody holds, at least, or why that is not known.
    pub(super) leaked: Result<u64, String>,
}

impl Full {
    /// Whether a new allocator frees addresses of it.
    pub(super) fn is_curable(&self) -> bool {
        matches!(self.leaked, Ok(leaked) if leaked > 0)
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        match &self.leaked {
            Ok(0) => format!("{} (none leaked)", self.name),
            Ok(leaked) => format!("{} (at least {leaked} leaked)", self.name),
            Err(why) => format!("{} (whether any leaked is unknown: {why})", self.name),
        }
    }
}

/// What the canaries were told, by networks' names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// These give an address.
    pub(super) giving: Vec<String>,
    /// These refuse, and the engine says so.
    pub(super) full: Vec<Full>,
    /// These gave none in time, and the engine said nothing that the log has.
    pub(super) silent: Vec<String>,
}

/// Asks every overlay that was allocated for an address, the routing mesh too.
///
/// # Errors
///
/// The engine or its log cannot be asked.
pub(super) async fn ask(args: &Args, engine: &Engine) -> Result<Asked, CommandError> {
    let Tried { giving, without } = canaries(engine).await?;
    let mut asked = Asked { giving, ..Asked::default() };
    if without.is_empty() {
        return Ok(asked);
    }
    // No address in time is no refusal: only the engine's own line about this canary is one.
    let log = read_log(args, engine).await?;
    // The first look is old by now: whoever came meanwhile holds what was missing in it.
    let again = account(&engine.address_lists().await.map_err(|error| could_not_look(&error))?);
    for (one, ids) in without {
        if ids.iter().any(|id| log.lines.iter().any(|line| refuses(&line.text, id))) {
            let after = again.iter().find(|other| other.id == one.id);
            asked.full.push(Full { leaked: missing_where_full(&one, after), name: one.name });
        } else {
            asked.silent.push(one.name);
        }
    }
    Ok(asked)
}

/// Which networks gave a canary an address.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// These did, by name.
    pub(super) giving: Vec<String>,
    /// These did not in time, as they were before, with the canaries' ids.
    pub(super) without: Vec<(Use, Vec<String>)>,
}

/// Asks every overlay that was allocated for an address, without a look at the log.
///
/// # Errors
///
/// The engine cannot be asked.
pub(super) async fn canaries(engine: &Engine) -> Result<Tried, CommandError> {
    let me = walker::this();
    let mut tried = Tried::default();
    let lists = engine.address_lists().await.map_err(|error| could_not_look(&error))?;
    for one in account(&lists).into_iter().filter(|one| !one.is_dead()) {
        // Asked twice: the allocator may only have been busy.
        let mut ids = Vec::new();
        while ids.len() < 2 {
            let canary = try_one(engine, &one, &me).await.map_err(|error| could_not_look(&error))?;
            if canary.address.is_some() {
                break;
            }
            ids.push(canary.id);
        }
        if ids.len() < 2 { tried.giving.push(one.name) } else { tried.without.push((one, ids)) }
    }
    Ok(tried)
}
