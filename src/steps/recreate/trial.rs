//! Trying the wanted subnet before anything is touched: for a moment it is that of a network of its own, on which the throwaway
//! service runs on every node.
//!
//! What only a node knows of a subnet (a bridge of its own in it, a host that it would hide) is so found while every service runs,
//! and not when the old network is gone and no way is left but a contract with another subnet.

use std::time::Duration;

use ipnet::IpNet;

use super::check;
use super::network;
use super::refuse::overlap;
use super::standing::look;
use super::work::{Work, midway};
use crate::engine::network::Network;
use crate::steps::act::NotDone;
use crate::steps::wait::{Seen, until};

/// How long the removal of the trial network may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Tries it. Nothing of the trial is left, whatever came of it.
///
/// # Errors
///
/// A node does not run the throwaway service there, or the trial network could not be made or removed; no service was touched.
pub async fn try_subnet(work: &Work<'_>) -> Result<(), NotDone> {
    if let Some(old) = in_the_way(work) {
        work.talk.say(&format!("{} cannot be tried beforehand: the old network has {old} of it", work.goal.subnet));
        return Ok(());
    }
    work.talk.say(&format!("{} is tried on every node, as the subnet of a trial network", work.goal.subnet));
    let tried = on_every_node(work).await;
    let removed = remove(work).await;
    let told = |error: NotDone| {
        NotDone::untouched(format!(
            "nothing was begun: {} was tried as the subnet of a trial network, and {}",
            work.goal.subnet, error.message
        ))
    };
    tried.and(removed).map_err(told)
}

/// The old network's subnet that has a part of the wanted one.
fn in_the_way(work: &Work<'_>) -> Option<IpNet> {
    let wanted: IpNet = work.goal.subnet.parse().ok()?;
    let old = Network::from_raw(work.capture.network.clone()).ok()?;
    let mut olds = old.subnets.iter().filter_map(|subnet| subnet.parse().ok());
    olds.find(|old| overlap(old, &wanted))
}

async fn on_every_node(work: &Work<'_>) -> Result<(), NotDone> {
    let trial = network::create_trial(work).await?;
    check::try_on(work, &trial.id).await
}

/// Removes the trial network, also one that a killed run left, and waits until this node has it no longer.
///
/// # Errors
///
/// The engine refused or stayed away.
pub async fn remove(work: &Work<'_>) -> Result<(), NotDone> {
    let Some(trial) = look(work).await.map_err(midway)?.trial else { return Ok(()) };
    check::remove(work).await?;
    work.ended_on(&trial.id).await?;
    network::remove(work, &trial.id).await?;
    until("the trial network to go", LIMIT, &|line| work.talk.say(line), || async {
        let left = look(work).await?.trial;
        Ok(left.map_or(Seen::Here(()), |left| Seen::NotYet(format!("this node still has {}", left.name))))
    })
    .await
}
