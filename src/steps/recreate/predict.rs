//! How long each route will be dark by either strategy: a pure function of what was captured. A prediction is a reading: shown,
//! recorded beside the measurement, never compared.
//!
//! The model. A task that is to stop serves on for the engine's gossip delay; then it gets TERM and has until its grace ends. How
//! long it really takes is not known beforehand, so each figure is a span: every process ends at once, or every one takes its whole
//! grace. The likely figure between them takes it that one service in four does not heed TERM.
//! - Break before make: a route is dark from the first stop of what serves it until the slowest task of *all* has stopped, the
//!   network is made and proven, the backends run and then the front.
//! - Make before break: in each of two hops a front that cannot start first is away for its own restart. A backend that starts first
//!   loses nothing more where it is on both networks meanwhile (`Goal::bridges`). Elsewhere the front moves last, and the first
//!   backend waits for the last one and for the front.

use std::time::Duration;

use serde_json::Value;

use super::goal::{GOSSIP, Goal, Strategy};
use super::refuse::is_start_first;
use super::work::grace;
use crate::model::contract::Params;
use crate::steps::capture::{Capture, name, spec};
use crate::steps::edit;

/// Removing and creating a network, once its tasks have ended.
const NETWORK: f64 = 0.4;
/// From the kill of a container that does not heed TERM to its network's end on its node.
const ENDED: f64 = 1.0;
/// The throwaway service on every node.
const CHECK: f64 = 0.8;
/// One task, from the update to answering.
const START: f64 = 0.8;
/// What each further task adds while many start at once, on one node.
const START_EACH: f64 = 0.2;
/// What is found out before the first edit: the throwaway service off the network and on a trial network.
const BEFORE: f64 = 4.0;
/// Probability that a service does not heed TERM.
const DEAF: f64 = 0.25;

/// A time in seconds that is known only within bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Every process ends at once.
    pub least: f64,
    /// One service in four does not heed TERM.
    pub likely: f64,
    /// Every process takes its whole grace, and every poll comes late.
    pub most: f64,
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} s ({:.1} to {:.1})", self.likely, self.least, self.most)
    }
}

/// What one route is to expect.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutePrediction {
    /// The route's name.
    pub name: String,
    /// By break before make.
    pub break_first: Span,
    /// By make before break.
    pub make_first: Span,
}

/// What is to be expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Each route of the step; one called `any service` where the contract names no route.
    pub routes: Vec<RoutePrediction>,
    /// How long the whole step takes by break before make, in seconds.
    pub break_takes: f64,
    /// The same by make before break.
    pub make_takes: f64,
}

impl Prediction {
    /// The routes' spans by one strategy.
    pub fn of(&self, strategy: Strategy) -> impl Iterator<Item = (&str, Span)> {
        self.routes.iter().map(move |route| match strategy {
            Strategy::BreakBeforeMake => (route.name.as_str(), route.break_first),
            Strategy::MakeBeforeBreak => (route.name.as_str(), route.make_first),
        })
    }

    /// How long the whole step takes by one strategy.
    pub fn takes(&self, strategy: Strategy) -> Duration {
        Duration::from_secs_f64(match strategy {
            Strategy::BreakBeforeMake => self.break_takes,
            Strategy::MakeBeforeBreak => self.make_takes,
        })
    }

    /// The strategy with the smaller likely sum over the routes, and why. `hindered` is what stands against make before break.
    pub fn choose(&self, hindered: &[String]) -> (Strategy, String) {
        let sum = |strategy| self.of(strategy).map(|(_, span)| span.likely).sum::<f64>();
        let (breaks, makes) = (sum(Strategy::BreakBeforeMake), sum(Strategy::MakeBeforeBreak));
        if let Some(why) = hindered.first() {
            return (Strategy::BreakBeforeMake, why.clone());
        }
        let why = format!(
            "likely {makes:.1} s of dark routes together by make-before-break, {breaks:.1} s by break-before-make"
        );
        (if makes < breaks { Strategy::MakeBeforeBreak } else { Strategy::BreakBeforeMake }, why)
    }

    /// The table for people.
    pub fn table(&self) -> String {
        let row = |a: &str, b: &str, c: &str| format!("     {a:<24} {b:<28} {c}\n");
        let mut out = row("route, likely dark", "break-before-make", "make-before-break");
        for route in &self.routes {
            out += &row(&route.name, &route.break_first.to_string(), &route.make_first.to_string());
        }
        out += &row("the whole step", &format!("{:.0} s", self.break_takes), &format!("{:.0} s", self.make_takes));
        out + "     in brackets: if every process ends at once; if every one takes its whole grace and every poll comes late\n"
    }
}

/// One service as the model sees it.
struct Actor {
    front: bool,
    start_first: bool,
    grace: f64,
    tasks: f64,
    name: String,
}

/// Predicts. `params` are the step's.
pub fn predict(goal: &Goal, capture: &Capture, params: &Params) -> Prediction {
    let actors: Vec<Actor> = capture.services.iter().map(|service| actor(goal, capture, service)).collect();
    let mut names: Vec<(String, Option<String>)> = params
        .tables("routes")
        .iter()
        .map(|route| (route.text("name").unwrap_or_default().to_owned(), route.text("service").map(str::to_owned)))
        .collect();
    if names.is_empty() {
        names.push(("any service".into(), None));
    }
    let swarm = Swarm::of(&actors, goal);
    let one = |(name, service): (String, Option<String>)| {
        let serves = |actor: &&Actor| !actor.front && service.as_ref().is_none_or(|service| *service == actor.name);
        let backends: Vec<&Actor> = actors.iter().filter(serves).collect();
        RoutePrediction { name, break_first: swarm.break_first(), make_first: swarm.make_first(&backends) }
    };
    let routes: Vec<RoutePrediction> = names.into_iter().map(one).collect();
    let stop = swarm.gossip + swarm.slowest.likely;
    let hop = (stop + START + swarm.lag) * if swarm.bridges { 3.0 } else { 2.0 };
    Prediction {
        routes,
        break_takes: BEFORE + stop + NETWORK + CHECK + 2.0 * START + swarm.lag + 1.5,
        make_takes: BEFORE + 2.0 * (CHECK + hop) + NETWORK + 2.0,
    }
}

fn actor(goal: &Goal, capture: &Capture, service: &Value) -> Actor {
    let spec = spec(service);
    let tasks = edit::replicas(spec).unwrap_or(u64::MAX).min(capture.ran(service));
    Actor {
        front: goal.is_front(name(service)),
        start_first: is_start_first(spec),
        grace: if tasks == 0 { 0.0 } else { grace(spec).as_secs_f64() },
        tasks: tasks as f64,
        name: name(service).to_owned(),
    }
}

/// What all routes share.
struct Swarm {
    /// How long the slowest of all tasks takes to stop after TERM.
    slowest: Span,
    /// How much later than the first the last of all tasks starts.
    lag: f64,
    /// How long a restarting front is away in one hop; zero when none has to stop first.
    front: Span,
    poll: f64,
    /// Whether the front starts when all others run.
    front_last: bool,
    has_front: bool,
    /// Whether what starts first is on both networks while the front moves.
    bridges: bool,
    gossip: f64,
}

impl Swarm {
    fn of(actors: &[Actor], goal: &Goal) -> Self {
        let most = actors.iter().map(|actor| actor.grace).fold(0.0, f64::max);
        let mut graces: Vec<f64> = actors.iter().filter(|a| a.tasks > 0.0).map(|actor| actor.grace).collect();
        graces.sort_by(|a, b| b.total_cmp(a));
        // The expected largest: each in its turn is the largest when it is deaf and no longer one is.
        let likely: f64 =
            graces.iter().zip(0i32..).map(|(grace, longer)| grace * DEAF * (1.0 - DEAF).powi(longer)).sum();
        let tasks: f64 = actors.iter().map(|actor| actor.tasks).sum();
        let stopping = actors.iter().filter(|actor| actor.front && !actor.start_first && actor.tasks > 0.0);
        let longest =
            stopping.map(|actor| actor.grace).fold(None, |all: Option<f64>, one| Some(all.unwrap_or(0.0).max(one)));
        let front = longest.map_or(Span { least: 0.0, likely: 0.0, most: 0.0 }, |grace| Span {
            least: START,
            likely: START + DEAF * grace,
            most: START + grace,
        });
        Self {
            slowest: Span { least: 0.0, likely, most },
            lag: START_EACH * (tasks - 1.0).max(0.0),
            front,
            poll: goal.front_poll.as_secs_f64(),
            front_last: !goal.front_looks_often(),
            has_front: actors.iter().any(|actor| actor.front),
            bridges: goal.bridges(),
            gossip: GOSSIP.as_secs_f64(),
        }
    }

    fn break_first(&self) -> Span {
        let front = match (self.has_front, self.front_last) {
            (false, _) => 0.0,
            (true, true) => START,
            (true, false) => self.poll / 2.0,
        };
        let again = NETWORK + CHECK + START + self.lag + front;
        // A front that looks often enough drops a task while it still serves.
        let early = (self.gossip - self.poll).max(0.0);
        Span {
            least: again,
            likely: again + self.slowest.likely + early / 2.0,
            most: again + self.slowest.most + self.gossip + ENDED,
        }
    }

    /// Two hops; `backends` are those that may serve the route.
    fn make_first(&self, backends: &[&Actor]) -> Span {
        let grace = backends
            .iter()
            .filter(|actor| !actor.start_first)
            .map(|actor| actor.grace)
            .fold(None, |all, one| Some(f64::max(all.unwrap_or(0.0), one)));
        let own = grace.map_or(Span { least: 0.0, likely: 0.0, most: 0.0 }, |grace| Span {
            least: START,
            likely: START + DEAF * grace + self.poll / 2.0,
            most: START + grace + self.poll,
        });
        // Of backends that are not on both networks, the first is apart from the front until the last one runs and the front has
        // moved, too; where the front need not restart, until it looks again.
        let alone = backends.iter().any(|actor| !(self.bridges && actor.start_first));
        let (spread, late) = match (self.has_front && alone, self.front_last) {
            (false, _) => (0.0, 0.0),
            (true, true) => (self.lag, if self.front.least > 0.0 { 0.0 } else { self.poll }),
            (true, false) => ((self.lag - self.gossip).max(0.0), self.poll),
        };
        // A front whose list was made a moment too early looks again.
        let again = if self.front.least > 0.0 { self.poll.min(self.gossip) } else { 0.0 };
        Span {
            least: 2.0 * self.front.least.max(own.least),
            likely: 2.0 * (self.front.likely.max(own.likely) + (spread + late) / 2.0),
            most: 2.0 * (self.front.most.max(own.most) + spread + late + again),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::contract::Param;

    fn service(name: &str, order: &str, grace_s: u64) -> Value {
        json!({ "ID": name, "Spec": {
            "Name": name, "UpdateConfig": { "Order": order }, "Mode": { "Replicated": { "Replicas": 1 } },
            "TaskTemplate": { "ContainerSpec": { "StopGracePeriod": grace_s * 1_000_000_000 }, "Networks": [{ "Target": "n" }] },
        }})
    }

    fn predicted(services: Vec<Value>) -> Prediction {
        let front = Param::List(vec!["front".into()]);
        let params = Params(
            [("front".to_owned(), front), ("front_poll".to_owned(), Param::Duration(Duration::from_secs(1)))].into(),
        );
        predict(&Goal::new(&params, None), &Capture { services, ..Capture::default() }, &params)
    }

    #[test]
    fn a_deaf_backend_costs_break_before_make_its_grace_and_the_other_nothing() {
        let few = predicted(vec![service("front", "stop-first", 1), service("a", "start-first", 1)]);
        let deaf = predicted(vec![service("front", "stop-first", 1), service("a", "start-first", 60)]);
        assert!(deaf.routes[0].break_first.most - few.routes[0].break_first.most > 58.0);
        assert_eq!(deaf.routes[0].make_first, few.routes[0].make_first);
        assert_eq!(deaf.choose(&[]).0, Strategy::MakeBeforeBreak);
        assert_eq!(deaf.choose(&["it cannot".into()]), (Strategy::BreakBeforeMake, "it cannot".into()));
    }

    #[test]
    fn a_slow_front_is_restarted_once_rather_than_twice() {
        let slow = predicted(vec![service("front", "stop-first", 60), service("a", "start-first", 1)]);
        assert_eq!(slow.choose(&[]).0, Strategy::BreakBeforeMake);
    }

    #[test]
    fn nothing_that_starts_first_loses_anything_by_make_before_break() {
        let smooth = predicted(vec![service("front", "start-first", 10), service("a", "start-first", 10)]);
        assert_eq!(smooth.routes[0].make_first.least, 0.0);
        let table = smooth.table();
        assert!(table.contains("any service") && table.contains("break-before-make"), "{table}");
    }

    #[test]
    fn what_is_on_both_networks_meanwhile_waits_for_no_other_and_a_front_that_looks_rarely_makes_it_wait() {
        let hidden = |poll: u64, label: Option<&str>| {
            let mut params = Params([("front".to_owned(), Param::List(vec!["front".into()]))].into());
            params.0.insert("front_poll".into(), Param::Duration(Duration::from_secs(poll)));
            if let Some(label) = label {
                params.0.insert("network_label".into(), Param::Text(label.into()));
            }
            let backends = (0..20).map(|number| service(&format!("b{number}"), "start-first", 10));
            let services = [service("front", "stop-first", 1)].into_iter().chain(backends).collect();
            let capture = Capture { services, ..Capture::default() };
            predict(&Goal::new(&params, None), &capture, &params).routes[0].make_first.likely
        };
        let bridged = hidden(1, Some("net"));
        assert!(bridged < hidden(1, None) && bridged < hidden(15, Some("net")));
        let alone = predicted(vec![service("front", "stop-first", 1)]).routes[0].make_first.likely;
        assert_eq!(bridged, alone, "the front's own two restarts");
    }

    #[test]
    fn a_span_is_in_order() {
        for (a, b) in [("start-first", 0), ("stop-first", 3), ("stop-first", 30)] {
            for (c, d) in [("start-first", 0), ("stop-first", 3), ("stop-first", 30)] {
                let prediction = predicted(vec![service("front", a, b), service("x", c, d)]);
                for span in [prediction.routes[0].break_first, prediction.routes[0].make_first] {
                    assert!(span.least <= span.likely && span.likely <= span.most, "{span:?} for {a} {b} {c} {d}");
                }
            }
        }
    }
}
