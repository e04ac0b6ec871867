//! Taking every service off the old network, also one that came to it meanwhile, and moving them to another one.

use serde_json::{Value, json};

use super::guests;
use super::put::put_all;
use super::refuse;
use super::refuse::containers;
use super::talk::few;
use super::work::{Work, midway, nodes_taking_tasks};
use crate::engine::service::Service;
use crate::steps::act::NotDone;
use crate::steps::capture::{self, id, name, spec};
use crate::steps::edit;
use crate::steps::wait::patiently;

/// How often services may come back to the network.
pub const ROUNDS: usize = 5;

/// Whether a service is on the old network still, or again.
///
/// # Errors
///
/// The engine refused or stayed away.
pub async fn anybody(work: &Work<'_>) -> Result<bool, NotDone> {
    let services = patiently(|| work.engine.services()).await.map_err(midway)?;
    Ok(services.iter().any(|service| service.is_on(work.old())))
}

/// Captures services that came to the old network since the capture: they are moved like all others.
///
/// # Errors
///
/// One of them cannot be moved, a plain container attached itself, or the disk did not take the capture.
pub async fn capture_newcomers(work: &mut Work<'_>) -> Result<(), NotDone> {
    let services = patiently(|| work.engine.services()).await.map_err(midway)?;
    let is_new = |service: &Service| {
        service.is_on(work.old()) && !work.capture.services.iter().any(|known| id(known) == service.id())
    };
    let new: Vec<Value> = services.into_iter().filter(is_new).map(|service| service.0).collect();
    let attached = patiently(|| work.engine.attachment_tasks()).await.map_err(midway)?;
    let (mut guests, attached) =
        guests::sort(work.engine, &work.goal, &work.capture, attached).await.map_err(midway)?;
    let attached = containers(&work.capture, &attached);
    if !attached.is_empty() {
        let message = format!("plain containers attached themselves to {}: {}", work.goal.network, attached.join(", "));
        return Err(NotDone::midway(message));
    }
    guests.retain(|guest| work.capture.guests.iter().all(|known| known.id != guest.id));
    if new.is_empty() && guests.is_empty() {
        return Ok(());
    }
    let mut only_new = work.capture.clone();
    only_new.services.clone_from(&new);
    let networks = patiently(|| work.engine.networks()).await.map_err(midway)?;
    let nodes = patiently(|| nodes_taking_tasks(work.engine)).await.map_err(midway)?;
    let around = refuse::Around { networks: &networks, attached: &[], nodes };
    let reasons = refuse::reasons(&work.goal, &only_new, around);
    if !reasons.is_empty() {
        return Err(NotDone::midway(format!("a service came to the network meanwhile: {}", reasons.join("; "))));
    }
    let names: Vec<&str> = new.iter().map(name).chain(guests.iter().map(|guest| guest.name.as_str())).collect();
    work.talk.say(&format!("came to the network meanwhile and is moved too: {}", few(&names)));
    let running = patiently(|| capture::running(work.engine, &new)).await.map_err(midway)?;
    work.capture.running.extend(running);
    work.capture.services.extend(new);
    work.capture.guests.extend(guests);
    capture::write(work.ground.host, &work.ground.capture, &work.capture)
        .map(drop)
        .map_err(|error| NotDone::midway(error.message))
}

/// Takes every service off the old network and waits until their tasks have ended.
///
/// # Errors
///
/// An edit was refused, or a task did not end in time.
pub async fn drain(work: &mut Work<'_>) -> Result<(), NotDone> {
    for _ in 0..ROUNDS {
        capture_newcomers(work).await?;
        let old = work.old();
        put_all(work.engine, &work.capture.services, |now, _| {
            edit::is_on(now.spec(), old).then(|| edit::drained(now.spec(), old))
        })
        .await?;
        work.ended_on(old).await?;
        if !anybody(work).await? {
            return Ok(());
        }
    }
    Err(NotDone::midway(format!(
        "services come back to {} all the time: something else manages them",
        work.goal.network
    )))
}

/// Puts these services on network `to`, running as captured; failures still pause. `hold` is the name of the network that is to
/// be named by the contract's network label, `None` for what was captured.
///
/// # Errors
///
/// An edit was refused.
pub async fn put_on(
    work: &Work<'_>,
    services: &[&Value],
    ours: &[&str],
    to: &str,
    hold: Option<&str>,
) -> Result<(), NotDone> {
    put_all(work.engine, services.iter().copied(), |now, captured| {
        let mut wanted = edit::moved(now.spec(), spec(captured), ours, to);
        // The front reads the label of others; its own is for whoever routes to it.
        if let Some(label) = work.goal.network_label.as_ref().filter(|_| !work.goal.is_front(name(captured))) {
            relabel(&mut wanted, spec(captured), label, hold);
        }
        (wanted != *now.spec()).then_some(wanted)
    })
    .await
}

/// Makes these services' labels name the holding network, or what they named when they were captured, and nothing else: no task
/// restarts for it.
///
/// # Errors
///
/// An edit was refused.
pub async fn label(work: &Work<'_>, services: &[&Value], hold: Option<&str>) -> Result<(), NotDone> {
    let Some(label) = work.goal.network_label.as_ref() else { return Ok(()) };
    put_all(work.engine, services.iter().copied(), |now, captured| {
        let mut wanted = now.spec().clone();
        relabel(&mut wanted, spec(captured), label, hold);
        (wanted != *now.spec()).then_some(wanted)
    })
    .await
}

/// Makes a service's label name the holding network, or what it named when it was captured.
fn relabel(wanted: &mut Value, captured: &Value, label: &str, hold: Option<&str>) {
    let before = captured.get("Labels").and_then(|labels| labels.get(label));
    match (hold.map(|hold| json!(hold)), before) {
        (Some(hold), _) => wanted["Labels"][label] = hold,
        (None, Some(before)) => wanted["Labels"][label] = before.clone(),
        (None, None) => {
            if let Some(labels) = wanted.get_mut("Labels").and_then(Value::as_object_mut) {
                labels.remove(label);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_comes_back_as_it_was() {
        for captured in [json!({ "Labels": { "a": "b" } }), json!({ "Labels": { "net": "n", "a": "b" } })] {
            let mut now = captured.clone();
            relabel(&mut now, &captured, "net", Some("n-hold"));
            assert_eq!(now["Labels"]["net"], "n-hold");
            relabel(&mut now, &captured, "net", None);
            assert_eq!(now, captured);
        }
    }
}
