//! Driving `proxy` to the real failure: leaked addresses, then idle services, until the engine itself says that it is full.
//!
//! A leak comes about as in real life: a service on `proxy` and on a network of its own is removed together with that
//! network while its task still takes its time to stop. When the task ends, the engine no longer knows one of its networks,
//! and frees none of its addresses (swarmkit issue 3230).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use serde::Serialize;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::network::Scope;
use crate::engine::task::Task;
use crate::twin::control::{network_ready, services_running, tasks_ended, wait};
use crate::twin::engine_log::{EXHAUSTED, leak_networks, read};
use crate::twin::error::TwinError;
use crate::twin::place::Place;
use crate::twin::spec::{Wanted, overlay, service};
use crate::twin::topology::{PROXY, backend_args};

/// How many leaks are tried at once.
const ROUNDS: usize = 6;
/// Addresses of a /24 that services and tasks can have: without network, broadcast and gateway.
const USABLE: usize = 253;

/// What was done, and how it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exhaustion {
    /// Rounds of the leak path that were played.
    pub rounds: usize,
    /// Networks of these rounds that the engine's log names as removed under a living task.
    pub leak_networks_in_log: usize,
    /// Addresses that objects of the swarm account for, before filling.
    pub accounted: usize,
    /// Idle services that got an address.
    pub filled: usize,
    /// Addresses that nothing accounts for, now that none is left: usable less accounted less filled.
    pub leaked: usize,
    /// What the engine said.
    pub signature: String,
    /// The task that hangs in `new`.
    pub stuck_task: String,
}

/// Leaks, fills and waits for the engine's own word.
pub async fn run(place: &Place, engine: &Engine, say: &dyn Fn(&str)) -> Result<Exhaustion, TwinError> {
    let found = engine.network(PROXY, Scope::Swarm).await?;
    let proxy = found.map(|network| network.id).ok_or_else(|| TwinError::Directory {
        dir: place.dir().to_owned(),
        why: format!("the twin has no network `{PROXY}`: `--exhaust` needs `--topology pvfix`"),
    })?;
    let dead = leak(engine, &proxy, say).await?;
    let log = read(place)?;
    let seen = leak_networks(&log).iter().filter(|id| dead.contains(id)).count();
    say(&format!("{ROUNDS} leak rounds played, the engine's log names {seen} of their networks"));
    let accounted = accounted(engine, &proxy).await?;
    let filled = fill(place, engine, &proxy, USABLE.saturating_sub(accounted + seen)).await?;
    let leaked = USABLE.saturating_sub(accounted + filled);
    say(&format!(
        "{filled} idle services hold an address; {accounted} were accounted for, {leaked} of {USABLE} leaked"
    ));
    let stuck_task = stuck(engine, &proxy).await?;
    say(&format!("the engine says `{EXHAUSTED}`; task {stuck_task} hangs in `new`"));
    Ok(Exhaustion {
        rounds: ROUNDS,
        leak_networks_in_log: seen,
        accounted,
        filled,
        leaked,
        signature: EXHAUSTED.to_owned(),
        stuck_task,
    })
}

/// Plays the rounds and gives the ids of the networks that were removed too early.
async fn leak(engine: &Engine, proxy: &str, say: &dyn Fn(&str)) -> Result<Vec<String>, TwinError> {
    let names: Vec<String> = (0..ROUNDS).map(|round| format!("recipe-leak{round}")).collect();
    let create = |name: &str| overlay(&format!("{name}_internal"), name, None, false);
    let networks = try_join_all(names.iter().map(|name| async { engine.create_network(&create(name)).await })).await?;
    for id in &networks {
        network_ready(engine, id).await?;
    }
    let services = try_join_all(names.iter().zip(&networks).map(|(name, internal)| async move {
        let mut args = backend_args(name, 200);
        args.push("--ignore-term".to_owned());
        let networks = vec![proxy.to_owned(), internal.clone()];
        let wanted = Wanted { stack: name, app: "app", args, networks, replicas: 1, host: "", grace_seconds: 4 };
        engine.create_service(&service(&wanted)).await
    }))
    .await?;
    services_running(engine, &services, Duration::from_secs(60)).await?;
    say(&format!("{ROUNDS} services run that take their time to stop; removing each with its network at once"));
    let removals = services.iter().zip(&networks).map(|(service, network)| async move {
        engine.remove_service(service).await?;
        remove_at_once(engine, network).await
    });
    let removed: Result<Vec<()>, EngineError> = join_all(removals).await.into_iter().collect();
    removed?;
    tasks_ended(engine, &services, Duration::from_secs(60)).await?;
    Ok(networks)
}

/// Removes a network as soon as the engine lets it go: when its tasks are only told to stop, long before they have stopped.
async fn remove_at_once(engine: &Engine, network: &str) -> Result<(), EngineError> {
    let begin = Instant::now();
    loop {
        match engine.remove_network(network).await {
            Err(EngineError::Refused { message, .. })
                if message.contains("is in use by") && begin.elapsed() < Duration::from_secs(3) =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

/// Addresses of the network that objects account for: service addresses, tasks that have not ended, and one for each of their
/// nodes.
async fn accounted(engine: &Engine, proxy: &str) -> Result<usize, EngineError> {
    let services = engine.services().await?;
    let virtual_ips = services.iter().flat_map(|service| service.virtual_ips()).filter(|(id, _)| id == proxy).count();
    let tasks = engine.tasks(&[]).await?;
    let on_it = |task: &&Task| task.holds_addresses() && task.addresses().iter().any(|(id, _, _)| id == proxy);
    let held: Vec<&Task> = tasks.iter().filter(on_it).collect();
    let nodes: BTreeSet<&str> = held.iter().map(|task| task.node_id()).collect();
    Ok(virtual_ips + held.len() + nodes.len())
}

fn idle(proxy: &str, app: &str, stack: &str, replicas: u64) -> serde_json::Value {
    let args = backend_args(app, 200);
    let networks = vec![proxy.to_owned()];
    service(&Wanted { stack, app, args, networks, replicas, host: "", grace_seconds: 2 })
}

/// Creates idle services until one gets no address; gives how many got one.
async fn fill(place: &Place, engine: &Engine, proxy: &str, expected: usize) -> Result<usize, TwinError> {
    let name = |number: usize| format!("idle{number:03}");
    let numbers: Vec<usize> = (0..expected).collect();
    for some in numbers.chunks(16) {
        try_join_all(
            some.iter()
                .map(|number| async { engine.create_service(&idle(proxy, &name(*number), "recipe-idle", 0)).await }),
        )
        .await?;
    }
    let mut next = expected;
    let with_address = || async {
        let services = engine.services().await?;
        let own = services.iter().filter(|service| service.stack() == Some("recipe-idle"));
        Ok::<usize, EngineError>(own.filter(|s| s.virtual_ips().iter().any(|(id, _)| id == proxy)).count())
    };
    wait("addresses of idle services", Duration::from_secs(20), || async {
        let got = with_address().await?;
        let full = read(place).is_ok_and(|log| log.contains(EXHAUSTED));
        Ok((got < expected && !full).then(|| format!("{got} of {expected}")))
    })
    .await?;
    while !read(place)?.contains(EXHAUSTED) {
        if next > USABLE + ROUNDS {
            let seen = format!("{next} idle services");
            return Err(TwinError::NotInTime { what: format!("`{EXHAUSTED}`"), seconds: 0, seen });
        }
        engine.create_service(&idle(proxy, &name(next), "recipe-idle", 0)).await?;
        next += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(with_address().await?)
}

/// Deploys one recipe more and waits until its task hangs in `new`; gives the task's id.
async fn stuck(engine: &Engine, proxy: &str) -> Result<String, TwinError> {
    let id = engine.create_service(&idle(proxy, "app", "recipe-late", 1)).await?;
    let find = || async {
        let tasks = engine.tasks(&[("service", &id)]).await?;
        Ok::<_, EngineError>(tasks.iter().find(|task| task.state() == "new").map(|task| task.id().to_owned()))
    };
    wait("a task in `new`", Duration::from_secs(10), || async {
        Ok(find().await?.is_none().then(|| "none".to_owned()))
    })
    .await?;
    // It must not be on its way only: it is looked at again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let again = find().await?;
    again.ok_or_else(|| TwinError::NotInTime {
        what: "a task that stays in `new`".to_owned(),
        seconds: 1,
        seen: "it went on".to_owned(),
    })
}
