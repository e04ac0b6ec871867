//! Several engines, one swarm: services spread over nodes, traffic between them, a node that goes away, a leader that changes.

use std::rc::Rc;

use crate::support::stage::Stage;
use crate::support::twin::Twin;
use crate::support::{these, thorough};

/// The routes of the topology and their statuses.
const ROUTES: [(&str, u16); 6] = [
    ("traefik.ci.test", 200),
    ("drone.ci.test", 303),
    ("ci.ci.test", 200),
    ("bridge.ci.test", 200),
    ("report.ci.test", 200),
    ("keycloak.ci.test", 200),
];

fn up(name: &str, managers: &str) -> Option<Rc<Twin>> {
    let twin = Twin::up(name, &["--nodes", "3", "--managers", managers, "--topology", "pvfix"])?;
    assert_eq!(twin.ready_nodes(), ["n1", "n2", "n3"]);
    Some(Rc::new(twin))
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

/// Two subnets: each round goes from the one that is there to the other.
const SUBNETS: [&str; 2] = ["10.10.0.0/16", "10.11.0.0/16"];

/// Subnet and id of the network.
fn proxy(twin: &Twin) -> (String, String) {
    let format = "{{(index .IPAM.Config 0).Subnet}} {{.Id}}";
    let proxy = twin.docker(&["network", "inspect", "proxy", "--format", format]);
    let (subnet, id) = proxy.split_once(' ').expect("subnet and id");
    (subnet.to_owned(), id.to_owned())
}

/// A stage whose one step recreates the network, and the subnet it is to have.
fn stage(twin: &Rc<Twin>, strategy: &str) -> (Stage, &'static str) {
    let route = |(host, status): &(&str, u16)| {
        let (url, resolve) = (format!("http://{host}/"), &twin.address);
        format!("{{ name = \"{host}\", url = \"{url}\", status = [{status}], resolve = \"{resolve}\" }}")
    };
    let routes: Vec<String> = ROUTES.iter().map(route).collect();
    let subnet = if proxy(twin).0 == SUBNETS[0] { SUBNETS[1] } else { SUBNETS[0] };
    let step = format!(
        "[[step]]\nid = \"recreate\"\ntitle = \"Recreate\"\ngate = \"M1\"\nkind = \"docker.network.recreate\"\n\
         network = \"proxy\"\nsubnet = \"{subnet}\"\nstrategy = \"{strategy}\"\nfront = [\"traefik_app\"]\nnetwork_label = \"route.network\"\n\
         timeout = \"5m\"\nroutes = [{}]\n",
        routes.join(", ")
    );
    (Stage::set(Rc::clone(twin), &step), subnet)
}

/// What must hold afterwards: the subnet, every service on the network, every route.
#[track_caller]
fn is_recreated(twin: &Twin, wanted: &str) {
    let (subnet, id) = proxy(twin);
    assert_eq!(subnet, wanted);
    for service in twin.docker(&["service", "ls", "--format", "{{.Name}}"]).lines() {
        let spec = twin.docker(&["service", "inspect", service, "--format", "{{json .Spec.TaskTemplate.Networks}}"]);
        assert!(spec.contains(&id), "{service} is not on the new network: {spec}");
    }
    twin.until("every route", || all_answer(twin));
    let names = twin.docker(&["network", "ls", "--format", "{{.Name}}"]) + &twin.docker(&["service", "ls"]);
    assert!(!names.contains("hold") && !names.contains("countersign-stay"), "something is left: {names}");
}

const STRATEGIES: [&str; 2] = ["break-before-make", "make-before-break"];

/// All of it on one swarm, since three engines take their time to start.
#[test]
fn with_every_node_and_with_a_worker_that_is_down_it_is_recreated() {
    let Some(twin) = up("nodes", "1") else { return };
    assert!(spread(&twin).len() >= 2, "the services are on {:?} only", spread(&twin));
    assert!(all_answer(&twin), "traffic to other nodes does not pass");
    if thorough() {
        for strategy in STRATEGIES {
            let (stage, subnet) = stage(&twin, strategy);
            stage.builder(&["builder", "run", "recreate"]).expect(0, "is done");
            is_recreated(&twin, subnet);
        }
    }
    // The worker went away before the step; its tasks never end as far as the swarm can tell.
    twin.node("stop", "n3");
    twin.until("n3 to be down", || twin.ready_nodes() == ["n1", "n2"]);
    twin.until("the routes without n3", || all_answer(&twin));
    for strategy in these(1, &STRATEGIES) {
        let (stage, subnet) = stage(&twin, strategy);
        stage.builder(&["builder", "run", "recreate"]).expect(0, "is done");
        is_recreated(&twin, subnet);
    }
    let subnet = proxy(&twin).0;
    twin.node("start", "n3");
    twin.until("n3 to be back", || twin.ready_nodes() == ["n1", "n2", "n3"]);
    is_recreated(&twin, &subnet);
}

/// The step stops dead in the middle, another manager becomes the leader, and the step goes on without a word.
#[cfg(feature = "test-hooks")]
#[test]
fn another_leader_in_the_middle_of_the_step_changes_nothing() {
    let Some(twin) = up("nodes-leader", "3") else { return };
    let points = [
        ("make-before-break", "engine.network.create.after#2"),
        ("break-before-make", "engine.network.remove.after#2"),
        ("break-before-make", "engine.service.update.after#3"),
    ];
    for (strategy, point) in these(1, &points) {
        let (stage, subnet) = stage(&twin, strategy);
        let running = stage.start(&["builder", "run", "recreate"], &format!("stop {point}"));
        twin.until("the step to stop", || running.is_stopped());
        // The leader steps down, another one leads, and it is a manager again.
        let (leader, other) = leader(&twin);
        twin.docker_on(&other, &["node", "demote", &leader]);
        twin.until("another one to lead", || leaders(&twin, &other).is_some_and(|(now, _)| now != leader));
        twin.until("it to be a worker", || !twin.try_docker_on(&leader, &["node", "ls"]).status.success());
        twin.until("it to be a manager again", || {
            twin.try_docker_on(&other, &["node", "promote", &leader]).status.success()
                && twin.try_docker_on(&leader, &["node", "ls"]).status.success()
        });
        running.go_on().expect(0, "is done");
        is_recreated(&twin, subnet);
    }
    leaked_addresses_are_freed_by_another_leader(&twin);
}

/// The leader's engine, another manager's, and the leader's log, each as `guard` takes it: each engine with its own log.
#[cfg(feature = "test-hooks")]
struct Guarded {
    leader: String,
    engine: String,
    through: String,
    log: String,
}

#[cfg(feature = "test-hooks")]
impl Guarded {
    fn of(twin: &Twin) -> Self {
        let (leader, other) = leader(twin);
        let file = |node: &str, name: &str, end: &str| {
            let node = if node == "n1" { String::new() } else { format!("-{node}") };
            twin.dir().join(format!("{name}{node}.{end}")).display().to_string()
        };
        let engine = |node: &str| format!("unix://{}", file(node, "engine", "sock"));
        Self { engine: engine(&leader), through: engine(&other), log: file(&leader, "engine", "log"), leader }
    }

    /// The leader's own guard reads the leader's log.
    fn run(&self, twin: &Twin, more: &[&str]) -> crate::support::Answer {
        self.ask(twin, &self.engine, more, None)
    }

    fn ask(&self, twin: &Twin, engine: &str, more: &[&str], fault: Option<&str>) -> crate::support::Answer {
        let log = engine.trim_start_matches("unix://").replace(".sock", ".log");
        let guard = ["guard", "--json", "--engine", engine, "--log", &log];
        let mut command = super::vips::command(twin, &[&guard[..], more].concat());
        command.envs(fault.map(|order| ("COUNTERSIGN_FAULT", order)));
        crate::support::Answer::of(&command.output().expect("runs"))
    }
}

/// One of five addresses of network `tiny` leaks, four are held, and the leader has said that there is none for a fifth.
#[cfg(feature = "test-hooks")]
fn exhaust(twin: &Twin) -> Guarded {
    for service in
        twin.docker(&["service", "ls", "--format", "{{.Name}}"]).lines().filter(|name| name.starts_with("idle"))
    {
        twin.docker(&["service", "rm", service]);
    }
    if !twin.try_docker(&["network", "inspect", "tiny"]).status.success() {
        twin.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.90.0.0/29", "tiny"]);
    }
    twin.docker(&["network", "create", "--driver", "overlay", "int"]);
    super::vips::service(twin, "leaky", &["tiny", "int"], 1, &["--stop-grace-period", "4s"]);
    super::vips::running(twin, "leaky", 1);
    let leaky = twin.docker(&["service", "inspect", "leaky", "--format", "{{.ID}}"]);
    twin.docker(&["service", "rm", "leaky"]);
    twin.until("network int to go at once", || twin.try_docker(&["network", "rm", "int"]).status.success());
    // Only its own: what else ends meanwhile is no part of it.
    twin.until("the task to end", || {
        !super::vips::live_tasks(twin).iter().any(|task| task["ServiceID"] == leaky.as_str())
    });
    for number in 0..5 {
        super::vips::service(twin, &format!("idle{number}"), &["tiny"], 0, &[]);
    }
    let guarded = Guarded::of(twin);
    twin.until("the engine says so", || {
        std::fs::read_to_string(&guarded.log)
            .expect("the leader's log")
            .contains("an available IP while allocating VIP")
    });
    // What waits would take the freed address at once.
    twin.docker(&["service", "rm", "idle4"]);
    guarded
}

/// Three managers again, none marked, no container stopped, and no address of `tiny` is lost.
#[cfg(feature = "test-hooks")]
#[track_caller]
fn is_whole(twin: &Twin, containers: &str) {
    twin.until("every manager to answer", || twin.try_docker(&["node", "ls"]).status.success());
    assert_eq!(twin.docker(&["node", "ls", "--filter", "role=manager", "--quiet"]).lines().count(), 3);
    assert_eq!(twin.docker(&["node", "ls", "--filter", "node.label=countersign.demoted", "--quiet"]), "");
    assert_eq!(twin.docker(&["ps", "--quiet", "--no-trunc"]), containers, "a container stopped");
    let walked = super::vips::countersign(twin, &["vips", "tiny", "--walk", "--json"]);
    let text = String::from_utf8_lossy(&walked.stdout);
    assert!(text.contains("\"leaked\":0") && text.contains("\"free\":1"), "{walked:?}");
}

/// Three managers: what leaked is freed without a restart of any engine, and no task stops.
#[cfg(feature = "test-hooks")]
fn leaked_addresses_are_freed_by_another_leader(twin: &Twin) {
    let guarded = exhaust(twin);
    let containers = twin.docker(&["ps", "--quiet", "--no-trunc"]);
    guarded.run(twin, &["--apply"]).expect(10, "--through");
    assert_eq!(leader(twin).0, guarded.leader);
    let moved = guarded.run(twin, &["--apply", "--through", &guarded.through]).expect(0, "\"leaked\":1");
    assert!(moved.stdout.contains("\"moved\":{") && moved.stdout.contains("\"still_full\":[]"), "{}", moved.stdout);
    assert!(moved.stdout.contains("\"restarted\":false"), "{}", moved.stdout);
    is_whole(twin, &containers);
    assert_ne!(leader(twin).0, guarded.leader, "the same one leads");
    the_same_command_goes_on_where_it_was_killed(twin);
}

/// Before and after each of the two changes of the old leader's role. The one that leaves a worker behind is always tried.
#[cfg(feature = "test-hooks")]
fn the_same_command_goes_on_where_it_was_killed(twin: &Twin) {
    let all = ["before#1", "after#1", "before#2", "after#2"];
    let some = if thorough() { &all[..] } else { &all[1..2] };
    for point in some {
        let guarded = exhaust(twin);
        let containers = twin.docker(&["ps", "--quiet", "--no-trunc"]);
        let apply = ["--apply", "--through", guarded.through.as_str()];
        let order = format!("kill engine.node.update.{point}");
        assert_eq!(guarded.ask(twin, &guarded.engine, &apply, Some(&order)).exit, -1, "{point}: killed by a signal");
        if *point == "after#1" {
            // Its own engine is a worker's by now; another manager's tells, and changes nothing without being told to.
            twin.until("another one to lead", || guarded.ask(twin, &guarded.through, &[], None).exit == 14);
            let dry = guarded.ask(twin, &guarded.through, &[], None).expect(14, "\"demoted\":[\"");
            assert!(dry.stdout.contains("\"promoted\":[]"), "{}", dry.stdout);
        }
        // Where another one came to lead, this engine's log says nothing of its allocator.
        let exit = if *point == "before#1" { 0 } else { 13 };
        let again = guarded.run(twin, &apply).expect(exit, "\"still_full\":[]");
        assert_eq!(
            again.stdout.contains("\"promoted\":[\""),
            !point.ends_with("before#1") && *point != "after#2",
            "{point}: {}",
            again.stdout
        );
        is_whole(twin, &containers);
    }
}

/// The node that leads, and one that does not; awaited, since managers of a busy machine elect anew now and then.
#[cfg(feature = "test-hooks")]
fn leader(twin: &Twin) -> (String, String) {
    let found = std::cell::RefCell::new(None);
    twin.until("a leader", || {
        found.replace(leaders(twin, "n1"));
        found.borrow().is_some()
    });
    found.into_inner().expect("a leader")
}

/// The same as one node knows it now.
#[cfg(feature = "test-hooks")]
fn leaders(twin: &Twin, asked: &str) -> Option<(String, String)> {
    let answer = twin.try_docker_on(asked, &["node", "ls", "--format", "{{.Hostname}} {{.ManagerStatus}}"]);
    let nodes = String::from_utf8_lossy(&answer.stdout).into_owned();
    let (leaders, others): (Vec<&str>, Vec<&str>) = nodes.lines().partition(|line| line.ends_with(" Leader"));
    let name = |lines: &[&str]| Some(lines.first()?.split(' ').next()?.to_owned());
    Some((name(&leaders)?, name(&others)?))
}
