//! Plain containers on the network, where the contract wants them back on it: they leave right before the old network goes, and
//! come to the new one when the services run there. They are not restarted. An address of their own they do not keep.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::goal::{Attached, Goal};
use super::refuse::is_attached;
use super::talk::few;
use super::work::{Work, midway};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::task::Task;
use crate::steps::act::NotDone;
use crate::steps::capture::Capture;
use crate::steps::wait::{Seen, patiently, until};

/// How long a container may take to leave.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guest {
    /// The container's id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// How it is connected, as the engine wants to be told: aliases, links, driver options.
    pub endpoint: Value,
}

/// Those of the attached containers that can be reconnected from here, and the tasks of those that cannot: all of them where the
/// contract refuses them, those on other nodes, whose own engine alone can connect them, where it does not.
///
/// # Errors
///
/// The engine does not answer.
pub async fn sort(
    engine: &Engine,
    goal: &Goal,
    capture: &Capture,
    attached: Vec<Task>,
) -> Result<(Vec<Guest>, Vec<Task>), EngineError> {
    let attached: Vec<Task> = attached.into_iter().filter(|task| is_attached(capture, task)).collect();
    if goal.attached == Attached::Refuse || attached.is_empty() {
        return Ok((Vec::new(), attached));
    }
    let here = engine.info().await?.node_id;
    let (mut guests, mut others) = (Vec::new(), Vec::new());
    for task in attached {
        let id = task.attached_container();
        let container = match task.node_id() == here && !id.is_empty() {
            true => engine.container(id).await?,
            false => None,
        };
        match container.as_ref().and_then(|container| guest(container, capture.network_id())) {
            Some(guest) => guests.push(guest),
            None => others.push(task),
        }
    }
    Ok((guests, others))
}

/// A container that is on a network, and how.
fn guest(container: &Value, network: &str) -> Option<Guest> {
    let id = container.get("Id")?.as_str()?;
    let endpoint = endpoints(container).find(|endpoint| endpoint["NetworkID"] == network)?;
    let mut wanted = json!({});
    for key in ["Aliases", "Links", "DriverOpts"] {
        if let Some(value) = endpoint.get(key).filter(|value| !value.is_null()) {
            wanted[key] = value.clone();
        }
    }
    // The engine itself adds the first digits of the id.
    if let Some(aliases) = wanted.get_mut("Aliases").and_then(Value::as_array_mut) {
        aliases.retain(|alias| alias.as_str().is_none_or(|alias| alias.len() != 12 || !id.starts_with(alias)));
    }
    let name = container.get("Name").and_then(Value::as_str).unwrap_or(id).trim_start_matches('/');
    Some(Guest { id: id.to_owned(), name: name.to_owned(), endpoint: wanted })
}

fn endpoints(container: &Value) -> impl Iterator<Item = &Value> {
    let networks = container.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
    networks.into_iter().flat_map(|networks| networks.values())
}

fn is_on(container: &Value, network: &str) -> bool {
    endpoints(container).any(|endpoint| endpoint["NetworkID"] == network)
}

/// Every captured container off the old network.
///
/// # Errors
///
/// The engine refused, or one does not leave in time.
pub async fn leave(work: &Work<'_>) -> Result<(), NotDone> {
    if work.capture.guests.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = work.capture.guests.iter().map(|guest| guest.name.as_str()).collect();
    work.talk.say(&format!("plain containers leave {}: {}", work.goal.network, few(&names)));
    let what = "the plain containers to leave";
    until(what, LIMIT, &|line| work.talk.say(line), || async {
        for guest in &work.capture.guests {
            if work.engine.container(&guest.id).await?.is_some_and(|container| is_on(&container, work.old())) {
                work.engine.disconnect_container(work.old(), &guest.id).await?;
            }
        }
        let left = work.engine.attachment_tasks().await?;
        let left = left.iter().filter(|task| is_attached(&work.capture, task));
        let ours = left.filter(|task| work.capture.guests.iter().any(|guest| guest.id == task.attached_container()));
        let left = ours.count();
        Ok(if left == 0 { Seen::Here(()) } else { Seen::NotYet(format!("{left} are attached")) })
    })
    .await
}

/// Every captured container on a network, as it was on the old one.
///
/// # Errors
///
/// The engine refused one; the message says what does it by hand.
pub async fn come_back(work: &Work<'_>, network: &str) -> Result<(), NotDone> {
    for guest in &work.capture.guests {
        let Some(container) = patiently(|| work.engine.container(&guest.id)).await.map_err(midway)? else {
            work.talk.say(&format!("plain container {} was removed by somebody else meanwhile", guest.name));
            continue;
        };
        if is_on(&container, network) {
            continue;
        }
        let what = format!("plain container {} to be on {}", guest.name, work.goal.network);
        until(&what, LIMIT, &|line| work.talk.say(line), || async {
            match work.engine.connect_container(network, &guest.id, &guest.endpoint).await {
                Ok(()) => Ok(Seen::Here(())),
                Err(error) => match work.engine.container(&guest.id).await? {
                    Some(container) if !is_on(&container, network) => Ok(Seen::NotYet(error.to_string())),
                    _ => Ok(Seen::Here(())),
                },
            }
        })
        .await
        .map_err(|error| {
            let by_hand = format!("docker network connect {} {}", work.goal.network, guest.name);
            NotDone { message: format!("{}; by hand: {by_hand}", error.message), ..error }
        })?;
        work.talk.say(&format!("plain container {} is on {} again", guest.name, work.goal.network));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_connected_as_it_was_without_what_the_engine_adds() {
        let container = json!({ "Id": "0123456789abcdef", "Name": "/guest", "NetworkSettings": { "Networks": {
            "other": { "NetworkID": "x" },
            "shared": { "NetworkID": "old", "Aliases": ["0123456789ab", "tool"], "Links": null, "DriverOpts": { "k": "v" },
                        "IPAMConfig": { "IPv4Address": "10.0.1.7" }, "MacAddress": "02:42:0a:00:01:07" },
        } } });
        let guest = guest(&container, "old").expect("a guest");
        assert_eq!((guest.id.as_str(), guest.name.as_str()), ("0123456789abcdef", "guest"));
        assert_eq!(guest.endpoint, json!({ "Aliases": ["tool"], "DriverOpts": { "k": "v" } }));
        assert!(self::guest(&container, "new").is_none() && is_on(&container, "x"));
    }
}
