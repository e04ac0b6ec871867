//! Removing and creating networks, by what the engine really does rather than by what it answers.
//!
//! Creation answers before anything is allocated, and what cannot be allocated stays as a dead network that holds its name. After
//! a removal each node keeps its own copy until its last endpoint is gone; until then the name is taken there.

use std::time::{Duration, Instant};

use serde_json::json;

use super::standing::{OURS, Standing, look, trial_of};
use super::talk::short;
use super::work::{Work, midway};
use crate::engine::error::EngineError;
use crate::engine::network::Network;
use crate::steps::act::NotDone;
use crate::steps::edit;
use crate::steps::wait::{Seen, may_pass, until};

/// How long a removal, and a node's own copy after it, may take.
const LIMIT: Duration = Duration::from_secs(90);
/// After this long without driver and subnet a network is dead. The allocator takes milliseconds.
const DEAD: Duration = Duration::from_secs(4);

/// What a removal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// The cluster has it no longer.
    Gone,
    /// A service or task came back to it; in the engine's words.
    InUse(String),
}

/// Removes a network from the cluster. Never by name: a name can mean two.
///
/// # Errors
///
/// The engine refused for another reason than use, or stayed away.
pub async fn remove(work: &Work<'_>, id: &str) -> Result<Removed, NotDone> {
    until(&format!("network {} to be removed", short(id)), LIMIT, &|line| work.talk.say(line), || async {
        match work.engine.remove_network(id).await {
            Ok(()) => Ok(Seen::Here(Removed::Gone)),
            Err(error) if error.is_not_found() => Ok(Seen::Here(Removed::Gone)),
            Err(EngineError::Refused { message, .. }) if message.contains("is in use by") => {
                Ok(Seen::Here(Removed::InUse(message)))
            }
            // This node's copy still has endpoints.
            Err(EngineError::Refused { status: 403, message, .. }) => Ok(Seen::NotYet(message)),
            Err(error) => Err(error),
        }
    })
    .await
}

/// The new network: there already, or created.
///
/// # Errors
///
/// It could not be created as wanted; the message says why and what helps. No dead network is left.
pub async fn create_new(work: &Work<'_>) -> Result<String, NotDone> {
    let goal = &work.goal;
    let request = edit::network_request(&work.capture.network, &goal.network, Some(&goal.subnet));
    let network = create(work, &request, |standing| standing.named.clone()).await;
    let network =
        network.map_err(|error| NotDone { message: error.message + "; then: countersign builder resume", ..error })?;
    if !network.is_of(&goal.subnet) || network.attachable != (request["Attachable"] == json!(true)) {
        return Err(NotDone::midway(format!(
            "{} is there as {} (attachable {}), wanted {}: something else created it, network {}; stop what does \
             (a unit of the configuration manager?), then: docker network rm {}; countersign builder resume",
            goal.network,
            network.subnets.join(", "),
            network.attachable,
            goal.subnet,
            short(&network.id),
            network.id
        )));
    }
    Ok(network.id)
}

/// The holding network: there already, or created.
///
/// # Errors
///
/// As [`create_new`].
pub async fn create_hold(work: &Work<'_>) -> Result<Network, NotDone> {
    let name = format!("{}-hold-{}", work.goal.network, work.old().get(..8).unwrap_or_default());
    let mut request = edit::request_beside(&work.capture.network, &name, work.goal.hold_subnet.as_deref());
    request["Labels"][OURS] = json!(work.ground.capture);
    create(work, &request, |standing| standing.hold.clone()).await
}

/// The network on which the wanted subnet is tried.
///
/// # Errors
///
/// As [`create_new`].
pub async fn create_trial(work: &Work<'_>) -> Result<Network, NotDone> {
    let name = format!("{}-trial-{}", work.goal.network, work.old().get(..8).unwrap_or_default());
    let mut request = edit::request_beside(&work.capture.network, &name, Some(&work.goal.subnet));
    request["Labels"][OURS] = json!(trial_of(&work.ground.capture));
    create(work, &request, |standing| standing.trial.clone()).await
}

async fn create(
    work: &Work<'_>,
    request: &serde_json::Value,
    find: impl Fn(&Standing) -> Option<Network>,
) -> Result<Network, NotDone> {
    let name = request["Name"].as_str().unwrap_or_default();
    let begun = Instant::now();
    let mut asked = None;
    let mut said = Instant::now();
    loop {
        let standing = look(work).await.map_err(midway)?;
        let refused = match find(&standing) {
            Some(network) if network.is_allocated_overlay() => return Ok(network),
            Some(network) => {
                let since = *asked.get_or_insert_with(Instant::now);
                if since.elapsed() > DEAD {
                    // It would take the pool as soon as that is free.
                    remove(work, &network.id).await?;
                    return Err(NotDone::midway(format!(
                        "the engine's allocator refused {} for {name}: another network has a part of it. The dead network \
                         was removed. docker network ls shows all; free the subnet",
                        request.pointer("/IPAM/Config/0/Subnet").map_or("a subnet".into(), ToString::to_string)
                    )));
                }
                None
            }
            None => match work.engine.create_network(request).await {
                Ok(_) => {
                    asked = Some(Instant::now());
                    None
                }
                Err(error @ EngineError::Conflict { .. }) => Some(error),
                Err(error) if may_pass(&error) => Some(error),
                Err(error) => return Err(NotDone::midway(format!("{name} could not be created: {error}"))),
            },
        };
        if begun.elapsed() > LIMIT {
            return Err(NotDone::midway(match standing.leftover {
                true => format!(
                    "this node still has its own copy of the old network {} although the cluster has it no longer (its \
                     removal was lost); only a restart of this node's engine removes it: systemctl restart docker",
                    short(work.old())
                ),
                false => {
                    format!("{name} could not be created: {}", refused.map_or("no word".into(), |e| e.to_string()))
                }
            }));
        }
        if said.elapsed() > Duration::from_secs(2) {
            said = Instant::now();
            work.talk.say(&format!(
                "still waiting for {name}: {}",
                refused.map_or("not allocated yet".into(), |e| e.to_string())
            ));
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
