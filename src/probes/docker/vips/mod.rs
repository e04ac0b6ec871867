//! `docker.vips`: how many addresses an overlay has, who holds them, and how many are gone without a holder.
//!
//! [`mod@account`] counts from five list calls, whatever the size of the swarm; [`leaks`] concludes; [`walk`] measures what no
//! list tells. Leaked is exact or the word unknown with the reason.

pub mod account;
pub mod leaks;
#[cfg(test)]
mod tests;
pub mod trend;
pub mod walk;
pub mod walker;

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use self::account::{Use, account};
use self::leaks::{Leaked, ONLY_SIX, Sized, from_allocator, from_lists, from_walk};
use self::trend::{Point, trend};
use self::walk::Bounds;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::ipam::Lists;
use crate::model::contract::Params;
use crate::model::time::Time;
use crate::probes::prober::Prober;
use crate::probes::seen::{Seen, texts};

/// The label of a canary: its value names the walker.
pub const CANARY_LABEL: &str = "countersign.canary";

/// Why networks were not sized.
#[derive(Debug, thiserror::Error)]
pub enum NotSized {
    /// The engine refuses or does not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No overlay has the name or id.
    #[error("no overlay network is called {name}: the swarm has {}", .overlays.join(", "))]
    NoNetwork {
        /// What was asked for.
        name: String,
        /// What is there.
        overlays: Vec<String>,
    },
    /// A walk would be disturbed, or disturb.
    #[error("no walk now: {0}")]
    NotNow(String),
}

/// The overlays of these names or ids, all if none is named, each as far as it can be known; with `walk` by the canary.
///
/// # Errors
///
/// The engine does not answer, a name means nothing, or a walk is not possible now.
pub async fn sizes(engine: &Engine, names: &[String], walk: Option<&Bounds<'_>>) -> Result<Vec<Sized>, NotSized> {
    let lists = engine.address_lists().await?;
    let uses = chosen(account(&lists), names)?;
    if let Some(bounds) = walk {
        if let Some(why) = in_motion(&lists) {
            return Err(NotSized::NotNow(why));
        }
        let mut sized = Vec::new();
        for one in uses {
            sized.push(walked(engine, one, bounds).await?);
        }
        return Ok(sized);
    }
    if !engine.api_at_least(1, 52) {
        return Ok(uses.into_iter().map(from_lists).collect());
    }
    let counts = try_join_all(
        lists
            .networks
            .iter()
            .filter(|network| uses.iter().any(|one| one.id == network.id))
            .map(|network| async { engine.allocator_use(network).await.map(|count| (network.id.clone(), count)) }),
    )
    .await?;
    let again = account(&engine.address_lists().await?);
    let size = |one: Use| {
        let count = counts.iter().find(|(id, _)| *id == one.id).and_then(|(_, count)| *count);
        let after = again.iter().find(|other| other.id == one.id);
        match (count, after) {
            (Some((used, free)), Some(after)) => from_allocator(one, after, used, free),
            _ => {
                let why = "the leader's allocator told no count of it".to_owned();
                Sized { held: one, leaked: Leaked::Unknown(why), free: None }
            }
        }
    };
    Ok(uses.into_iter().map(size).collect())
}

impl Sized {
    /// What this look counted, as a point of its trend.
    pub fn point(&self, at: Time) -> Point {
        let leaked = match &self.leaked {
            Leaked::Exact { count, .. } => Some(*count),
            Leaked::AtLeast { .. } | Leaked::Unknown(_) => None,
        };
        Point { at, network_id: self.held.id.clone(), accounted: self.held.accounted(), leaked }
    }
}

fn chosen(uses: Vec<Use>, names: &[String]) -> Result<Vec<Use>, NotSized> {
    let overlays: Vec<String> = uses.iter().map(|one| one.name.clone()).collect();
    for name in names {
        if !uses.iter().any(|one| one.name == *name || one.id == *name) {
            return Err(NotSized::NoNetwork { name: name.clone(), overlays });
        }
    }
    let wanted = |one: &Use| names.is_empty() || names.iter().any(|name| one.name == *name || one.id == *name);
    Ok(uses.into_iter().filter(wanted).collect())
}

/// Why the swarm moves by itself just now, if it does. A paused update does not move.
fn in_motion(lists: &Lists) -> Option<String> {
    let moving = |state: &str| !matches!(state, "paused" | "rollback_paused");
    lists.services.iter().find_map(|service| {
        let state = service.update_in_flight().filter(|state| moving(state))?;
        Some(format!("an update of service {} is in flight ({state}): wait for its end", service.name()))
    })
}

/// How often a network is walked that moves meanwhile, at most.
const WALKS: u32 = 3;

async fn walked(engine: &Engine, listed: Use, bounds: &Bounds<'_>) -> Result<Sized, NotSized> {
    if listed.ingress {
        let why = "no service can name the routing mesh, so it is not walked".to_owned();
        return Ok(Sized { held: listed, leaked: Leaked::Unknown(why), free: None });
    }
    if listed.subnets.len() != 1 {
        let why = format!("it has {} IPv4 subnets; wanted one to be walked", listed.subnets.len());
        return Ok(Sized { held: listed, leaked: Leaked::Unknown(why), free: None });
    }
    let look = || async {
        let lists = engine.address_lists().await?;
        let network = lists.networks.iter().find(|network| network.id == listed.id);
        let here = match network {
            Some(network) => engine.local_load_balancer(network).await?,
            None => None,
        };
        let held = account(&lists).into_iter().find(|one| one.id == listed.id).unwrap_or_default();
        // An endpoint that outlives its last task is no longer the allocator's.
        Ok::<_, EngineError>((here.filter(|_| held.load_balancers > 0), held, in_motion(&lists)))
    };
    let mut walks = 1;
    loop {
        let (here, before, motion) = look().await?;
        if let Some(why) = motion {
            return Err(NotSized::NotNow(why));
        }
        let walked = walk::walk(engine, &before, bounds).await?;
        let (here_after, after, _) = look().await?;
        let stood_still = here == here_after && leaks::moved(&before, &after).is_none();
        // Right after a step the last of what it made is still on its way out: what moved once stands still soon after.
        if !stood_still && walked.stopped.is_none() && walks < WALKS && Instant::now() < bounds.deadline {
            walks += 1;
            continue;
        }
        if here != here_after {
            let why = "not exact: this node's load balancer moved meanwhile; walk again".to_owned();
            return Ok(Sized { held: before, leaked: Leaked::Unknown(why), free: None });
        }
        return Ok(from_walk(before, &after, here, &walked));
    }
}

/// Looks for one criterion.
pub async fn look(
    prober: &Prober<'_>,
    engine: &Engine,
    params: &Params,
    timeout: Duration,
) -> Result<Seen, EngineError> {
    let names: Vec<String> = params.text("network").map(str::to_owned).into_iter().collect();
    if names.is_empty() {
        return Ok(Seen::unknown("docker.vips was given no network"));
    }
    let sized = if params.flag("walk") {
        if let Err(why) = &prober.may_walk {
            return Ok(Seen::unknown(format!("docker.vips: no walk now: {why}")));
        }
        // The walk ends by itself well before the criterion's timeout would cut it off with a canary in the swarm.
        let deadline = Instant::now() + timeout.mul_f32(0.7);
        let bounds = Bounds { walker: &walker::this(), deadline, progress: &|_| {} };
        sizes(engine, &names, Some(&bounds)).await
    } else {
        sizes(engine, &names, None).await
    };
    Ok(match sized {
        Ok(sized) => {
            let judged = |one: &Sized| {
                let trend = trend(&prober.earlier, &one.point((prober.now)()), one.held.capacity());
                judge(params, one).reading("trend", trend.line())
            };
            sized.first().map_or_else(|| Seen::unknown("docker.vips saw no network"), judged)
        }
        Err(NotSized::Engine(error)) => return Err(error),
        Err(NotSized::NoNetwork { .. }) => {
            Seen::failed(format!("no overlay network is called {}: create it, or correct the contract", names[0]))
        }
        Err(NotSized::NotNow(why)) => Seen::unknown(format!("docker.vips: no walk now: {why}")),
    })
}

/// Judges what is free against the limits. What leaked without being counted is not free, so lists alone tell only the most that
/// can be: an overlay that refuses every address may look empty.
fn room(params: &Params, one: &Sized, wrong: &mut Vec<String>, unknown: &mut Vec<String>) {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let why = match &one.leaked {
        Leaked::Unknown(why) => why.as_str(),
        Leaked::Exact { .. } | Leaked::AtLeast { .. } => "only a sample was walked",
    };
    let least = params.number("min_free");
    if let Some(least) = least {
        let (low, high) = (one.free_at_least(), one.free_at_most());
        if number(high) < least {
            wrong.push(format!("at most {high} are free, wanted at least {least}"));
        } else if number(low) < least {
            unknown.push(format!("whether {least} are free is unknown ({low} to {high} are): {why}"));
        }
    }
    // Where the contract asks for so many free ones, it says itself when the network is full.
    let Some(most) = params.number("max_used_percent").or_else(|| least.is_none().then_some(99)) else { return };
    let (low, high) = (one.used_percent(), one.used_percent_at_most());
    if number(low) > most {
        wrong.push(format!("{low} % are used, wanted at most {most} %"));
    } else if number(high) > most {
        let how = "`walk = true` walks up to a /22 whole; of a larger one `min_free` with `walk = true` can be known";
        unknown.push(format!("whether at most {most} % are used is unknown ({low} % are accounted for): {why}; {how}"));
    }
}

/// Judges one network against the limits that the criterion declares.
pub fn judge(params: &Params, one: &Sized) -> Seen {
    let held = &one.held;
    if held.is_dead() {
        return Seen::failed(format!("network {} was never allocated: it has no address to give", held.name));
    }
    if held.is_uncounted() {
        return Seen::unknown(format!("network {}: {ONLY_SIX}", held.name));
    }
    let (capacity, accounted) = (held.capacity(), held.accounted());
    let mut wrong = Vec::new();
    let mut unknown = Vec::new();
    if let Some(most) = params.number("max_leaked") {
        match &one.leaked {
            Leaked::Exact { count, .. } if i64::try_from(*count).is_ok_and(|count| count <= most) => {}
            Leaked::Exact { count, .. } => wrong.push(format!("{count} addresses leaked, wanted at most {most}")),
            Leaked::AtLeast { count, of, .. } if i64::try_from(*count).is_ok_and(|count| count <= most) => {
                unknown.push(format!("a sample of {of} addresses has {count} leaked; the rest was not walked"));
            }
            Leaked::AtLeast { count, .. } => {
                wrong.push(format!("at least {count} addresses leaked, wanted at most {most}"));
            }
            Leaked::Unknown(why) => unknown.push(format!("how many leaked is unknown: {why}")),
        }
    }
    room(params, one, &mut wrong, &mut unknown);
    let head = format!("network {}: {accounted} of {capacity} addresses are accounted for", held.name);
    let seen = match (wrong.is_empty(), unknown.is_empty()) {
        (false, _) => Seen::failed(format!("{head}: {}; a larger subnet, or countersign guard", wrong.join("; "))),
        (true, false) => Seen::unknown(format!("{head}, and {}", unknown.join("; "))),
        (true, true) => Seen::held(format!("{head}, within the limits")),
    };
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let leaked = match &one.leaked {
        Leaked::Exact { count, .. } => count.to_string(),
        Leaked::AtLeast { count, of, .. } => format!("at least {count} of a sample of {of}"),
        Leaked::Unknown(why) => format!("unknown: {why}"),
    };
    let states: toml::Table = held.task_states.iter().map(|(state, n)| (state.clone(), number(*n).into())).collect();
    seen.fact("capacity", number(capacity))
        .fact("within", wrong.is_empty() && unknown.is_empty())
        .reading("network_id", held.id.as_str())
        .reading("accounted", number(accounted))
        .reading("vips", number(held.vips.len() as u64))
        .reading("tasks", number(held.tasks.len() as u64))
        .reading("task_states", states)
        .reading("attached", number(held.attached.len() as u64))
        .reading("load_balancers", number(held.load_balancers))
        .reading("leaked", leaked)
        .reading("free_at_least", number(one.free_at_least()))
        .reading("free_at_most", number(one.free_at_most()))
        .reading("doubts", texts(held.worth_telling()))
        .raw(format!("{held:#?}\n"))
}
