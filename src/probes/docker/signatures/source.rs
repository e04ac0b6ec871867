//! Where the engine's log lines come from: a file in one of dockerd's own forms, or the system journal.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serde_json::Value;

use super::{form, readable};
use crate::model::time::Time;
use crate::probes::docker::unit::property;
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
    /// Whether the source itself says that it left some out.
    pub dropped: bool,
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
    /// Lines whose time is not known, and which may be younger than the moment from which on is to be looked.
    #[error(
        "{from} has lines in no form of the engine's after {after}: whether they are later than {wanted} is not known"
    )]
    Form {
        /// The source.
        from: String,
        /// The time of the last line before them.
        after: Time,
        /// From when on.
        wanted: Time,
    },
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
            if let Some((at, text)) = form::read(&text) {
                lines.push(Read { line: Line { at, text }, timed: true });
            } else if let Some(before) = lines.last().map(|read: &Read| read.line.at)
                && !text.is_empty()
            {
                lines.push(Read { line: Line { at: before, text }, timed: false });
            }
        }
        bytes.clear();
    }
    cut(from, lines, since)
}

/// A line of a file, and whether it tells its own time.
struct Read {
    line: Line,
    timed: bool,
}

/// The lines from the later of `since` and the engine's last start on.
fn cut(from: String, lines: Vec<Read>, since: Option<Time>) -> Result<Log, NoLog> {
    let begins = lines.first().ok_or_else(|| NoLog::NotALog(from.clone()))?.line.at;
    let start = lines.iter().rposition(|read| read.timed && form::is_start(&read.line.text));
    let started = start.and_then(|at| lines.get(at)).map(|read| read.line.at);
    let since = match (since, started) {
        (Some(since), Some(started)) => since.max(started),
        (Some(since), None) if begins <= since => since,
        (None, Some(started)) => started,
        (since, None) => {
            let wanted = since.map_or("the engine's last start".to_owned(), |since| since.to_string());
            return Err(NoLog::TooShort { from, begins, wanted });
        }
    };
    // What stands behind a line was written after it, whatever a clock that was set back says.
    let from_start: Vec<Read> = lines.into_iter().skip(start.unwrap_or(0)).collect();
    let is_first = |read: &Read| read.timed && (started == Some(since) || read.line.at >= since);
    let first = from_start.iter().position(is_first).unwrap_or(from_start.len());
    if let Some(doubtful) = from_start[..first].last().filter(|read| !read.timed) {
        return Err(NoLog::Form { from, after: doubtful.line.at, wanted: since });
    }
    let lines = from_start.into_iter().skip(first).map(|read| read.line).collect();
    Ok(Log { from, since, lines, dropped: false })
}

/// Reads the system journal of a unit.
///
/// # Errors
///
/// systemd or the unit is not there, this user may not read all of the journal, or it does not reach back so far.
pub fn from_journal(unit: &str, since: Option<Time>, timeout: Duration) -> Result<Log, NoLog> {
    let broken = |why: String| NoLog::Journal { unit: unit.to_owned(), why };
    let run = |argv: &[&str]| {
        let done = process::run(&Spec::new(argv).timeout(timeout)).map_err(|error| broken(error.to_string()))?;
        match (done.ok(), done.truncated) {
            (true, false) => Ok(done.text()),
            (true, true) => Err(broken("it has too much since then to be read".to_owned())),
            (false, _) => Err(broken(done.complaint())),
        }
    };
    readable::is_readable().map_err(broken)?;
    // When its process began, and not when it was ready: a new allocator refuses what waits before that.
    let shown = property(unit, "ExecMainStartTimestamp", timeout).map_err(broken)?;
    let started = shown.strip_prefix('@').and_then(|text| text.parse().ok()).and_then(moment);
    let started = started.ok_or_else(|| broken(format!("the unit was not started (since `{shown}`)")))?;
    let wanted = since.map_or(started, |since| since.max(started));
    let at = |time: Time| format!("@{}", time.utc().timestamp());
    // Without --all a long message comes as null.
    let ask = |more: &[&str]| {
        let argv = ["journalctl", "-u", unit, "-o", "json", "--all", "--no-pager", "-q"];
        run(&[&argv[..], more].concat())
    };
    let whole = |lines: Option<Vec<Line>>| lines.ok_or_else(|| broken("an entry is not whole".to_owned()));
    // What containers say comes over the journal's own socket.
    let read = |more: &[&str]| whole(entries(&ask(&[&["_TRANSPORT=stdout"], more].concat())?));
    let lines = read(&["--since", &at(wanted)])?;
    let dropped = is_dropped(&ask(&["_TRANSPORT=driver", "--since", &at(wanted)])?);
    // Whatever of the unit stands before, also what systemd says of it, shows that the journal reaches back so far.
    let before = whole(all(&ask(&["--until", &at(wanted), "-n", "1"])?))?;
    let from = format!("journal of {unit}");
    // A journal of earlier starts tells nothing of a log that goes elsewhere since; the last words of the engine before may be of the
    // same second as this one's first.
    let invocation = property(unit, "InvocationID", timeout).map_err(broken)?;
    if read(&[&format!("_SYSTEMD_INVOCATION_ID={invocation}"), "-n", "1"])?.is_empty() {
        let why = "it has no line of the engine's since the engine began: all were vacuumed, the log goes elsewhere, or its level is above \
                   `warn`";
        return Err(broken(why.to_owned()));
    }
    if !reaches(&lines, &before, wanted) {
        let begins = lines.first().map_or("nothing".to_owned(), |line| line.at.to_string());
        return Err(NoLog::Gap { from, begins, wanted });
    }
    Ok(Log { from, since: wanted, lines, dropped })
}

/// Whether a journal reaches back to a moment: it has an entry that is not later, or says itself that the engine began.
fn reaches(lines: &[Line], before: &[Line], wanted: Time) -> bool {
    before.iter().chain(lines.first()).any(|line| line.at <= wanted)
        || lines.iter().any(|line| form::is_start(&line.text))
}

fn moment(seconds: i64) -> Option<Time> {
    chrono::DateTime::from_timestamp(seconds, 0).map(Time::from_utc)
}

/// The entries of `journalctl -o json` that the unit's own processes wrote to their standard output or error; `None` if one is not
/// whole. The engine's log driver writes what containers say in its own name, with `CONTAINER_ID` beside it: it tells nothing of
/// the engine (moby `daemon/logger/journald`).
fn entries(text: &str) -> Option<Vec<Line>> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).ok()?;
        let of_container = value.as_object()?.keys().any(|key| key.starts_with("CONTAINER_"));
        if value.get("_TRANSPORT")?.as_str()? == "stdout" && !of_container {
            lines.push(entry(&value)?);
        }
    }
    Some(lines)
}

/// All entries of `journalctl -o json`, whoever wrote them; `None` if one is not whole.
fn all(text: &str) -> Option<Vec<Line>> {
    text.lines().map(|line| entry(&serde_json::from_str(line).ok()?)).collect()
}

/// Whether the journal says itself that it dropped messages (systemd.journal-fields(7), `N_DROPPED`), or cannot be read.
fn is_dropped(text: &str) -> bool {
    text.lines().any(|line| serde_json::from_str::<Value>(line).map_or(true, |value| value.get("N_DROPPED").is_some()))
}

/// One entry; a message that is not UTF-8 comes as a list of bytes.
fn entry(value: &Value) -> Option<Line> {
    let micros: i64 = value.get("__REALTIME_TIMESTAMP")?.as_str()?.parse().ok()?;
    let text = match value.get("MESSAGE")? {
        Value::String(text) => text.clone(),
        Value::Array(bytes) => {
            let bytes: Vec<u8> = bytes.iter().filter_map(|b| u8::try_from(b.as_u64()?).ok()).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => return None,
    };
    let text = form::read(&text).map_or(text, |(_, plain)| plain);
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
        let quiet = LOG.replace("  goes on\n", "\n");
        let late = read(&quiet, Some("2026-06-14T00:00:00Z")).expect("read");
        assert_eq!((late.since.to_string(), late.lines.len()), ("2026-06-14T00:00:00Z".into(), 0));
    }

    #[test]
    fn a_line_in_another_form_is_never_taken_for_an_old_one() {
        let with = |line: &str| LOG.replace("  goes on", line);
        let json = r#"{"error":"could not find an available IP","level":"error","msg":"x \"y\"","time":"2026-06-14T01:00:00.5Z"}"#;
        let terminal = "ERRO[2026-06-14T01:00:00.5Z] x error=\"could not find an available IP\"";
        let since = Some("2026-06-14T00:00:00Z");
        let seen = read(&with(json), since).expect("JSON is one of the engine's forms").lines;
        assert_eq!(seen.len(), 1);
        assert!(seen[0].text.contains(r#"level=error msg="x \"y\"" error="could not find"#), "{}", seen[0].text);
        for line in [terminal, "  goes on", "{\"level\":\"error\"}"] {
            assert!(matches!(read(&with(line), since), Err(NoLog::Form { .. })), "{line}");
            assert_eq!(read(&with(line), None).map(|log| log.lines.len()).ok(), Some(3), "after the start: {line}");
        }
        let started = r#"{"level":"info","msg":"Starting up","time":"2026-06-14T00:30:00Z"}"#;
        assert_eq!(read(&with(started), since).map(|log| log.since).ok(), "2026-06-14T00:30:00Z".parse().ok());
    }

    #[test]
    fn what_the_journal_dropped_is_told_by_itself() {
        let entry =
            r#"{"__REALTIME_TIMESTAMP":"1781326800000000","MESSAGE":"Suppressed 12 messages","N_DROPPED":"12"}"#;
        assert!(is_dropped(entry) && is_dropped("torn {") && !is_dropped(""));
        assert!(!is_dropped(&entry.replace("N_DROPPED", "OTHER")));
        assert_eq!(all(entry).map(|lines| lines.len()), Some(1));
        assert!(all("torn {").is_none());
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
        let one = |more: &str, message: &str| {
            format!(r#"{{"__REALTIME_TIMESTAMP":"1781328853123456","_TRANSPORT":"stdout"{more},"MESSAGE":{message}}}"#)
        };
        let texts = |text: &str| entries(text).map(|all| all.into_iter().map(|line| line.text).collect::<Vec<_>>());
        assert_eq!(texts(&one("", "\"hello\"")), Some(vec!["hello".to_owned()]));
        assert_eq!(texts(&one("", "[104,105]")), Some(vec!["hi".to_owned()]));
        assert_eq!(texts(&one("", "null")), None, "left out is not empty");
        assert_eq!(texts("{}"), None);
        assert_eq!(texts(r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":"x"}"#), None, "whose it is, is not told");
        let start = r#""time=\"x\" level=info msg=\"Starting up\"""#;
        let container = one(r#","CONTAINER_ID":"abc","CONTAINER_NAME":"build""#, start);
        assert_eq!(texts(&container), Some(vec![]), "what a container says");
        assert_eq!(texts(&container.replace(r#","CONTAINER_ID":"abc""#, "")), Some(vec![]));
        assert_eq!(texts(&one("", "\"x\"").replace("stdout", "journal")), Some(vec![]));
        let line = |at: &str, text: &str| Line { at: at.parse().expect("a time"), text: text.to_owned() };
        let wanted = "2026-06-13T05:00:00Z".parse().expect("a time");
        let (old, late) = (line("2026-06-13T04:59:58Z", "starting"), line("2026-06-13T07:00:00Z", "x"));
        let start = line("2026-06-13T05:00:01Z", "time=\"2026-06-13T05:00:01Z\" level=info msg=\"Starting up\"");
        let word = line("2026-06-13T05:00:01Z", "x msg=\"Starting up\"");
        assert!(!reaches(&[word], &[], wanted), "a word is no start");
        assert!(!reaches(&[], &[], wanted) && !reaches(std::slice::from_ref(&late), &[], wanted));
        assert!(reaches(&[], std::slice::from_ref(&old), wanted) && reaches(&[start, late], &[], wanted));
        assert!(from_journal("no unit; rm", None, Duration::from_secs(5)).is_err());
    }
}
