//! What the guard saw and did, for people and for the timer that runs it.

use serde_json::{Value, json};

use super::canary::Full;
use super::{Report, leader};
use crate::error::Exit;
use crate::probes::docker::signatures::classes::Severity;
use crate::report::Answer;

/// That the engine was restarted.
pub(super) const RESTARTED: &str = "restarted the engine";

/// That a network was removed.
pub(super) fn removed(network: &str) -> String {
    format!("pruned network {network}")
}

/// What was done, a line each: for whoever gets an error in the place of an answer.
pub(super) fn done(report: &Report) -> Vec<String> {
    let promoted = report.promoted.iter().map(|id| leader::made_manager(id));
    let pruned = report.pruned.iter().map(|name| removed(name));
    let restarted = report.restarted.then(|| RESTARTED.to_owned());
    let moved = report.moved.iter().map(|(old, new)| leader::moved(old, new));
    promoted.chain(pruned).chain(restarted).chain(moved).collect()
}

/// The answer with its exit code: 0 healthy or cured, 14 exhausted and not cured or a killed guard's worker still one, 10 not
/// allowed now.
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
        (true, true) => {
            line(format!("addresses were refused ({})", exhausted.join(", ")));
            if !report.giving.is_empty() {
                line(format!("a canary gets an address on: {}", report.giving.join(", ")));
            }
            if !report.full.is_empty() {
                let full: Vec<String> = report.full.iter().map(Full::words).collect();
                line(format!("a canary is refused one on: {}", full.join(", ")));
            }
            if !report.silent.is_empty() {
                let silent = report.silent.join(", ");
                line(format!("no address came in time, and the engine said nothing about it: {silent}; is it busy?"));
            }
        }
    }
    if !report.signs.leak_networks.is_empty() {
        line(format!(
            "{} networks were removed under living tasks: addresses leaked",
            report.signs.leak_networks.len()
        ));
    }
    for (task, seconds) in &report.signs.stuck {
        line(format!("task {task} waits in New for {} s", seconds.map_or("?".to_owned(), |s| s.to_string())));
    }
    if !report.still_stuck.is_empty() && !refused_addresses {
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
            "a killed guard left as workers: {}; --apply makes them managers again",
            report.demoted.join(", ")
        ));
    }
    let cured = if report.still_full.is_empty() {
        "cured: every overlay that was asked gives addresses again".to_owned()
    } else {
        format!("{} gives no address still", report.still_full.join(", "))
    };
    let waits = match report.still_stuck.len() {
        0 => String::new(),
        count => format!("; {count} tasks wait in New still"),
    };
    if report.restarted {
        line(format!("{RESTARTED}: {cured}{waits}"));
    } else if let Some((old, new)) = &report.moved {
        line(format!("{}, and no container stopped: {cured}{waits}", leader::moved(old, new)));
    } else if report.full.iter().any(|one| one.leaked == Ok(0)) {
        line("full without a leak: a restart does not help, a larger subnet does".to_owned());
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
        "full": full, "giving": report.giving, "silent": report.silent, "leads": report.elsewhere, "restarted": report.restarted, "moved": moved, "promoted": report.promoted, "demoted": report.demoted,
        "still_full": report.still_full, "not_now": report.not_now,
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
