//! What a request would do to what is guarded, in the swarm as it is.

use std::path::PathBuf;

use super::body::{STACK, ServiceSpec};
use super::classify::Ask;
use super::places::{Seen, seen};
use super::prune::Filters;
use super::world::{Container, Network, Service, World};
use crate::model::contract::protect::{Attachments, Protect, SwarmAct};

/// What is guarded, and when.
#[derive(Debug, Clone, Copy)]
pub struct Guard<'a> {
    /// By name.
    pub protect: &'a Protect,
    /// A window is open, or a step is not at its end: nothing else moves on a guarded network.
    pub window: bool,
    /// A step is not at its end: it may have taken any service off a guarded network, so that no service is changed meanwhile.
    pub step: bool,
    /// The executor's token is on the host: no container gets to see the place where it is.
    pub token: bool,
    /// Where the interlock's own word is kept.
    pub places: &'a [PathBuf],
}

impl Guard<'_> {
    /// Whether nobody else comes to or leaves a guarded network now.
    pub fn closed(&self) -> bool {
        self.window || self.protect.attachments == Attachments::Always
    }
}

/// What a request would do to what is guarded, each in words that follow "this request"; empty where it does nothing to it.
pub fn judge(ask: &Ask, guard: &Guard<'_>, world: &World, container: Option<&Container>) -> Vec<String> {
    let bench = Bench { guard, world };
    match ask {
        Ask::CreateNetwork { name } => {
            let named = bench.guard.protect.networks.iter().filter(|guarded| same_name(guarded, name));
            named.map(|name| format!("makes a network `{name}`")).collect()
        }
        Ask::RemoveNetwork { network } => bench.removed(network),
        Ask::PruneNetworks(filters) => bench.pruned(filters),
        Ask::Connect { network } | Ask::Build { network } => {
            bench.joins([network]).map(|name| format!("brings a container to network `{name}`")).collect()
        }
        Ask::Disconnect { network } => {
            bench.named(network).map(|name| format!("takes a container off network `{name}`")).collect()
        }
        Ask::CreateService(spec) => {
            let joins = bench.joins(&spec.networks).map(|name| format!("brings a service to network `{name}`"));
            joins.chain(bench.shows(&spec.mounts)).collect()
        }
        Ask::UpdateService { service, spec, rollback } => {
            let mut acts: Vec<String> = bench.shows(&spec.mounts).collect();
            for service in bench.services(service) {
                acts.extend(bench.updated(service, spec, *rollback));
            }
            acts
        }
        Ask::RemoveService { service } => bench.services(service).filter_map(|service| bench.ended(service)).collect(),
        Ask::CreateContainer(spec) => bench.contained(&spec.networks, &spec.mounts),
        Ask::StartContainer { spec, .. } => {
            let mut acts = bench.contained(&spec.networks, &spec.mounts);
            acts.extend(container.into_iter().flat_map(|made| bench.contained(&made.networks, &made.mounts)));
            acts
        }
        Ask::Show { places } => bench.shows(places).collect(),
        Ask::UpdateNode { node, role, availability } => bench.node_changed(node, role, availability),
        Ask::RemoveNode { node } => bench.swarm(SwarmAct::Leave, &format!("removes node `{node}`")),
        Ask::LeaveSwarm => bench.swarm(SwarmAct::Leave, "leaves the swarm"),
        Ask::NewSwarm => bench.swarm(SwarmAct::Leave, "makes the swarm anew"),
    }
}

struct Bench<'a> {
    guard: &'a Guard<'a>,
    world: &'a World,
}

impl<'a> Bench<'a> {
    /// The guarded networks that are there.
    fn networks(&self) -> impl Iterator<Item = &'a Network> {
        let guarded = &self.guard.protect.networks;
        self.world.networks.iter().filter(|network| guarded.iter().any(|name| same_name(name, &network.name)))
    }

    /// The names of the guarded networks that a reference may mean: by name in any case, by id or its beginning.
    fn named(&self, reference: &str) -> impl Iterator<Item = &'a str> {
        let by_name: Vec<&str> =
            self.guard.protect.networks.iter().filter(|name| same_name(name, reference)).map(String::as_str).collect();
        let by_id: Vec<&str> = match by_name.is_empty() {
            true => self.networks().filter(|network| self.by_id(reference, network)).map(|n| n.name.as_str()).collect(),
            false => Vec::new(),
        };
        by_name.into_iter().chain(by_id)
    }

    /// Whether a reference means a network by its id. The engine takes a whole name before the beginning of an id.
    fn by_id(&self, reference: &str, network: &Network) -> bool {
        let other = self.world.networks.iter().any(|other| other.id != network.id && other.name == reference);
        begins(&network.id, reference) && (!other || network.id == reference)
    }

    /// The guarded networks that somebody would come to who may not.
    fn joins<'r>(&self, references: impl IntoIterator<Item = &'r String>) -> std::vec::IntoIter<&'a str> {
        if !self.guard.closed() {
            return Vec::new().into_iter();
        }
        let mut names: Vec<&str> =
            references.into_iter().flat_map(|reference| self.named(reference).collect::<Vec<_>>()).collect();
        names.dedup();
        names.into_iter()
    }

    /// What a container would see that it must not.
    fn shows<'r>(&self, mounts: impl IntoIterator<Item = &'r String>) -> std::vec::IntoIter<String> {
        let shown = |mount: &&String| match seen(mount, self.guard.places) {
            Seen::Itself => true,
            Seen::Within => self.guard.token,
            Seen::Nothing => false,
        };
        let acts: Vec<String> = mounts
            .into_iter()
            .filter(shown)
            .map(|mount| format!("shows `{mount}`, where the executor's word is"))
            .collect();
        acts.into_iter()
    }

    fn contained(&self, networks: &[String], mounts: &[String]) -> Vec<String> {
        let joins = self.joins(networks).map(|name| format!("brings a container to network `{name}`"));
        joins.chain(self.shows(mounts)).collect()
    }

    /// The stack that a guarded network of a stack belongs to.
    fn stack_of(&self, network: &Network) -> Option<&'a str> {
        let label = network.labels.iter().find(|(key, _)| key == STACK).map(|(_, stack)| stack.as_str());
        self.guarded_stack(label, &network.name)
    }

    /// The guarded stack of something: by its label, else by its name.
    fn guarded_stack(&self, label: Option<&str>, name: &str) -> Option<&'a str> {
        let is = |stack: &&String| match label {
            Some(label) => same_name(label, stack),
            None => name.to_lowercase().starts_with(&format!("{}_", stack.to_lowercase())),
        };
        self.guard.protect.stacks.iter().find(is).map(String::as_str)
    }

    fn removed(&self, reference: &str) -> Vec<String> {
        let mut acts: Vec<String> = self.named(reference).map(|name| format!("removes network `{name}`")).collect();
        for network in &self.world.networks {
            let meant = same_name(&network.name, reference) || self.by_id(reference, network);
            if let Some(stack) = self.stack_of(network).filter(|_| meant) {
                acts.push(format!("removes network `{}` of stack `{stack}`", network.name));
            }
        }
        acts
    }

    fn pruned(&self, filters: &Filters) -> Vec<String> {
        let of_stack = self.world.networks.iter().filter(|network| self.stack_of(network).is_some());
        let mut acts: Vec<String> = Vec::new();
        for network in self.networks().chain(of_stack).filter(|network| filters.take(network)) {
            let used = self.world.services.iter().any(|service| service.networks.contains(&network.id));
            if self.guard.window {
                acts.push(format!("prunes networks, perhaps `{}`, while services leave and join it", network.name));
            } else if !used {
                acts.push(format!("prunes network `{}`, which no service is on", network.name));
            }
        }
        acts.dedup();
        acts
    }

    /// The services that a reference may mean.
    fn services(&self, reference: &str) -> impl Iterator<Item = &'a Service> {
        let services = &self.world.services;
        let exact = services.iter().any(|service| service.name == reference);
        let reference = reference.to_owned();
        services.iter().filter(move |service| {
            let by_id = begins(&service.id, &reference) && (!exact || service.id == reference);
            same_name(&service.name, &reference) || by_id
        })
    }

    /// Whether a service is guarded itself.
    fn is_guarded(&self, service: &Service) -> bool {
        self.guard.protect.services.iter().any(|name| same_name(name, &service.name))
            || self.guarded_stack(service.stack.as_deref(), &service.name).is_some()
    }

    /// The guarded networks among some ids.
    fn among(&self, ids: &[String]) -> Vec<&'a Network> {
        self.networks().filter(|network| ids.contains(&network.id)).collect()
    }

    fn updated(&self, service: &Service, spec: &ServiceSpec, rollback: bool) -> Vec<String> {
        let (name, on) = (&service.name, self.among(&service.networks));
        let guarded = self.is_guarded(service);
        let mut acts = Vec::new();
        if self.guard.step {
            acts.push(format!("changes service `{name}` while a step is under way"));
        } else if self.guard.window && (guarded || !on.is_empty()) {
            acts.push(format!("changes service `{name}` while a window is open"));
        }
        if guarded && service.has_tasks && !spec.has_tasks {
            acts.push(format!("scales service `{name}` to nothing"));
        }
        let stack = self.guarded_stack(service.stack.as_deref(), name);
        if let Some(stack) = stack.filter(|own| self.guarded_stack(spec.stack.as_deref(), name) != Some(*own)) {
            acts.push(format!("takes service `{name}` out of stack `{stack}`, by its label"));
        }
        // An empty name keeps nothing, though every id begins with it.
        let references = spec.networks.iter().filter(|reference| !reference.is_empty());
        let wanted: Vec<&str> = references.flat_map(|reference| self.named(reference).collect::<Vec<_>>()).collect();
        let kept = |network: &Network| wanted.iter().any(|name| same_name(name, &network.name));
        let left = on.iter().filter(|network| !kept(network));
        acts.extend(left.map(|network| format!("takes service `{name}` off network `{}`", network.name)));
        let is_on = |network: &&str| on.iter().any(|own| same_name(&own.name, network));
        let new = self.joins(&spec.networks).filter(|network| !is_on(network));
        acts.extend(new.map(|network| format!("brings service `{name}` to network `{network}`")));
        if let Some(earlier) = service.earlier.as_ref().filter(|_| rollback) {
            acts.extend(self.rolled_back(service, earlier, guarded, &on));
        }
        acts
    }

    fn rolled_back(&self, service: &Service, earlier: &[String], guarded: bool, on: &[&Network]) -> Vec<String> {
        let name = &service.name;
        let back = self.among(earlier);
        let gone = earlier.iter().find(|id| self.world.networks.iter().all(|network| network.id != **id));
        let mut acts = Vec::new();
        if let Some(gone) = gone.filter(|_| guarded || !on.is_empty()) {
            acts.push(format!("rolls service `{name}` back onto network {gone}, which is gone"));
        }
        for network in on.iter().filter(|network| !back.contains(network)) {
            acts.push(format!("rolls service `{name}` back off network `{}`", network.name));
        }
        for network in back.iter().filter(|network| self.guard.closed() && !on.contains(network)) {
            acts.push(format!("rolls service `{name}` back to network `{}`", network.name));
        }
        acts
    }

    /// What the removal of a service does.
    fn ended(&self, service: &Service) -> Option<String> {
        let name = &service.name;
        if self.is_guarded(service) {
            return Some(format!("removes service `{name}`"));
        }
        if self.guard.step {
            return Some(format!("removes service `{name}` while a step is under way"));
        }
        let on = self.among(&service.networks);
        let network = on.first().filter(|_| self.guard.closed())?;
        Some(format!("removes service `{name}` from network `{}`", network.name))
    }

    fn node_changed(&self, reference: &str, role: &str, availability: &str) -> Vec<String> {
        let meant = |id: &str, name: &str| begins(id, reference) || same_name(name, reference);
        let mut acts = Vec::new();
        for node in self.world.nodes.iter().filter(|node| meant(&node.id, &node.name)) {
            if node.manager && !role.eq_ignore_ascii_case("manager") {
                acts.extend(self.swarm(SwarmAct::Demote, &format!("demotes node `{}`", node.name)));
            }
            if !node.drained && availability.eq_ignore_ascii_case("drain") {
                acts.extend(self.swarm(SwarmAct::Drain, &format!("drains node `{}`", node.name)));
            }
        }
        acts
    }

    fn swarm(&self, act: SwarmAct, words: &str) -> Vec<String> {
        if self.guard.protect.swarm.contains(&act) { vec![words.to_owned()] } else { Vec::new() }
    }
}

/// Whether two names are one: the cluster compares without regard to case.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// Whether an id begins so; every one begins with nothing.
fn begins(id: &str, reference: &str) -> bool {
    id.get(..reference.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(reference))
}
