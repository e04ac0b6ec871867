//! What the host says at the moment at which a request is judged: who asks, what is under way, whether the door is open.

use crate::commands::maintenance::Watch;
use crate::host::HostState;
use crate::host::decisions::Decisions;
use crate::model::time::Time;

/// What the host says at this moment.
pub struct Moment {
    /// What the executor does, if the request is its own.
    pub executor: Option<String>,
    /// A window is open, or a step is not at its end; so too where that could not be read.
    pub window: bool,
    /// A step is not at its end.
    pub step: bool,
    /// A token is in force.
    pub token: bool,
    /// Until when the door is open.
    pub door: Option<Time>,
}

impl Moment {
    /// Looks at it, for a request that shows this secret; what cannot be read is taken for shut.
    pub fn look(host: &HostState, log: &Decisions, ledger: &mut Watch, secret: &str, now: Time) -> Self {
        let executor = match secret.is_empty() {
            true => None,
            false => host.token_of(secret).ok().flatten().map(|token| token.doing),
        };
        let doors = log.open_doors(now).unwrap_or_default();
        let step = !matches!(ledger.is_unfinished(host), Ok(false));
        let ended = host.window().is_ok_and(|window| window.is_none_or(|window| window.until <= now));
        Self {
            executor,
            window: step || !ended,
            step,
            token: !matches!(host.token(), Ok(None)),
            door: doors.iter().map(|door| door.until).max(),
        }
    }
}
