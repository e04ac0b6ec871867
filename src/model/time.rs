//! Moments, to the second, in UTC.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, SubsecRound as _, Timelike as _, Utc};
use serde::{Deserialize, Serialize};

use super::text;

/// A moment in UTC, whole seconds. Written as `2026-06-13T05:34:13Z` and in no other way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(DateTime<Utc>);

impl Time {
    /// Cuts a moment to whole seconds.
    pub fn from_utc(moment: DateTime<Utc>) -> Self {
        Self(moment.trunc_subsecs(0))
    }

    /// The moment as chrono knows it.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// This moment and a duration later. A duration past the end of the calendar gives the calendar's last second.
    pub fn plus(self, duration: Duration) -> Self {
        let later = chrono::Duration::from_std(duration).ok().and_then(|d| self.0.checked_add_signed(d));
        Self(later.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// This moment and a duration before. A duration past the beginning of the calendar gives the calendar's first second.
    pub fn minus(self, duration: Duration) -> Self {
        let earlier = chrono::Duration::from_std(duration).ok().and_then(|d| self.0.checked_sub_signed(d));
        Self(earlier.unwrap_or(DateTime::<Utc>::MIN_UTC))
    }

    /// How long after `earlier` this moment is; `None` when it is before it.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        (self.0 - earlier.0).to_std().ok()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand: every record's heading is rendered again while it is read, and a format string is parsed each time.
        let (year, month, day) = (self.0.year(), self.0.month(), self.0.day());
        let (hour, minute, second) = (self.0.hour(), self.0.minute(), self.0.second());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time: wanted the form 2026-06-13T05:34:13Z")]
pub struct NotATime(String);

impl FromStr for Time {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let wrong = || NotATime(text.chars().take(80).collect());
        let time = Self::from_utc(DateTime::parse_from_rfc3339(text).map_err(|_| wrong())?.with_timezone(&Utc));
        if time.to_string() == text { Ok(time) } else { Err(wrong()) }
    }
}

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer)
    }
}

/// Reads a duration as contracts and options write it: a whole number and one of `s`, `m`, `h`, `d`.
pub fn parse_duration(text: &str) -> Result<Duration, NotADuration> {
    let wrong = || NotADuration(text.chars().take(80).collect());
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86400,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    if count == 0 { Err(wrong()) } else { Ok(Duration::from_secs(count * seconds)) }
}

/// Writes a duration for people: `45s`, `12m`, `3h 20m`, `2d 1h`; two units at the most.
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let pair = |big: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit} {small}{small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => pair(seconds / 60, "m", seconds % 60, "s"),
        3600..86400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => pair(seconds / 86400, "d", seconds % 86400 / 3600, "h"),
    }
}

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: wanted a whole number above 0 and one of s, m, h, d, as in 30m")]
pub struct NotADuration(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_a_time() {
        assert!("2026-06-13T05:34:13Z".parse::<Time>().is_ok());
        for wrong in
            ["2026-06-13T05:34Z", "2026-06-13 05:34:13Z", "2026-06-13T05:34:13+00:00", "2026-06-13T05:34:13.5Z", ""]
        {
            assert!(wrong.parse::<Time>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("30m"), Ok(Duration::from_secs(1800)));
        for wrong in ["", "30", "m", "0s", "-1s", "1.5h", "30 m", "9999999d", "1w", "é"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(show_duration(Duration::from_secs(12_000)), "3h 20m");
    }
}
