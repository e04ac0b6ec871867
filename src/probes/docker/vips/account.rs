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
use crate::engine::ipam::{Lists, ServiceUse, TaskUse};
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
    /// Nodes that are counted as having an endpoint and may have been refused it: then more has leaked than is reckoned, never less.
    pub unseen_endpoints: BTreeSet<String>,
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

    /// Everything for which the count may be off.
    pub fn all_doubts(&self) -> Vec<String> {
        let unseen = |node: &String| {
            format!("node {node}: whether it has an endpoint of it is not known before a task of it is ready there")
        };
        self.doubts.iter().cloned().chain(self.unseen_endpoints.iter().map(unseen)).collect()
    }

    /// The same without a line for each node that nothing of the routing mesh runs on: most nodes of a healthy swarm.
    pub fn worth_telling(&self) -> Vec<String> {
        if self.ingress { self.doubts.clone() } else { self.all_doubts() }
    }

    /// How many addresses nobody holds, of a network that gives none: there they have leaked. At least so many, where a node's endpoint
    /// was not seen: such a node waits for it because the network is full.
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
        match self.capacity().saturating_sub(self.accounted()) {
            0 if !self.unseen_endpoints.is_empty() => Err(self.all_doubts().join("; ")),
            missing => Ok(missing),
        }
    }

    /// Every address that can be handed out, in order.
    pub fn usable(&self) -> impl Iterator<Item = Ipv4Addr> {
        // `hosts` leaves out network and broadcast.
        self.subnets.iter().flat_map(|net| net.hosts()).filter(|address| !self.gateways.contains(address))
    }

    /// Whether it was never given a subnet, so that nothing can run on it.
    pub fn is_dead(&self) -> bool {
        self.subnets.is_empty() && !self.six
    }

    /// Whether its addresses are of IPv6 alone, which are not counted here.
    pub fn is_uncounted(&self) -> bool {
        self.subnets.is_empty() && self.six
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
    let mut uses: BTreeMap<&str, Use> = overlays.map(|network| (network.id.as_str(), of_network(network))).collect();
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
    let services: BTreeMap<&str, &ServiceUse> =
        lists.services.iter().map(|service| (service.id.as_str(), service)).collect();
    let mut without: BTreeMap<&str, Vec<&TaskUse>> = BTreeMap::new();
    // Each node's endpoint, and whether a task that has come so far shows that it is there.
    let mut on_nodes: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
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
        // The allocator gives a task all its addresses before it leaves `new`.
        if task.state() != "new" {
            let named = networks_of(task, services.get(task.service_id.as_str()).copied(), &uses);
            for network in named.into_iter().filter(|network| !task.addresses().any(|(id, _)| id == *network)) {
                without.entry(network).or_default().push(task);
            }
        }
        if !task.node_id.is_empty() {
            // A node gets its endpoint as soon as a task of such a network is placed there, or is refused it.
            for network in counted {
                let node = on_nodes.entry(network).or_default().entry(&task.node_id).or_default();
                *node |= WITH_ENDPOINT.contains(&task.state());
            }
        }
    }
    for (id, one) in &mut uses {
        if let Some((tasks, first)) = without.get(id).and_then(|tasks| Some((tasks, tasks.first()?))) {
            let (count, state) = (tasks.len(), first.state());
            one.doubts
                .push(format!("{count} tasks show no address of it and must have one (task {}, {state})", first.id));
        }
        let mut nodes = on_nodes.remove(id).unwrap_or_default();
        if one.ingress {
            // Every node asks for its endpoint when it comes, and one that was refused it asks again only when the node changes or a
            // task comes there (swarmkit `manager/allocator/network.go`: `doNodeAlloc`, `reallocateNode`).
            for node in &lists.nodes {
                nodes.entry(node).or_default();
            }
        }
        one.load_balancers = nodes.len() as u64;
        one.unseen_endpoints = nodes.into_iter().filter(|(_, shown)| !shown).map(|(node, _)| node.to_owned()).collect();
    }
    let mut uses: Vec<Use> = uses.into_values().collect();
    uses.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    uses
}

/// The states in which a task holds addresses, in the cluster's own words.
const STATES: [&str; 9] =
    ["new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"];

/// The states in which a task's node has its endpoint on each of the task's networks: before, the node waits for it (moby
/// `daemon/cluster/executor/container`: `waitNodeAttachments`).
const WITH_ENDPOINT: [&str; 3] = ["ready", "starting", "running"];

/// The networks on which a task has an address once it was allocated: those of its spec, where it has none those of its service, and
/// the routing mesh where its service is reached through it.
fn networks_of<'a>(
    task: &'a TaskUse,
    service: Option<&'a ServiceUse>,
    uses: &BTreeMap<&str, Use>,
) -> BTreeSet<&'a str> {
    let mut all: BTreeSet<&str> = task.spec_networks().collect();
    if all.is_empty() {
        all.extend(service.into_iter().flat_map(ServiceUse::networks));
    }
    let published = service.into_iter().flat_map(ServiceUse::virtual_ips).map(|(id, _)| id);
    all.extend(published.filter(|id| uses.get(id).is_some_and(|one| one.ingress)));
    all
}

fn of_network(network: &Network) -> Use {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::leaks::missing_where_full;
    use super::super::tests::{lists, proxy, service, task};
    use super::*;

    /// A task that was allocated has an address on each of its networks: where its answer shows none, someone holds it unseen.
    #[test]
    fn a_task_that_shows_no_address_is_a_doubt_and_no_leak() {
        let spec = json!({"Networks": [{"Target": "proxy-id"}]});
        let of = |state: &str, service: &str, spec: &serde_json::Value, attachments: serde_json::Value| -> TaskUse {
            serde_json::from_value(json!({"ID": "t", "ServiceID": service, "NodeID": "n1", "DesiredState": "running",
                "Status": {"State": state}, "Spec": spec, "NetworksAttachments": attachments}))
            .expect("a task")
        };
        let address = json!([{"Network": {"ID": "proxy-id"}, "Addresses": ["10.0.1.9/24"]}]);
        let named: ServiceUse =
            serde_json::from_value(json!({"ID": "web", "Spec": {"TaskTemplate": spec}})).expect("one");
        let published = service("mesh", "ingress-id", "10.0.0.9/24", json!({}));
        let none = json!(null);
        let table = [
            ("no attachments", of("running", "s", &spec, none.clone()), "proxy", true),
            ("another state", of("preparing", "s", &spec, none.clone()), "proxy", true),
            ("a state that is not known", of("hovering", "s", &spec, none.clone()), "proxy", true),
            ("no network", of("running", "s", &spec, json!([{"Addresses": ["10.0.1.9/24"]}])), "proxy", true),
            (
                "no list",
                of("running", "s", &spec, json!([{"Network": {"ID": "proxy-id"}, "Addresses": null}])),
                "proxy",
                true,
            ),
            (
                "no address",
                of("running", "s", &spec, json!([{"Network": {"ID": "proxy-id"}, "Addresses": []}])),
                "proxy",
                true,
            ),
            ("its service names it", of("running", "web", &json!({}), none.clone()), "proxy", true),
            ("its service is reached there", of("running", "mesh", &spec, address.clone()), "ingress", true),
            ("a plain container", of("running", "", &spec, none.clone()), "proxy", true),
            ("not allocated yet", of("new", "s", &spec, none.clone()), "proxy", false),
            ("ended", of("failed", "s", &spec, none.clone()), "proxy", false),
            ("it has one", of("running", "s", &spec, address), "proxy", false),
            (
                "another network",
                of("running", "s", &json!({"Networks": [{"Target": "b"}]}), none.clone()),
                "proxy",
                false,
            ),
        ];
        for (name, task, network, doubtful) in table {
            let uses = account(&lists(vec![named.clone(), published.clone()], vec![task]));
            let one = uses.iter().find(|one| one.name == network).expect("there");
            assert_eq!(
                one.doubts.iter().any(|doubt| doubt.contains("show no address")),
                doubtful,
                "{name}: {:?}",
                one.doubts
            );
            assert_eq!(missing_where_full(one, Some(one)).is_err(), doubtful, "{name}");
        }
    }

    /// A full network refuses a node's endpoint too, and no list says so: the node's tasks wait for it before they are ready.
    #[test]
    fn a_node_whose_endpoint_was_not_seen_is_a_doubt() {
        let on =
            |id, node, state, last| task(id, "s", node, state, "running", "proxy-id", &format!("10.0.1.{last}/24"));
        let early = ["pending", "assigned", "accepted", "preparing"];
        for state in early.iter().chain(&["ready", "starting", "running"]) {
            let one = proxy(&lists(vec![], vec![on("a", "n1", "running", 3), on("b", "n2", state, 4)]));
            assert_eq!(one.load_balancers, 2);
            let doubts = one.all_doubts();
            let doubted = doubts.iter().any(|doubt| doubt.starts_with("node n2: whether it has an endpoint"));
            assert_eq!((doubted, doubts.len()), (early.contains(state), usize::from(doubted)), "{state}: {doubts:?}");
            // What is missing beyond that endpoint has leaked, whether the node has it or not.
            assert_eq!(missing_where_full(&one, Some(&one)), Ok(one.capacity() - 4));
        }
        let on_29 = |count: u8| {
            let mut one = proxy(&lists(vec![], vec![on("a", "n1", "running", 3), on("b", "n2", "preparing", 4)]));
            one.subnets = vec!["10.0.1.0/29".parse().expect("a net")];
            one.attached = (0..count).map(|last| Ipv4Addr::new(10, 0, 1, 5 + last)).collect();
            missing_where_full(&one, Some(&one))
        };
        assert_eq!(on_29(0), Ok(1), "at least one");
        assert!(on_29(1).is_err_and(|why| why.contains("node n2")), "one or none");
        let both = proxy(&lists(vec![], vec![on("a", "n2", "preparing", 3), on("b", "n2", "running", 4)]));
        assert_eq!(both.all_doubts(), Vec::<String>::new(), "another task shows it");
    }
}
