//! The log of the engine that was asked, and of no other.

use std::path::PathBuf;
use std::time::Duration;

use super::source::{Log, from_file, from_journal};
use super::writer;
use crate::engine::Engine;
use crate::engine::server::Server;
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
    let server = match &file {
        Some(_) => Some(place::server(engine).await?),
        None => None,
    };
    // Where whom the init listens for is not seen, the file is that of the unit's process, and the unit must be the engine's.
    if matches!(&server, None | Some(Server::Hidden { .. })) {
        unit::is_the_engine_s(&unit, engine, timeout).await?;
    }
    let read = tokio::task::spawn_blocking(move || match file.zip(server) {
        Some((file, server)) => {
            let log = from_file(&file, since).map_err(|error| error.to_string())?;
            writer::writes(&server, &unit, &file, timeout).map(|()| log)
        }
        None => from_journal(&unit, since, timeout).map_err(|error| error.to_string()),
    });
    read.await.map_err(|error| error.to_string())?
}
