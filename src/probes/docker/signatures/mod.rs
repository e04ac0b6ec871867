//! `docker.signatures`: no exhaustion or leak signature in the engine's log, no task stuck in `New`.
//!
//! Only lines since the later of the wanted moment and the engine's last start count: a restart rebuilds the allocator, so
//! what was logged before says nothing about it any more. A log that does not reach back so far is unknown, and so is one that the
//! process at the engine's socket does not write.

pub mod asked;
pub mod classes;
pub mod form;
pub mod readable;
pub mod source;
pub mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use self::classes::{STUCK_TASKS, Severity, classify, leak_network};
use self::source::Log;
use super::fields::{short, text};
use crate::model::contract::Params;
use crate::model::time::Time;
use crate::probes::seen::{Seen, texts};

/// How many lines of each class are kept as raw text.
const SHOWN: usize = 20;

/// What the log and the tasks showed, by class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// How often.
    pub counts: BTreeMap<&'static str, i64>,
    /// When last. The engine repeats a refusal only at its debug level, so that silence is no recovery.
    pub last: BTreeMap<&'static str, Time>,
    /// Networks that were removed under a living task.
    pub leak_networks: BTreeSet<String>,
    /// The tasks that wait in `New` for too long, with the seconds they wait; `None` where their time cannot be read.
    pub stuck: Vec<(String, Option<u64>)>,
}

impl Signs {
    /// The classes of a severity that are there.
    pub fn of(&self, severity: Severity) -> Vec<&'static str> {
        self.counts.keys().filter(|class| classes::severity(class) == Some(severity)).copied().collect()
    }
}

/// Reads the signs in a log and a list of tasks.
pub fn signs(log: &Log, tasks: &[Value], new_for: Duration, now: Time) -> Signs {
    let mut signs = Signs::default();
    for line in &log.lines {
        let Some(class) = classify(&line.text) else { continue };
        *signs.counts.entry(class).or_default() += 1;
        signs.last.insert(class, line.at);
        signs.leak_networks.extend(leak_network(&line.text).map(str::to_owned));
    }
    // One that is to end is among them: the allocator serves it all the same (moby/swarmkit `manager/allocator/network.go`,
    // `doTaskAlloc`), so that it leaves `New` as soon as there are addresses.
    for task in tasks.iter().filter(|task| text(task, &["Status", "State"]) == "new") {
        let since = chrono::DateTime::parse_from_rfc3339(text(task, &["Status", "Timestamp"])).ok();
        let age = since.map(|since| now.since(Time::from_utc(since.to_utc())).unwrap_or_default());
        // One whose time cannot be read counts as stuck.
        if age.is_none_or(|age| age > new_for) {
            signs.stuck.push((short(text(task, &["ID"])).to_owned(), age.map(|age| age.as_secs())));
        }
    }
    if !signs.stuck.is_empty() {
        signs.counts.insert(STUCK_TASKS, i64::try_from(signs.stuck.len()).unwrap_or(i64::MAX));
        signs.last.insert(STUCK_TASKS, now);
        // The oldest first.
        signs.stuck.sort_by_key(|(_, age)| std::cmp::Reverse(age.unwrap_or(u64::MAX)));
    }
    signs
}

/// Judges the log's lines and the swarm's tasks.
pub fn judge(params: &Params, log: &Log, tasks: &[Value], now: Time) -> Seen {
    let mut forbidden: Vec<&str> = params.list("classes").iter().map(String::as_str).collect();
    if forbidden.is_empty() {
        let exhaustion = |(_, severity): &&(&str, Severity)| *severity == Severity::Exhaustion;
        forbidden = classes::CLASSES.iter().filter(exhaustion).map(|(name, _)| *name).collect();
    }
    let known: Vec<_> = classes::CLASSES.iter().map(|(name, _)| *name).collect();
    if let Some(other) = forbidden.iter().find(|name| !known.contains(name)) {
        return Seen::unknown(format!(
            "docker.signatures knows no class `{other}`: wanted one of {}",
            known.join(", ")
        ));
    }
    if log.dropped {
        return Seen::unknown(format!(
            "docker.signatures: {}: the journal dropped messages of it, which wrote too many at once: a signature may be among them; \
             name the engine's log file with `log`",
            log.from
        ));
    }
    let new_for = params.duration("new_for").unwrap_or(Duration::from_secs(60));
    let signs = signs(log, tasks, new_for, now);
    let present: Vec<_> = signs.counts.keys().filter(|class| forbidden.contains(class)).copied().collect();
    let seen = if present.is_empty() {
        Seen::held(format!("none of {} in {} since {}", forbidden.join(", "), log.from, log.since))
    } else {
        let found: Vec<_> = present.iter().map(|class| format!("{} {class}", signs.counts[class])).collect();
        Seen::failed(format!(
            "{} in {} since {}, wanted none; look with `countersign vips`, cure with `countersign guard` or a larger network",
            found.join(", "),
            log.from,
            log.since
        ))
    };
    let counts = toml::Table::from_iter(signs.counts.iter().map(|(class, n)| ((*class).to_owned(), (*n).into())));
    let last = signs.last.iter().map(|(class, at)| ((*class).to_owned(), at.to_string().into()));
    let age = |age: Option<u64>| age.map_or("no readable time".to_owned(), |age| format!("{age} s"));
    let severities =
        signs.counts.keys().filter_map(|class| Some(((*class).to_owned(), classes::severity(class)?.label().into())));
    seen.fact("classes", texts(&present))
        .reading("counts", counts)
        .reading("severity", toml::Table::from_iter(severities))
        .reading("last", toml::Table::from_iter(last))
        .reading("leak_networks", texts(&signs.leak_networks))
        .reading("stuck", texts(signs.stuck.iter().map(|(id, seconds)| format!("{id} in New for {}", age(*seconds)))))
        .reading("since", log.since.to_string())
        .reading("lines", i64::try_from(log.lines.len()).unwrap_or(i64::MAX))
        .raw(raw(log, &signs))
}

/// The first lines of each class, with its severity.
fn raw(log: &Log, signs: &Signs) -> String {
    let mut raw = format!("{} since {}, {} lines\n", log.from, log.since, log.lines.len());
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &log.lines {
        let Some(class) = classify(&line.text) else { continue };
        let count = shown.entry(class).or_default();
        *count += 1;
        if *count <= SHOWN {
            let severity = classes::severity(class).map_or("", Severity::label);
            raw.push_str(&format!("{severity}  {class}  {}  {}\n", line.at, line.text));
        }
    }
    for (id, age) in &signs.stuck {
        let age = age.map_or("?".to_owned(), |age| age.to_string());
        raw.push_str(&format!("exhaustion  {STUCK_TASKS}  {id}  in New for {age} s\n"));
    }
    raw
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
        let lines = lines.iter().map(line).collect();
        Log { from: "log".into(), since: now(), lines, dropped: false }
    }

    #[test]
    fn held_failed_and_unknown() {
        let vip = r#"level=error msg="Failed allocation for service x" error="could not find an available IP while allocating VIP""#;
        let leak = r#"error="could not find network allocator state for network n1""#;
        let stuck = json!({"ID": "t1", "Status": {"State": "new", "Timestamp": "2026-06-13T05:58:00.1Z"}});
        let mut ending = stuck.clone();
        ending["DesiredState"] = "shutdown".into();
        let young = json!({"ID": "t2", "Status": {"State": "new", "Timestamp": "2026-06-13T05:59:30Z"}});
        let of = |classes: &[&str]| Param::List(classes.iter().map(|c| (*c).to_owned()).collect());
        let table: &[(&[&str], &[Value], &[&str], Outcome, &str)] = &[
            (
                &["all is well"],
                &[],
                &[],
                Outcome::Held,
                "none of vip-exhaustion, task-exhaustion, node-exhaustion, stuck-tasks",
            ),
            (&[], std::slice::from_ref(&young), &[], Outcome::Held, ""),
            (&[vip, vip], &[], &[], Outcome::Failed, "2 vip-exhaustion"),
            (&[], &[stuck.clone(), ending], &[], Outcome::Failed, "2 stuck-tasks"),
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
        let dropped = judge(&Params::default(), &Log { dropped: true, ..log(&[vip]) }, &[], now());
        assert_eq!(dropped.outcome, Outcome::Unknown, "{}", dropped.says);
        let counted = judge(&Params::default(), &log(&[leak]), &[], now());
        assert_eq!(counted.readings["counts"]["leak-condition"].as_integer(), Some(1), "shown though it may be there");
        assert_eq!(counted.readings["leak_networks"], texts(["n1"]));
        assert_eq!(counted.readings["severity"]["leak-condition"].as_str(), Some("leak"));
        let unreadable = json!({"ID": "t3", "Status": {"State": "new", "Timestamp": "soon"}});
        let aged = judge(&Params::default(), &log(&[]), &[stuck, young, unreadable], now());
        assert_eq!(aged.readings["stuck"], texts(["t3 in New for no readable time", "t1 in New for 120 s"]));
    }
}
