//! What whoever watches is told: what is happening, how long it has taken against the prediction, and what to do if it stops.

use std::time::{Duration, Instant};

use crate::steps::act::Ground;

/// How many names are shown before the rest is counted.
const SHOWN: usize = 5;

/// Talks about one step.
pub struct Talk<'a> {
    ground: &'a Ground<'a>,
    begun: Instant,
    predicted: Option<Duration>,
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
        Self { ground, begun: Instant::now(), predicted }
    }

    /// How long it has been going on.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn clock(&self) -> String {
        let now = self.elapsed().as_secs_f64();
        match self.predicted {
            Some(predicted) => format!("{now:>5.1} s of about {:.0} s", predicted.as_secs_f64()),
            None => format!("{now:>5.1} s"),
        }
    }

    /// Announces a part.
    pub fn part(&self, stage: Stage, what: &str) {
        let stopped = match stage {
            Stage::Reversible => "`countersign builder resume` goes on, `countersign builder undo` puts it back",
            Stage::Forward => "`countersign builder resume` goes on; it asks for no PASS, window or remote",
        };
        // Whoever shows or records it adds the time.
        let of =
            self.predicted.map(|predicted| format!("of about {:.0} s; ", predicted.as_secs_f64())).unwrap_or_default();
        (self.ground.part)(&format!("{what} ({of}if it stops here: {stopped})"));
    }

    /// Says how it is going.
    pub fn say(&self, what: &str) {
        (self.ground.say)(&format!("{}: {what}", self.clock()));
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
    fn many_names_are_shortened_and_none_is_lost_from_the_count() {
        assert_eq!(few(&["a", "b"]), "a, b");
        let many: Vec<String> = (0..300).map(|number| format!("s{number}")).collect();
        assert_eq!(few(&many), "s0, s1, s2, s3, s4 and 295 more");
        assert_eq!(few(&many[..5]), "s0, s1, s2, s3, s4");
    }
}
