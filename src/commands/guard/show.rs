//! What the guard saw and did, for people and for the timer that runs it.

use serde_json::{Value, json};

use super::canary::Full;
use super::{Report, leader, marks};
use crate::error::Exit;
use crate::probes::docker::signatures::classes::Severity;
use crate::report::Answer;

/// What leads on from a network that is full without a leak.
const LARGER: &str = "a restart does not help, a larger subnet does: countersign init --template network-resize";

/// That the engine was restarted.
pub(super) const RESTARTED: &str = "restarted the engine";

/// That a network was removed.
pub(super) fn removed(network: &str) -> String {
    format!("pruned network {network}")
}

/// What was done and found, a line each: for whoever gets an error in the place of an answer.
pub(super) fn done(report: &Report) -> Vec<String> {
    let promoted = report.promoted.iter().map(|id| marks::made_manager(id));
    let unmarked = report.unmarked.iter().map(|id| marks::unmarked(id));
    let full = (!report.full.is_empty()).then(|| refused(&report.full));
    let pruned = report.pruned.iter().map(|name| removed(name));
    let restarted = report.restarted.then(|| RESTARTED.to_owned());
    let moved = report.moved.iter().map(|(old, new)| leader::moved(old, new));
    let no_through = report.no_through.iter().map(|why| without_through(why));
    unmarked.chain(promoted).chain(pruned).chain(full).chain(restarted).chain(moved).chain(no_through).collect()
}

fn refused(full: &[Full]) -> String {
    let full: Vec<String> = full.iter().map(Full::words).collect();
    format!("a canary is refused an address on: {}", full.join(", "))
}

fn without_through(why: &str) -> String {
    format!("{why}; went on without it")
}

/// What became of the networks that were full.
fn cured(report: &Report) -> String {
    if report.still_full.is_empty() {
        return "cured: every overlay that was asked gives addresses again".to_owned();
    }
    let is_earnest = |name: &&String| report.in_earnest.contains(name);
    let leaked = |name: &&String| report.full.iter().any(|one| one.name == **name && one.is_curable());
    let (earnest, silent): (Vec<&String>, Vec<&String>) = report.still_full.iter().partition(is_earnest);
    let (taken, plain): (Vec<&String>, Vec<&String>) = earnest.into_iter().partition(leaked);
    let all = |names: &[&String]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let parts = [
        (&taken, "the leak is gone and what waited took its addresses at once, so that it is full in earnest"),
        (&plain, "full without a leak"),
        (&silent, "gives no address still"),
    ];
    let mut said: Vec<String> = parts
        .iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, words)| format!("{}: {words}", all(names)))
        .collect();
    if !(taken.is_empty() && plain.is_empty()) {
        said.push(LARGER.to_owned());
    }
    said.join("; ")
}

/// What the canaries were told.
fn canaries(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if !report.giving.is_empty() {
        lines.push(format!("a canary gets an address on: {}", report.giving.join(", ")));
    }
    if !report.full.is_empty() {
        lines.push(refused(&report.full));
    }
    if !report.silent.is_empty() {
        let silent = report.silent.join(", ");
        let or = if report.dropped { ", or was what it said dropped" } else { "" };
        lines.push(format!("no address came in time, and the engine said nothing about it: {silent}; is it busy{or}?"));
    }
    lines
}

/// The answer with its exit code: 0 healthy or cured, 14 exhausted and not cured or a guard's worker still one, 10 not allowed now, 13 what
/// the log lacks may be a refusal.
pub(super) fn answer(report: &Report) -> Answer {
    let exhausted = report.signs.of(Severity::Exhaustion);
    let refused_addresses = report.refused;
    let exit = match () {
        () if report.not_now.is_some() => Exit::Closed,
        // Without a canary the log's word stands; with one, what it found.
        () if refused_addresses && !report.apply => Exit::Failed,
        () if [&report.still_full, &report.demoted].iter().any(|left| !left.is_empty()) => Exit::Failed,
        // Why a task waits is the leader's to tell.
        () if report.elsewhere.is_some() => Exit::Unknown,
        () if !report.still_stuck.is_empty() => Exit::Failed,
        () if !report.silent.is_empty() => Exit::Unknown,
        () if report.dropped && !report.apply => Exit::Unknown,
        () => Exit::Ok,
    };
    let goes: Vec<&str> = report.unused.iter().filter(|one| one.stays.is_none()).map(|one| one.name.as_str()).collect();
    let mut text = String::new();
    let mut line = |words: String| text += &format!("{words}\n");
    let asked = !(report.giving.is_empty() && report.full.is_empty() && report.silent.is_empty());
    match (report.apply, refused_addresses) {
        _ if let Some(leader) = &report.elsewhere => {
            line(format!("{leader} leads: only its log tells whether addresses are refused; run guard on its machine"));
        }
        (apply, false) if report.dropped => {
            let next = match (apply, asked) {
                (false, _) => "--apply asks a canary",
                (true, false) => "no canary was asked",
                (true, true) => "canaries were asked",
            };
            line(format!("the journal dropped messages, and a refusal may be among them: {next}"));
        }
        (_, false) => line("no address was refused since the engine's last start".to_owned()),
        (false, true) => {
            line(format!(
                "addresses were refused since the engine's last start ({}); --apply asks a canary",
                exhausted.join(", ")
            ));
        }
        (true, true) if !asked => {
            line(format!("addresses were refused ({}); no canary was asked", exhausted.join(", ")));
        }
        (true, true) => line(format!("addresses were refused ({})", exhausted.join(", "))),
    }
    canaries(report).into_iter().for_each(&mut line);
    if !report.signs.leak_networks.is_empty() {
        line(format!(
            "{} networks were removed under living tasks: addresses leaked",
            report.signs.leak_networks.len()
        ));
    }
    for (task, seconds) in &report.signs.stuck {
        line(format!("task {task} waits in New for {} s", seconds.map_or("?".to_owned(), |s| s.to_string())));
    }
    if !report.still_stuck.is_empty() && !report.may_refuse() {
        line(
            "that is not cured: the engine's log refuses no address, and without its word nothing is restarted"
                .to_owned(),
        );
    }
    match (report.apply, goes.as_slice()) {
        (false, []) => line("nothing to prune".to_owned()),
        (false, goes) => line(format!("would prune {}", goes.join(", "))),
        (true, _) if report.pruned.is_empty() => line("pruned nothing".to_owned()),
        (true, _) => line(format!("pruned {}", report.pruned.join(", "))),
    }
    report.not_pruned.iter().for_each(|one| line(format!("not pruned: {one}")));
    for one in &report.unused {
        if let Some(why) = &one.stays {
            line(format!("{} stays: {why}", one.name));
        }
    }
    if !report.promoted.is_empty() {
        line(format!("made managers again what a killed guard had left as workers: {}", report.promoted.join(", ")));
    }
    if !report.demoted.is_empty() {
        line(format!(
            "a guard made workers of managers: {}; where it was killed, --apply makes them managers again",
            report.demoted.join(", ")
        ));
    }
    report.unmarked.iter().for_each(|id| line(marks::unmarked(id)));
    if !report.marked.is_empty() {
        let marked = report.marked.join(", ");
        line(format!("managers with the label {} of a worker: {marked}; --apply takes it off", marks::LABEL));
    }
    report.no_through.iter().for_each(|why| line(without_through(why)));
    let cured = cured(report);
    let waits = match report.still_stuck.len() {
        0 => String::new(),
        count => format!("; {count} tasks wait in New still"),
    };
    if report.restarted {
        line(format!("{RESTARTED}: {cured}{waits}"));
    } else if let Some((old, new)) = &report.moved {
        line(format!("{}, and no container stopped: {cured}{waits}", leader::moved(old, new)));
    } else if report.full.iter().any(|one| one.leaked == Ok(0)) {
        line(format!("full without a leak: {LARGER}"));
    }
    if let Some(why) = &report.no_cure {
        line(format!("what leaks could not be freed from here: {why}"));
    }
    if let Some(why) = &report.not_now {
        line(format!("not now: {why}"));
    }
    let full: Vec<_> = report.full.iter().map(entry).collect();
    let stays = report.unused.iter().filter_map(|one| Some(json!({ "name": one.name, "why": one.stays.as_ref()? })));
    let stuck = report.signs.stuck.iter().map(|(task, seconds)| json!({ "task": task, "seconds": seconds }));
    let moved = report.moved.as_ref().map(|(old, new)| json!({ "from": old, "to": new }));
    let json = json!({
        "apply": report.apply, "signatures": report.signs.counts, "last": report.signs.last,
        "leak_networks": report.signs.leak_networks, "stuck": stuck.collect::<Vec<_>>(),
        "still_stuck": report.still_stuck,
        "would_prune": goes, "pruned": report.pruned, "not_pruned": report.not_pruned, "stays": stays.collect::<Vec<_>>(),
        "full": full, "giving": report.giving, "silent": report.silent, "leads": report.elsewhere, "restarted": report.restarted, "moved": moved,
        "promoted": report.promoted, "demoted": report.demoted, "unmarked": report.unmarked, "marked": report.marked,
        "still_full": report.still_full, "full_in_earnest": report.in_earnest, "dropped": report.dropped,
        "no_through": report.no_through, "no_cure": report.no_cure, "not_now": report.not_now,
    });
    Answer { exit, text, json }
}

/// One full network for programs.
fn entry(one: &Full) -> Value {
    match &one.leaked {
        Ok(leaked) => json!({ "name": one.name, "leaked": leaked }),
        Err(why) => json!({ "name": one.name, "leaked": null, "leaked_unknown": why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(name: &str, leaked: u64) -> Full {
        Full { name: name.to_owned(), leaked: Ok(leaked) }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_network_that_what_waited_filled_again_is_full_in_earnest() {
        let mut report = Report {
            apply: true,
            refused: true,
            restarted: true,
            full: vec![full("lk", 5), full("small", 0), full("slow", 1)],
            still_full: names(&["lk", "small", "slow"]),
            in_earnest: names(&["lk", "small"]),
            ..Report::default()
        };
        let seen = answer(&report);
        let line = "restarted the engine: lk: the leak is gone and what waited took its addresses at once, so that it is full in earnest; \
            small: full without a leak; slow: gives no address still; a restart does not help, a larger subnet does: \
            countersign init --template network-resize\n";
        assert!(seen.text.contains(line), "{}", seen.text);
        assert_eq!((seen.exit, &seen.json["full_in_earnest"]), (Exit::Failed, &json!(["lk", "small"])));
        report.still_full.clear();
        let seen = answer(&report);
        assert!(seen.text.contains("restarted the engine: cured:") && !seen.text.contains("larger"), "{}", seen.text);
        assert_eq!(seen.exit, Exit::Ok);
    }

    #[test]
    fn what_the_journal_dropped_may_be_a_refusal_until_a_canary_was_asked() {
        let dry = Report { dropped: true, ..Report::default() };
        let asked = Report { apply: true, giving: names(&["a"]), ..Report { dropped: true, ..Report::default() } };
        let silent = Report { apply: true, silent: names(&["a"]), ..Report { dropped: true, ..Report::default() } };
        let found = Report { apply: true, full: vec![full("a", 0)], still_full: names(&["a"]), ..Report::default() };
        let table = [
            (&dry, Exit::Unknown, "a refusal may be among them: --apply asks a canary"),
            (&asked, Exit::Ok, "among them: canaries were asked\na canary gets an address on: a"),
            (&silent, Exit::Unknown, "is it busy, or was what it said dropped?"),
            (&Report { dropped: true, ..found }, Exit::Failed, "a canary is refused an address on: a (none leaked)"),
        ];
        for (report, exit, words) in table {
            let seen = answer(report);
            assert!(seen.exit == exit && seen.text.contains(words), "{:?} {}", seen.exit, seen.text);
            assert!(report.may_refuse() && seen.json["dropped"] == json!(true));
        }
        let certain = Report { dropped: true, refused: true, ..Report::default() };
        assert_eq!(answer(&certain).exit, Exit::Failed, "what is certain counts");
        let elsewhere = Report { dropped: true, elsewhere: Some("node b".to_owned()), ..Report::default() };
        assert!(!elsewhere.may_refuse(), "another one's log tells");
    }

    #[test]
    fn what_was_found_and_what_was_gone_without_is_said_in_an_error_too() {
        let report = Report {
            full: vec![full("lk", 5)],
            unmarked: names(&["n1"]),
            no_through: Some("--through tcp://x: out of reach".to_owned()),
            ..Report::default()
        };
        let lines = [
            "took the label countersign.demoted off node n1, which was a manager already",
            "a canary is refused an address on: lk (at least 5 leaked)",
            "--through tcp://x: out of reach; went on without it",
        ];
        assert_eq!(done(&report), lines);
        let seen = answer(&report);
        assert!(lines.iter().all(|line| seen.text.contains(line)), "{}", seen.text);
        assert!(!seen.text.contains("made managers again"), "{}", seen.text);
    }
}
