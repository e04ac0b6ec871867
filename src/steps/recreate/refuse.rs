//! What stands against beginning: everything that would be found too late otherwise. Pure; all reasons at once.

use ipnet::IpNet;
use serde_json::Value;

use super::goal::{Attached, Goal, Jobs, Strategy};
use crate::engine::network::Network;
use crate::engine::service::Service;
use crate::engine::task::Task;
use crate::steps::capture::{Capture, name, spec};
use crate::steps::edit;

/// What is around the services of the network.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// All networks of the cluster.
    pub networks: &'a [Network],
    /// The tasks that stand for plain containers.
    pub attached: &'a [Task],
    /// How many nodes take tasks.
    pub nodes: u64,
}

/// Every reason against beginning.
pub fn reasons(goal: &Goal, capture: &Capture, around: Around<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    of_network(goal, capture, around.networks, &mut reasons);
    for service in &capture.services {
        of_service(goal, capture, service, &mut reasons);
        if goal.strategy == Strategy::MakeBeforeBreak {
            of_second_task(capture, service, around.nodes, &mut reasons);
        }
    }
    let containers = containers(capture, around.attached);
    if !containers.is_empty() {
        let why = match goal.attached {
            Attached::Refuse => "or say `attached = \"reconnect\"`",
            Attached::Reconnect => "only the engine of its own node can reconnect one",
        };
        reasons.push(format!(
            "plain containers are attached to {}: {}; docker network disconnect each, and connect it again afterwards ({why})",
            goal.network,
            containers.join(", ")
        ));
    }
    reasons
}

fn of_network(goal: &Goal, capture: &Capture, networks: &[Network], reasons: &mut Vec<String>) {
    let old = networks.iter().find(|network| network.id == capture.network_id());
    if old.is_none_or(|network| network.driver != "overlay" || network.ingress) {
        reasons.push(format!("{} is no overlay network for services", goal.network));
    }
    let plain = old.map_or(0, |network| network.subnets.iter().filter(|subnet| !subnet.contains(':')).count());
    if plain > 1 {
        reasons.push(format!("{} has {plain} subnets; only one can be given", goal.network));
    }
    if !goal.reaches.is_empty() && !goal.asks_program() {
        reasons.push("`reaches` needs a program that tries to reach them: name it in `check_argv`".into());
    }
    let wanted: Option<IpNet> = goal.subnet.parse().ok();
    let hold: Option<IpNet> = goal.hold_subnet.as_ref().and_then(|subnet| subnet.parse().ok());
    for (wanted, replaced) in [(wanted, true), (hold, false)] {
        let Some(wanted) = wanted else { continue };
        let others = networks.iter().filter(|network| !(replaced && network.id == capture.network_id()));
        for (network, subnet) in others.flat_map(|network| network.subnets.iter().map(move |subnet| (network, subnet)))
        {
            if subnet.parse::<IpNet>().is_ok_and(|subnet| overlap(&subnet, &wanted)) {
                reasons.push(format!("{wanted} overlaps {subnet} of network {}", network.name));
            }
        }
    }
    if networks.iter().any(|network| network.name == goal.network && network.scope != "swarm") {
        reasons.push(format!("this node has a network of its own that is called {}, too", goal.network));
    }
}

/// Whether two subnets share an address.
pub fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

fn of_service(goal: &Goal, capture: &Capture, service: &Value, reasons: &mut Vec<String>) {
    let (called, spec) = (name(service), spec(service));
    let typed = Service(service.clone());
    if !edit::is_on(spec, capture.network_id()) {
        reasons.push(format!(
            "service {called} names the network in the old place (Spec.Networks), which the engine lets nobody change: \
             docker service update --network-rm {0} --network-add {0} {called} moves it (where an interlock guards the network, \
             outside the window)",
            goal.network
        ));
    }
    if let Some(state @ ("updating" | "rollback_started")) = typed.update_state() {
        reasons.push(format!(
            "service {called} is being changed ({state}): wait for it, or docker service inspect {called}"
        ));
    }
    if let Some(state @ ("paused" | "rollback_paused")) = typed.update_state() {
        reasons.push(format!(
            "the last change of service {called} was given up half way ({state}), so that what is asked of it may never run: docker \
             service ps {called} says why; docker service rollback {called} or another docker service update ends it"
        ));
    }
    if edit::is_job(spec) && goal.jobs == Jobs::Refuse {
        reasons.push(format!(
            "service {called} is a job, which the engine runs again at each update: remove it, or say `jobs = \"run-again\"`"
        ));
    }
    if goal.strategy == Strategy::MakeBeforeBreak
        && !goal.front.is_empty()
        && !goal.is_front(called)
        && goal.network_label.is_none()
        && !reasons.iter().any(|reason| reason.contains("network_label"))
    {
        reasons.push(
            "the front would look for services on a network of the old name while they are on the holding network: name the \
             service label by which it chooses a network in `network_label`"
                .to_owned(),
        );
    }
}

/// What keeps a second task of a service that starts first from coming up: its update would never end.
fn of_second_task(capture: &Capture, service: &Value, nodes: u64, reasons: &mut Vec<String>) {
    let (called, spec) = (name(service), spec(service));
    if !is_start_first(spec) {
        return;
    }
    let never = format!(
        "starts first: its update would never end; use break-before-make, or docker service update --update-order \
         stop-first {called}"
    );
    if Service(service.clone()).has_host_port() {
        reasons.push(format!("service {called} has a port of the node itself and {never}"));
    }
    let most = spec.pointer("/TaskTemplate/Placement/MaxReplicas").and_then(Value::as_u64).filter(|most| *most > 0);
    if let Some(most) = most.filter(|most| capture.ran(service) >= most.saturating_mul(nodes)) {
        let ran = capture.ran(service);
        reasons.push(format!(
            "service {called} has {ran} tasks, at most {most} a node on {nodes}, so that no node takes one more, and {never}"
        ));
    }
}

/// Whether a new task runs before the old one is stopped.
pub fn is_start_first(spec: &Value) -> bool {
    spec.pointer("/UpdateConfig/Order").and_then(Value::as_str) == Some("start-first")
}

/// The plain containers on the network, by what is known of them: container id and node.
pub fn containers(capture: &Capture, attached: &[Task]) -> Vec<String> {
    let called = |task: &Task| {
        let of_spec = Some(task.attached_container()).filter(|id| !id.is_empty());
        let id = of_spec.unwrap_or(task.id());
        format!(
            "container {} on node {}",
            id.get(..12).unwrap_or(id),
            task.node_id().get(..12).unwrap_or(task.node_id())
        )
    };
    attached.iter().filter(|task| is_attached(capture, task)).map(called).collect()
}

/// Whether a task is on the network still.
pub fn is_attached(capture: &Capture, task: &Task) -> bool {
    !task.is_terminal() && task.spec_networks().contains(&capture.network_id())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn capture(service: Value) -> Capture {
        Capture { network: network("old", "n", "10.0.1.0/24").raw, services: vec![service], ..Capture::default() }
    }

    fn network(id: &str, name: &str, subnet: &str) -> Network {
        Network::from_raw(json!({
            "Id": id, "Name": name, "Driver": "overlay", "Scope": "swarm", "IPAM": { "Config": [{ "Subnet": subnet }] },
        }))
        .expect("a network")
    }

    fn goal(strategy: Strategy) -> Goal {
        let params = crate::model::contract::Params(
            [("network", "n"), ("subnet", "10.10.0.0/16")]
                .map(|(key, text)| (key.to_owned(), crate::model::contract::Param::Text(text.to_owned())))
                .into(),
        );
        Goal::new(&params, Some(strategy.label()))
    }

    fn service(more: Value) -> Value {
        let mut service =
            json!({ "ID": "s", "Spec": { "Name": "app", "TaskTemplate": { "Networks": [{ "Target": "old" }] } } });
        for (key, value) in more.as_object().into_iter().flatten() {
            service["Spec"][key] = value.clone();
        }
        service
    }

    #[test]
    fn what_would_be_found_too_late_is_found_before() {
        let plain = service(json!({}));
        let start_first_host_port = service(json!({
            "UpdateConfig": { "Order": "start-first" }, "EndpointSpec": { "Ports": [{ "PublishMode": "host" }] },
        }));
        let mut updating = service(json!({}));
        updating["UpdateStatus"] = json!({ "State": "updating" });
        let mut paused = service(json!({}));
        paused["UpdateStatus"] = json!({ "State": "paused" });
        let mut rollback_paused = service(json!({}));
        rollback_paused["UpdateStatus"] = json!({ "State": "rollback_paused" });
        let legacy = service(json!({ "TaskTemplate": {}, "Networks": [{ "Target": "old" }] }));
        let job = service(json!({ "Mode": { "GlobalJob": {} } }));
        let own = network("old", "n", "10.0.1.0/24");
        let crowded = service(json!({
            "UpdateConfig": { "Order": "start-first" }, "Mode": { "Replicated": { "Replicas": 2 } },
            "TaskTemplate": { "Networks": [{ "Target": "old" }], "Placement": { "MaxReplicas": 1 } },
        }));
        let mut roomy = crowded.clone();
        roomy["Spec"]["Mode"]["Replicated"]["Replicas"] = 1.into();
        let cases: [(&Value, Strategy, Option<Network>, &str); 13] = [
            (&plain, Strategy::MakeBeforeBreak, None, ""),
            (
                &plain,
                Strategy::BreakBeforeMake,
                Some(network("x", "other", "10.10.3.0/24")),
                "overlaps 10.10.3.0/24 of network other",
            ),
            (&plain, Strategy::BreakBeforeMake, Some(network("x", "wide", "10.0.0.0/8")), "overlaps 10.0.0.0/8"),
            (&updating, Strategy::BreakBeforeMake, None, "being changed"),
            (&paused, Strategy::BreakBeforeMake, None, "given up half way (paused)"),
            (&rollback_paused, Strategy::MakeBeforeBreak, None, "given up half way (rollback_paused)"),
            (&legacy, Strategy::BreakBeforeMake, None, "old place"),
            (&job, Strategy::BreakBeforeMake, None, "is a job"),
            (&start_first_host_port, Strategy::MakeBeforeBreak, None, "never end"),
            (&start_first_host_port, Strategy::BreakBeforeMake, None, ""),
            (&crowded, Strategy::MakeBeforeBreak, None, "2 tasks, at most 1 a node on 2"),
            (&crowded, Strategy::BreakBeforeMake, None, ""),
            (&roomy, Strategy::MakeBeforeBreak, None, ""),
        ];
        for (service, strategy, other, word) in cases {
            let networks: Vec<Network> = [own.clone()].into_iter().chain(other).collect();
            let around = Around { networks: &networks, attached: &[], nodes: 2 };
            let found = reasons(&goal(strategy), &capture(service.clone()), around);
            match word {
                "" => assert_eq!(found, Vec::<String>::new()),
                word => assert!(found.len() == 1 && found[0].contains(word), "{word}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_is_to_be_reached_needs_a_program_that_tries() {
        let goal = Goal { reaches: vec!["10.0.0.1".into()], ..goal(Strategy::BreakBeforeMake) };
        let capture = capture(service(json!({})));
        let networks = [network("old", "proxy", "10.0.1.0/24")];
        let around = Around { networks: &networks, attached: &[], nodes: 1 };
        let found = |goal: &Goal| reasons(goal, &capture, around).join("; ");
        assert!(found(&goal).contains("name it in `check_argv`"), "{}", found(&goal));
        assert!(!found(&Goal { check_argv: vec!["try".into()], ..goal }).contains("check_argv"));
    }

    #[test]
    fn attached_containers_are_named() {
        let task = |state: &str| {
            Task(json!({
                "NodeID": "node1", "Status": { "State": state }, "Spec": {
                    "Networks": [{ "Target": "old" }], "NetworkAttachmentSpec": { "ContainerID": "0123456789abcdef" },
                },
            }))
        };
        let capture = capture(service(json!({})));
        let named = ["container 0123456789ab on node node1".to_owned()];
        assert_eq!(containers(&capture, &[task("running"), task("shutdown")]), named);
    }
}
