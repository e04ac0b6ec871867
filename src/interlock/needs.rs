//! What must be known of the swarm before a request can be judged: as little as what is guarded allows.
//!
//! Whatever is not asked for cannot change whether anything is done to what is guarded: a test holds this against the judge in swarms
//! made at random. Where only networks of some ids were looked at, an act that the judge finds is to be judged again with them all: a
//! whole name comes before the beginning of an id, and who has that name was not asked.

use std::collections::BTreeSet;

use super::classify::Ask;
use super::judge::{Guard, judge, same_name};
use super::world::{Container, World};
use crate::model::contract::protect::SwarmAct;

/// The longest id of the engine: 64 hexadecimal digits (`stringid`); those of the cluster are 25 digits of base 36 (`identity.NewID`).
const LONGEST_ID: usize = 64;

/// What must be known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Networks.
    pub networks: Networks,
    /// Every service.
    pub services: bool,
    /// Every node.
    pub nodes: bool,
    /// The container that is named.
    pub container: bool,
}

/// Which networks must be known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Networks {
    /// None.
    #[default]
    None,
    /// Those whose id begins with one of these, in lower case.
    Ids(BTreeSet<String>),
    /// Every one, of every scope.
    All,
}

impl Networks {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, one) | (one, Self::None) => one,
            (Self::Ids(mut ids), Self::Ids(others)) => {
                ids.extend(others);
                Self::Ids(ids)
            }
            _ => Self::All,
        }
    }

    /// Those that some references may mean by an id.
    fn by_id<'a>(references: impl IntoIterator<Item = &'a String>) -> Self {
        let ids: BTreeSet<String> = references.into_iter().filter(|one| may_be_id(one)).cloned().collect();
        match ids.is_empty() {
            true => Self::None,
            // Every id begins with nothing.
            false if ids.contains("") => Self::All,
            false => Self::Ids(ids.into_iter().map(|id| id.to_ascii_lowercase()).collect()),
        }
    }
}

impl Needs {
    /// What both need.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            networks: self.networks.and(other.networks),
            services: self.services || other.services,
            nodes: self.nodes || other.nodes,
            container: self.container || other.container,
        }
    }
}

/// Whether a reference may be an id or its beginning: an id is letters and digits.
fn may_be_id(reference: &str) -> bool {
    reference.len() <= LONGEST_ID && reference.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What must be known to judge what is asked for all who guard.
pub fn needed(ask: &Ask, guards: &[Guard<'_>]) -> Needs {
    guards.iter().fold(Needs::default(), |all, guard| all.and(needs(ask, guard)))
}

/// What the request would do to what each of these guards, by what was looked at.
///
/// # Errors
///
/// More must be known, and then it is judged again.
pub fn judged(
    ask: &Ask,
    guards: &[Guard<'_>],
    looked: &Needs,
    (world, container): (&World, Option<&Container>),
) -> Result<Vec<Vec<String>>, Needs> {
    let acts: Vec<Vec<String>> = guards.iter().map(|guard| judge(ask, guard, world, container)).collect();
    match &looked.networks {
        Networks::Ids(_) if !acts.iter().all(Vec::is_empty) => Err(Needs { networks: Networks::All, ..looked.clone() }),
        _ => Ok(acts),
    }
}

/// What must be known to judge what is asked, by what is guarded.
pub fn needs(ask: &Ask, guard: &Guard<'_>) -> Needs {
    let protect = guard.protect;
    let networks = |networks: Networks| Needs { networks, ..Needs::default() };
    // Whether a reference is the name of a guarded network, which is known without a look.
    let is_named = |reference: &String| protect.networks.iter().any(|name| same_name(name, reference));
    let guards_networks = !protect.networks.is_empty();
    let guards_services = !protect.services.is_empty() || !protect.stacks.is_empty();
    let closed = guards_networks && guard.closed();
    // Of those who come to a network, only ids must be looked up.
    let joined = |references: &[String]| match closed {
        true => networks(Networks::by_id(references.iter().filter(|one| !is_named(one)))),
        false => Needs::default(),
    };
    match ask {
        Ask::CreateNetwork { .. } | Ask::Show { .. } | Ask::LeaveSwarm | Ask::NewSwarm | Ask::RemoveNode { .. } => {
            Needs::default()
        }
        Ask::RemoveNetwork { network } if is_named(network) => Needs::default(),
        // A network of a guarded stack may have any name.
        Ask::RemoveNetwork { .. } if !protect.stacks.is_empty() => networks(Networks::All),
        Ask::RemoveNetwork { network } | Ask::Disconnect { network } if guards_networks && !is_named(network) => {
            networks(Networks::by_id([network]))
        }
        Ask::RemoveNetwork { .. } | Ask::Disconnect { .. } => Needs::default(),
        Ask::Connect { network } | Ask::Build { network } => joined(std::slice::from_ref(network)),
        Ask::CreateService(spec) => joined(&spec.networks),
        Ask::CreateContainer(spec) => joined(&spec.networks),
        Ask::StartContainer { .. } => {
            Needs { container: true, ..networks(if closed { Networks::All } else { Networks::None }) }
        }
        Ask::PruneNetworks(_) if guards_networks || !protect.stacks.is_empty() => {
            Needs { services: !guard.window, ..networks(Networks::All) }
        }
        Ask::PruneNetworks(_) => Needs::default(),
        Ask::UpdateService { rollback, .. } => {
            // A rollback may lead onto a network that is gone.
            let on = guards_networks || *rollback && guards_services;
            let services = guards_networks || guards_services || guard.step;
            Needs { services, ..networks(if on { Networks::All } else { Networks::None }) }
        }
        Ask::RemoveService { .. } => {
            let services = closed || guards_services || guard.step;
            Needs { services, ..networks(if closed { Networks::All } else { Networks::None }) }
        }
        Ask::UpdateNode { role, availability, .. } => {
            let guards = |act: SwarmAct| protect.swarm.contains(&act);
            let demotes = guards(SwarmAct::Demote) && !role.eq_ignore_ascii_case("manager");
            let drains = guards(SwarmAct::Drain) && availability.eq_ignore_ascii_case("drain");
            Needs { nodes: demotes || drains, ..Needs::default() }
        }
    }
}
