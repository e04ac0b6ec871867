//! Moments, to the second, in UTC.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, NaiveDate, SubsecRound as _, Timelike as _, Utc};
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
        // By hand: every record's heading is rendered again while it is read.
        let (year, month, day) = (self.0.year(), self.0.month(), self.0.day());
        let (hour, minute, second) = (self.0.hour(), self.0.minute(), self.0.second());
        let Some(years) = u32::try_from(year).ok().filter(|years| *years <= 9999) else {
            return write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        };
        let mut text = *b"0000-00-00T00:00:00Z";
        for (at, number) in
            [(0, years / 100), (2, years % 100), (5, month), (8, day), (11, hour), (14, minute), (17, second)]
        {
            for (digit, value) in text[at..at + 2].iter_mut().zip([number / 10, number % 10]) {
                *digit += u8::try_from(value).unwrap_or_default();
            }
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
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
        read(text).map(Self).ok_or_else(|| NotATime(text.chars().take(80).collect()))
    }
}

/// Reads the one form in which a time is written.
fn read(text: &str) -> Option<DateTime<Utc>> {
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let number = |places: Range<usize>| {
        let digit = |number: u32, b: &u8| b.is_ascii_digit().then(|| number * 10 + u32::from(b - b'0'));
        bytes[places].iter().try_fold(0, digit)
    };
    let year = i32::try_from(number(0..4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(5..7)?, number(8..10)?)?;
    Some(date.and_hms_opt(number(11..13)?, number(14..16)?, number(17..19)?)?.and_utc())
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
    use proptest::prelude::*;

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

    /// The same by a general reader of times.
    fn by_chrono(text: &str) -> Option<String> {
        // By its count of seconds, which knows no leap second.
        let time = DateTime::from_timestamp(DateTime::parse_from_rfc3339(text).ok()?.timestamp(), 0)?;
        Some(time.format("%Y-%m-%dT%H:%M:%SZ").to_string()).filter(|again| again == text)
    }

    proptest! {
        #[test]
        fn a_time_is_read_as_a_general_reader_does_and_written_as_it_was(
            text in "[0-9]{4}-(0[0-9]|1[0-3])-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z|[0-9:TZtz.+ -]{18,22}"
        ) {
            prop_assert_eq!(text.parse::<Time>().ok().map(|time| time.to_string()), by_chrono(&text));
        }
    }
}
