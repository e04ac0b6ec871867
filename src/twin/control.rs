//! Waiting for a swarm to come into a state.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::network::Scope;
use crate::twin::error::TwinError;
use crate::twin::http::get;

/// How often the swarm is looked at.
const POLL: Duration = Duration::from_millis(100);

/// Looks until `look` gives `Ok(None)`; what it gives else is the state seen, told when time is up.
pub async fn wait<F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> Result<(), TwinError>
where
    F: Future<Output = Result<Option<String>, EngineError>>,
{
    let begin = Instant::now();
    loop {
        let seen = look().await?;
        let Some(seen) = seen else { return Ok(()) };
        if begin.elapsed() > limit {
            return Err(TwinError::NotInTime { what: what.to_owned(), seconds: limit.as_secs(), seen });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until a network is allocated.
pub async fn network_ready(engine: &Engine, id: &str) -> Result<(), TwinError> {
    wait("an allocated network", Duration::from_secs(20), || async {
        let network = engine.network(id, Scope::Any).await?;
        let ready = network.as_ref().is_some_and(|network| network.is_allocated_overlay());
        Ok((!ready).then(|| network.map_or("absent".to_owned(), |found| format!("driver `{}`", found.driver))))
    })
    .await
}

/// Waits until as many tasks run as each of these services wants.
pub async fn services_running(engine: &Engine, ids: &[String], limit: Duration) -> Result<(), TwinError> {
    wait("running services", limit, || async {
        let tasks = engine.tasks(&[("desired-state", "running")]).await?;
        let mut missing = Vec::new();
        for service in engine.services().await?.iter().filter(|service| ids.iter().any(|id| id == service.id())) {
            let running = |task: &&_| is_running(task, service.id());
            if (tasks.iter().filter(running).count() as u64) < service.replicas().unwrap_or(1) {
                let own = tasks.iter().filter(|task| task.service_id() == service.id());
                let states: Vec<String> = own.map(|task| format!("{} {}", task.state(), task.error())).collect();
                missing.push(format!("{} ({})", service.name(), states.join(", ")));
            }
        }
        Ok((!missing.is_empty()).then(|| missing.join("; ")))
    })
    .await
}

fn is_running(task: &crate::engine::task::Task, service_id: &str) -> bool {
    task.service_id() == service_id && task.state() == "running"
}

/// Waits until no task of these services is left that has not ended.
pub async fn tasks_ended(engine: &Engine, service_ids: &[String], limit: Duration) -> Result<(), TwinError> {
    wait("the end of all tasks", limit, || async {
        let tasks = engine.tasks(&[]).await?;
        let left =
            tasks.iter().filter(|task| !task.is_terminal() && service_ids.iter().any(|id| id == task.service_id()));
        let count = left.count();
        Ok((count > 0).then(|| format!("{count} tasks")))
    })
    .await
}

/// Waits until each host name gives its status at `address` (`ip:port`).
pub async fn routes_answer(address: &str, routes: &[(String, u16)], limit: Duration) -> Result<(), TwinError> {
    wait("answering routes", limit, || async {
        let mut wrong = Vec::new();
        for (host, status) in routes {
            let got = get(address, host, "/", Duration::from_secs(2)).await.map(|answer| answer.status);
            if got != Some(*status) {
                wrong.push(format!("{host} {}", got.map_or("no answer".to_owned(), |code| code.to_string())));
            }
        }
        Ok((!wrong.is_empty()).then(|| wrong.join(", ")))
    })
    .await
}
