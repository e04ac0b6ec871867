//! One hop of make before break: every service from one network to another, the front in the middle.
//!
//! A front with a port of the node stops before it starts, and is on one network at a time. What is on that network neither before
//! nor after it loses no request only if it is on both meanwhile. So a service that starts first gets the other network beside its
//! own, the front moves, and then the service leaves what it came from: one restart more, in which the old task serves until the
//! new one runs. A front that looks rarely would not see that one in time; there every service moves once, and the front last.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::drain::{label, put_on};
use super::goal::GOSSIP;
use super::put::put_all;
use super::refuse::is_start_first;
use super::talk::few;
use super::work::{Work, grace, midway};
use crate::engine::error::EngineError;
use crate::engine::task::Task;
use crate::steps::act::NotDone;
use crate::steps::capture::{id, name, spec};
use crate::steps::edit;
use crate::steps::wait::{Seen, patiently, until};

/// How long the engine may take to give a task its addresses before the network counts as full.
const NO_ROOM: Duration = Duration::from_secs(5);
/// How long no node may take a second task, beside the longest time in which one that stops makes room for it.
const NO_PLACE: Duration = Duration::from_secs(15);
/// How long the tasks that were replaced are given to end: the engine's gossip delay, its default grace, and their containers' end.
const REPLACED: Duration = Duration::from_secs(15);
/// How long the front may take to stop, beside its grace.
const STOP: Duration = Duration::from_secs(60);

/// Where a hop goes.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// Ids of the networks that are left: the old one, and the holding one on the second hop.
    pub from: &'a [&'a str],
    /// The id of the network that all are on at the end.
    pub to: &'a str,
    /// The holding network's name on the way there; `None` on the way to the new network, where labels are as captured.
    pub hold: Option<&'a str>,
}

/// Moves every captured service; at the end each runs on the one network only.
///
/// # Errors
///
/// An edit was refused, or services did not run in time.
pub async fn hop(work: &Work<'_>, way: &Way<'_>) -> Result<(), NotDone> {
    let (fronts, others): (Vec<&Value>, Vec<&Value>) =
        work.capture.services.iter().partition(|service| work.goal.is_front(name(service)));
    if !work.goal.bridges() {
        // The list that a front makes at its start is complete if it is the last. On the way there whoever does not come up ends the
        // step before the front is touched; on the way on, it must not keep the front.
        put_on(work, &others, way.from, way.to, way.hold).await?;
        match way.hold {
            Some(_) => work.running_on(&others, way.to, way.from).await?,
            None if fronts.is_empty() => {}
            None => work.head_start(&others, way.to, way.from).await?,
        }
        put_on(work, &fronts, way.from, way.to, way.hold).await?;
        let all: Vec<&Value> = others.iter().chain(&fronts).copied().collect();
        return work.running_on(&all, way.to, way.from).await;
    }
    let bridged = bridge(work, &others, way).await?;
    if !fronts.is_empty() {
        replaced(work, &bridged, way).await?;
    }
    if way.hold.is_some() {
        work.may_go_on()?;
    }
    let moved: Vec<&Value> = fronts.iter().chain(&others).filter(|one| !bridged.contains(one)).copied().collect();
    let serving = serving(work, &fronts, way).await.map_err(midway)?;
    put_on(work, &moved, way.from, way.to, way.hold).await?;
    front_leaves(work, &fronts, way, serving).await?;
    label(work, &bridged, way.hold).await?;
    let moved = work.running_on(&moved, way.to, way.from).await;
    // On the way on, one that does not come up keeps no other from its place.
    if moved.is_err() && way.hold.is_some() {
        return moved;
    }
    put_on(work, &bridged, way.from, way.to, way.hold).await?;
    moved.and(work.running_on(&bridged, way.to, way.from).await)
}

/// Puts what starts first on the other network too; gives what runs there now. Where the network that is left has no address for a
/// second task, the old task serves on, and its service moves with the front.
async fn bridge<'a>(work: &Work<'_>, others: &[&'a Value], way: &Way<'_>) -> Result<Vec<&'a Value>, NotDone> {
    let can: Vec<&Value> = others
        .iter()
        .copied()
        .filter(|service| is_start_first(spec(service)) && !edit::is_job(spec(service)))
        .collect();
    put_all(work.engine, can.iter().copied(), |now, _| edit::bridged(now.spec(), way.from, way.to)).await?;
    let unplaced = NO_PLACE + can.iter().map(|service| grace(spec(service))).max().unwrap_or_default();
    let halted = Cell::new(None);
    let limit = work.start_limit(can.len());
    let bridged = until("services to run on both networks", limit, &|line| work.talk.say(line), || async {
        let tasks = work.engine.tasks(&[("desired-state", "running")]).await?;
        let missing = work.not_running(&can, way.to, &[], &tasks).await?;
        let halt = Halt::of(&missing, &tasks).map(|halt| (halt, missing.len()));
        let (_, since) = halted.get().filter(|(before, _)| *before == halt).unwrap_or_else(|| (halt, Instant::now()));
        halted.set(Some((halt, since)));
        match halt {
            Some((Halt::NoAddress, _)) if since.elapsed() > NO_ROOM => {}
            Some((Halt::NoNode, _)) if since.elapsed() > unplaced => {
                let why = format!("no node takes a second task: {}", work.why(&missing).await?);
                // On the way on, one that has no room keeps no other from its place.
                if way.hold.is_some() {
                    return Ok(Seen::Here(Err(NotDone::midway(why))));
                }
                work.talk.say(&why);
            }
            _ if missing.is_empty() => {}
            _ => {
                let why = match halt {
                    Some((Halt::NoNode, _)) => work.why(&missing).await?,
                    _ => few(&missing.iter().map(|service| name(service)).collect::<Vec<_>>()),
                };
                return Ok(Seen::NotYet(format!("{} left: {why}", missing.len())));
            }
        }
        Ok(Seen::Here(Ok(can.iter().copied().filter(|one| !missing.contains(one)).collect::<Vec<_>>())))
    })
    .await??;
    let alone = can.len() - bridged.len();
    if alone > 0 {
        work.talk.say(&format!("{alone} services get no second task and move with the front"));
    }
    Ok(bridged)
}

/// Gives the tasks that the second ones replace a time to end, before the front moves: until then nothing is dark, and its restart has
/// the node for itself. (With 60 services on two cores it was dark for about a second longer than by two restarts alone.)
async fn replaced(work: &Work<'_>, bridged: &[&Value], way: &Way<'_>) -> Result<(), NotDone> {
    let is_old = |task: &Task| {
        !task.is_terminal()
            && !task.spec_networks().contains(&way.to)
            && bridged.iter().any(|service| id(service) == task.service_id())
    };
    let say = |line: &str| work.talk.say(line);
    let ended = until("the replaced tasks to end", REPLACED * 2, &say, || async {
        let tasks = work.engine.tasks(&[]).await?;
        let left = tasks.iter().filter(|task| is_old(task)).count();
        Ok(if left == 0 { Seen::Here(()) } else { Seen::NotYet(format!("{left} left")) })
    });
    // Who takes longer is not waited for.
    tokio::time::timeout(REPLACED, ended).await.unwrap_or(Ok(()))
}

/// What keeps every service that does not run yet from starting its second task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Halt {
    /// A network has no address for it: the engine's allocator leaves it in `new`.
    NoAddress,
    /// No node may take it, or has room for it: the engine's scheduler leaves it in `pending` and says why.
    NoNode,
}

impl Halt {
    fn of(missing: &[&Value], tasks: &[Task]) -> Option<Self> {
        let all_wait = |waits: &dyn Fn(&Task) -> bool| {
            let waits = |service: &&Value| tasks.iter().any(|task| task.service_id() == id(service) && waits(task));
            !missing.is_empty() && missing.iter().all(waits)
        };
        if all_wait(&|task| task.state() == "new") {
            return Some(Self::NoAddress);
        }
        all_wait(&|task| task.state() == "pending" && !task.error().is_empty()).then_some(Self::NoNode)
    }
}

/// How many tasks of the front serve on the network that is left.
async fn serving(work: &Work<'_>, fronts: &[&Value], way: &Way<'_>) -> Result<usize, EngineError> {
    let tasks = patiently(|| work.engine.tasks(&[])).await?;
    Ok(tasks.iter().filter(|task| serves(task, fronts) && !task.spec_networks().contains(&way.to)).count())
}

fn serves(task: &Task, fronts: &[&Value]) -> bool {
    task.state() == "running" && fronts.iter().any(|front| id(front) == task.service_id())
}

/// Waits until the first task of the front has ended there or runs here: until then the front reaches others where they were, and
/// what it reads when it starts is to name where they are.
async fn front_leaves(work: &Work<'_>, fronts: &[&Value], way: &Way<'_>, serving: usize) -> Result<(), NotDone> {
    let longest = fronts.iter().map(|front| grace(spec(front))).max().unwrap_or_default();
    until("the front to stop", GOSSIP + longest + STOP, &|line| work.talk.say(line), || async {
        let tasks = work.engine.tasks(&[]).await?;
        let (here, there): (Vec<&Task>, Vec<&Task>) =
            tasks.iter().filter(|task| serves(task, fronts)).partition(|task| task.spec_networks().contains(&way.to));
        let left = !here.is_empty() || there.len() < serving || serving == 0;
        Ok(if left { Seen::Here(()) } else { Seen::NotYet("it serves on".to_owned()) })
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_keeps_all_that_is_left_is_told_from_what_is_on_its_way() {
        let task = |service: &str, state: &str, error: &str| {
            Task(json!({ "ServiceID": service, "Status": { "State": state, "Err": error } }))
        };
        let (a, b) = (json!({ "ID": "a" }), json!({ "ID": "b" }));
        let none = "no suitable node (max replicas per node limit exceed)";
        let cases = [
            (vec![], None),
            (vec![task("a", "new", ""), task("b", "new", "")], Some(Halt::NoAddress)),
            (vec![task("a", "running", ""), task("a", "new", ""), task("b", "new", "")], Some(Halt::NoAddress)),
            (vec![task("a", "pending", none), task("b", "pending", none)], Some(Halt::NoNode)),
            (vec![task("a", "pending", ""), task("b", "pending", none)], None),
            (vec![task("a", "pending", none), task("b", "new", "")], None),
            (vec![task("a", "pending", none), task("b", "starting", "")], None),
        ];
        for (tasks, wanted) in cases {
            assert_eq!(Halt::of(&[&a, &b], &tasks), wanted, "{tasks:?}");
        }
        assert_eq!(Halt::of(&[], &[]), None, "nothing is left");
    }
}
