//! What a line asks an engine for, judged by the interlock's judge. No engine is asked: the swarm is made up, once as the least that it
//! could be (nobody is on a guarded network whom the line does not put there) and once as the most (whatever it touches is).

use super::act::{Deed, Tasks};
use super::rule::{Acts, Phase};
use super::word::Word;
use crate::interlock::body::{ContainerSpec, ServiceSpec};
use crate::interlock::classify::Ask;
use crate::interlock::judge::{Guard, judge};
use crate::interlock::prune::Filters;
use crate::interlock::world::{Container, Network, Node, Service, World};
use crate::model::contract::protect::Protect;

/// Before a made-up id: no reference begins so.
const MADE_UP: char = '\0';
/// The name of something that only the shell knows.
const SOME: &str = "…";

struct Bench<'a> {
    guard: Guard<'a>,
    networks: Vec<Network>,
}

/// What a deed would do to what a phase guards.
pub fn acts(deed: &Deed, phase: &Phase, protect: &Protect) -> Acts {
    let guard = Guard { protect, window: phase.window, step: phase.step, token: false, places: &phase.places };
    let networks = protect.networks.iter().map(|name| network(name)).collect();
    Bench { guard, networks }.acts(deed)
}

fn network(name: &str) -> Network {
    Network { id: format!("{MADE_UP}{name}"), name: name.to_owned(), labels: Vec::new() }
}

/// Whether a name may be the beginning of an id. Those of the engine are letters and digits without order; what is shorter than what lists
/// show is one where the two change often, or where a digit in front is not the only one. `net42` and `4testnet` are names.
fn like_an_id(name: &str) -> bool {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let kinds: Vec<bool> = name.chars().map(|c| c.is_ascii_digit()).collect();
    let digits = kinds.iter().filter(|digit| **digit).count();
    let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let begun = kinds.first() == Some(&true) && (digits > 1 || name.len() < 5);
    plain && digits > 0 && (name.len() >= 12 || changes > 2 || begun)
}

impl Bench<'_> {
    fn protect(&self) -> &Protect {
        self.guard.protect
    }

    fn judged(&self, ask: &Ask, services: &[Service]) -> Vec<String> {
        let world = World { networks: self.networks.clone(), services: services.to_vec(), nodes: Vec::new() };
        judge(ask, &self.guard, &world, None)
    }

    /// What a word names for certain, and what among what is known it may name.
    fn meant(word: &Word, known: &[String]) -> (Option<String>, Vec<String>) {
        match word.text() {
            Some(text) if like_an_id(text) => (Some(text.to_owned()), known.to_vec()),
            Some(text) => (Some(text.to_owned()), Vec::new()),
            None => (None, known.iter().filter(|name| word.may_be(name)).cloned().collect()),
        }
    }

    /// A deed on each thing that a word may name.
    fn each(&self, word: &Word, known: &[String], judged: impl Fn(&str) -> Vec<String>) -> Acts {
        let (certain, possible) = Self::meant(word, known);
        Acts {
            certain: certain.iter().flat_map(|name| judged(name)).collect(),
            possible: possible.iter().flat_map(|name| judged(name)).collect(),
        }
    }

    /// Guarded networks, and those of guarded stacks.
    fn known_networks(&self) -> Vec<String> {
        let of_stacks = self.protect().stacks.iter().map(|stack| format!("{stack}_*"));
        self.protect().networks.iter().cloned().chain(of_stacks).collect()
    }

    /// Guarded services, and those of guarded stacks.
    fn known_services(&self) -> Vec<String> {
        let of_stacks = self.protect().stacks.iter().map(|stack| format!("{stack}_*"));
        self.protect().services.iter().cloned().chain(of_stacks).collect()
    }

    fn acts(&self, deed: &Deed) -> Acts {
        match deed {
            Deed::CreateNetwork(word) => self.each(word, &self.protect().networks, |name| {
                self.judged(&Ask::CreateNetwork { name: name.to_owned() }, &[])
            }),
            Deed::RemoveNetwork(word) => self.each(word, &self.known_networks(), |name| self.removed_network(name)),
            Deed::Connect(word) => self.each(word, &self.protect().networks, |name| {
                self.judged(&Ask::Connect { network: name.to_owned() }, &[])
            }),
            Deed::Disconnect(word) => self.each(word, &self.protect().networks, |name| {
                self.judged(&Ask::Disconnect { network: name.to_owned() }, &[])
            }),
            Deed::Prune => self.pruned(),
            Deed::Contain { networks, mounts, more } => self.contained(networks, mounts, *more),
            Deed::CreateService { networks, mounts, more } => self.created(networks, mounts, *more),
            Deed::UpdateService { service, .. } => {
                self.on_service(service, |name, most| self.updated(deed, name, most))
            }
            Deed::RemoveService(service) => self.on_service(service, |name, most| {
                self.judged(&Ask::RemoveService { service: name.to_owned() }, &[self.service(name, most)])
            }),
            Deed::DeployStack(stack) => self.on_stack(stack, |name, most| self.deployed(name, most)),
            Deed::RemoveStack(stack) => self.on_stack(stack, |name, most| self.removed_stack(name, most)),
            Deed::UpdateNode { node, demote, drain } => {
                let role = if *demote { "worker" } else { "manager" };
                let availability = if *drain { "drain" } else { "active" };
                let name = node.shown();
                let ask = Ask::UpdateNode { node: name.clone(), role: role.into(), availability: availability.into() };
                let node = Node { id: MADE_UP.to_string(), name, manager: true, drained: false };
                let world = World { nodes: vec![node], ..World::default() };
                Acts::certain(judge(&ask, &self.guard, &world, None))
            }
            Deed::RemoveNode(node) => Acts::certain(self.judged(&Ask::RemoveNode { node: node.shown() }, &[])),
            Deed::LeaveSwarm => Acts::certain(self.judged(&Ask::LeaveSwarm, &[])),
            Deed::NewSwarm => Acts::certain(self.judged(&Ask::NewSwarm, &[])),
            Deed::Request(ask) => self.requested(ask),
        }
    }

    fn removed_network(&self, name: &str) -> Vec<String> {
        let mut networks = self.networks.clone();
        if networks.iter().all(|network| network.name != name) {
            networks.push(network(name));
        }
        let world = World { networks, ..World::default() };
        judge(&Ask::RemoveNetwork { network: name.to_owned() }, &self.guard, &world, None)
    }

    /// In the least somebody is on each network, in the most nobody on any.
    fn pruned(&self) -> Acts {
        let of_stacks = self.protect().stacks.iter().map(|stack| network(&format!("{stack}_*")));
        let networks: Vec<Network> = self.networks.iter().cloned().chain(of_stacks).collect();
        let user =
            Service { networks: networks.iter().map(|network| network.id.clone()).collect(), ..Service::default() };
        let ask = Ask::PruneNetworks(Filters::default());
        let judged = |services: Vec<Service>| {
            let world = World { networks: networks.clone(), services, nodes: Vec::new() };
            judge(&ask, &self.guard, &world, None)
        };
        Acts { certain: judged(vec![user]), possible: judged(Vec::new()) }
    }

    /// The names in a list: for certain, and the guarded ones that further words may name.
    fn joined(&self, words: &[Word], more: bool) -> (Vec<String>, Vec<String>) {
        let known = &self.protect().networks;
        let mut certain = Vec::new();
        let mut possible = if more { known.clone() } else { Vec::new() };
        for word in words {
            let (named, perhaps) = Self::meant(word, known);
            certain.extend(named);
            possible.extend(perhaps);
        }
        (certain, possible)
    }

    fn contained(&self, networks: &[Word], mounts: &[Word], more: bool) -> Acts {
        let (certain, possible) = self.joined(networks, more);
        let mounts = mounts.iter().filter_map(|word| word.text().map(str::to_owned)).collect();
        let judged = |networks, mounts| self.judged(&Ask::CreateContainer(ContainerSpec { networks, mounts }), &[]);
        Acts { certain: judged(certain, mounts), possible: judged(possible, Vec::new()) }
    }

    fn created(&self, networks: &[Word], mounts: &[Word], more: bool) -> Acts {
        let (certain, possible) = self.joined(networks, more);
        let mounts = mounts.iter().filter_map(|word| word.text().map(str::to_owned)).collect();
        let judged = |networks, mounts| {
            let spec = ServiceSpec { networks, mounts, has_tasks: true, ..ServiceSpec::default() };
            self.judged(&Ask::CreateService(spec), &[])
        };
        Acts { certain: judged(certain, mounts), possible: judged(possible, Vec::new()) }
    }

    /// A service of this name: in the most on every guarded network, with an earlier spec on one that is gone.
    fn service(&self, name: &str, most: bool) -> Service {
        let networks = self.networks.iter().filter(|_| most).map(|network| network.id.clone()).collect();
        Service {
            id: format!("{MADE_UP}{name}"),
            name: name.to_owned(),
            stack: None,
            networks,
            earlier: most.then(|| vec!["of its earlier spec".to_owned()]),
            has_tasks: true,
        }
    }

    /// A deed on each service that a word may name, in the least and in the most.
    fn on_service(&self, word: &Word, judged: impl Fn(&str, bool) -> Vec<String>) -> Acts {
        let (certain, possible) = Self::meant(word, &self.known_services());
        let mut acts = Acts::default();
        if let Some(name) = &certain {
            acts.certain.extend(judged(name, false));
            acts.possible.extend(judged(name, true));
        }
        for name in &possible {
            acts.possible.extend(judged(name, false));
            acts.possible.extend(judged(name, true));
        }
        if certain.is_none() {
            acts.possible.extend(judged(SOME, true));
        }
        acts
    }

    fn updated(&self, deed: &Deed, name: &str, most: bool) -> Vec<String> {
        let Deed::UpdateService { joins, leaves, tasks, rollback, more, .. } = deed else { return Vec::new() };
        let mut service = self.service(name, most);
        let left = |network: &Network| match most {
            true => leaves.iter().any(|word| word.may_be(&network.name)),
            false => leaves.iter().any(|word| word.text().is_some() && word.may_be(&network.name)),
        };
        // Who is told to leave a network is on it, or nothing happens.
        for network in self.networks.iter().filter(|network| left(network)) {
            if !service.networks.contains(&network.id) {
                service.networks.push(network.id.clone());
            }
        }
        let stays = |network: &&Network| service.networks.contains(&network.id) && !left(network) && !(most && *more);
        let (certain, possible) = self.joined(joins, most && *more);
        let networks = self.networks.iter().filter(stays).map(|network| network.name.clone());
        let networks = networks.chain(certain).chain(possible.into_iter().filter(|_| most)).collect();
        let has_tasks = match tasks {
            Tasks::Some => !(most && *more),
            Tasks::None => false,
            Tasks::Open => !most,
        };
        let spec = ServiceSpec { name: name.to_owned(), networks, has_tasks, ..ServiceSpec::default() };
        self.judged(&Ask::UpdateService { service: name.to_owned(), spec, rollback: *rollback }, &[service])
    }

    /// A deed on each stack that a word may name.
    fn on_stack(&self, word: &Word, judged: impl Fn(&str, bool) -> Vec<String>) -> Acts {
        let owners = self.protect().services.iter().chain(&self.protect().networks);
        let owners = owners.filter_map(|name| name.split_once('_').map(|(stack, _)| stack.to_owned()));
        let known: Vec<String> = self.protect().stacks.iter().cloned().chain(owners).collect();
        let (certain, possible) = Self::meant(word, &known);
        Acts {
            certain: certain.iter().flat_map(|name| judged(name, false)).collect(),
            possible: match &certain {
                Some(name) => judged(name, true),
                None => possible.iter().flat_map(|name| judged(name, false)).chain(judged(SOME, true)).collect(),
            },
        }
    }

    /// The names of a stack's parts among these.
    fn of_stack<'b>(stack: &str, names: &'b [String]) -> impl Iterator<Item = &'b String> {
        let start = format!("{}_", stack.to_lowercase());
        names.iter().filter(move |name| name.to_lowercase().starts_with(&start))
    }

    fn removed_stack(&self, stack: &str, most: bool) -> Vec<String> {
        let all = format!("{stack}_*");
        let service = Service { stack: Some(stack.to_owned()), ..self.service(&all, most) };
        let mut acts = self.judged(&Ask::RemoveService { service: all }, &[service]);
        for name in Self::of_stack(stack, &self.protect().services) {
            acts.extend(self.judged(&Ask::RemoveService { service: name.clone() }, &[self.service(name, false)]));
        }
        for name in Self::of_stack(stack, &self.protect().networks) {
            acts.extend(self.removed_network(name));
        }
        acts
    }

    /// A file that was not read says what becomes of a stack's services. In the most, those that are guarded leave every network.
    fn deployed(&self, stack: &str, most: bool) -> Vec<String> {
        let all = format!("{stack}_*");
        let guarded = self.protect().stacks.iter().any(|own| own.eq_ignore_ascii_case(stack));
        let named = std::iter::once(&all).filter(|_| guarded || most);
        let mut acts = Vec::new();
        for name in named.chain(Self::of_stack(stack, &self.protect().services)) {
            let on = most && (guarded || *name != all);
            let stack = guarded.then(|| stack.to_owned());
            let service = Service { stack: stack.clone(), ..self.service(name, on) };
            let spec = ServiceSpec { name: name.clone(), stack, has_tasks: true, ..ServiceSpec::default() };
            acts.extend(self.judged(&Ask::UpdateService { service: name.clone(), spec, rollback: false }, &[service]));
        }
        if most {
            let networks = self.protect().networks.clone();
            let spec = ServiceSpec { name: all, networks, has_tasks: true, ..ServiceSpec::default() };
            acts.extend(self.judged(&Ask::CreateService(spec), &[]));
        }
        acts
    }

    /// A request that was written out, as the interlock would judge it.
    fn requested(&self, ask: &Ask) -> Acts {
        let named = match ask {
            Ask::UpdateService { service, .. } | Ask::RemoveService { service } => service.as_str(),
            Ask::RemoveNetwork { network } => return Acts::certain(self.removed_network(network)),
            Ask::PruneNetworks(_) => return self.pruned(),
            Ask::UpdateNode { node, .. } => {
                let node = Node { id: MADE_UP.to_string(), name: node.clone(), manager: true, drained: false };
                let world = World { nodes: vec![node], ..World::default() };
                return Acts::certain(judge(ask, &self.guard, &world, None));
            }
            _ => "",
        };
        let world = |most: bool| World {
            networks: self.networks.clone(),
            services: vec![self.service(named, most)],
            nodes: Vec::new(),
        };
        let somewhere = Container { networks: self.protect().networks.clone(), mounts: Vec::new() };
        Acts {
            certain: judge(ask, &self.guard, &world(false), None),
            possible: judge(ask, &self.guard, &world(true), Some(&somewhere)),
        }
    }
}
