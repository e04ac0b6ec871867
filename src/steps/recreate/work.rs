//! What every part of the step works with.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::goal::Goal;
use super::predict::Prediction;
use super::talk::{Talk, few};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::task::Task;
use crate::model::time::show_duration;
use crate::steps::act::{Ground, NotDone};
use crate::steps::capture::{Capture, id, name, spec};
use crate::steps::edit;
use crate::steps::wait::{Seen, until};

/// How long services may take to run, beside what their number adds.
const START: Duration = Duration::from_secs(120);
/// What each service adds.
const START_EACH: Duration = Duration::from_secs(2);
/// How long the front waits for the services that it routes to, before it starts without those that do not run yet.
const HEAD_START: Duration = Duration::from_secs(20);
/// What each service adds.
const HEAD_START_EACH: Duration = Duration::from_millis(500);
/// How often it is asked why a service does not run: that takes the engine as long as whether all run, which nobody is to wait for.
const WHY: Duration = Duration::from_secs(1);
/// How long tasks may take to end, beside the longest time that one of them may take to stop.
const END: Duration = Duration::from_secs(60);
/// The engine's own time to stop where a spec names none.
pub const GRACE: Duration = Duration::from_secs(10);

/// One recreate under way.
pub struct Work<'a> {
    /// The engine: a manager's.
    pub engine: &'a Engine,
    /// Where and with what.
    pub ground: &'a Ground<'a>,
    /// What is asked.
    pub goal: Goal,
    /// What was captured.
    pub capture: Capture,
    /// What was predicted of it; `None` on the way back.
    pub prediction: Option<Prediction>,
    /// What whoever watches is told.
    pub talk: Talk<'a>,
}

/// How long a service may take to stop.
pub fn grace(spec: &Value) -> Duration {
    let nanos = spec.pointer("/TaskTemplate/ContainerSpec/StopGracePeriod").and_then(Value::as_u64);
    nanos.map_or(GRACE, Duration::from_nanos)
}

/// Whether a node is there and takes tasks.
pub fn takes_tasks(node: &Value) -> bool {
    let text = |pointer: &str| node.pointer(pointer).and_then(Value::as_str);
    text("/Status/State") == Some("ready") && text("/Spec/Availability") == Some("active")
}

/// How many nodes take tasks.
///
/// # Errors
///
/// The engine refused or did not answer.
pub async fn nodes_taking_tasks(engine: &Engine) -> Result<u64, EngineError> {
    let nodes = engine.nodes().await?;
    Ok(u64::try_from(nodes.iter().filter(|node| takes_tasks(node)).count()).unwrap_or(u64::MAX))
}

/// Whether the swarm has lost a node.
fn is_down(node: &Value) -> bool {
    node.pointer("/Status/State").and_then(Value::as_str) == Some("down")
}

fn is_on(task: &Task, node: &Value) -> bool {
    node.get("ID").and_then(Value::as_str) == Some(task.node_id())
}

/// Whether the swarm wants a task to end. Any other wish, also one that is not known, keeps it awaited.
fn is_to_stop(task: &Task) -> bool {
    matches!(task.desired_state(), "shutdown" | "remove")
}

/// How many tasks of a service run on a network, and on none that is left.
fn running_tasks(service: &Value, tasks: &[Task], network: &str, left: &[&str]) -> u64 {
    let is_there = |task: &&Task| {
        let networks = task.spec_networks();
        networks.contains(&network) && !networks.iter().any(|one| left.contains(one))
    };
    let running = tasks.iter().filter(|task| task.service_id() == id(service) && task.state() == "running");
    u64::try_from(running.filter(is_there).count()).unwrap_or(u64::MAX)
}

/// An engine's error in the middle of the work.
pub fn midway(error: EngineError) -> NotDone {
    NotDone::midway(error.to_string())
}

impl Work<'_> {
    /// The old network's id.
    pub fn old(&self) -> &str {
        self.capture.network_id()
    }

    /// Asked before each part up to the point of no return.
    ///
    /// # Errors
    ///
    /// Something came up against the step, or it has taken too long: it walks back.
    pub fn may_go_on(&self) -> Result<(), NotDone> {
        if self.talk.elapsed() > self.goal.timeout {
            let words = "the step has taken longer than its `timeout` of";
            return Err(NotDone::midway(format!("{words} {}", show_duration(self.goal.timeout))));
        }
        (self.ground.may_go_on)().map_err(NotDone::midway)
    }

    /// How long the slowest of the services may take to stop.
    pub fn longest_grace(&self) -> Duration {
        self.capture.services.iter().map(|service| grace(spec(service))).max().unwrap_or(GRACE)
    }

    /// Waits until every task that is on a network has ended. A network that goes before its tasks leaks their addresses on their
    /// other networks. A task that is to stop on a node that is down is not waited for: nothing is heard of it before the node is
    /// back, and what it may leak then is said.
    ///
    /// A task that a scaling to zero ended is listed no more at once (20.10: after 17 ms, its container after 2.7 s), and its addresses
    /// are free: 16 tasks on two networks leaked none in four trials when the network went right after.
    ///
    /// # Errors
    ///
    /// One did not end in time.
    pub async fn ended_on(&self, network: &str) -> Result<(), NotDone> {
        let what = "the tasks on the network to end";
        let unheard = until(what, END + self.longest_grace(), &|line| self.talk.say(line), || async {
            let mut tasks = self.engine.tasks(&[]).await?;
            tasks.retain(|task| !task.is_terminal() && task.spec_networks().contains(&network));
            let down: Vec<Value> = self.engine.nodes().await?.into_iter().filter(is_down).collect();
            let (unheard, awaited): (Vec<Task>, Vec<Task>) =
                tasks.into_iter().partition(|task| is_to_stop(task) && down.iter().any(|node| is_on(task, node)));
            Ok(if awaited.is_empty() { Seen::Here(unheard) } else { Seen::NotYet(self.describe(&awaited)) })
        })
        .await?;
        if !unheard.is_empty() {
            self.talk.say(&format!(
                "not waited for, since their node is down: {}; each may leak an address of its other networks when the node \
                 is back: countersign vips",
                self.describe(&unheard)
            ));
        }
        Ok(())
    }

    /// Waits until as many tasks of these services run on a network, and on none that is left, as ran when they were captured.
    ///
    /// # Errors
    ///
    /// They did not in time, or an update of one of them was paused by the engine.
    pub async fn running_on(&self, services: &[&Value], network: &str, left: &[&str]) -> Result<(), NotDone> {
        let names: Vec<&str> = services.iter().map(|service| name(service)).collect();
        let what = format!("{} services to run ({})", services.len(), few(&names));
        let why = RefCell::new((Instant::now(), "their first tasks are not there yet".to_owned()));
        until(&what, self.start_limit(services.len()), &|line| self.talk.say(line), || async {
            let tasks = self.engine.tasks(&[("desired-state", "running")]).await?;
            let missing = self.not_running(services, network, left, &tasks).await?;
            if missing.is_empty() {
                return Ok(Seen::Here(()));
            }
            if why.borrow().0.elapsed() > WHY {
                let words = self.why(&missing).await?;
                why.replace((Instant::now(), words));
            }
            Ok(Seen::NotYet(format!("{} left: {}", missing.len(), why.borrow().1)))
        })
        .await
    }

    /// Gives these services a time to run before others are started. Who does not run by then is waited for at the end, with all: one
    /// that never comes up must not keep the front down, nor wait for it.
    ///
    /// # Errors
    ///
    /// The engine refused, or stayed away.
    pub async fn head_start(&self, services: &[&Value], network: &str, left: &[&str]) -> Result<(), NotDone> {
        let limit = HEAD_START + HEAD_START_EACH * u32::try_from(services.len()).unwrap_or(u32::MAX);
        match tokio::time::timeout(limit, self.running_on(services, network, left)).await {
            Ok(all_run) => all_run,
            Err(_) => {
                let words = format!("not every service runs after {} s; the front starts now", limit.as_secs());
                self.talk.say(&words);
                Ok(())
            }
        }
    }

    /// What the newest task of each of these services says, for people.
    ///
    /// # Errors
    ///
    /// The engine refused or did not answer.
    pub async fn why(&self, services: &[&Value]) -> Result<String, EngineError> {
        let tasks = self.engine.tasks(&[]).await?;
        let newest = |service: &&Value| {
            let of = tasks.iter().filter(|task| task.service_id() == id(service)).max_by_key(|task| task.created());
            match of {
                Some(task) => self.describe(std::slice::from_ref(task)),
                None => format!("{} has no task", name(service)),
            }
        };
        Ok(few(&services.iter().map(newest).collect::<Vec<_>>()))
    }

    /// How long so many services may take to run.
    pub fn start_limit(&self, services: usize) -> Duration {
        START + START_EACH * u32::try_from(services).unwrap_or(u32::MAX)
    }

    /// The services of which not all tasks run. One that somebody removed meanwhile is not missed, nor are tasks that somebody
    /// scaled away.
    ///
    /// # Errors
    ///
    /// The engine refused or did not answer.
    pub async fn not_running<'s>(
        &self,
        services: &[&'s Value],
        network: &str,
        left: &[&str],
        tasks: &[Task],
    ) -> Result<Vec<&'s Value>, EngineError> {
        let is_global = |service: &&Value| edit::replicas(spec(service)).is_none();
        let nodes = if services.iter().any(is_global) { nodes_taking_tasks(self.engine).await? } else { 0 };
        let mut missing: Vec<&Value> = services.to_vec();
        // Of a global service no more than there are nodes now.
        let wanted = |service: &Value| self.capture.ran(service).min(edit::replicas(spec(service)).unwrap_or(nodes));
        let running = |service: &Value| running_tasks(service, tasks, network, left);
        missing.retain(|service| running(service) < wanted(service));
        if !missing.is_empty() {
            let all = self.engine.services().await?;
            let asked = |service: &Value| {
                let now = all.iter().find(|now| now.id() == id(service))?;
                Some(edit::replicas(now.spec()).unwrap_or(nodes))
            };
            missing.retain(|service| asked(service).is_some_and(|now| running(service) < now.min(wanted(service))));
        }
        Ok(missing)
    }

    /// Tasks for people: service, state and what the engine says is wrong.
    fn describe(&self, tasks: &[Task]) -> String {
        let named = |task: &Task| {
            let service = self.capture.services.iter().find(|service| id(service) == task.service_id());
            let name = service.map_or("a task of no captured service", |service| name(service));
            let error = if task.error().is_empty() { String::new() } else { format!(" ({})", task.error()) };
            format!("{name} {}{error}", task.state())
        };
        few(&tasks.iter().map(named).collect::<Vec<_>>())
    }
}
