//! How many addresses are gone without anyone holding them, where that can be known. Pure; never a guess.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::account::Use;
use super::walk::{Extent, Walked};

/// Leaked addresses of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaked {
    /// So many, and which, where that is known: by the walk, unless other nodes' load balancers hide among them.
    Exact {
        /// How many.
        count: u64,
        /// Which; with a load balancer of another node, some of these are its address.
        among: BTreeSet<Ipv4Addr>,
    },
    /// A sample of a network too large to be walked whole: at least so many.
    AtLeast {
        /// How many.
        count: u64,
        /// Which, as above.
        among: BTreeSet<Ipv4Addr>,
        /// How many addresses the sample spans.
        of: u64,
        /// How many of them were free.
        free: u64,
    },
    /// Not known, and why.
    Unknown(String),
}

/// What can be said of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sized {
    /// Who holds what.
    pub held: Use,
    /// What is gone.
    pub leaked: Leaked,
    /// How many addresses are free; `None` where that is not known.
    pub free: Option<u64>,
}

impl Sized {
    /// The most that can be free: the capacity without what is accounted for and what is known to be leaked.
    pub fn free_at_most(&self) -> u64 {
        let known = match &self.leaked {
            Leaked::Exact { count, .. } | Leaked::AtLeast { count, .. } => *count,
            Leaked::Unknown(_) => 0,
        };
        self.free.unwrap_or_else(|| self.held.capacity().saturating_sub(self.held.accounted() + known))
    }

    /// The least that are free: what the allocator counts, or what a canary was given.
    pub fn free_at_least(&self) -> u64 {
        match (&self.leaked, self.free) {
            (_, Some(free)) => free,
            (Leaked::AtLeast { free, .. }, None) => *free,
            (_, None) => 0,
        }
    }

    /// The least of the capacity that is gone, accounted for or known to be leaked, in percent, rounded up.
    pub fn used_percent(&self) -> u64 {
        self.percent_without(self.free_at_most())
    }

    /// The most of the capacity that can be gone, in percent, rounded up: what was not seen to be free may have leaked.
    pub fn used_percent_at_most(&self) -> u64 {
        self.percent_without(self.free_at_least())
    }

    fn percent_without(&self, free: u64) -> u64 {
        let capacity = self.held.capacity();
        if capacity == 0 { 100 } else { ((capacity - free.min(capacity)) * 100).div_ceil(capacity) }
    }
}

/// The word for what cannot be known from lists alone.
pub const NOT_TOLD: &str =
    "engines tell their allocator's count from API 1.52 on; before, `countersign vips NETWORK --walk` finds it";

/// The same for the routing mesh, which no service can name.
const NOT_TOLD_OF_THE_MESH: &str =
    "engines tell their allocator's count from API 1.52 on, and the routing mesh cannot be walked";

/// Why nothing is known of an IPv6 network.
pub const ONLY_SIX: &str = "it has IPv6 subnets alone, whose addresses are not counted";

/// From lists alone.
pub fn from_lists(held: Use) -> Sized {
    let why = match () {
        () if held.is_dead() => "it was never allocated",
        () if held.is_uncounted() => ONLY_SIX,
        () if held.ingress => NOT_TOLD_OF_THE_MESH,
        () => NOT_TOLD,
    };
    Sized { held, leaked: Leaked::Unknown(why.to_owned()), free: None }
}

/// From the allocator's own count (used, free), taken between two equal looks at the lists.
pub fn from_allocator(before: Use, after: &Use, used: u64, free: u64) -> Sized {
    let uncounted = before.is_uncounted().then(|| ONLY_SIX.to_owned());
    if let Some(why) = uncounted.or_else(|| moved(&before, after)) {
        return Sized { held: before, leaked: Leaked::Unknown(why), free: None };
    }
    let held = before.accounted() + before.reserved();
    let size = before.capacity() + before.reserved();
    // What does not add up is not the whole pool's count: then how many are free is no more known than how many leaked.
    let whole = used.checked_add(free) == Some(size);
    let leaked = used.checked_sub(held);
    let doubts = doubts(&before, after).or_else(|| {
        // Lists name the address of everyone but of a node's endpoint.
        let either = before.six && before.load_balancers > 0;
        either.then(|| "endpoints of nodes may have addresses of its IPv6 subnet, which no list tells".to_owned())
    });
    let (leaked, free) = match (leaked, doubts) {
        (None, _) => {
            let why = format!("the allocator counts {used} in use, fewer than the {held} that are accounted for");
            (Leaked::Unknown(why), None)
        }
        (Some(_), Some(why)) => (Leaked::Unknown(why), whole.then_some(free)),
        (Some(_), None) if !whole => {
            let why = format!("the allocator counts {used} in use and {free} free of {size}, which is no whole answer");
            (Leaked::Unknown(why), None)
        }
        (Some(count), None) => (Leaked::Exact { count, among: BTreeSet::new() }, Some(free)),
    };
    Sized { held: before, leaked, free }
}

/// How many addresses nobody holds, of a network that gave none between two looks.
///
/// # Errors
///
/// Why that is not known.
pub fn missing_where_full(before: &Use, after: Option<&Use>) -> Result<u64, String> {
    let after = after.ok_or_else(|| "the network went meanwhile".to_owned())?;
    if let Some(why) = moved(before, after) {
        return Err(why);
    }
    before.missing_where_full().and_then(|_| after.missing_where_full())
}

/// From a walk, taken between two equal looks at the lists. `here` is this node's load balancer address, where it has one.
pub fn from_walk(before: Use, after: &Use, here: Option<Ipv4Addr>, walked: &Walked) -> Sized {
    let unknown =
        |held: Use, why: String| Sized { held, leaked: Leaked::Unknown(format!("not exact: {why}")), free: None };
    if let Some(why) = walked.stopped.clone().or_else(|| moved(&before, after)) {
        return unknown(before, why);
    }
    if let Some(why) = doubts(&before, after) {
        return unknown(before, why);
    }
    let free = match &walked.extent {
        Extent::Laps(one, two) if one == two => one,
        Extent::Laps(one, two) => {
            let why = format!(
                "two laps saw different free addresses ({} and {}): others took or freed some meanwhile; walk again",
                one.len(),
                two.len()
            );
            return unknown(before, why);
        }
        Extent::Sample(seen) => seen,
    };
    let named = before.named();
    if let Some(both) = free.iter().find(|address| named.contains(*address)) {
        return unknown(before, format!("{both} was free and held at once: the swarm moved; walk again"));
    }
    let sampled = matches!(walked.extent, Extent::Sample(_));
    let (first, last) = (free.first().copied(), free.last().copied());
    let within = |address: &Ipv4Addr| !sampled || (first <= Some(*address) && Some(*address) <= last);
    let gone: BTreeSet<Ipv4Addr> = before
        .usable()
        .filter(within)
        .filter(|address| !free.contains(address) && !named.contains(address) && here != Some(*address))
        .collect();
    let hidden = before.load_balancers.saturating_sub(u64::from(here.is_some()));
    let of = before.usable().filter(within).count() as u64;
    let count = free.len() as u64;
    match ((gone.len() as u64).checked_sub(hidden), sampled) {
        (Some(leaked), false) => {
            // Addresses of other nodes' endpoints are known by number only: without a leak there is nothing to name.
            let among = if leaked == 0 { BTreeSet::new() } else { gone };
            Sized { held: before, leaked: Leaked::Exact { count: leaked, among }, free: Some(count) }
        }
        (leaked, true) => {
            let count = leaked.unwrap_or(0);
            let among = if count == 0 { BTreeSet::new() } else { gone };
            Sized { held: before, leaked: Leaked::AtLeast { count, among, of, free: free.len() as u64 }, free: None }
        }
        (None, false) => {
            let why = format!(
                "{} addresses are missing and {hidden} load balancers of nodes are expected among them",
                gone.len()
            );
            unknown(before, why)
        }
    }
}

/// Why either of two looks may be off, if one may.
fn doubts(before: &Use, after: &Use) -> Option<String> {
    let doubts = Some(before.all_doubts()).filter(|doubts| !doubts.is_empty()).unwrap_or_else(|| after.all_doubts());
    (!doubts.is_empty()).then(|| doubts.join("; "))
}

/// What changed between two looks, if anything did.
pub(super) fn moved(before: &Use, after: &Use) -> Option<String> {
    let (old, new) = (before.named(), after.named());
    if before.id != after.id || before.subnets != after.subnets {
        return Some("the network was replaced meanwhile".to_owned());
    }
    let (gone, come) = (old.difference(&new).count(), new.difference(&old).count());
    if gone + come > 0 || before.load_balancers != after.load_balancers {
        return Some(format!(
            "the swarm moved meanwhile ({gone} addresses were given back, {come} taken, load balancers {} then {}); look again",
            before.load_balancers, after.load_balancers
        ));
    }
    None
}
