//! The canary walk: the one measurement of free addresses that is exact on every engine. It writes, so it runs only where it
//! was asked for by name.
//!
//! Addresses are handed out in turn: each next one is the next free one, wrapping at the end. So a service without replicas is
//! made, its virtual address is read, it is removed, and again: the addresses seen until one comes back are the free ones. One
//! address is held at a time. Two laps are compared, since others may take and free addresses meanwhile.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::CANARY_LABEL;
use super::account::Use;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::interrupt;

/// The most addresses that are walked whole: those of a /22. Each costs two entries in the cluster's log.
pub const WALKABLE: u64 = 1021;
/// How many addresses a sample of a larger network takes.
pub const SAMPLE: usize = 256;
/// How long the allocator may take for one address before the pool counts as full.
const PATIENCE: Duration = Duration::from_secs(3);
/// Why a walk says nothing where no address came, and nothing shows that one was refused.
const SILENT: &str = "no address came in time, and whether the allocator refuses or is only busy or stuck is not known (it gave \
                      none on the routing mesh either)";
/// Why a walk says nothing where both families are handed out.
const SIX: &str = "it hands out IPv6 addresses too: only a network of IPv4 alone can be walked";
/// What a canary is called; a number follows.
pub const NAME: &str = "countersign-canary-";

/// What a walk saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// The free addresses.
    pub extent: Extent,
    /// Why the walk ended early; it then says nothing.
    pub stopped: Option<String>,
}

/// How far a walk went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// All free addresses, twice. Both are empty when the pool is full.
    Laps(BTreeSet<Ipv4Addr>, BTreeSet<Ipv4Addr>),
    /// Some free addresses that follow each other.
    Sample(BTreeSet<Ipv4Addr>),
}

/// How a walk is bounded and watched.
pub struct Bounds<'a> {
    /// Who walks, for whoever finds a canary that was left: written into its label.
    pub walker: &'a str,
    /// When it ends at the latest.
    pub deadline: Instant,
    /// Told the number of addresses seen so far.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

/// Walks. Whatever happens, the canary is removed before this returns.
///
/// # Errors
///
/// The engine refuses or does not answer.
pub async fn walk(engine: &Engine, network: &Use, bounds: &Bounds<'_>) -> Result<Walked, EngineError> {
    // An interrupt stops the walk, and waits until the canary is gone.
    let _held = interrupt::finish_first();
    let walked = if network.capacity() > WALKABLE {
        sample(engine, network, bounds).await
    } else {
        laps(engine, network, bounds).await
    };
    // Once more by label: a call whose answer was lost may have made one.
    let swept = sweep(engine, |walker| walker == bounds.walker).await;
    if swept.is_ok() {
        interrupt::note("no canary is left in the swarm");
    }
    let walked = walked?;
    swept.map(|_| walked)
}

async fn laps(engine: &Engine, network: &Use, bounds: &Bounds<'_>) -> Result<Walked, EngineError> {
    let mut laps = [BTreeSet::new(), BTreeSet::new()];
    let mut seen = 0;
    let mut held_over = None;
    let mut asked_twice = false;
    let stopped = 'walk: {
        for lap in &mut laps {
            // The address that ended the first lap begins the second.
            lap.extend(held_over.take());
            loop {
                if let Some(why) = ended(bounds) {
                    break 'walk Some(why);
                }
                match one(engine, network, bounds.walker, seen).await?.address {
                    Some(IpAddr::V6(_)) => break 'walk Some(SIX.to_owned()),
                    Some(IpAddr::V4(address)) => {
                        seen += 1;
                        (bounds.progress)(seen);
                        if !lap.insert(address) {
                            held_over = Some(address);
                            break;
                        }
                    }
                    // A full pool gives none from the beginning, to a second canary either; the allocator may only have been
                    // busy. Later, others took the last one.
                    None if seen == 0 && asked_twice => {
                        let full = network.accounted() >= network.capacity()
                            || is_refused(engine, network, bounds.walker).await?;
                        break 'walk (!full).then(|| SILENT.to_owned());
                    }
                    None if seen == 0 => asked_twice = true,
                    None => break 'walk Some("the last free addresses were taken meanwhile; walk again".to_owned()),
                }
            }
        }
        None
    };
    let [first, second] = laps;
    Ok(Walked { extent: Extent::Laps(first, second), stopped })
}

async fn sample(engine: &Engine, network: &Use, bounds: &Bounds<'_>) -> Result<Walked, EngineError> {
    let (mut pieces, mut number) = (Pieces::default(), 0);
    let stopped = loop {
        if let Some(why) = ended(bounds) {
            break Some(why);
        }
        let address = match one(engine, network, bounds.walker, number).await?.address {
            Some(IpAddr::V4(address)) => address,
            Some(IpAddr::V6(_)) => break Some(SIX.to_owned()),
            None => break Some("no address came: it is full, or the allocator is stuck".to_owned()),
        };
        number += 1;
        (bounds.progress)(number);
        if let Some(extent) = pieces.take(address) {
            return Ok(Walked { extent, stopped: None });
        }
    };
    Ok(Walked { extent: Extent::Sample(pieces.seen), stopped })
}

/// What a walk of a large network saw: one piece from each passing of the subnet's end to the next.
#[derive(Default)]
struct Pieces {
    /// The piece that is being seen.
    seen: BTreeSet<Ipv4Addr>,
    /// Those before it. The first began somewhere, the others are laps.
    before: Vec<BTreeSet<Ipv4Addr>>,
}

impl Pieces {
    /// Takes the next address; gives what was seen once that is enough: a sample in one piece, or two laps where so few are free.
    fn take(&mut self, address: Ipv4Addr) -> Option<Extent> {
        if self.seen.last().is_some_and(|last| address <= *last) {
            self.before.push(std::mem::take(&mut self.seen));
            if let [_, one, two] = self.before.as_slice() {
                return Some(Extent::Laps(one.clone(), two.clone()));
            }
        }
        self.seen.insert(address);
        (self.seen.len() >= SAMPLE).then(|| Extent::Sample(std::mem::take(&mut self.seen)))
    }
}

fn ended(bounds: &Bounds<'_>) -> Option<String> {
    if interrupt::requested() {
        return Some("it was interrupted".to_owned());
    }
    (Instant::now() >= bounds.deadline).then(|| "its time ran out".to_owned())
}

/// What a canary got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The id that it had as a service: by it the allocator names what it refuses.
    pub id: String,
    /// Its address; `None` when none came in time.
    pub address: Option<IpAddr>,
}

/// One canary. It is removed before this returns. On the routing mesh, which no service can name, it is one with a published port.
///
/// # Errors
///
/// The engine refuses or does not answer.
pub async fn try_one(engine: &Engine, network: &Use, walker: &str) -> Result<Tried, EngineError> {
    let _held = interrupt::finish_first();
    let seen = one(engine, network, walker, 0).await;
    sweep(engine, |other| other == walker).await?;
    seen
}

/// Makes a canary, reads its address, removes it.
async fn one(engine: &Engine, network: &Use, walker: &str, number: usize) -> Result<Tried, EngineError> {
    let id = engine.create_service(&spec(network, walker, number)).await?;
    fault("walk.made")?;
    let address = address(engine, &id, &network.id).await;
    fault("walk.read")?;
    engine.remove_service(&id).await?;
    fault("walk.removed")?;
    Ok(Tried { address: address?, id })
}

/// Whether the allocator refuses an address of this network: it decides one service after the other (swarmkit's allocator), so that
/// it passed over a canary that has none still when a later one has its address on the routing mesh.
async fn is_refused(engine: &Engine, network: &Use, walker: &str) -> Result<bool, EngineError> {
    let Some(mesh) = engine.networks().await?.into_iter().find(|network| network.ingress) else { return Ok(false) };
    let mesh = Use { id: mesh.id, ingress: true, ..Use::default() };
    let first = engine.create_service(&spec(network, walker, 0)).await?;
    let later = engine.create_service(&spec(&mesh, walker, 1)).await?;
    let decided = address(engine, &later, &mesh.id).await?.is_some();
    let refused = engine.virtual_ip(&first, &network.id).await?.is_none();
    engine.remove_service(&later).await?;
    engine.remove_service(&first).await?;
    Ok(decided && refused)
}

/// A point at which a test orders a death.
fn fault(name: &str) -> Result<(), EngineError> {
    crate::fault::point(name).map_err(|error| EngineError::Malformed { call: name.to_owned(), why: error.to_string() })
}

async fn address(engine: &Engine, service: &str, network: &str) -> Result<Option<IpAddr>, EngineError> {
    let begin = Instant::now();
    for look in 1_u32.. {
        if let Some(address) = engine.virtual_ip(service, network).await? {
            return Ok(Some(address));
        }
        if begin.elapsed() > PATIENCE {
            break;
        }
        // On an idle machine the second look finds it. On a busy one each look takes from the engine what it needs to allocate (a
        // lap took twice as long without a pause); and a full pool is not to be asked thousands of times.
        if begin.elapsed() > Duration::from_millis(50) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        } else if look > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(None)
}

/// Says what it is in its name and label; it runs nothing and its image does not exist.
fn spec(network: &Use, walker: &str, number: usize) -> Value {
    let networks = if network.ingress { json!([]) } else { json!([{"Target": network.id}]) };
    // The allocator chooses a port that is free; without a task nobody listens at it.
    let ports = if network.ingress {
        json!([{"Protocol": "tcp", "TargetPort": 80, "PublishMode": "ingress"}])
    } else {
        json!([])
    };
    json!({
        "Name": format!("{NAME}{}-{number}", std::process::id()),
        "Labels": {CANARY_LABEL: walker},
        "TaskTemplate": {
            "ContainerSpec": {"Image": "countersign-canary:never-runs", "Labels": {CANARY_LABEL: walker}},
            "Networks": networks,
        },
        "Mode": {"Replicated": {"Replicas": 0}},
        "EndpointSpec": {"Mode": "vip", "Ports": ports},
    })
}

/// Removes canaries whose walker satisfies `dead`; gives how many that were.
///
/// # Errors
///
/// The engine refuses or does not answer.
pub async fn sweep(engine: &Engine, dead: impl Fn(&str) -> bool) -> Result<usize, EngineError> {
    let mut removed = 0;
    for service in engine.services_labelled(CANARY_LABEL).await? {
        let ours = service.name().starts_with(NAME) && service.label(CANARY_LABEL).is_some_and(&dead);
        if ours {
            match engine.remove_service(&service.id).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => removed += 1,
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_network_gives_a_sample_or_two_laps_and_always_an_end() {
        let free = |count: u32| move |at: u32| Ipv4Addr::from(0x0a00_0000 + at % count * 3);
        let walk = |address: &dyn Fn(u32) -> Ipv4Addr, from: u32| {
            let mut pieces = Pieces::default();
            (from..from + 2000).find_map(|at| pieces.take(address(at)))
        };
        for count in [1, 2, 200, 255] {
            let all: BTreeSet<Ipv4Addr> = (0..count).map(free(count)).collect();
            assert_eq!(walk(&free(count), count / 2), Some(Extent::Laps(all.clone(), all)), "{count}");
        }
        for count in [256, 1500] {
            let Some(Extent::Sample(seen)) = walk(&free(count), count - 1) else { panic!("{count}: a sample") };
            assert_eq!(seen.len(), SAMPLE);
        }
    }
}
