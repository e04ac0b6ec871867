//! Samples every route during a step, at least 20 times a second, and says how long each was dark and why.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::contract::Params;
use crate::probes::http::client::{Client, NoAnswer};

/// Time between two requests of one route: a little less than a twentieth of a second, so that 20 a second are reached.
const PERIOD: Duration = Duration::from_millis(45);
/// A request without an answer for this long has failed.
const LIMIT: Duration = Duration::from_secs(1);
/// How many good answers in a row count as well.
const WELL: usize = 10;
/// How many columns a chart has.
const COLUMNS: usize = 60;

/// When a request was sent and what was wrong with its answer, if anything.
type Sample = (Duration, Option<String>);

/// A running sampler.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    routes: Vec<Route>,
    start: Instant,
}

struct Route {
    name: String,
    samples: Arc<Mutex<Vec<Sample>>>,
    task: tokio::task::JoinHandle<()>,
}

/// What one route went through. Times are seconds since the sampler started.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteReport {
    /// The route's name.
    pub name: String,
    /// Requests sent.
    pub requests: usize,
    /// Requests that failed.
    pub failed: usize,
    /// When the first failed request was sent.
    pub first_failure: Option<f64>,
    /// When the last failed request was sent.
    pub last_failure: Option<f64>,
    /// From the first failed request of the longest dark stretch to the next good one, in seconds.
    pub longest_dark: f64,
    /// All dark stretches together, in seconds.
    pub dark: f64,
    /// Requests a second that were really sent.
    pub rate: f64,
    /// What was wrong, and how often.
    pub kinds: BTreeMap<String, usize>,
    /// One character for each stretch of time: `.` good, `#` dark, `+` both.
    pub chart: String,
}

impl Sampler {
    /// Starts sampling the routes of a step.
    ///
    /// # Errors
    ///
    /// A route cannot be asked at all.
    pub fn start(routes: &[Params]) -> Result<Self, String> {
        let stop = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let mut running = Vec::new();
        for route in routes {
            let name = route.text("name").unwrap_or_default().to_owned();
            let client = Client::new(route.text("url").unwrap_or_default(), route.text("resolve"), None, LIMIT)
                .map_err(|error| format!("route {name}: {error}"))?;
            let wanted: Vec<u16> = route.list("status").iter().filter_map(|code| code.parse().ok()).collect();
            let samples = Arc::new(Mutex::new(Vec::new()));
            let task = tokio::spawn(sample(Arc::new(client), wanted, Arc::clone(&samples), Arc::clone(&stop), start));
            running.push(Route { name, samples, task });
        }
        Ok(Self { routes: running, stop, start })
    }

    /// The routes whose last ten requests were not all answered as expected, by name, each with what was wrong last.
    pub fn not_well(&self) -> Vec<(String, String)> {
        let wrong = |route: &Route| {
            let samples = route.samples.lock().unwrap_or_else(PoisonError::into_inner);
            let last = samples.iter().rev().take(WELL).find_map(|(_, wrong)| wrong.clone());
            let wrong = last.or_else(|| (samples.len() < WELL).then(|| format!("asked {} times", samples.len())))?;
            Some((route.name.clone(), wrong))
        };
        self.routes.iter().filter_map(wrong).collect()
    }

    /// The routes whose last answer was not as expected, and for how long that has been so.
    pub fn dark_now(&self) -> Vec<(String, Duration)> {
        let now = self.start.elapsed();
        let dark = |route: &Route| {
            let mut samples = route.samples.lock().unwrap_or_else(PoisonError::into_inner).clone();
            samples.sort_by_key(|(at, _)| *at);
            dark_since(&samples).map(|since| (route.name.clone(), now.saturating_sub(since)))
        };
        self.routes.iter().filter_map(dark).collect()
    }

    /// Forgets the good answers so far: what is well from now on is seen anew.
    pub fn look_anew(&self) {
        for route in &self.routes {
            let mut samples = route.samples.lock().unwrap_or_else(PoisonError::into_inner);
            // A mark that no request made; reports leave it out.
            samples.push((self.start.elapsed(), Some(String::new())));
        }
    }

    /// Stops and reports.
    pub async fn stop(self) -> Vec<RouteReport> {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.start.elapsed();
        let mut reports = Vec::new();
        for route in self.routes {
            // A route whose task died has the samples it took.
            route.task.await.ok();
            let mut samples = route.samples.lock().unwrap_or_else(PoisonError::into_inner).clone();
            samples.retain(|(_, wrong)| wrong.as_ref().is_none_or(|wrong| !wrong.is_empty()));
            samples.sort_by_key(|(at, _)| *at);
            reports.push(report(route.name, &samples, took));
        }
        reports
    }
}

async fn sample(
    client: Arc<Client>,
    wanted: Vec<u16>,
    to: Arc<Mutex<Vec<Sample>>>,
    stop: Arc<AtomicBool>,
    start: Instant,
) {
    let wanted = Arc::new(wanted);
    let mut ticks = tokio::time::interval(PERIOD);
    let mut flying = tokio::task::JoinSet::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let at = start.elapsed();
        let (client, to, wanted) = (Arc::clone(&client), Arc::clone(&to), Arc::clone(&wanted));
        // Each request flies on its own, so that a slow answer does not lower the rate.
        flying.spawn(async move {
            let wrong = match client.get().await {
                Ok(answer) if wanted.contains(&answer.status) => None,
                Ok(answer) => Some(format!("status {}", answer.status)),
                Err(NoAnswer::Looked(why) | NoAnswer::CouldNotLook(why)) => Some(why.chars().take(60).collect()),
            };
            to.lock().unwrap_or_else(PoisonError::into_inner).push((at, wrong));
        });
        while flying.try_join_next().is_some() {}
    }
    while flying.join_next().await.is_some() {}
}

/// When the dark stretch began at whose end samples stand, in order of time; `None` when the last answer was good.
fn dark_since(samples: &[Sample]) -> Option<Duration> {
    // Marks are no requests.
    let requests = samples.iter().rev().filter(|(_, wrong)| wrong.as_ref().is_none_or(|wrong| !wrong.is_empty()));
    requests.take_while(|(_, wrong)| wrong.is_some()).last().map(|(at, _)| *at)
}

/// Folds samples, in order of time.
fn report(name: String, samples: &[Sample], took: Duration) -> RouteReport {
    let (mut dark, mut longest, mut since) = (Duration::ZERO, Duration::ZERO, None);
    let mut kinds = BTreeMap::new();
    for (at, wrong) in samples {
        match (wrong, since) {
            (Some(_), None) => since = Some(*at),
            (None, Some(start)) => {
                dark += *at - start;
                longest = longest.max(*at - start);
                since = None;
            }
            _ => {}
        }
        if let Some(wrong) = wrong {
            *kinds.entry(wrong.clone()).or_insert(0) += 1;
        }
    }
    if let (Some(start), Some((last, _))) = (since, samples.last()) {
        dark += *last - start;
        longest = longest.max(*last - start);
    }
    let failed = || samples.iter().filter(|(_, wrong)| wrong.is_some()).map(|(at, _)| at.as_secs_f64());
    RouteReport {
        name,
        requests: samples.len(),
        failed: failed().count(),
        first_failure: failed().next(),
        last_failure: failed().next_back(),
        longest_dark: longest.as_secs_f64(),
        dark: dark.as_secs_f64(),
        rate: if took.is_zero() { 0.0 } else { samples.len() as f64 / took.as_secs_f64() },
        kinds,
        chart: chart(samples, took),
    }
}

fn chart(samples: &[Sample], took: Duration) -> String {
    let column = |at: Duration| (at.as_secs_f64() / took.as_secs_f64().max(0.001) * COLUMNS as f64) as usize;
    let seen = |number: usize| {
        let of = || samples.iter().filter(|(at, _)| column(*at).min(COLUMNS - 1) == number);
        match (of().any(|(_, wrong)| wrong.is_none()), of().any(|(_, wrong)| wrong.is_some())) {
            (true, true) => '+',
            (true, false) => '.',
            (false, true) => '#',
            (false, false) => ' ',
        }
    };
    (0..COLUMNS).map(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dark_stretches_are_measured_to_the_next_good_answer() {
        let at = |ms: u64, wrong: &str| (Duration::from_millis(ms), (!wrong.is_empty()).then(|| wrong.to_owned()));
        let samples = [at(0, ""), at(50, "a"), at(100, "b"), at(150, ""), at(200, "b"), at(250, "")];
        let report = report("r".into(), &samples, Duration::from_millis(300));
        assert_eq!((report.failed, report.longest_dark, report.dark), (3, 0.1, 0.15));
        assert_eq!((report.first_failure, report.last_failure), (Some(0.05), Some(0.2)));
        assert_eq!(report.kinds, BTreeMap::from([("a".into(), 1), ("b".into(), 2)]));
        assert_eq!(report.rate, 20.0);
    }

    #[test]
    fn a_route_is_dark_since_the_first_failure_after_the_last_good_answer() {
        let at = |ms: u64, wrong: Option<&str>| (Duration::from_millis(ms), wrong.map(str::to_owned));
        let dark = [at(0, Some("a")), at(50, None), at(100, Some("b")), at(120, Some("")), at(150, Some("b"))];
        assert_eq!(dark_since(&dark), Some(Duration::from_millis(100)));
        let mut good = dark.to_vec();
        good.extend([at(200, None), at(220, Some(""))]);
        assert_eq!((dark_since(&good), dark_since(&[])), (None, None));
    }

    #[test]
    fn the_chart_shows_time() {
        let good = (0..50).map(|n| (Duration::from_millis(n * 10), None));
        let bad = (50..100).map(|n| (Duration::from_millis(n * 10), Some("x".to_owned())));
        let chart = chart(&good.chain(bad).collect::<Vec<_>>(), Duration::from_secs(1));
        assert_eq!(chart, ".".repeat(30) + &"#".repeat(30));
    }
}
