//! Waiting for a state that can be told in words: what is still missing is said while it lasts, and at the deadline.

use std::time::{Duration, Instant};

use crate::steps::act::Ground;

/// How often is looked.
const PERIOD: Duration = Duration::from_millis(150);
/// How often is said what is still missing.
const SAY: Duration = Duration::from_secs(5);

/// Looks until `look` gives `Ok(None)`; what it gives else is what is still missing. An error of `look` is not the end: the
/// engine may be away for a moment.
///
/// # Errors
///
/// The deadline passed: what was waited for, for how long, and what was still missing.
pub(super) async fn settled<F, E>(
    what: &str,
    limit: Duration,
    ground: &Ground<'_>,
    mut look: impl FnMut() -> F,
) -> Result<(), String>
where
    F: Future<Output = Result<Option<String>, E>>,
    E: std::fmt::Display,
{
    let (start, mut said) = (Instant::now(), Instant::now());
    loop {
        let missing = match look().await {
            Ok(None) => return Ok(()),
            Ok(Some(missing)) => missing,
            Err(error) => error.to_string(),
        };
        if start.elapsed() > limit {
            return Err(format!("waited {} s for {what}; still: {missing}", limit.as_secs()));
        }
        if said.elapsed() > SAY {
            (ground.say)(&format!("{} s, waiting for {what}: {missing}", start.elapsed().as_secs()));
            said = Instant::now();
        }
        tokio::time::sleep(PERIOD).await;
    }
}
