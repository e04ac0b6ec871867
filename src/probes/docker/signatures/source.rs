//! Where the engine's log lines come from: a file in dockerd's own form, or the system journal.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serde_json::Value;

use crate::model::time::Time;
use crate::process::{self, Spec};

/// The most bytes that are read of a log file, from its end.
const TAIL: u64 = 256 << 20;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub at: Time,
    /// The whole line, or the journal's message.
    pub text: String,
}

/// The lines that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Where they were read.
    pub from: String,
    /// From this moment on.
    pub since: Time,
    /// In the order in which they were written.
    pub lines: Vec<Line>,
}

/// Why the log cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum NoLog {
    /// The file cannot be read.
    #[error("the engine's log {0} cannot be read: {1}")]
    File(String, std::io::Error),
    /// The journal cannot be read.
    #[error("the journal of {unit} cannot be read: {why}; name the engine's log file with `log`")]
    Journal {
        /// The unit.
        unit: String,
        /// Why.
        why: String,
    },
    /// No line tells a time.
    #[error("{0} has no line in the engine's form: is it the engine's log?")]
    NotALog(String),
    /// The journal has no entry that is as old as the moment from which on is to be looked.
    #[error("{from} begins at {begins}, and {wanted} is to be looked at: the older part was vacuumed, or is not kept")]
    Gap {
        /// The source.
        from: String,
        /// Its first entry's time.
        begins: String,
        /// From when on.
        wanted: Time,
    },
    /// The first line is younger than the moment from which on is to be looked.
    #[error(
        "{from} begins at {begins}, and {wanted} is to be looked at: the older part was rotated away or is too large"
    )]
    TooShort {
        /// The source.
        from: String,
        /// Its first line's time.
        begins: Time,
        /// From when on.
        wanted: String,
    },
}

/// Reads a log file that dockerd wrote.
///
/// # Errors
///
/// It cannot be read, is no such log, or does not reach back to the later of `since` and the engine's last start.
pub fn from_file(path: &Path, since: Option<Time>) -> Result<Log, NoLog> {
    let from = path.display().to_string();
    let io = |error| NoLog::File(from.clone(), error);
    // A FIFO is opened without waiting for whoever writes to it.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|error| io(error.into()))?);
    let about = file.metadata().map_err(io)?;
    if !about.is_file() {
        return Err(io(std::io::Error::other("it is no regular file")));
    }
    let skipped = about.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(skipped)).map_err(io)?;
    let mut lines = Vec::new();
    let mut reader = BufReader::new(file);
    let mut bytes = Vec::new();
    let mut first = skipped > 0;
    while reader.read_until(b'\n', &mut bytes).map_err(io)? > 0 {
        // The first line of a tail is a torn one. Lines without a time go with the line before them.
        if !std::mem::take(&mut first) {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            if let Some(at) = time_of(&text).or_else(|| lines.last().map(|line: &Line| line.at)) {
                lines.push(Line { at, text });
            }
        }
        bytes.clear();
    }
    cut(from, lines, since)
}

/// The lines from the later of `since` and the engine's last start on.
fn cut(from: String, lines: Vec<Line>, since: Option<Time>) -> Result<Log, NoLog> {
    let begins = lines.first().ok_or_else(|| NoLog::NotALog(from.clone()))?.at;
    let start = lines.iter().rposition(|line| line.text.contains("msg=\"Starting up\""));
    let started = start.and_then(|at| lines.get(at)).map(|line| line.at);
    let since = match (since, started) {
        (Some(since), Some(started)) => since.max(started),
        (Some(since), None) if begins <= since => since,
        (None, Some(started)) => started,
        (since, None) => {
            let wanted = since.map_or("the engine's last start".to_owned(), |since| since.to_string());
            return Err(NoLog::TooShort { from, begins, wanted });
        }
    };
    // What stands behind the start was written after it, whatever a clock that was set back says.
    let from_start = lines.into_iter().skip(start.unwrap_or(0));
    let all = started == Some(since);
    let lines = from_start.filter(|line| all || line.at >= since).collect();
    Ok(Log { from, since, lines })
}

/// The time of a line in dockerd's form: `time="2026-06-13T05:34:13.123456789Z" level=…`.
fn time_of(line: &str) -> Option<Time> {
    let text = line.strip_prefix("time=\"")?.split('"').next()?;
    Some(Time::from_utc(chrono::DateTime::parse_from_rfc3339(text).ok()?.to_utc()))
}

/// Reads the system journal of a unit.
///
/// # Errors
///
/// systemd or the unit is not there, or the journal may not be read.
pub fn from_journal(unit: &str, since: Option<Time>, timeout: Duration) -> Result<Log, NoLog> {
    let broken = |why: String| NoLog::Journal { unit: unit.to_owned(), why };
    if !unit.chars().all(|c| c.is_ascii_alphanumeric() || "@._:-\\".contains(c)) || unit.starts_with('-') {
        return Err(broken("that is no unit's name".to_owned()));
    }
    let run = |argv: &[&str]| {
        let done = process::run(&Spec::new(argv).timeout(timeout)).map_err(|error| broken(error.to_string()))?;
        if done.ok() && !done.truncated { Ok(done.text()) } else { Err(broken(done.complaint())) }
    };
    let shown = run(&["systemctl", "show", unit, "-p", "ActiveEnterTimestamp", "--timestamp=unix"])?;
    let started = shown.strip_prefix("ActiveEnterTimestamp=@").and_then(|text| text.parse().ok()).and_then(moment);
    let started = started.ok_or_else(|| broken(format!("the unit is not active (`{shown}`)")))?;
    let wanted = since.map_or(started, |since| since.max(started));
    let at = |time: Time| format!("@{}", time.utc().timestamp());
    let read = |more: &[&str]| {
        // Without --all a long message comes as null.
        let argv = ["journalctl", "-u", unit, "-o", "json", "--all", "--no-pager", "-q"];
        let text = run(&[&argv[..], more].concat())?;
        let lines = text.lines().map(|line| entry(line).ok_or_else(|| broken("an entry is not whole".to_owned())));
        lines.collect::<Result<Vec<Line>, _>>()
    };
    let lines = read(&["--since", &at(wanted)])?;
    // Whatever stands before shows that the journal reaches back so far: what was written while the unit started, at the latest.
    let before = read(&["--until", &at(wanted), "-n", "1"])?;
    let from = format!("journal of {unit}");
    if !reaches(&lines, &before, wanted) {
        let begins = lines.first().map_or("nothing".to_owned(), |line| line.at.to_string());
        return Err(NoLog::Gap { from, begins, wanted });
    }
    Ok(Log { from, since: wanted, lines })
}

/// Whether a journal reaches back to a moment: it has an entry that is not later, or says itself that the engine began.
fn reaches(lines: &[Line], before: &[Line], wanted: Time) -> bool {
    let is_start = |line: &Line| line.text.contains("msg=\"Starting up\"");
    before.iter().chain(lines.first()).any(|line| line.at <= wanted) || lines.iter().any(is_start)
}

fn moment(seconds: i64) -> Option<Time> {
    chrono::DateTime::from_timestamp(seconds, 0).map(Time::from_utc)
}

/// One entry of `journalctl -o json`; a message that is not UTF-8 comes as a list of bytes.
fn entry(line: &str) -> Option<Line> {
    let value: Value = serde_json::from_str(line).ok()?;
    let micros: i64 = value.get("__REALTIME_TIMESTAMP")?.as_str()?.parse().ok()?;
    let text = match value.get("MESSAGE")? {
        Value::String(text) => text.clone(),
        Value::Array(bytes) => {
            let bytes: Vec<u8> = bytes.iter().filter_map(|b| u8::try_from(b.as_u64()?).ok()).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => return None,
    };
    Some(Line { at: moment(micros / 1_000_000)?, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = concat!(
        "time=\"2026-06-12T00:00:00.5Z\" level=info msg=\"Starting up\"\n",
        "time=\"2026-06-12T01:00:00.5Z\" level=error msg=old\n",
        "time=\"2026-06-13T00:00:00.5Z\" level=info msg=\"Starting up\"\n",
        "time=\"2026-06-13T01:00:00.5Z\" level=error msg=new\n",
        "  goes on\n",
    );

    fn read(text: &str, since: Option<&str>) -> Result<Log, NoLog> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        from_file(file.path(), since.map(|text| text.parse().expect("a time")))
    }

    #[test]
    fn only_lines_since_the_later_of_moment_and_start_count() {
        let count = |since| read(LOG, since).map(|log| (log.since.to_string(), log.lines.len())).expect("read");
        assert_eq!(count(None), ("2026-06-13T00:00:00Z".into(), 3));
        assert_eq!(count(Some("2026-06-12T00:30:00Z")), ("2026-06-13T00:00:00Z".into(), 3));
        assert_eq!(count(Some("2026-06-13T00:30:00Z")), ("2026-06-13T00:30:00Z".into(), 2));
        assert_eq!(count(Some("2026-06-14T00:00:00Z")), ("2026-06-14T00:00:00Z".into(), 0));
    }

    #[test]
    fn a_clock_that_is_set_back_hides_nothing_and_a_word_is_no_start() {
        let back = format!("{LOG}time=\"2026-06-12T23:00:00Z\" level=error msg=late\n");
        assert_eq!(read(&back, None).map(|log| log.lines.len()).ok(), Some(4));
        let word = format!("{LOG}Starting up\n");
        assert_eq!(
            read(&word, None).map(|log| log.lines.len()).ok(),
            Some(4),
            "a line of nobody's form starts nothing"
        );
    }

    #[test]
    fn a_log_that_does_not_reach_back_tells_nothing() {
        let rotated = "time=\"2026-06-13T01:00:00.5Z\" level=info msg=x\n";
        assert!(matches!(read(rotated, Some("2026-06-13T00:00:00Z")), Err(NoLog::TooShort { .. })));
        assert!(matches!(read(rotated, None), Err(NoLog::TooShort { .. })));
        assert!(read(rotated, Some("2026-06-13T02:00:00Z")).is_ok());
        assert!(matches!(read("", None), Err(NoLog::NotALog(_))));
        assert!(matches!(read("hello\n", None), Err(NoLog::NotALog(_))));
        assert!(matches!(from_file(Path::new("/no/such/log"), None), Err(NoLog::File(..))));
        assert!(matches!(from_file(Path::new("/dev/null"), None), Err(NoLog::File(..))));
    }

    #[test]
    fn entries_of_the_journal() {
        let line = r#"{"__REALTIME_TIMESTAMP":"1781328853123456","MESSAGE":"hello"}"#;
        assert_eq!(entry(line).map(|line| line.text).as_deref(), Some("hello"));
        assert_eq!(entry(r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":[104,105]}"#).map(|l| l.text).as_deref(), Some("hi"));
        assert_eq!(entry("{}"), None);
        assert_eq!(entry(r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":null}"#), None, "left out is not empty");
        let line = |at: &str, text: &str| Line { at: at.parse().expect("a time"), text: text.to_owned() };
        let wanted = "2026-06-13T05:00:00Z".parse().expect("a time");
        let (old, late) = (line("2026-06-13T04:59:58Z", "starting"), line("2026-06-13T07:00:00Z", "x"));
        let start = line("2026-06-13T05:00:01Z", "time=\"x\" level=info msg=\"Starting up\"");
        assert!(!reaches(&[], &[], wanted) && !reaches(std::slice::from_ref(&late), &[], wanted));
        assert!(reaches(&[], std::slice::from_ref(&old), wanted) && reaches(&[start, late], &[], wanted));
        assert!(from_journal("no unit; rm", None, Duration::from_secs(5)).is_err());
    }
}
