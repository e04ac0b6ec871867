//! The routes of the step, sampled while it runs.

use std::time::{Duration, Instant};

use super::talk::{Talk, few};
use super::work::Work;
use crate::engine::error::EngineError;
use crate::model::contract::Params;
use crate::steps::act::NotDone;
use crate::steps::sampler::{RouteReport, Sampler};
use crate::steps::wait::{Seen, until};

/// How long routes may take to answer once every service runs: a front may look at the swarm every 15 s only.
const LIMIT: Duration = Duration::from_secs(60);

/// How long routes are given to answer before the first edit.
const BEFORE: Duration = Duration::from_secs(3);

/// The routes that the contract names.
pub struct Routes(Sampler);

/// The routes of a step that do not answer now, by name, each with what was wrong last. Takes half a second, and three where one does
/// not.
///
/// # Errors
///
/// A route cannot be asked at all.
pub async fn dark(params: &Params) -> Result<Vec<(String, String)>, String> {
    let routes = Routes::start(params)?;
    let dark = routes.not_well().await;
    routes.stop().await;
    Ok(dark)
}

impl Routes {
    /// Starts to sample them.
    ///
    /// # Errors
    ///
    /// A route cannot be asked at all.
    pub fn start(params: &Params) -> Result<Self, String> {
        Sampler::start(params.tables("routes")).map(Self)
    }

    /// The routes that do not answer when they are given a moment, by name, each with what was wrong last.
    async fn not_well(&self) -> Vec<(String, String)> {
        let begun = Instant::now();
        while !self.0.not_well().is_empty() && begun.elapsed() < BEFORE {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.0.not_well()
    }

    /// The names of the routes that do not answer before the first edit. What is dark then may be what the step is to cure, or a slip
    /// in the contract: the step says so, and waits for it at no later point.
    pub async fn dark_before(&self, talk: &Talk<'_>) -> Vec<String> {
        let dark = self.not_well().await;
        for (name, wrong) in &dark {
            talk.say(&format!("route {name} does not answer before the step ({wrong}): the step does not wait for it"));
        }
        dark.into_iter().map(|(name, _)| name).collect()
    }

    /// Waits until each that answered before the step did ten times in a row from now on.
    ///
    /// # Errors
    ///
    /// One did not in time.
    pub async fn answer(&self, work: &Work<'_>) -> Result<(), NotDone> {
        self.0.look_anew();
        until("every route to answer", LIMIT, &|line| work.talk.say(line), || async {
            let mut wrong = self.0.not_well();
            wrong.retain(|(name, _)| !work.capture.dark_before.contains(name));
            let wrong: Vec<String> = wrong.into_iter().map(|(name, wrong)| format!("{name} {wrong}")).collect();
            let seen = if wrong.is_empty() { Seen::Here(()) } else { Seen::NotYet(few(&wrong)) };
            Ok::<_, EngineError>(seen)
        })
        .await
    }

    /// The routes that are dark now, each with how long it has been.
    pub fn dark_now(&self) -> Vec<String> {
        let dark = self.0.dark_now().into_iter();
        dark.map(|(name, since)| format!("{name} for {:.1} s", since.as_secs_f64())).collect()
    }

    /// Stops and reports.
    pub async fn stop(self) -> Vec<RouteReport> {
        self.0.stop().await
    }
}
