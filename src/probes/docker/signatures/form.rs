//! The forms in which dockerd writes a line: `time="…" level=… msg="…"`, and one JSON object (`log-format: json`). Pure.

use serde_json::Value;

use crate::model::time::Time;

/// The time of a line and the line as text; of JSON in the order of the text form. `None` for a line in no form of the engine's.
pub fn read(line: &str) -> Option<(Time, String)> {
    if line.starts_with('{') { json(line) } else { Some((plain(line)?.0, line.to_owned())) }
}

/// Whether a line is the one with which the engine begins: in its own form, not in what it tells of others.
pub fn is_start(line: &str) -> bool {
    let rest = plain(line).and_then(|(_, rest)| rest.split_once(' '));
    rest.is_some_and(|(_, rest)| rest.starts_with("msg=\"Starting up\""))
}

/// The time of a line in the text form (`time="2026-06-13T05:34:13.123456789Z" level=…`) and what stands behind `level=`.
fn plain(line: &str) -> Option<(Time, &str)> {
    let (time, rest) = line.strip_prefix("time=\"")?.split_once('"')?;
    Some((moment(time)?, rest.strip_prefix(" level=")?))
}

fn json(line: &str) -> Option<(Time, String)> {
    let Value::Object(mut fields) = serde_json::from_str(line).ok()? else { return None };
    let mut take = |name: &str| fields.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let (time, level, message) = (take("time")?, take("level")?, take("msg")?);
    let mut text = format!("time=\"{time}\" level={level} msg={message:?}");
    for (name, value) in &fields {
        match value.as_str() {
            Some(value) => text.push_str(&format!(" {name}={value:?}")),
            None => text.push_str(&format!(" {name}={value}")),
        }
    }
    Some((moment(&time)?, text))
}

fn moment(text: &str) -> Option<Time> {
    Some(Time::from_utc(chrono::DateTime::parse_from_rfc3339(text).ok()?.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_in_either_form_and_a_start_is_told_by_the_whole_of_it() {
        let starts = |line: &str| read(line).is_some_and(|(_, text)| is_start(&text));
        for line in [
            r#"time="2026-06-13T05:00:01.5Z" level=info msg="Starting up""#,
            r#"{"level":"info","msg":"Starting up","time":"2026-06-13T05:00:01.5+02:00"}"#,
        ] {
            assert!(starts(line), "{line}");
        }
        for line in [
            r#"time="x" level=info msg="Starting up""#,
            r#"time="2026-06-13T05:00:01Z" level=info msg="a" b="msg=\"Starting up\"""#,
            r#"time="2026-06-13T05:00:01Z" level=info msg="fine" msg="Starting up""#,
            r#"{"level":"info","msg":"fine","x":"msg=Starting up","time":"2026-06-13T05:00:01Z"}"#,
            r#"{"level":"info","msg":"Starting up","time":"now"}"#,
            "Starting up",
        ] {
            assert!(!starts(line), "{line}");
        }
        assert_eq!(read("INFO[2026-06-13T05:00:01Z] Starting up"), None, "that of a terminal");
    }
}
