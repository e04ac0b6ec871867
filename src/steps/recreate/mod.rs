//! `docker.network.recreate`: a network gets another subnet, and every service is on it again as it was.
//!
//! Each part looks at the engine first and does only what is left to do, so that the step goes on after a kill at any point.
//! Until the old network is removed everything can be put back, and is, when something fails; after it the way is forward.

pub mod check;
mod drain;
mod finish;
pub mod goal;
pub mod guests;
mod hop;
mod network;
pub mod outlook;
pub mod predict;
mod put;
pub mod refuse;
mod report;
pub mod routes;
mod standing;
mod strategies;
mod talk;
mod trial;
mod work;

use std::time::Duration;

use self::goal::Goal;
use self::routes::Routes;
use self::standing::{Standing, look};
use self::talk::{Stage, Talk, few, short};
use self::work::Work;
use super::act::{Acted, Ground, NotDone};
use super::capture::{self, Capture};
use crate::engine::Engine;
use crate::model::contract::Params;
use crate::model::record::Act;

/// The step. `strategy` is the one that was claimed, if any; `timeout` bounds it for as long as it can be walked back.
///
/// # Errors
///
/// It stopped; the message says what is where. Before the first edit nothing was changed; until the old network is removed
/// everything is put back.
pub async fn act(
    engine: &Engine,
    params: &Params,
    (strategy, timeout): (Option<&str>, Duration),
    ground: &Ground<'_>,
) -> Result<Acted, NotDone> {
    let goal = Goal { timeout, ..Goal::new(params, strategy) };
    let mut work = begin(engine, goal, params, ground).await?;
    let standing = look(&work).await.map_err(|error| NotDone::untouched(error.to_string()))?;
    let is_new = work.capture.check.is_none();
    if is_new && let Some(done) = prepare(&mut work).await? {
        return Ok(done);
    }
    let routes = Routes::start(params).map_err(NotDone::untouched)?;
    if is_new {
        work.capture.dark_before = routes.dark_before(&work.talk).await;
        (ground.may_go_on)().map_err(NotDone::untouched)?;
        capture::write(ground.host, &ground.capture, &work.capture)?;
    }
    report::outset(&work);
    let talk = work.talk.clone();
    let went = tokio::select! {
        went = strategies::go(&mut work, &standing, &routes) => went,
        never = talk.pulse(|| routes.dark_now()) => match never {},
    };
    // On every way out nothing of ours stays; what went wrong first is the one to tell.
    let cleared = if went.is_ok() { finish::clear(&work).await } else { check::remove(&work).await };
    let reports = routes.stop().await;
    let gone = went.and_then(|gone| cleared.map(|()| gone));
    match gone {
        Ok(gone) => report::done(&work, &gone, &reports).await,
        Err(error) => {
            let message = error.message.clone() + &report::measured_so_far(&reports);
            Err(NotDone { message, ..error })
        }
    }
}

/// The reverse: the captured specs again, while the old network is still there. After it the old subnet comes back only when it is
/// asked for by name.
///
/// # Errors
///
/// The old network is gone, and the way is forward; or the services did not come back.
pub async fn undo(engine: &Engine, params: &Params, ground: &Ground<'_>) -> Result<Acted, NotDone> {
    let Some(capture) = capture::read(ground.host, &ground.capture)? else {
        return Ok(Acted { output: "nothing was captured, so nothing was changed\n".into(), ..Acted::default() });
    };
    let goal = Goal::new(params, None);
    let work = Work { engine, ground, goal, capture, prediction: None, talk: Talk::new(ground, None) };
    let standing = look(&work).await.map_err(|error| NotDone::untouched(error.to_string()))?;
    if !standing.old {
        check::remove(&work).await?;
        return Err(NotDone::forward(format!("the old network {} is gone: the way is forward", short(work.old()))));
    }
    strategies::back(&work, &standing).await.map_err(|error| NotDone::stuck(error.message))?;
    let differences = finish::differences(&work, work.old()).await?;
    let back = work.capture.services.len().saturating_sub(differences.len());
    let mut output = format!("{back} services are as captured\n");
    output.extend(differences.iter().map(|line| format!("{line}\n")));
    Ok(Acted { output, ..Acted::default() })
}

/// The capture to work from: the one of a run that was cut off, if the engine is still on its way; else a new one.
async fn begin<'a>(
    engine: &'a Engine,
    goal: Goal,
    params: &Params,
    ground: &'a Ground<'a>,
) -> Result<Work<'a>, NotDone> {
    let work = |capture: Capture| {
        let prediction = predict::predict(&goal, &capture, params);
        let talk = Talk::new(ground, Some(prediction.takes(goal.strategy)));
        Work { engine, ground, goal: goal.clone(), capture, prediction: Some(prediction), talk }
    };
    // One without a rehearsed check is of a run that edited nothing.
    if let Some(before) = capture::read(ground.host, &ground.capture)?.filter(|before| before.check.is_some()) {
        let work = work(before);
        let standing = look(&work).await.map_err(|error| NotDone::untouched(error.to_string()))?;
        if ground.doing != Act::Run || is_under_way(&standing, &work.goal.subnet) {
            return Ok(work);
        }
    }
    let capture = capture::take(engine, &goal.network).await?;
    capture::write(ground.host, &ground.capture, &capture)?;
    Ok(work(capture))
}

/// Whether an earlier run of this step was cut off after its first edit.
fn is_under_way(standing: &Standing, subnet: &str) -> bool {
    standing.hold.is_some() || (!standing.old && standing.named.as_ref().is_none_or(|n| n.is_of(subnet)))
}

/// Everything that can be found out before the first edit; gives an outcome where there is nothing to do.
async fn prepare(work: &mut Work<'_>) -> Result<Option<Acted>, NotDone> {
    let untouched = |error: crate::engine::error::EngineError| NotDone::untouched(error.to_string());
    // What an earlier run left would have a part of the wanted subnet.
    trial::remove(work).await.map_err(|error| NotDone::untouched(error.message))?;
    let networks = work.engine.networks().await.map_err(untouched)?;
    let old = networks.iter().find(|network| network.id == work.old());
    if old.is_some_and(|network| network.is_of(&work.goal.subnet)) {
        return report::nothing_to_do(work).map(Some);
    }
    let attached = work.engine.attachment_tasks().await.map_err(untouched)?;
    let (guests, attached) = guests::sort(work.engine, &work.goal, &work.capture, attached).await.map_err(untouched)?;
    work.capture.guests = guests;
    let nodes = work::nodes_taking_tasks(work.engine).await.map_err(untouched)?;
    let around = refuse::Around { networks: &networks, attached: &attached, nodes };
    let reasons = refuse::reasons(&work.goal, &work.capture, around);
    if !reasons.is_empty() {
        return Err(NotDone::untouched(format!("nothing was begun: {}", reasons.join("; "))));
    }
    let names = work.capture.names();
    work.talk
        .part(Stage::Reversible, &format!("{} services are on {}: {}", names.len(), work.goal.network, few(&names)));
    if !work.capture.guests.is_empty() {
        let guests: Vec<&str> = work.capture.guests.iter().map(|guest| guest.name.as_str()).collect();
        let words = "plain containers are on it, and are off it from its removal until the services run again";
        work.talk.say(&format!("{words}: {}", few(&guests)));
    }
    work.talk.say("a throwaway service is rehearsed on every node, off the network");
    let run = check::rehearse(work).await;
    // Whatever became of it, nothing of it stays.
    check::remove(work).await.map_err(|error| NotDone::untouched(error.message))?;
    work.capture.check = Some(run.map_err(|error| NotDone::untouched(error.message))?);
    trial::try_subnet(work).await?;
    Ok(None)
}
