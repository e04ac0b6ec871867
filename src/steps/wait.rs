//! Waiting for the engine, with deadlines of our own: its updater has none.

use std::time::{Duration, Instant};

use super::act::NotDone;
use crate::engine::error::EngineError;

/// The shortest time between two looks. A look that takes long is repeated less often: a busy engine is not made busier.
const SHORTEST: Duration = Duration::from_millis(20);
/// How often it is said what is still waited for.
const SAY: Duration = Duration::from_secs(2);
/// How long an engine may be away or without a leader: it may be restarting.
const AWAY: Duration = Duration::from_secs(120);

/// What a look gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen<T> {
    /// What was waited for.
    Here(T),
    /// Not yet, and what is seen instead.
    NotYet(String),
}

/// Looks until it is there. An engine that gives no answer is not the end: it may be away for a moment.
///
/// # Errors
///
/// The deadline passed; the message says what was waited for and what was seen last.
pub async fn until<T, F>(
    what: &str,
    limit: Duration,
    say: &(dyn Fn(&str) + Sync),
    mut look: impl FnMut() -> F,
) -> Result<T, NotDone>
where
    F: Future<Output = Result<Seen<T>, EngineError>>,
{
    let start = Instant::now();
    let mut said = Instant::now();
    loop {
        let began = Instant::now();
        let seen = match look().await {
            Ok(Seen::Here(value)) => return Ok(value),
            Ok(Seen::NotYet(seen)) => seen,
            Err(error) if may_pass(&error) => error.to_string(),
            Err(error) => return Err(NotDone::midway(format!("waiting for {what}: {error}"))),
        };
        if start.elapsed() > limit {
            return Err(NotDone::midway(format!("waited {} s for {what}; last seen: {seen}", limit.as_secs())));
        }
        if said.elapsed() > SAY {
            said = Instant::now();
            say(&format!("still waiting for {what}: {seen}"));
        }
        tokio::time::sleep((began.elapsed() * 2).max(SHORTEST)).await;
    }
}

/// Asks again while the engine is away, as during its restart.
///
/// # Errors
///
/// It refused, or stayed away for two minutes.
pub async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let start = Instant::now();
    loop {
        match ask().await {
            Err(error) if may_pass(&error) && start.elapsed() < AWAY => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => return other,
        }
    }
}

/// Whether an error may be gone when asked again: the engine is away, or it is back and its swarm has no leader yet.
pub fn may_pass(error: &EngineError) -> bool {
    match error {
        EngineError::Refused { status, .. } => *status >= 500,
        EngineError::NotASwarm { .. } => true,
        other => other.is_in_doubt(),
    }
}
