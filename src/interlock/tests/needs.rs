//! What is asked of the swarm is enough: in swarms made at random, by short names and ids that meet, whoever looks at what is needed
//! decides as whoever looks at everything.

use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::interlock::body::{ContainerSpec, STACK, ServiceSpec};
use crate::interlock::classify::Ask;
use crate::interlock::judge::{Guard, judge};
use crate::interlock::needs::{Needs, Networks, judged, needed, needs};
use crate::interlock::prune::Filters;
use crate::interlock::world::{Container, Network, Node, Service, World};
use crate::model::contract::protect::{Attachments, Protect, SwarmAct};

/// Names of networks and services: some guarded, some like ids, some of a guarded stack.
const NAMES: &[&str] = &["proxy", "Proxy", "other", "ab", "ab1", "1", "web_in", "Web_x", "ci-42", "b"];
/// Ids of all lengths, of which some begin others.
const IDS: &[&str] = &["ab1c", "ab2", "b1", "1ab", "proxy1", "c", "ab1", "other9"];

fn reference() -> impl Strategy<Value = String> {
    let named = select(NAMES).prop_map(str::to_owned);
    let begun = (select(IDS), 0..=4_usize).prop_map(|(id, length)| id[..length.min(id.len())].to_owned());
    let upper = (select(IDS), 0..=4_usize).prop_map(|(id, length)| id[..length.min(id.len())].to_uppercase());
    prop_oneof![named, begun, upper]
}

fn some<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Vec<T>> {
    subsequence(all, 0..=all.len())
}

fn texts(all: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    some(all).prop_map(|texts| texts.into_iter().map(str::to_owned).collect())
}

fn stack() -> impl Strategy<Value = Option<String>> {
    prop::option::of(select(&["web", "WEB", "else"][..]).prop_map(str::to_owned))
}

fn world() -> impl Strategy<Value = World> {
    let labelled = |stack: Option<String>| stack.map(|stack| (STACK.to_owned(), stack)).into_iter().collect();
    // Ids are unique, names are not.
    let networks = (texts(IDS), vec((select(NAMES), stack()), IDS.len())).prop_map(move |(ids, rest)| {
        let made =
            |(id, (name, stack)): (String, (&str, _))| Network { id, name: name.into(), labels: labelled(stack) };
        ids.into_iter().zip(rest).map(made).collect()
    });
    let service = (select(NAMES), stack(), texts(IDS), prop::option::of(texts(IDS)), any::<bool>());
    let services = (texts(IDS), vec(service, IDS.len())).prop_map(|(ids, rest)| {
        let made = |(id, (name, stack, networks, earlier, has_tasks)): (String, (&str, _, _, _, _))| Service {
            id,
            name: name.to_owned(),
            stack,
            networks,
            earlier,
            has_tasks,
        };
        ids.into_iter().zip(rest).map(made).collect()
    });
    let node = (select(IDS), select(NAMES), any::<bool>(), any::<bool>())
        .prop_map(|(id, name, manager, drained)| Node { id: id.into(), name: name.into(), manager, drained });
    (networks, services, vec(node, 0..3)).prop_map(|(networks, services, nodes)| World { networks, services, nodes })
}

fn protect() -> impl Strategy<Value = Protect> {
    let swarm = some(&SwarmAct::ALL);
    let attachments = select(&Attachments::ALL[..]);
    (texts(&["proxy", "AB", "b"]), texts(&["other", "ab1"]), texts(&["web"]), swarm, attachments).prop_map(
        |(networks, services, stacks, swarm, attachments)| Protect {
            networks,
            services,
            stacks,
            swarm,
            attachments,
            ..Protect::default()
        },
    )
}

/// What is guarded, and window, step and token.
fn guarded() -> impl Strategy<Value = (Protect, [bool; 3])> {
    (protect(), any::<[bool; 3]>())
}

fn guard<'a>((protect, [window, step, token]): &'a (Protect, [bool; 3]), places: &'a [PathBuf]) -> Guard<'a> {
    Guard { protect, window: *window || *step, step: *step, token: *token, places }
}

fn ask() -> impl Strategy<Value = Ask> {
    let mounts = || texts(&["/", "/place/x", "/else"]);
    let service = move || {
        (vec(reference(), 0..3), mounts(), stack(), any::<bool>()).prop_map(|(networks, mounts, stack, has_tasks)| {
            ServiceSpec { networks, mounts, stack, has_tasks, ..ServiceSpec::default() }
        })
    };
    let container =
        move || (vec(reference(), 0..3), mounts()).prop_map(|(networks, mounts)| ContainerSpec { networks, mounts });
    let filters = select(&["", r#"{"label!": ["com.docker.stack.namespace"]}"#, r#"{"label": ["x"]}"#][..]);
    prop_oneof![
        reference().prop_map(|name| Ask::CreateNetwork { name }),
        reference().prop_map(|network| Ask::RemoveNetwork { network }),
        filters.prop_map(|filters| Ask::PruneNetworks(Filters::read(filters))),
        reference().prop_map(|network| Ask::Connect { network }),
        reference().prop_map(|network| Ask::Disconnect { network }),
        reference().prop_map(|network| Ask::Build { network }),
        service().prop_map(Ask::CreateService),
        (reference(), service(), any::<bool>()).prop_map(|(service, spec, rollback)| Ask::UpdateService {
            service,
            spec,
            rollback
        }),
        reference().prop_map(|service| Ask::RemoveService { service }),
        container().prop_map(Ask::CreateContainer),
        (reference(), container()).prop_map(|(container, spec)| Ask::StartContainer { container, spec }),
        mounts().prop_map(|places| Ask::Show { places }),
        (reference(), select(&["manager", "Worker", ""][..]), select(&["Drain", "active"][..])).prop_map(
            |(node, role, availability)| Ask::UpdateNode { node, role: role.into(), availability: availability.into() }
        ),
        reference().prop_map(|node| Ask::RemoveNode { node }),
        Just(Ask::LeaveSwarm),
        Just(Ask::NewSwarm),
    ]
}

/// What an engine shows of a swarm to whoever asks for no more than that.
fn shown(world: &World, needs: &Needs) -> World {
    let asked = |network: &&Network| match &needs.networks {
        Networks::None => false,
        Networks::Ids(ids) => ids.iter().any(|id| network.id.starts_with(id.as_str())),
        Networks::All => true,
    };
    World {
        networks: world.networks.iter().filter(asked).cloned().collect(),
        services: world.services.iter().filter(|_| needs.services).cloned().collect(),
        nodes: world.nodes.iter().filter(|_| needs.nodes).cloned().collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_needed_decides_as_everything_would(
        world in world(),
        guarded in vec(guarded(), 1..3),
        ask in ask(),
        (joined, mounts) in (vec(reference(), 0..3), texts(&["/", "/place/x"])),
        there in any::<bool>(),
    ) {
        let places = [PathBuf::from("/place")];
        let guards: Vec<Guard<'_>> = guarded.iter().map(|one| guard(one, &places)).collect();
        let container = there.then_some(Container { networks: joined, mounts });
        let mut needs = needed(&ask, &guards);
        let found = loop {
            let container = container.as_ref().filter(|_| needs.container);
            match judged(&ask, &guards, &needs, (&shown(&world, &needs), container)) {
                Ok(found) => break found,
                Err(more) => needs = more,
            }
        };
        for (guard, found) in guards.iter().zip(found) {
            let whole = judge(&ask, guard, &world, container.as_ref().filter(|_| ask.container().is_some()));
            prop_assert_eq!(found.is_empty(), whole.is_empty(), "{:?} instead of {:?}", found, whole);
            prop_assert!(found.iter().all(|act| whole.contains(act)), "{:?} instead of {:?}", found, whole);
        }
    }
}

/// What people do day by day beside what is guarded needs no look, or a small one.
#[test]
fn what_cannot_be_meant_is_not_looked_at() {
    let (proxy, stacked) = (
        Protect { networks: vec!["proxy".into()], ..Protect::default() },
        Protect { networks: vec!["proxy".into()], stacks: vec!["web".into()], ..Protect::default() },
    );
    let needed = |protect: &Protect, window: bool, ask: &Ask| {
        needs(ask, &Guard { protect, window, step: false, token: false, places: &[] })
    };
    let remove = |network: &str| Ask::RemoveNetwork { network: network.into() };
    let begun = |id: &str| Needs { networks: Networks::Ids([id.to_owned()].into()), ..Needs::default() };
    let (nothing, all) = (Needs::default(), Needs { networks: Networks::All, ..Needs::default() });
    for (network, wanted) in [
        ("ci-42", nothing.clone()),
        ("recipe_default", nothing.clone()),
        ("PROXY", nothing.clone()),
        (&"a".repeat(65), nothing.clone()),
        ("AB12", begun("ab12")),
        ("", all.clone()),
    ] {
        assert_eq!(needed(&proxy, false, &remove(network)), wanted, "{network}");
    }
    assert_eq!(needed(&stacked, false, &remove("recipe_default")), all);
    let create = |network: &str| {
        Ask::CreateContainer(ContainerSpec { networks: vec![network.into()], ..ContainerSpec::default() })
    };
    let start = Ask::StartContainer { container: "x".into(), spec: ContainerSpec::default() };
    for (window, created, started) in [(false, nothing.clone(), nothing.clone()), (true, begun("ab12"), all)] {
        assert_eq!(needed(&stacked, window, &create("ab12")), created);
        assert_eq!(needed(&stacked, window, &create("proxy")), nothing);
        assert_eq!(needed(&stacked, window, &start), Needs { container: true, ..started });
    }
}
