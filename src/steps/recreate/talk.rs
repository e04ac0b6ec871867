//! What whoever watches is told: what is happening, how long it has taken against the prediction, and what to do if it stops.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::record::Act;
use crate::steps::act::Ground;

/// How many names are shown before the rest is counted.
const SHOWN: usize = 5;
/// How often it is said what is being done and which routes are dark, whatever else is said.
const PULSE: Duration = Duration::from_secs(3);

/// Talks about one step.
#[derive(Clone)]
pub struct Talk<'a> {
    ground: &'a Ground<'a>,
    begun: Instant,
    predicted: Option<Duration>,
    part: Arc<Mutex<String>>,
}

/// Which way there is if the step stops here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The old network is there: everything can still be put back.
    Reversible,
    /// The old network is gone.
    Forward,
}

impl<'a> Talk<'a> {
    /// Begins to talk; `predicted` is how long all of it may take.
    pub fn new(ground: &'a Ground<'a>, predicted: Option<Duration>) -> Self {
        Self { ground, begun: Instant::now(), predicted, part: Arc::default() }
    }

    /// How long it has been going on.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Announces a part.
    pub fn part(&self, stage: Stage, what: &str) {
        what.clone_into(&mut self.part.lock().unwrap_or_else(PoisonError::into_inner));
        let step = &self.ground.step;
        let stopped = match stage {
            _ if self.ground.doing == Act::Undo => "`countersign builder resume` goes on with the undo".into(),
            Stage::Reversible => {
                format!("`countersign builder resume` goes on, `countersign builder undo {step}` puts it back")
            }
            Stage::Forward => "`countersign builder resume` goes on; it asks for no PASS, window or remote".into(),
        };
        // Whoever shows or records it adds the time.
        let of = self.predicted.map(|predicted| format!("of about {:.0} s; ", predicted.as_secs_f64()));
        (self.ground.part)(what, &format!("{}if it stops here: {stopped}", of.unwrap_or_default()));
    }

    /// Says how it is going.
    pub fn say(&self, what: &str) {
        (self.ground.say)(&format!("{}: {what}", clock(self.elapsed(), self.predicted)));
    }

    /// Says every few seconds what is being done and what of the routes is dark, for as long as it is polled.
    pub async fn pulse(&self, dark: impl Fn() -> Vec<String>) -> Infallible {
        let mut ticks = tokio::time::interval(PULSE);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let part = self.part.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.say(&pulse_words(&part, &dark()));
        }
    }
}

fn clock(now: Duration, predicted: Option<Duration>) -> String {
    let seconds = now.as_secs_f64();
    match predicted {
        Some(predicted) => {
            let longer = if now > predicted { ", longer than predicted" } else { "" };
            format!("{seconds:>5.1} s of about {:.0} s{longer}", predicted.as_secs_f64())
        }
        None => format!("{seconds:>5.1} s"),
    }
}

fn pulse_words(part: &str, dark: &[String]) -> String {
    match dark {
        [] => format!("still {part}; every route answers"),
        dark => format!("still {part}; dark now: {}", few(dark)),
    }
}

/// The first few of many names and how many more there are.
pub fn few<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// The first digits of an id.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_every_moment_it_is_said_what_is_done_for_how_long_and_what_is_dark() {
        let seconds = Duration::from_secs;
        assert_eq!(clock(seconds(4), Some(seconds(10))), "  4.0 s of about 10 s");
        assert_eq!(clock(seconds(14), Some(seconds(10))), " 14.0 s of about 10 s, longer than predicted");
        assert_eq!(clock(seconds(4), None), "  4.0 s");
        assert_eq!(pulse_words("creating it", &[]), "still creating it; every route answers");
        let dark = ["a for 2.0 s".to_owned(), "b for 1.0 s".to_owned()];
        assert_eq!(pulse_words("creating it", &dark), "still creating it; dark now: a for 2.0 s, b for 1.0 s");
    }

    #[test]
    fn many_names_are_shortened_and_none_is_lost_from_the_count() {
        assert_eq!(few(&["a", "b"]), "a, b");
        let many: Vec<String> = (0..300).map(|number| format!("s{number}")).collect();
        assert_eq!(few(&many), "s0, s1, s2, s3, s4 and 295 more");
        assert_eq!(few(&many[..5]), "s0, s1, s2, s3, s4");
    }
}
