//! The two orders in which the parts are done, and the way back.

use std::time::Duration;

use serde_json::Value;

use super::drain::{ROUNDS, anybody, capture_newcomers, drain, put_on};
use super::goal::{GOSSIP, Strategy};
use super::hop::{Way, hop};
use super::network::{Removed, create_hold, create_new, remove};
use super::routes::Routes;
use super::standing::{Standing, look};
use super::talk::{Stage, short};
use super::work::{Work, midway};
use super::{check, finish, guests};
use crate::engine::network::Network;
use crate::steps::act::{Left, NotDone};
use crate::steps::capture::name;

/// What came of it.
pub struct Gone {
    /// The new network's id.
    pub new: String,
    /// When the old network was gone; `None` when it was gone before.
    pub removed_after: Option<Duration>,
    /// When the new network was there and proven.
    pub created_after: Duration,
}

/// Goes from where things stand to the end.
///
/// # Errors
///
/// It stopped. While the old network was there, everything is back.
pub async fn go(work: &mut Work<'_>, standing: &Standing, routes: &Routes) -> Result<Gone, NotDone> {
    let mut removed_after = None;
    if standing.old {
        let gone = match work.goal.strategy {
            Strategy::BreakBeforeMake => break_first(work).await,
            Strategy::MakeBeforeBreak => make_first(work, routes).await,
        };
        if let Err(error) = gone {
            return Err(walk_back(work, error).await);
        }
        removed_after = Some(work.talk.elapsed());
    }
    let gone = forward(work, routes, removed_after).await;
    gone.map_err(|error| if error.left == Left::Midway { NotDone { left: Left::Forward, ..error } } else { error })
}

/// From where the old network is gone.
async fn forward(work: &mut Work<'_>, routes: &Routes, removed_after: Option<Duration>) -> Result<Gone, NotDone> {
    work.talk.part(Stage::Forward, &format!("creating {} as {}", work.goal.network, work.goal.subnet));
    let new = create_new(work).await?;
    work.talk.part(Stage::Forward, &format!("proving {} on every node", short(&new)));
    say_leftover(work).await?;
    check::prove(work, &new).await?;
    let created_after = work.talk.elapsed();
    bring_back(work, &new).await?;
    check::remove(work).await?;
    work.talk.part(Stage::Forward, "failure actions back, earlier specs refreshed, nothing left behind");
    finish::settle(work).await?;
    routes.answer(work).await?;
    Ok(Gone { new, removed_after, created_after })
}

/// Break before make: everything off the old network, then the network itself.
async fn break_first(work: &mut Work<'_>) -> Result<(), NotDone> {
    for _ in 0..ROUNDS {
        let count = work.capture.services.len();
        work.talk.part(Stage::Reversible, &format!("taking {count} services off {}", work.goal.network));
        drain(work).await?;
        if take_away(work).await? {
            return Ok(());
        }
    }
    Err(NotDone::midway(format!("services come back to {} all the time", work.goal.network)))
}

/// Make before break: everything over to a holding network, then the old network away.
async fn make_first(work: &mut Work<'_>, routes: &Routes) -> Result<(), NotDone> {
    work.talk.part(Stage::Reversible, "creating the holding network and proving it on every node");
    let hold = create_hold(work).await?;
    fits(work, &hold)?;
    check::prove(work, &hold.id).await?;
    work.may_go_on()?;
    for _ in 0..ROUNDS {
        capture_newcomers(work).await?;
        let count = work.capture.services.len();
        work.talk.part(Stage::Reversible, &format!("moving {count} services to the holding network {}", hold.name));
        hop(work, &Way { from: &[work.old()], to: &hold.id, hold: Some(&hold.name) }).await?;
        check::remove(work).await?;
        routes.answer(work).await?;
        work.ended_on(work.old()).await?;
        if !anybody(work).await? && take_away(work).await? {
            return Ok(());
        }
    }
    Err(NotDone::midway(format!("services come back to {} all the time", work.goal.network)))
}

/// Whether the holding network has room for everything and leaves the new subnet alone.
fn fits(work: &Work<'_>, hold: &Network) -> Result<(), NotDone> {
    let subnet: Option<ipnet::IpNet> = hold.subnets.first().and_then(|subnet| subnet.parse().ok());
    let wanted: Option<ipnet::IpNet> = work.goal.subnet.parse().ok();
    let (Some(subnet), Some(wanted)) = (subnet, wanted) else { return Ok(()) };
    let help = "name a free one that is large enough in `hold_subnet`";
    if subnet.contains(&wanted.network()) || wanted.contains(&subnet.network()) {
        return Err(NotDone::midway(format!("the holding network got {subnet}, which overlaps {wanted}: {help}")));
    }
    // Each service its virtual address, each task one and one more while it is replaced, each node one.
    let tasks: u64 = work.capture.running.values().sum();
    let needed = u64::try_from(work.capture.services.len()).unwrap_or(u64::MAX) + 2 * tasks + 16;
    let room = 1u64.checked_shl(u32::from(subnet.max_prefix_len() - subnet.prefix_len())).unwrap_or(u64::MAX);
    if room.saturating_sub(3) < needed {
        return Err(NotDone::midway(format!(
            "the holding network's {subnet} has no room for {needed} addresses: {help}"
        )));
    }
    Ok(())
}

/// The point of no return; false when somebody came back to the old network.
async fn take_away(work: &Work<'_>) -> Result<bool, NotDone> {
    work.may_go_on()?;
    work.talk.part(Stage::Reversible, &format!("removing the old network {}", short(work.old())));
    guests::leave(work).await?;
    match remove(work, work.old()).await? {
        Removed::Gone => Ok(true),
        Removed::InUse(who) => {
            work.talk.say(&format!("somebody came back to it: {who}"));
            Ok(false)
        }
    }
}

/// The engine starts no task on a network while its node still has another one of that name, and that stays until the last container
/// on it has ended: what does not heed TERM takes its whole grace (20.10: the next task started 1 to 2 s after that).
async fn say_leftover(work: &Work<'_>) -> Result<(), NotDone> {
    if look(work).await.map_err(midway)?.leftover {
        let most = (GOSSIP + work.longest_grace()).as_secs();
        work.talk.say(&format!(
            "containers on the old network are still stopping, which may take them {most} s; nothing starts on the new one before"
        ));
    }
    Ok(())
}

/// Every service on the new network. After a drain the others have a head start, since the list that the front makes at its start is
/// then complete, unless it looks so often that it need not wait; then it is the first of all.
async fn bring_back(work: &Work<'_>, new: &str) -> Result<(), NotDone> {
    let hold = look(work).await.map_err(midway)?.hold;
    work.talk.part(Stage::Forward, &format!("{} services to {}", work.capture.services.len(), short(new)));
    if let Some(hold) = hold {
        hop(work, &Way { from: &[work.old(), &hold.id], to: new, hold: None }).await?;
        return guests::come_back(work, new).await;
    }
    let (fronts, backends): (Vec<&Value>, Vec<&Value>) =
        work.capture.services.iter().partition(|service| work.goal.is_front(name(service)));
    let all: Vec<&Value> = fronts.iter().chain(&backends).copied().collect();
    if work.goal.front_looks_often() || fronts.is_empty() {
        put_on(work, &all, &[work.old()], new, None).await?;
    } else {
        put_on(work, &backends, &[work.old()], new, None).await?;
        work.head_start(&backends, new, &[]).await?;
        put_on(work, &fronts, &[work.old()], new, None).await?;
    }
    work.running_on(&all, new, &[]).await?;
    guests::come_back(work, new).await
}

/// Puts everything back on the old network, as captured.
///
/// # Errors
///
/// It could not be.
pub async fn back(work: &Work<'_>, standing: &Standing) -> Result<(), NotDone> {
    work.talk.part(Stage::Reversible, &format!("putting every service back on {}", work.goal.network));
    let hold = standing.hold.as_ref().map(|hold| hold.id.as_str());
    let ours: Vec<&str> = hold.into_iter().collect();
    let all: Vec<&Value> = work.capture.services.iter().collect();
    check::rest(work).await?;
    put_on(work, &all, &ours, work.old(), None).await?;
    // One that does not come up keeps nothing of the others half done.
    let run = work.running_on(&all, work.old(), &ours).await;
    let connected = guests::come_back(work, work.old()).await;
    finish::settle(work).await?;
    finish::clear(work).await?;
    run.and(connected)
}

/// Something failed before the point of no return, or in it.
async fn walk_back(work: &Work<'_>, error: NotDone) -> NotDone {
    let standing = match look(work).await {
        Ok(standing) if standing.old => standing,
        // The engine took the network away although it did not say so: the way is forward.
        Ok(_) => return NotDone::forward(error.message),
        Err(away) => return NotDone::midway(format!("{}; {away}", error.message)),
    };
    work.talk.say(&format!("{}; putting everything back", error.message));
    match back(work, &standing).await {
        Ok(()) => NotDone::unwound(format!("{}; every service is back on {}", error.message, work.goal.network)),
        Err(second) => {
            NotDone::stuck(format!("{}; putting everything back failed too: {}", error.message, second.message))
        }
    }
}
