//! What the step says at its end.

use super::finish;
use super::predict::Span;
use super::strategies::Gone;
use super::work::Work;
use crate::engine::network::Network;
use crate::model::record::Act;
use crate::steps::act::{Acted, NotDone};
use crate::steps::sampler::RouteReport;

/// How many routes are named with their prediction.
const NAMED: usize = 12;

/// Says what is to be expected, before anything is touched.
pub fn outset(work: &Work<'_>) {
    let Some(prediction) = &work.prediction else { return };
    let strategy = work.goal.strategy;
    let takes = prediction.takes(strategy).as_secs_f64();
    work.talk.say(&format!("by {}, predicted to take about {takes:.0} s in all", strategy.label()));
    let all: Vec<_> = prediction.of(strategy).collect();
    for (route, span) in all.iter().take(NAMED) {
        work.talk.say(&format!("route {route}: predicted dark for {span}"));
    }
    if let Some(more @ 1..) = all.len().checked_sub(NAMED) {
        work.talk.say(&format!("{more} more routes: countersign builder plan"));
    }
}

fn hundredths(seconds: f64) -> toml::Value {
    toml::Value::Float((seconds * 100.0).round() / 100.0)
}

/// The outcome of a step that came to its end.
///
/// # Errors
///
/// The engine refused to be asked once more.
pub async fn done(work: &Work<'_>, gone: &Gone, reports: &[RouteReport]) -> Result<Acted, NotDone> {
    let mut acted = facts(work, &gone.new, &work.goal.subnet);
    acted.output = format!("strategy {}\n", work.goal.strategy.label());
    acted.readings.insert("strategy".into(), work.goal.strategy.label().into());
    if let Some(removed) = gone.removed_after {
        acted.readings.insert("removed_after_s".into(), hundredths(removed.as_secs_f64()));
    }
    acted.readings.insert("created_after_s".into(), hundredths(gone.created_after.as_secs_f64()));
    acted.readings.insert("took_s".into(), hundredths(work.talk.elapsed().as_secs_f64()));
    if work.ground.doing == Act::Resume {
        acted.output += "measured from the resumption on: how long a route was dark before it is unknown\n";
        acted.readings.insert("measured_from".into(), "the resumption".into());
    }
    let predicted: Vec<_> = work.prediction.iter().flat_map(|all| all.of(work.goal.strategy)).collect();
    for (route, span) in &predicted {
        acted.readings.insert(format!("predicted_dark_s_{route}"), hundredths(span.likely));
    }
    for route in reports {
        let span = predicted.iter().find(|(name, _)| *name == route.name).map(|(_, span)| span);
        acted.output += &measured(route, span);
        if work.capture.dark_before.contains(&route.name) {
            acted.output += &format!("route {} did not answer before the step either\n", route.name);
        }
        acted.readings.insert(format!("dark_s_{}", route.name), hundredths(route.dark));
        acted.readings.insert(format!("longest_dark_s_{}", route.name), hundredths(route.longest_dark));
        acted.readings.insert(format!("rate_{}", route.name), ((route.rate * 10.0).round() / 10.0).into());
        if let (Some(first), Some(last)) = (route.first_failure, route.last_failure) {
            acted.readings.insert(format!("first_failure_s_{}", route.name), hundredths(first));
            acted.readings.insert(format!("last_failure_s_{}", route.name), hundredths(last));
        }
    }
    for line in finish::differences(work, &gone.new).await? {
        acted.output += &format!("{line}\n");
    }
    Ok(acted)
}

/// The outcome where the network is as wanted already.
///
/// # Errors
///
/// Never.
pub fn nothing_to_do(work: &Work<'_>) -> Result<Acted, NotDone> {
    let mut acted = facts(work, work.old(), &work.goal.subnet);
    acted.output = format!("{} has {} already: nothing was done\n", work.goal.network, work.goal.subnet);
    Ok(acted)
}

fn facts(work: &Work<'_>, new: &str, subnet: &str) -> Acted {
    let mut acted = Acted::default();
    let old = Network::from_raw(work.capture.network.clone()).map(|network| network.subnets.join(", "));
    acted.facts.insert("network_id".into(), new.into());
    acted.facts.insert("subnet".into(), subnet.into());
    acted.facts.insert("old_id".into(), work.old().into());
    acted.facts.insert("old_subnet".into(), old.unwrap_or_default().into());
    acted.facts.insert("services".into(), work.capture.names().into());
    acted
}

fn measured(route: &RouteReport, predicted: Option<&Span>) -> String {
    let predicted = predicted.map(|span| format!("; predicted {span}")).unwrap_or_default();
    let kinds: Vec<String> = route.kinds.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
    format!(
        "route {}: dark {:.2} s (longest {:.2} s), {} of {} requests failed, {:.1} requests a second{predicted}\n  {} {}\n",
        route.name,
        route.dark,
        route.longest_dark,
        route.failed,
        route.requests,
        route.rate,
        route.chart,
        kinds.join(", ")
    )
}

/// What was measured of a step that stopped.
pub fn measured_so_far(reports: &[RouteReport]) -> String {
    let dark: Vec<String> = reports
        .iter()
        .filter(|route| route.failed > 0)
        .map(|route| format!("{} {:.2} s", route.name, route.dark))
        .collect();
    if dark.is_empty() { String::new() } else { format!("; routes dark so far: {}", super::talk::few(&dark)) }
}
