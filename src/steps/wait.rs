//! Waiting for the engine, with a deadline of our own: its updater has none.

use std::time::{Duration, Instant};

use super::act::NotDone;

/// How often the engine is asked.
const PERIOD: Duration = Duration::from_millis(150);

/// Asks until the answer is `Ok(true)`. An error of the engine is not the end: it may be away for a moment.
///
/// # Errors
///
/// The deadline passed; the message says for what.
pub async fn until<F, E>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> Result<(), NotDone>
where
    F: Future<Output = Result<bool, E>>,
    E: std::fmt::Display,
{
    let start = Instant::now();
    let mut last = "not yet".to_owned();
    while start.elapsed() < limit {
        match ask().await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(PERIOD).await;
    }
    Err(NotDone::midway(format!("waited {} s for {what}: {last}", limit.as_secs())))
}
