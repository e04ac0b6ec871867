use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use serde_json::json;

use super::account::{Use, account};
use super::leaks::{Leaked, Sized, from_allocator, from_lists, from_walk, missing_where_full};
use super::walk::{Extent, Walked};
use super::{CANARY_LABEL, chosen, in_motion, judge};
use crate::engine::ipam::{Lists, ServiceUse, TaskUse};
use crate::engine::network::Network;
use crate::model::contract::{Param, Params};
use crate::model::observation::Outcome;

fn network(name: &str, subnet: &str, ingress: bool) -> Network {
    let gateway = subnet.replace(".0/24", ".1");
    Network::from_raw(json!({"Id": format!("{name}-id"), "Name": name, "Scope": "swarm", "Driver": "overlay",
        "Ingress": ingress, "IPAM": {"Config": [{"Subnet": subnet, "Gateway": gateway}]}}))
    .expect("a network")
}

pub(super) fn service(id: &str, network: &str, address: &str, labels: serde_json::Value) -> ServiceUse {
    serde_json::from_value(json!({"ID": id, "Spec": {"Name": id, "Labels": labels},
        "Endpoint": {"VirtualIPs": [{"NetworkID": network, "Addr": address}]}}))
    .expect("a service")
}

pub(super) fn task(
    id: &str,
    service: &str,
    node: &str,
    state: &str,
    desired: &str,
    network: &str,
    address: &str,
) -> TaskUse {
    serde_json::from_value(json!({"ID": id, "ServiceID": service, "NodeID": node, "DesiredState": desired,
        "Status": {"State": state}, "NetworksAttachments": [{"Network": {"ID": network}, "Addresses": [address]}]}))
    .expect("a task")
}

pub(super) fn lists(services: Vec<ServiceUse>, tasks: Vec<TaskUse>) -> Lists {
    let networks = vec![network("proxy", "10.0.1.0/24", false), network("ingress", "10.0.0.0/24", true)];
    Lists { networks, services, tasks, nodes: vec!["n1".into(), "n2".into()], down: vec![] }
}

pub(super) fn proxy(lists: &Lists) -> Use {
    account(lists).into_iter().find(|one| one.name == "proxy").expect("proxy")
}

#[test]
fn each_kind_of_holder_counts_and_what_has_ended_does_not() {
    let on = |id, service, node, state, desired, last| {
        task(id, service, node, state, desired, "proxy-id", &format!("10.0.1.{last}/24"))
    };
    let all = lists(
        vec![
            service("web", "proxy-id", "10.0.1.2/24", json!({})),
            service("dnsrr", "proxy-id", "", json!(null)),
            service("elsewhere", "gone-id", "10.0.9.2/24", json!({})),
            service("canary", "proxy-id", "10.0.1.250/24", json!({CANARY_LABEL: "me"})),
        ],
        vec![
            on("t1", "web", "n1", "running", "running", 3),
            on("told to stop and still there", "web", "n1", "running", "shutdown", 4),
            on("not placed", "web", "", "pending", "running", 5),
            on("ended, and still lists its address", "web", "n2", "shutdown", "shutdown", 6),
            on("plain container", "", "n2", "running", "running", 7),
        ],
    );
    let one = proxy(&all);
    assert_eq!((one.capacity(), one.reserved(), one.vips.len()), (253, 3, 1));
    assert_eq!((one.tasks.len(), one.attached.len(), one.load_balancers), (3, 1, 2));
    assert_eq!((one.accounted(), one.task_states["running"]), (7, 2));
    // Its address is held, and by whom is not known here: it would be taken for a leak.
    assert!(
        matches!(&one.doubts[..], [one] if one.starts_with("canary, the canary of another walk")),
        "{:?}",
        one.doubts
    );
    let ingress = account(&all).into_iter().find(|one| one.ingress).expect("ingress");
    assert_eq!((ingress.load_balancers, ingress.accounted()), (2, 2), "one for every node, whatever runs there");
}

#[test]
fn what_speaks_against_the_count_is_named() {
    let odd = lists(
        vec![
            service("web", "proxy-id", "10.0.1.2/24", json!({})),
            service("far", "proxy-id", "10.9.9.9/24", json!({})),
        ],
        vec![
            task("t1", "web", "n1", "running", "running", "proxy-id", "10.0.1.2/24"),
            task("t2", "web", "n1", "hovering", "running", "proxy-id", "10.0.1.3/24"),
        ],
    );
    let one = proxy(&odd);
    assert_eq!(one.twice.iter().collect::<Vec<_>>(), [&Ipv4Addr::new(10, 0, 1, 2)]);
    assert_eq!(one.accounted(), 2 + 1, "an address that is given out twice is one address");
    assert!(one.doubts.iter().any(|doubt| doubt.contains("hovering")), "{:?}", one.doubts);
    assert!(one.doubts.iter().any(|doubt| doubt.contains("10.9.9.9")), "{:?}", one.doubts);
    let mut ranged = lists(vec![], vec![]);
    ranged.networks[0].raw["IPAM"]["Config"][0]["IPRange"] = json!("10.0.1.128/25");
    assert!(proxy(&ranged).doubts[0].contains("address range"));
    let dead =
        Network::from_raw(json!({"Id": "d", "Name": "dead", "Scope": "swarm", "Driver": "", "IPAM": {"Config": null}}));
    let all = Lists { networks: vec![dead.expect("a network")], ..Lists::default() };
    assert!(account(&all)[0].is_dead() && account(&all)[0].capacity() == 0);
}

#[test]
fn what_is_missing_of_a_full_network_is_known_only_where_nothing_moved() {
    let with = |vips: &[u8]| {
        let mut one = proxy(&lists(vec![], vec![]));
        one.vips = vips.iter().map(|last| Ipv4Addr::new(10, 0, 1, *last)).collect();
        one
    };
    assert_eq!(missing_where_full(&with(&[2, 3]), Some(&with(&[2, 3]))), Ok(251));
    let mut doubtful = with(&[2]);
    doubtful.doubts.push("odd".into());
    for (before, after, word) in [
        (with(&[2]), Some(with(&[2, 3])), "1 taken"),
        (with(&[2]), None, "went meanwhile"),
        (with(&[2]), Some(doubtful.clone()), "odd"),
        (doubtful, Some(with(&[2])), "odd"),
    ] {
        let why = missing_where_full(&before, after.as_ref()).expect_err(word);
        assert!(why.contains(word), "{why}");
    }
}

proptest! {
    /// Against an allocator that hands out addresses one by one and remembers what it gave: the count is its count.
    #[test]
    fn the_count_is_what_was_handed_out(
        given in prop::collection::vec((0_u8..5, 0_usize..10, prop::option::of(0_usize..3)), 0..60),
    ) {
        let states = ["new", "pending", "assigned", "preparing", "starting", "running", "complete", "failed", "shutdown", "rejected"];
        let mut held = 0_u64;
        let (mut nodes, mut shown) = (BTreeSet::new(), BTreeSet::new());
        let (mut services, mut tasks) = (Vec::new(), Vec::new());
        for (next, (kind, state, node)) in (2_u8..).zip(given) {
            let address = format!("10.0.1.{next}/24");
            let id = format!("o{next}");
            let node = node.map(|node| format!("n{node}")).unwrap_or_default();
            let ended = state >= 6;
            match kind {
                0 => services.push(service(&id, "proxy-id", &address, json!({}))),
                1 => tasks.push(task(&id, "", &node, states[state], "running", "proxy-id", &address)),
                _ => tasks.push(task(&id, "s", &node, states[state], if kind == 2 { "shutdown" } else { "running" }, "proxy-id", &address)),
            }
            if kind == 0 || !ended {
                held += 1;
            }
            if kind != 0 && !ended && !node.is_empty() {
                if state >= 4 {
                    shown.insert(node.clone());
                }
                nodes.insert(node);
            }
        }
        let one = proxy(&lists(services, tasks));
        prop_assert_eq!(one.accounted(), held + nodes.len() as u64);
        let doubts = one.all_doubts();
        prop_assert_eq!(doubts.len(), nodes.len() - shown.len(), "a node that may have been refused its endpoint: {:?}", doubts);
        prop_assert!(one.twice.is_empty());
    }

    /// Of a small subnet, whatever of it is held, hidden and leaked: the walk's conclusion is the number that leaked, and which.
    #[test]
    fn the_walk_finds_exactly_what_leaked(roles in prop::collection::vec(0_u8..4, 253), here in any::<bool>()) {
        let address = |last: usize| Ipv4Addr::new(10, 0, 1, u8::try_from(last + 2).expect("small"));
        let of = |wanted: u8| -> BTreeSet<Ipv4Addr> {
            roles.iter().enumerate().filter(|(_, role)| **role == wanted).map(|(last, _)| address(last)).collect()
        };
        let (held, mut leaked, free, balancers) = (of(0), of(1), of(2), of(3));
        let mut one = proxy(&lists(vec![], vec![]));
        one.tasks = held;
        one.load_balancers = balancers.len() as u64;
        // This node's own endpoint is one of them; the others' are known by number only.
        let own = balancers.iter().next().copied().filter(|_| here);
        let walked = Walked { extent: Extent::Laps(free.clone(), free.clone()), stopped: None };
        let sized = from_walk(one.clone(), &one, own, &walked);
        prop_assert_eq!(sized.free, Some(free.len() as u64));
        let Leaked::Exact { count, among } = sized.leaked else { panic!("exact") };
        prop_assert_eq!(count, leaked.len() as u64);
        if count > 0 {
            leaked.extend(balancers.into_iter().filter(|address| Some(*address) != own));
            prop_assert_eq!(among, leaked);
        }
    }
}

fn walked(one: &[u8], two: &[u8]) -> Walked {
    let set = |last: &[u8]| last.iter().map(|last| Ipv4Addr::new(10, 0, 1, *last)).collect();
    Walked { extent: Extent::Laps(set(one), set(two)), stopped: None }
}

#[test]
fn a_walk_that_was_disturbed_names_no_leak() {
    let held = |last: &[u8]| {
        let mut one = proxy(&lists(vec![], vec![]));
        one.vips = last.iter().map(|last| Ipv4Addr::new(10, 0, 1, *last)).collect();
        one
    };
    let all: Vec<u8> = (3..=254).collect();
    let stopped = Walked { stopped: Some("its time ran out".into()), ..walked(&all, &all) };
    let mut doubtful = held(&[2]);
    doubtful.doubts.push("odd".into());
    let mut balanced = held(&[2]);
    balanced.load_balancers = 5;
    let table = [
        ("two laps differ", held(&[2]), held(&[2]), walked(&all, &all[1..]), "two laps saw different"),
        ("one came", held(&[2]), held(&[2, 3]), walked(&all, &all), "1 taken"),
        ("one went", held(&[2]), held(&[]), walked(&all, &all), "1 addresses were given back"),
        ("stopped", held(&[2]), held(&[2]), stopped, "its time ran out"),
        ("doubts", doubtful.clone(), doubtful.clone(), walked(&all, &all), "odd"),
        ("doubts afterwards", held(&[2]), doubtful, walked(&all, &all), "odd"),
        ("free and held", held(&[2, 3]), held(&[2, 3]), walked(&all, &all), "free and held at once"),
        ("too few missing", balanced.clone(), balanced, walked(&all, &all), "5 load balancers"),
    ];
    for (name, before, after, walked, why) in table {
        match from_walk(before, &after, None, &walked).leaked {
            Leaked::Unknown(text) => assert!(text.contains(why), "{name}: {text}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let full = from_walk(held(&[2]), &held(&[2]), None, &walked(&[], &[]));
    assert_eq!((full.free, full.used_percent()), (Some(0), 100));
    assert!(matches!(full.leaked, Leaked::Exact { count: 252, .. }), "a full pool: all that nobody holds");
}

#[test]
fn a_sample_says_what_it_spans() {
    let mut one = proxy(&lists(vec![], vec![]));
    one.vips = [Ipv4Addr::new(10, 0, 1, 11)].into();
    let seen = [10, 12, 15].map(|last| Ipv4Addr::new(10, 0, 1, last)).into();
    let sized = from_walk(one.clone(), &one, None, &Walked { extent: Extent::Sample(seen), stopped: None });
    let among = [13, 14].map(|last| Ipv4Addr::new(10, 0, 1, last)).into();
    assert_eq!(sized.leaked, Leaked::AtLeast { count: 2, among, of: 6, free: 3 });
    assert_eq!((sized.free, sized.free_at_most()), (None, 253 - 1 - 2));
}

#[test]
fn the_allocator_s_count_is_believed_only_when_nothing_moved() {
    let one = || proxy(&lists(vec![service("web", "proxy-id", "10.0.1.2/24", json!({}))], vec![]));
    let exact = from_allocator(one(), &one(), 3 + 1 + 5, 247);
    assert!(matches!(exact.leaked, Leaked::Exact { count: 5, .. }), "{:?}", exact.leaked);
    assert_eq!(exact.free, Some(247));
    // Nothing of IPv6 is counted.
    let six = || Use { six: true, subnets: vec![], ..proxy(&lists(vec![], vec![])) };
    for one in [from_allocator(six(), &six(), 0, 0), from_lists(six())] {
        assert!(matches!(&one.leaked, Leaked::Unknown(why) if why.contains("IPv6 subnets alone")), "{:?}", one.leaked);
        let seen = judge(&Params::default(), &one);
        assert_eq!(seen.outcome, Outcome::Unknown, "{}", seen.says);
    }
    // An endpoint of a node may be of either family, and no list names it.
    let dual = |balancers| Use { six: true, load_balancers: balancers, ..one() };
    assert!(matches!(from_allocator(dual(0), &dual(0), 9, 247).leaked, Leaked::Exact { count: 5, .. }));
    let hidden = from_allocator(dual(1), &dual(1), 9, 247).leaked;
    assert!(matches!(&hidden, Leaked::Unknown(why) if why.contains("of its IPv6 subnet")), "{hidden:?}");
    // A node that nothing of the routing mesh runs on may have been refused its endpoint there.
    let mesh = |nodes: &[&str]| {
        let on = |(at, node): (usize, &&str)| {
            let address = format!("10.0.0.{}/24", at + 3);
            task(&format!("t{at}"), "s", node, "running", "running", "ingress-id", &address)
        };
        let all = lists(vec![], nodes.iter().enumerate().map(on).collect());
        account(&all).into_iter().find(|one| one.ingress).expect("ingress")
    };
    let seen = mesh(&["n1", "n2"]);
    assert!(matches!(from_allocator(seen.clone(), &seen, 3 + 4, 249).leaked, Leaked::Exact { count: 0, .. }));
    let unseen = mesh(&["n1"]);
    let leaked = from_allocator(unseen.clone(), &unseen, 3 + 3, 250).leaked;
    assert!(matches!(&leaked, Leaked::Unknown(why) if why.contains("node n2")), "{leaked:?}");
    assert_eq!(unseen.worth_telling(), Vec::<String>::new());
    let moved = from_allocator(one(), &proxy(&lists(vec![], vec![])), 9, 247);
    assert!(matches!(&moved.leaked, Leaked::Unknown(why) if why.contains("moved meanwhile")));
    // A node's own pool knows its own containers only: never "no leak" from that.
    let own = from_allocator(one(), &one(), 2, 252);
    assert!(matches!(&own.leaked, Leaked::Unknown(why) if why.contains("fewer than")));
    // Nor is what it says is free.
    for (used, free) in [(2, 252), (3, 253)] {
        assert_eq!(from_allocator(one(), &one(), used, free).free, None);
    }
    let mut doubtful = one();
    doubtful.doubts.push("odd".into());
    for (used, free, known) in [(9, 247, Some(247)), (9, 240, None)] {
        let odd = from_allocator(doubtful.clone(), &doubtful, used, free);
        assert!(matches!(&odd.leaked, Leaked::Unknown(why) if why == "odd"), "{:?}", odd.leaked);
        assert_eq!(odd.free, known);
    }
    for (used, free) in [(9, 7), (9, u64::MAX), (400, 0)] {
        let odd = from_allocator(one(), &one(), used, free);
        assert!(matches!(&odd.leaked, Leaked::Unknown(why) if why.contains("no whole answer")), "{:?}", odd.leaked);
        assert_eq!(odd.free, None);
    }
}

#[test]
fn a_criterion_is_held_failed_or_unknown() {
    let mut one = proxy(&lists(vec![], vec![]));
    one.vips = (2..=102).map(|last| Ipv4Addr::new(10, 0, 1, last)).collect();
    let exact = |count| Sized {
        held: one.clone(),
        leaked: Leaked::Exact { count, among: BTreeSet::new() },
        free: Some(152 - count),
    };
    let listed = from_lists(one.clone());
    let dead = from_lists(Use { name: "proxy".into(), ..Use::default() });
    let table: &[(&Sized, &[(&str, i64)], Outcome, &str)] = &[
        (&listed, &[], Outcome::Unknown, "101 of 253"),
        (
            &listed,
            &[("max_used_percent", 40)],
            Outcome::Unknown,
            "whether at most 40 % are used is unknown (40 % are accounted for)",
        ),
        (&listed, &[("max_used_percent", 100)], Outcome::Held, ""),
        (&listed, &[("min_free", 1)], Outcome::Unknown, "whether 1 are free is unknown (0 to 152 are)"),
        (&listed, &[("min_free", 153)], Outcome::Failed, "at most 152 are free"),
        (&exact(0), &[("max_used_percent", 40)], Outcome::Held, ""),
        (&exact(0), &[("min_free", 152)], Outcome::Held, ""),
        (&exact(1), &[("min_free", 152)], Outcome::Failed, "at most 151 are free"),
        (&listed, &[("max_used_percent", 39)], Outcome::Failed, "40 % are used, wanted at most 39 %"),
        (&listed, &[("max_leaked", 3)], Outcome::Unknown, "how many leaked is unknown: engines tell"),
        (&exact(3), &[("max_leaked", 3)], Outcome::Held, ""),
        (&exact(4), &[("max_leaked", 3)], Outcome::Failed, "4 addresses leaked"),
        (&exact(152), &[], Outcome::Failed, "100 % are used"),
        (&dead, &[], Outcome::Failed, "never allocated"),
    ];
    for (sized, limits, outcome, word) in table {
        let params = Params(limits.iter().map(|(name, n)| ((*name).to_owned(), Param::Number(*n))).collect());
        let seen = judge(&params, sized);
        assert_eq!(seen.outcome, *outcome, "{}", seen.says);
        assert!(seen.says.contains(word), "{}", seen.says);
    }
    let sample = Sized {
        leaked: Leaked::AtLeast { count: 1, among: BTreeSet::new(), of: 60, free: 50 },
        free: None,
        held: one.clone(),
    };
    let params = Params([("max_leaked".to_owned(), Param::Number(3))].into());
    assert_eq!(judge(&params, &sample).outcome, Outcome::Unknown, "a sample is no proof for the rest");
    for (name, limit, outcome) in [
        ("min_free", 50, Outcome::Held),
        ("min_free", 51, Outcome::Unknown),
        ("max_used_percent", 81, Outcome::Held),
        ("max_used_percent", 80, Outcome::Unknown),
        ("max_used_percent", 40, Outcome::Failed),
    ] {
        let seen = judge(&Params([(name.to_owned(), Param::Number(limit))].into()), &sample);
        assert_eq!(seen.outcome, outcome, "{name} {limit}: {}", seen.says);
    }
    // What moves between two honest looks is a reading.
    assert_eq!(judge(&Params::default(), &exact(1)).facts, judge(&Params::default(), &exact(0)).facts);
}

#[test]
fn names_that_mean_nothing_and_updates_in_flight() {
    let all = lists(vec![], vec![]);
    assert_eq!(chosen(account(&all), &["proxy".into()]).expect("there").len(), 1);
    let error = chosen(account(&all), &["prox".into()]).expect_err("no such network").to_string();
    assert!(error.contains("ingress, proxy"), "{error}");
    for (state, moves) in
        [("updating", true), ("rollback_started", true), ("paused", false), ("completed", false), ("new-word", true)]
    {
        let service =
            serde_json::from_value(json!({"ID": "s", "Spec": {"Name": "web"}, "UpdateStatus": {"State": state}}));
        assert_eq!(in_motion(&lists(vec![service.expect("a service")], vec![])).is_some(), moves, "{state}");
    }
}
