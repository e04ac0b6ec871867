//! Who holds which address of each overlay, from list answers alone. Pure.
//!
//! Held are: the virtual address of each service in VIP mode, each task's addresses until it has ended (what is wanted of it
//! does not matter: a task that is told to stop holds its address until it has stopped), each plain attached container's, and
//! one for the load balancer endpoint of every node that has such a task; on the ingress network of every node. A node's
//! endpoint is the one consumer that no list names, so its number is inferred (swarmkit's allocator: `getNodeNetworks`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::CANARY_LABEL;
use crate::engine::ipam::Lists;
use crate::engine::network::Network;

/// The addresses of one overlay network, and who holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Use {
    /// The network's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its IPv4 subnets.
    pub subnets: Vec<Ipv4Net>,
    /// Whether it has IPv6 subnets beside: an address may then come from either family.
    pub six: bool,
    /// Whether it is the routing mesh.
    pub ingress: bool,
    /// Its gateways: held from the beginning.
    pub gateways: BTreeSet<Ipv4Addr>,
    /// Virtual addresses of services.
    pub vips: BTreeSet<Ipv4Addr>,
    /// Addresses of services' tasks that have not ended.
    pub tasks: BTreeSet<Ipv4Addr>,
    /// How many addresses tasks of each state hold.
    pub task_states: BTreeMap<String, u64>,
    /// Addresses of plain attached containers.
    pub attached: BTreeSet<Ipv4Addr>,
    /// How many nodes have a load balancer endpoint on it.
    pub load_balancers: u64,
    /// Addresses that two objects name: the allocator has one, so one is counted.
    pub twice: BTreeSet<Ipv4Addr>,
    /// Why the count may be off; empty when nothing speaks against it.
    pub doubts: Vec<String>,
}

impl Use {
    /// How many addresses can be handed out: without each subnet's network, broadcast and gateway address.
    pub fn capacity(&self) -> u64 {
        self.subnets.iter().map(|net| size(*net).saturating_sub(3)).sum()
    }

    /// How many addresses are taken that nothing can have: network, broadcast and gateway of each subnet.
    pub fn reserved(&self) -> u64 {
        self.subnets.iter().map(|net| size(*net).min(3)).sum()
    }

    /// Every address that an object names. The nodes' endpoints are not among them.
    pub fn named(&self) -> BTreeSet<Ipv4Addr> {
        self.vips.iter().chain(&self.tasks).chain(&self.attached).copied().collect()
    }

    /// How many addresses are accounted for, of the capacity.
    pub fn accounted(&self) -> u64 {
        self.named().len() as u64 + self.load_balancers
    }

    /// How many addresses nobody holds, of a network that gives none: there they have leaked.
    ///
    /// # Errors
    ///
    /// Why that is not known.
    pub fn missing_where_full(&self) -> Result<u64, String> {
        if !self.doubts.is_empty() {
            return Err(self.doubts.join("; "));
        }
        if self.subnets.len() != 1 || self.six {
            let and = if self.six { " and IPv6 ones" } else { "" };
            return Err(format!("it has {} IPv4 subnets{and}; wanted one alone", self.subnets.len()));
        }
        Ok(self.capacity().saturating_sub(self.accounted()))
    }

    /// Every address that can be handed out, in order.
    pub fn usable(&self) -> impl Iterator<Item = Ipv4Addr> {
        // `hosts` leaves out network and broadcast.
        self.subnets.iter().flat_map(|net| net.hosts()).filter(|address| !self.gateways.contains(address))
    }

    /// Whether it was never given a subnet, so that nothing can run on it.
    pub fn is_dead(&self) -> bool {
        self.subnets.is_empty()
    }
}

fn size(net: Ipv4Net) -> u64 {
    1 << (32 - u32::from(net.prefix_len()))
}

/// The overlays among the listed networks, by name, with their use.
pub fn account(lists: &Lists) -> Vec<Use> {
    let overlays = lists.networks.iter().filter(|network| {
        // A swarm network without a driver was never allocated: it is listed, since it holds its name and is dead.
        network.scope == "swarm" && (network.driver == "overlay" || network.driver.is_empty())
    });
    let mut uses: BTreeMap<&str, Use> =
        overlays.map(|network| (network.id.as_str(), of_network(network, lists.nodes.len()))).collect();
    let mut seen = Seen::default();
    for service in lists.services.iter().filter(|service| service.label(CANARY_LABEL).is_some()) {
        for (network, _) in service.virtual_ips() {
            if let Some(one) = uses.get_mut(network) {
                // Whoever looks here holds none of its own at that moment.
                let name = service.name();
                one.doubts.push(format!(
                    "{name}, the canary of another walk, holds an address of it: wait for that walk's end; where none goes on, \
                     docker service rm {name}"
                ));
            }
        }
    }
    for service in lists.services.iter().filter(|service| service.label(CANARY_LABEL).is_none()) {
        for (network, cidr) in service.virtual_ips() {
            if let Some(one) = uses.get_mut(network)
                && let Some(address) = of_cidr(one, cidr, service.name())
            {
                one.vips.insert(address);
                seen.note(one, address);
            }
        }
    }
    let mut on_nodes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for task in lists.tasks.iter().filter(|task| !task.is_terminal()) {
        let mut counted = BTreeSet::new();
        for (network, cidr) in task.addresses() {
            let Some(one) = uses.get_mut(network) else { continue };
            let Some(address) = of_cidr(one, cidr, &task.id) else { continue };
            if task.service_id.is_empty() {
                one.attached.insert(address);
            } else {
                one.tasks.insert(address);
                *one.task_states.entry(task.state().to_owned()).or_default() += 1;
            }
            seen.note(one, address);
            if !STATES.contains(&task.state()) {
                one.doubts.push(format!("task {} is in a state that is not known: `{}`", task.id, task.state()));
            }
            counted.insert(network);
        }
        if !task.node_id.is_empty() {
            // A node gets its endpoint as soon as a task of such a network is placed there.
            for network in counted {
                on_nodes.entry(network).or_default().insert(&task.node_id);
            }
        }
    }
    for (id, one) in &mut uses {
        if !one.ingress {
            one.load_balancers = on_nodes.get(id).map_or(0, |nodes| nodes.len() as u64);
        }
    }
    let mut uses: Vec<Use> = uses.into_values().collect();
    uses.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    uses
}

/// The states in which a task holds addresses, in the cluster's own words.
const STATES: [&str; 9] =
    ["new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"];

fn of_network(network: &Network, nodes: usize) -> Use {
    let mut one =
        Use { id: network.id.clone(), name: network.name.clone(), ingress: network.ingress, ..Use::default() };
    for text in &network.subnets {
        match text.parse::<IpNet>() {
            Ok(IpNet::V4(net)) => one.subnets.push(net.trunc()),
            // The allocator takes each address from one of the pools, whatever its family (engine 20.10 to 29.7).
            Ok(IpNet::V6(_)) => one.six = true,
            Err(_) => one.doubts.push(format!("its subnet `{text}` cannot be read")),
        }
    }
    one.gateways = network.gateways.iter().filter_map(|text| text.parse().ok()).collect();
    if one.gateways.len() < one.subnets.len() {
        one.doubts.push("the engine did not name its gateway".to_owned());
    }
    let pools = network.raw.pointer("/IPAM/Config").and_then(serde_json::Value::as_array);
    let narrowed = |pool: &serde_json::Value| {
        ["IPRange", "AuxiliaryAddresses"].iter().any(|key| pool.get(key).is_some_and(|value| !is_empty(value)))
    };
    if pools.into_iter().flatten().any(narrowed) {
        one.doubts
            .push("it has an address range or auxiliary addresses of its own, which are not accounted".to_owned());
    }
    if network.ingress {
        one.load_balancers = nodes as u64;
    }
    one
}

fn is_empty(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.is_empty(),
        serde_json::Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn of_cidr(one: &mut Use, cidr: &str, who: &str) -> Option<Ipv4Addr> {
    let bare = cidr.split('/').next().unwrap_or(cidr);
    match bare.parse() {
        Ok(address) if one.subnets.iter().any(|net| net.contains(&address)) => Some(address),
        _ if bare.contains(':') => None,
        _ => {
            one.doubts.push(format!("{who} names `{cidr}`, which is no address of its subnet"));
            None
        }
    }
}

/// Which addresses were named already, by network.
#[derive(Default)]
struct Seen(BTreeMap<String, BTreeSet<Ipv4Addr>>);

impl Seen {
    /// Notes an address; one that was there already is named twice.
    fn note(&mut self, one: &mut Use, address: Ipv4Addr) {
        if !self.0.entry(one.id.clone()).or_default().insert(address) {
            one.twice.insert(address);
        }
    }
}
