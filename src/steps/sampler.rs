//! Samples every route during a step, 20 times a second, and says how long each was dark.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::model::contract::Params;
use crate::probes::http::client::Client;

/// Time between two requests of one route.
const PERIOD: Duration = Duration::from_millis(50);
/// A request without an answer for this long has failed.
const LIMIT: Duration = Duration::from_secs(1);

/// When a request was sent and whether it was answered as expected.
type Sample = (Duration, bool);

/// A running sampler.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    routes: Vec<(String, Arc<Mutex<Vec<Sample>>>, tokio::task::JoinHandle<()>)>,
    start: Instant,
}

/// What one route went through.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteReport {
    /// The route's name.
    pub name: String,
    /// Requests sent.
    pub requests: usize,
    /// Requests that failed.
    pub failed: usize,
    /// From the first failed request of the longest dark stretch to the next good one, in seconds.
    pub longest_dark: f64,
    /// All dark stretches together, in seconds.
    pub dark: f64,
    /// Requests a second that were really sent.
    pub rate: f64,
}

impl Sampler {
    /// Starts sampling the routes of a step.
    pub fn start(routes: &[Params]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let one = |route: &Params| {
            let name = route.text("name").unwrap_or_default().to_owned();
            let client = Client::new(route.text("url").unwrap_or_default(), route.text("resolve"), None, LIMIT).ok()?;
            let wanted: Vec<u16> = route.list("status").iter().filter_map(|code| code.parse().ok()).collect();
            let samples = Arc::new(Mutex::new(Vec::new()));
            let task = tokio::spawn(sample(Arc::new(client), wanted, Arc::clone(&samples), Arc::clone(&stop), start));
            Some((name, samples, task))
        };
        Self { routes: routes.iter().filter_map(one).collect(), stop, start }
    }

    /// Whether every route answered its last ten requests.
    pub fn all_well(&self) -> bool {
        self.routes.iter().all(|(_, samples, _)| {
            let samples = samples.lock().map(|samples| samples.clone()).unwrap_or_default();
            samples.len() >= 10 && samples.iter().rev().take(10).all(|(_, good)| *good)
        })
    }

    /// Stops and reports.
    pub async fn stop(self) -> Vec<RouteReport> {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.start.elapsed();
        let mut reports = Vec::new();
        for (name, samples, task) in self.routes {
            task.await.ok();
            let mut samples = samples.lock().map(|samples| samples.clone()).unwrap_or_default();
            samples.sort_by_key(|(at, _)| *at);
            reports.push(report(name, &samples, took));
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
    let mut ticks = tokio::time::interval(PERIOD);
    let mut flying = tokio::task::JoinSet::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let at = start.elapsed();
        let (client, to, wanted) = (Arc::clone(&client), Arc::clone(&to), wanted.clone());
        // Each request flies on its own, so that a slow answer does not lower the rate.
        flying.spawn(async move {
            let good = client.get().await.is_ok_and(|answer| wanted.contains(&answer.status));
            if let Ok(mut samples) = to.lock() {
                samples.push((at, good));
            }
        });
        while flying.try_join_next().is_some() {}
    }
    while flying.join_next().await.is_some() {}
}

/// Folds samples, in order of time.
fn report(name: String, samples: &[Sample], took: Duration) -> RouteReport {
    let (mut dark, mut longest, mut since) = (Duration::ZERO, Duration::ZERO, None);
    for (at, good) in samples {
        match (good, since) {
            (false, None) => since = Some(*at),
            (true, Some(start)) => {
                dark += *at - start;
                longest = longest.max(*at - start);
                since = None;
            }
            _ => {}
        }
    }
    if let (Some(start), Some((last, _))) = (since, samples.last()) {
        dark += *last - start;
        longest = longest.max(*last - start);
    }
    let failed = samples.iter().filter(|(_, good)| !good).count();
    let rate = if took.is_zero() { 0.0 } else { samples.len() as f64 / took.as_secs_f64() };
    RouteReport {
        name,
        requests: samples.len(),
        failed,
        longest_dark: longest.as_secs_f64(),
        dark: dark.as_secs_f64(),
        rate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dark_stretches_are_measured_to_the_next_good_answer() {
        let at = |ms: u64, good: bool| (Duration::from_millis(ms), good);
        let samples = [at(0, true), at(50, false), at(100, false), at(150, true), at(200, false), at(250, true)];
        let report = report("r".into(), &samples, Duration::from_millis(300));
        assert_eq!((report.failed, report.longest_dark, report.dark), (3, 0.1, 0.15));
        assert_eq!(report.rate, 20.0);
    }
}
