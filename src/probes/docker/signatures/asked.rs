//! The log of the engine that was asked, and of no other.

use std::path::PathBuf;
use std::time::Duration;

use super::source::{Log, from_file, from_journal};
use super::writer;
use crate::engine::Engine;
use crate::model::time::Time;
use crate::probes::docker::unit;
use crate::probes::place;

/// Reads the engine's log since a moment: the file, which its process must write, or else the journal of the unit, which must be its.
///
/// # Errors
///
/// It is another's, it cannot be read, or that is not known; one line.
pub async fn log_of(
    engine: &Engine,
    file: Option<PathBuf>,
    unit: String,
    since: Option<Time>,
    timeout: Duration,
) -> Result<Log, String> {
    let listener = match &file {
        Some(_) => Some(place::listener(engine).await?),
        None => None,
    };
    // The init listens for whichever unit it will start: then the file is that unit's, and the unit must be the engine's.
    if listener.is_none_or(|listener| listener == 1) {
        unit::is_the_engine_s(&unit, engine, timeout).await?;
    }
    let read = tokio::task::spawn_blocking(move || match file.zip(listener) {
        Some((file, listener)) => {
            let log = from_file(&file, since).map_err(|error| error.to_string())?;
            writer::writes(listener, &unit, &file, log.started, timeout).map(|()| log)
        }
        None => from_journal(&unit, since, timeout).map_err(|error| error.to_string()),
    });
    read.await.map_err(|error| error.to_string())?
}
