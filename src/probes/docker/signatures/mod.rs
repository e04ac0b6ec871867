//! `docker.signatures`: no exhaustion or leak signature in the engine's log, no task stuck in `New`.
//!
//! Only lines since the later of the wanted moment and the engine's last start count: a restart rebuilds the allocator, so
//! what was logged before says nothing about it any more. A log that does not reach back so far is unknown.

pub mod classes;
pub mod source;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use self::classes::{STUCK_TASKS, classify};
use self::source::Log;
use super::fields::{short, text};
use crate::model::contract::Params;
use crate::model::time::{Time, show_duration};
use crate::probes::seen::{Seen, texts};

/// The classes that may not be there unless the contract says otherwise.
const FORBIDDEN: &[&str] = &["exhaustion", STUCK_TASKS];
/// How many lines of each class are kept as raw text.
const SHOWN: usize = 20;

/// Judges the log's lines and the swarm's tasks.
pub fn judge(params: &Params, log: &Log, tasks: &[Value], now: Time) -> Seen {
    let mut forbidden: Vec<&str> = params.list("classes").iter().map(String::as_str).collect();
    if forbidden.is_empty() {
        forbidden = FORBIDDEN.to_vec();
    }
    if let Some(other) = forbidden.iter().find(|name| !classes::NAMES.contains(name)) {
        return Seen::unknown(format!(
            "docker.signatures knows no class `{other}`: wanted one of {}",
            classes::NAMES.join(", ")
        ));
    }
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    let mut raw = format!("{} since {}, {} lines\n", log.from, log.since, log.lines.len());
    for line in &log.lines {
        if let Some(class) = classify(&line.text) {
            let count = counts.entry(class).or_default();
            *count += 1;
            if usize::try_from(*count).is_ok_and(|count| count <= SHOWN) {
                raw.push_str(&format!("{class}  {}  {}\n", line.at, line.text));
            }
        }
    }
    let new_for = params.duration("new_for").unwrap_or(Duration::from_secs(60));
    for task in tasks.iter().filter(|task| is_stuck(task, new_for, now)) {
        *counts.entry(STUCK_TASKS).or_default() += 1;
        raw.push_str(&format!(
            "{STUCK_TASKS}  {}  in New for over {}\n",
            short(text(task, &["ID"])),
            show_duration(new_for)
        ));
    }
    let present: Vec<_> = counts.keys().filter(|class| forbidden.contains(class)).copied().collect();
    let seen = if present.is_empty() {
        Seen::held(format!("none of {} in {} since {}", forbidden.join(", "), log.from, log.since))
    } else {
        let found: Vec<_> = present.iter().map(|class| format!("{} {class}", counts[class])).collect();
        Seen::failed(format!(
            "{} in {} since {}, wanted none: the allocator is exhausted or leaks; a larger network or a restart of the engine helps",
            found.join(", "),
            log.from,
            log.since
        ))
    };
    let counts: toml::Table = counts.into_iter().map(|(class, count)| (class.to_owned(), count.into())).collect();
    seen.fact("classes", texts(&present))
        .reading("counts", counts)
        .reading("since", log.since.to_string())
        .reading("lines", i64::try_from(log.lines.len()).unwrap_or(i64::MAX))
        .raw(raw)
}

/// Whether a task waits in `New` for longer than this. One whose time cannot be read counts as stuck.
fn is_stuck(task: &Value, new_for: Duration, now: Time) -> bool {
    if text(task, &["Status", "State"]) != "new" {
        return false;
    }
    let since = chrono::DateTime::parse_from_rfc3339(text(task, &["Status", "Timestamp"])).ok();
    match since {
        Some(since) => now.since(Time::from_utc(since.to_utc())).is_some_and(|age| age > new_for),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::source::Line;
    use super::*;
    use crate::model::contract::Param;
    use crate::model::observation::Outcome;

    fn now() -> Time {
        "2026-06-13T06:00:00Z".parse().expect("a time")
    }

    fn log(lines: &[&str]) -> Log {
        let line = |text: &&str| Line { at: now(), text: (*text).to_owned() };
        Log { from: "log".into(), since: now(), lines: lines.iter().map(line).collect() }
    }

    #[test]
    fn held_failed_and_unknown() {
        let vip = r#"level=error msg="Failed allocation for service x" error="could not find an available IP while allocating VIP""#;
        let leak = r#"error="could not find network allocator state for network n1""#;
        let stuck = json!({"ID": "t1", "Status": {"State": "new", "Timestamp": "2026-06-13T05:58:00.1Z"}});
        let young = json!({"ID": "t2", "Status": {"State": "new", "Timestamp": "2026-06-13T05:59:30Z"}});
        let of = |classes: &[&str]| Param::List(classes.iter().map(|c| (*c).to_owned()).collect());
        let table: &[(&[&str], &[Value], &[&str], Outcome, &str)] = &[
            (&["all is well"], &[], &[], Outcome::Held, "none of exhaustion, stuck-tasks"),
            (&[], std::slice::from_ref(&young), &[], Outcome::Held, ""),
            (&[vip, vip], &[], &[], Outcome::Failed, "2 exhaustion"),
            (&[], std::slice::from_ref(&stuck), &[], Outcome::Failed, "1 stuck-tasks"),
            (&[leak], &[], &[], Outcome::Held, ""),
            (&[leak], &[], &["leak-condition"], Outcome::Failed, "1 leak-condition"),
            (&[], &[], &["typo"], Outcome::Unknown, "no class `typo`"),
        ];
        for (lines, tasks, classes, outcome, word) in table {
            let params = Params([("classes".to_owned(), of(classes))].into());
            let seen = judge(&params, &log(lines), tasks, now());
            assert_eq!(seen.outcome, *outcome, "{}", seen.says);
            assert!(seen.says.contains(word), "{}", seen.says);
        }
        let counted = judge(&Params::default(), &log(&[leak]), &[], now());
        assert_eq!(counted.readings["counts"]["leak-condition"].as_integer(), Some(1), "shown though it may be there");
    }
}
