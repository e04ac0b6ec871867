//! The overlays' addresses as a table with a bar for each, and as JSON.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::engine::info::EngineInfo;
use crate::probes::docker::fields::{short, table};
use crate::probes::docker::vips::leaks::{Leaked, Sized};
use crate::probes::docker::vips::trend::Trend;

/// How many characters a bar has.
const BAR: u64 = 24;
/// How many leaked addresses are named in the text; JSON has all.
const NAMED: usize = 40;

/// For people.
pub fn text(sized: &[Sized], trends: &[Trend]) -> String {
    let head = ["NETWORK", "SUBNET", "CAPACITY", "VIPS", "TASKS", "NODES", "PLAIN", "LEAKED", "FREE", "USED"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(sized.iter().map(row));
    let mut out = table(&rows);
    out.push_str("# held, ! leaked, . free; ? may be leaked or free\n");
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for (one, trend) in sized.iter().zip(trends) {
        for note in notes(one).into_iter().chain([format!("trend: {}", trend.line())]) {
            match reasons.iter_mut().find(|(text, _)| *text == note) {
                Some((_, names)) => names.push(&one.held.name),
                None => reasons.push((note, vec![&one.held.name])),
            }
        }
    }
    for (note, names) in reasons {
        let names = if names.len() == sized.len() && names.len() > 1 { "all".to_owned() } else { names.join(", ") };
        out.push_str(&format!("{names}: {note}\n"));
    }
    out
}

fn row(one: &Sized) -> Vec<String> {
    let held = &one.held;
    let subnets: Vec<String> = held.subnets.iter().map(ToString::to_string).collect();
    let subnet = if subnets.is_empty() { "none".to_owned() } else { subnets.join(",") };
    let leaked = match &one.leaked {
        Leaked::Exact { count, .. } => count.to_string(),
        Leaked::AtLeast { count, .. } => format!(">={count}"),
        Leaked::Unknown(_) => "unknown".to_owned(),
    };
    let free = one.free.map_or_else(|| format!("<={}", one.free_at_most()), |free| free.to_string());
    let counts = [held.vips.len() as u64, held.tasks.len() as u64, held.load_balancers, held.attached.len() as u64];
    let mut row = vec![held.name.clone(), subnet, held.capacity().to_string()];
    row.extend(counts.map(|count| count.to_string()));
    row.extend([leaked, free, format!("{:>3} % {}", one.used_percent(), bar(one))]);
    row
}

fn bar(one: &Sized) -> String {
    let capacity = one.held.capacity();
    // What is there at all shows at least one mark.
    let marks = |count: u64| if capacity == 0 || count == 0 { 0 } else { (count * BAR / capacity).max(1) };
    let known = match &one.leaked {
        Leaked::Exact { count, .. } | Leaked::AtLeast { count, .. } => *count,
        Leaked::Unknown(_) => 0,
    };
    let held = marks(one.held.accounted()).min(BAR);
    let leaked = marks(known).min(BAR - held);
    let rest = if one.free.is_some() { "." } else { "?" };
    let times = |mark: &str, count: u64| mark.repeat(usize::try_from(count).unwrap_or(0));
    format!("[{}{}{}]", times("#", held), times("!", leaked), times(rest, BAR - held - leaked))
}

fn notes(one: &Sized) -> Vec<String> {
    let mut notes = Vec::new();
    match &one.leaked {
        Leaked::Unknown(why) => notes.push(format!("leaked is unknown: {why}")),
        Leaked::Exact { count, among } if *count > 0 && !among.is_empty() => notes.push(named(*count, among)),
        Leaked::AtLeast { count, among, of, .. } => {
            let what = if among.is_empty() { String::new() } else { format!("; {}", named(*count, among)) };
            notes.push(format!("too large to be walked whole: a sample of {of} addresses{what}"));
        }
        Leaked::Exact { .. } => {}
    }
    if !one.held.twice.is_empty() {
        notes.push(format!("given out twice, counted once: {}", list(&one.held.twice)));
    }
    let doubts = one.held.worth_telling();
    if !doubts.is_empty() {
        notes.push(format!("the count may be off: {}", doubts.join("; ")));
    }
    notes
}

fn named(count: u64, among: &BTreeSet<Ipv4Addr>) -> String {
    if among.len() as u64 == count {
        format!("leaked: {}", list(among))
    } else {
        format!("{count} leaked among {} (the rest are load balancers of other nodes)", list(among))
    }
}

fn list(addresses: &BTreeSet<Ipv4Addr>) -> String {
    let shown: Vec<String> = addresses.iter().take(NAMED).map(ToString::to_string).collect();
    let more = addresses.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more (--json has all)") } else { String::new() };
    format!("{}{more}", shown.join(" "))
}

/// For programs.
pub fn json(sized: &[Sized], trends: &[Trend], info: &EngineInfo) -> Value {
    let engine = json!({ "id": info.engine_id, "version": info.server_version, "api": info.api_version });
    json!({ "engine": engine, "networks": sized.iter().zip(trends).map(network).collect::<Vec<_>>() })
}

/// One network for programs.
fn network((one, trend): (&Sized, &Trend)) -> Value {
    let (per_day, days_left) = match trend {
        Trend::Known { per_day, days_left, .. } => (Some(*per_day), *days_left),
        Trend::Unknown(_) => (None, None),
    };
    let held = &one.held;
    let (leaked, at_least, among, why) = match &one.leaked {
        Leaked::Exact { count, among } => (Some(*count), None, Some(among), None),
        Leaked::AtLeast { count, among, of, .. } => {
            (None, Some(json!({ "leaked": count, "of": of })), Some(among), Some("a sample".to_owned()))
        }
        Leaked::Unknown(why) => (None, None, None, Some(why.clone())),
    };
    json!({
        "name": held.name, "id": held.id, "id12": short(&held.id), "subnets": held.subnets, "ingress": held.ingress,
        "capacity": held.capacity(), "reserved": held.reserved(), "gateways": held.gateways,
        "vips": held.vips.len(), "tasks": held.tasks.len(), "task_states": held.task_states,
        "attached": held.attached.len(), "load_balancers": held.load_balancers,
        "accounted": held.accounted(), "leaked": leaked, "leaked_unknown": why, "sample": at_least,
        "leaked_among": among, "free": one.free, "free_at_most": one.free_at_most(), "used_percent": one.used_percent(),
        "named_twice": held.twice, "doubts": held.all_doubts(),
        "trend": trend.line(), "per_day": per_day, "days_left": days_left,
    })
}
