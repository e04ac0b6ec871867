//! The end: failure actions as they were, nothing that a later rollback could go back to, nothing of ours left.

use super::check;
use super::network::remove;
use super::put::put_all;
use super::standing::look;
use super::trial;
use super::work::{Work, midway};
use crate::steps::act::NotDone;
use crate::steps::capture::spec;
use crate::steps::edit;

/// Puts failure actions back and makes what a rollback would go back to the spec itself. The engine keeps one earlier spec of each
/// service; after the moves it names a network that is gone, or no network.
///
/// # Errors
///
/// An edit was refused.
pub async fn settle(work: &Work<'_>) -> Result<(), NotDone> {
    // First the failure action, then the same spec again: the earlier spec is then that spec too. The third pass changes nothing
    // unless somebody else was in between.
    for _ in 0..3 {
        put_all(work.engine, &work.capture.services, |now, captured| {
            let end = edit::ended(now.spec(), spec(captured));
            // A job has no rollback, and each update would run it again.
            let stale = !edit::is_job(now.spec()) && now.0.get("PreviousSpec").is_some_and(|earlier| *earlier != end);
            (*now.spec() != end || stale).then_some(end)
        })
        .await?;
    }
    Ok(())
}

/// Removes the throwaway service, the trial and the holding network, if they are there.
///
/// # Errors
///
/// The engine refused, or a task on the holding network does not end.
pub async fn clear(work: &Work<'_>) -> Result<(), NotDone> {
    check::remove(work).await?;
    trial::remove(work).await?;
    if let Some(hold) = look(work).await.map_err(midway)?.hold {
        work.ended_on(&hold.id).await?;
        remove(work, &hold.id).await?;
    }
    Ok(())
}

/// What somebody else changed meanwhile, for people: it was kept.
///
/// # Errors
///
/// The engine refused or stayed away.
pub async fn differences(work: &Work<'_>, new: &str) -> Result<Vec<String>, NotDone> {
    let services = crate::steps::wait::patiently(|| work.engine.services()).await.map_err(midway)?;
    let mut said = Vec::new();
    for captured in &work.capture.services {
        let name = crate::steps::capture::name(captured);
        match services.iter().find(|service| service.id() == crate::steps::capture::id(captured)) {
            None => said.push(format!("service {name} was removed by somebody else meanwhile")),
            Some(now) if *now.spec() != edit::wanted(spec(captured), work.old(), new) => {
                said.push(format!(
                    "service {name} is not as captured: somebody else changed it meanwhile, and that was kept"
                ));
            }
            Some(_) => {}
        }
    }
    Ok(said)
}
