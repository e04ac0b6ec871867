//! Several engines, one swarm: services spread over nodes, traffic between them, a node that goes away, a leader that changes.

use crate::support::stage::Stage;
use crate::support::twin::Twin;

/// The routes of the topology and their statuses.
const ROUTES: [(&str, u16); 6] = [
    ("traefik.ci.test", 200),
    ("drone.ci.test", 303),
    ("ci.ci.test", 200),
    ("bridge.ci.test", 200),
    ("report.ci.test", 200),
    ("keycloak.ci.test", 200),
];

fn up(name: &str, managers: &str) -> Option<Twin> {
    let twin = Twin::up(name, &["--nodes", "3", "--managers", managers, "--topology", "pvfix"])?;
    assert_eq!(twin.ready_nodes(), ["n1", "n2", "n3"]);
    Some(twin)
}

fn all_answer(twin: &Twin) -> bool {
    ROUTES.iter().all(|(host, status)| twin.route(host) == *status)
}

/// On which nodes tasks of the topology run.
fn spread(twin: &Twin) -> Vec<String> {
    let services = twin.docker(&["service", "ls", "--quiet"]);
    let ids: Vec<&str> = services.lines().collect();
    let filter = ["service", "ps", "--filter", "desired-state=running", "--format", "{{.Node}}"];
    let mut nodes: Vec<String> = twin.docker(&[&filter[..], &ids].concat()).lines().map(str::to_owned).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn recreate(twin: &Twin, strategy: &str) -> String {
    let route = |(host, status): &(&str, u16)| {
        let (url, resolve) = (format!("http://{host}/"), &twin.address);
        format!("{{ name = \"{host}\", url = \"{url}\", status = [{status}], resolve = \"{resolve}\" }}")
    };
    let routes: Vec<String> = ROUTES.iter().map(route).collect();
    format!(
        "[[step]]\nid = \"recreate\"\ntitle = \"Recreate\"\ngate = \"M1\"\nkind = \"docker.network.recreate\"\n\
         network = \"proxy\"\nsubnet = \"10.10.0.0/16\"\nstrategy = \"{strategy}\"\nfront = [\"traefik_app\"]\nnetwork_label = \"route.network\"\n\
         timeout = \"5m\"\nroutes = [{}]\n",
        routes.join(", ")
    )
}

/// What must hold afterwards: the subnet, every service on the network, every route.
#[track_caller]
fn is_recreated(twin: &Twin) {
    let format = "{{(index .IPAM.Config 0).Subnet}} {{.Id}}";
    let proxy = twin.docker(&["network", "inspect", "proxy", "--format", format]);
    let (subnet, id) = proxy.split_once(' ').expect("subnet and id");
    assert_eq!(subnet, "10.10.0.0/16");
    for service in twin.docker(&["service", "ls", "--format", "{{.Name}}"]).lines() {
        let spec = twin.docker(&["service", "inspect", service, "--format", "{{json .Spec.TaskTemplate.Networks}}"]);
        assert!(spec.contains(id), "{service} is not on the new network: {spec}");
    }
    twin.until("every route", || all_answer(twin));
    let names = twin.docker(&["network", "ls", "--format", "{{.Name}}"]) + &twin.docker(&["service", "ls"]);
    assert!(!names.contains("hold") && !names.contains("countersign-check"), "something is left: {names}");
}

#[test]
fn three_nodes_carry_the_services_and_traffic_passes_between_them() {
    let Some(twin) = up("nodes", "1") else { return };
    assert!(spread(&twin).len() >= 2, "the services are on {:?} only", spread(&twin));
    assert!(all_answer(&twin), "traffic to other nodes does not pass");
    twin.node("stop", "n3");
    twin.until("n3 to be down", || twin.ready_nodes() == ["n1", "n2"]);
    twin.until("the routes without n3", || all_answer(&twin));
    twin.node("start", "n3");
    twin.until("n3 to be back", || twin.ready_nodes() == ["n1", "n2", "n3"]);
}

#[test]
fn break_before_make_on_three_nodes() {
    let Some(twin) = up("nodes-bbm", "1") else { return };
    let steps = recreate(&twin, "break-before-make");
    let stage = Stage::set(twin, &steps);
    stage.builder(&["builder", "run", "recreate"]).expect(0, "is done");
    is_recreated(&stage.twin);
}

#[test]
fn make_before_break_on_three_nodes() {
    let Some(twin) = up("nodes-mbb", "1") else { return };
    let steps = recreate(&twin, "make-before-break");
    let stage = Stage::set(twin, &steps);
    stage.builder(&["builder", "run", "recreate"]).expect(0, "is done");
    is_recreated(&stage.twin);
}

/// The worker went away before the step; its tasks never end as far as the swarm can tell.
#[test]
fn a_worker_that_is_down_does_not_hold_the_step_up() {
    for strategy in ["break-before-make", "make-before-break"] {
        let Some(twin) = up("nodes-down", "1") else { return };
        let steps = recreate(&twin, strategy);
        let stage = Stage::set(twin, &steps);
        stage.twin.node("stop", "n3");
        stage.twin.until("n3 to be down", || stage.twin.ready_nodes() == ["n1", "n2"]);
        stage.twin.until("the routes without n3", || all_answer(&stage.twin));
        stage.builder(&["builder", "run", "recreate"]).expect(0, "is done");
        is_recreated(&stage.twin);
        stage.twin.node("start", "n3");
        stage.twin.until("n3 to be back", || stage.twin.ready_nodes() == ["n1", "n2", "n3"]);
        is_recreated(&stage.twin);
    }
}

/// The step stops dead in the middle, another manager becomes the leader, and the step goes on without a word.
#[cfg(feature = "test-hooks")]
#[test]
fn another_leader_in_the_middle_of_the_step_changes_nothing() {
    for (strategy, point) in [
        ("break-before-make", "engine.network.remove.after"),
        ("break-before-make", "engine.service.update.after#3"),
        ("make-before-break", "engine.network.create.after#1"),
    ] {
        let Some(twin) = up("nodes-leader", "3") else { return };
        let steps = recreate(&twin, strategy);
        let stage = Stage::set(twin, &steps);
        let running = stage.start(&["builder", "run", "recreate"], &format!("stop {point}"));
        stage.twin.until("the step to stop", || running.is_stopped());
        // The first node leads; it steps down, another one leads, and it is a manager again.
        stage.twin.docker_on("n2", &["node", "demote", "n1"]);
        stage.twin.until("n1 to be a worker", || !stage.twin.try_docker(&["node", "ls"]).status.success());
        stage.twin.until("n1 to be a manager again", || {
            stage.twin.try_docker_on("n2", &["node", "promote", "n1"]).status.success()
                && stage.twin.try_docker(&["node", "ls"]).status.success()
        });
        let leader = stage.twin.docker(&["node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}"]);
        assert!(!leader.contains("n1 Leader") && leader.contains("Leader"), "{leader}");
        running.go_on().expect(0, "is done");
        is_recreated(&stage.twin);
    }
}
