//! A small swarm with one of each kind of service on one network, and a tiny phase that recreates it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::twin::Twin;
use crate::support::{Answer, CONTRACT, World};

/// The network.
pub const NETWORK: &str = "shared";
/// Its two subnets: each round goes from the one that is there to the other.
const SUBNETS: [&str; 2] = ["10.77.0.0/16", "10.78.0.0/16"];
/// What a network with IPv6 has beside.
pub const SIX: &str = "fd00:77::/64";
/// The services on it, one of each kind.
const KINDS: [&str; 6] = ["edge_app", "web_app", "pair_app", "idle_app", "rr_app", "each_app"];
/// A front, one that starts first and one that stops first: enough where the kinds are not what is tried.
const FEW: [&str; 3] = ["edge_app", "web_app", "rr_app"];
/// The routes through the front.
const ROUTES: [&str; 3] = ["edge.test", "web.test", "pair.test"];

/// The swarm.
pub struct Lab {
    /// Its engine.
    pub twin: Twin,
    subnets: [&'static str; 2],
    services: &'static [&'static str],
}

impl Lab {
    /// Starts it with a service of each kind; `None` where the machine cannot.
    pub fn up(name: &str) -> Option<Self> {
        Self::of(name, SUBNETS, &KINDS, &[])
    }

    /// The same with few services.
    pub fn few(name: &str) -> Option<Self> {
        Self::of(name, SUBNETS, &FEW, &[])
    }

    /// The same on a network that has IPv6, too.
    pub fn dual(name: &str) -> Option<Self> {
        Self::of(name, SUBNETS, &FEW, &["--ipv6", "--subnet", SIX])
    }

    /// One of each kind on subnets of one's own; it begins with the first.
    pub fn between(name: &str, subnets: [&'static str; 2]) -> Option<Self> {
        Self::of(name, subnets, &KINDS, &[])
    }

    fn of(name: &str, subnets: [&'static str; 2], services: &'static [&'static str], more: &[&str]) -> Option<Self> {
        let lab = Self { twin: Twin::up(name, &[])?, subnets, services };
        let docker = |args: &[&str]| lab.twin.docker(args);
        let network = ["network", "create", "--driver", "overlay", "--attachable", "--label", "kept=yes"];
        docker(
            &[&network[..], &["--opt", "com.docker.network.driver.mtu=1400", "--subnet", subnets[0]], more, &[NETWORK]]
                .concat(),
        );
        docker(&["network", "create", "--driver", "overlay", "inside"]);
        let socket = format!("{}/engine.sock", lab.twin.dir().display());
        let mount = format!("type=bind,source={socket},target={socket}");
        let engine = lab.twin.engine();
        lab.service(
            "edge_app",
            &[
                "--publish",
                "mode=host,target=80,published=80",
                "--mount",
                &mount,
                "--update-failure-action",
                "rollback",
            ],
            &["front", "--own-host", "edge.test", "--network", NETWORK, "--engine", &engine, "--refresh", "200"],
        );
        let start_first = ["--update-order", "start-first"];
        lab.service(
            "web_app",
            &[
                &start_first[..],
                &["--label", "route.host=web.test", "--network", "inside", "--env", "SECRET=hunter2-value"],
            ]
            .concat(),
            &backend("web"),
        );
        lab.service("rr_app", &["--endpoint-mode", "dnsrr"], &backend("rr"));
        if services == KINDS {
            lab.service(
                "pair_app",
                &[&start_first[..], &["--label", "route.host=pair.test", "--replicas", "2"]].concat(),
                &backend("pair"),
            );
            lab.service("idle_app", &["--replicas", "0"], &backend("idle"));
            lab.service("each_app", &["--mode", "global"], &backend("each"));
        }
        lab.settled();
        Some(lab)
    }

    /// Creates a service on the network, called `NAME` and `also-NAME` there, that may take a second to stop.
    pub fn service(&self, name: &str, options: &[&str], args: &[&str]) {
        let network = format!("name={NETWORK},alias={name},alias=also-{name}");
        let always = ["service", "create", "--quiet", "--detach", "--no-resolve-image", "--stop-grace-period", "1s"];
        let rest = ["--name", name, "--network", &network];
        let image = ["countersign-twin:1", "/countersign", "twin-serve"];
        self.twin.docker(&[&always[..], &rest, options, &image, args].concat());
    }

    /// Waits until every service runs and every route answers.
    #[track_caller]
    pub fn settled(&self) {
        let begun = std::time::Instant::now();
        loop {
            let wrong = self.wrong();
            if wrong.is_empty() {
                return;
            }
            assert!(begun.elapsed().as_secs() < 180, "not settled: {wrong:?}");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// The routes that its services have.
    pub fn routes(&self) -> &'static [&'static str] {
        if self.services == KINDS { &ROUTES } else { &ROUTES[..2] }
    }

    /// What is not as it should be: replicas, updates under way, and routes.
    fn wrong(&self) -> Vec<String> {
        let listed = self.twin.docker(&["service", "ls", "--format", "{{.Name}} {{.Replicas}}"]);
        let mut wrong: Vec<String> = listed
            .lines()
            .filter(|line| line.rsplit(' ').next().and_then(|count| count.split_once('/')).is_none_or(|(a, b)| a != b))
            .map(str::to_owned)
            .collect();
        // The engine watches an update for some seconds after its last task runs.
        let names = listed.lines().filter_map(|line| line.split_once(' ')).map(|(name, _)| name);
        let states = "{{.Spec.Name}} {{with .UpdateStatus}}{{.State}}{{end}}";
        let inspect: Vec<&str> = ["service", "inspect", "--format", states].into_iter().chain(names).collect();
        let under_way = |line: &&str| line.ends_with(" updating") || line.ends_with(" rollback_started");
        wrong.extend(self.twin.docker(&inspect).lines().filter(under_way).map(str::to_owned));
        wrong.extend(
            self.routes().iter().filter(|route| self.twin.route(route) != 200).map(|route| (*route).to_owned()),
        );
        wrong
    }

    /// An object as the engine gives it: the stock client would fill in defaults.
    pub fn inspect(&self, kind: &str, name: &str) -> Value {
        use std::io::{Read as _, Write as _};
        let mut socket =
            std::os::unix::net::UnixStream::connect(self.twin.dir().join("engine.sock")).expect("the socket");
        socket.write_all(format!("GET /v1.41/{kind}s/{name} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes()).expect("asked");
        let mut text = String::new();
        socket.read_to_string(&mut text).expect("answered");
        serde_json::from_str(text.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
    }

    /// How many addresses of a network nothing holds, walked through one by one.
    pub fn leaked(&self, network: &str) -> u64 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["vips", network, "--walk", "--json", "--engine", &self.twin.engine(), "--state"]);
        let output = command.arg(self.twin.dir().join("state")).output().expect("runs");
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        answer["networks"][0]["leaked"].as_u64().unwrap_or_else(|| panic!("walked: {answer}"))
    }

    /// The network's subnet now.
    pub fn subnet(&self) -> String {
        self.inspect("network", NETWORK)["IPAM"]["Config"][0]["Subnet"].as_str().unwrap_or_default().to_owned()
    }

    /// The subnet it does not have now.
    pub fn other_subnet(&self) -> &'static str {
        if self.subnet() == self.subnets[0] { self.subnets[1] } else { self.subnets[0] }
    }

    /// Every service's spec, the network's id replaced by its name.
    pub fn specs(&self) -> Vec<Value> {
        let id = self.inspect("network", NETWORK)["Id"].as_str().expect("an id").to_owned();
        let spec = |name: &&str| {
            let text = self.inspect("service", name)["Spec"].to_string().replace(&id, NETWORK);
            serde_json::from_str(&text).expect("JSON")
        };
        self.services.iter().map(spec).collect()
    }

    /// What must hold after a whole step, whatever happened in it.
    #[track_caller]
    pub fn is_whole(&self, subnet: &str, specs: &[Value]) {
        self.settled();
        let network = self.inspect("network", NETWORK);
        assert_eq!(network["IPAM"]["Config"][0]["Subnet"], subnet);
        assert_eq!((&network["Attachable"], &network["Labels"]["kept"]), (&Value::Bool(true), &"yes".into()));
        assert_eq!(network["Options"]["com.docker.network.driver.mtu"], "1400");
        assert_eq!(self.specs(), specs, "the services are not as they were");
        for name in self.services {
            let service = self.inspect("service", name);
            // A rollback would go back to this one.
            if let Some(earlier) = service.get("PreviousSpec") {
                assert_eq!(*earlier, service["Spec"], "{name}: docker service rollback would change it");
            }
        }
        let names = self.twin.docker(&["network", "ls", "--format", "{{.Name}}"]);
        assert!(!names.contains("hold"), "a holding network is left:\n{names}");
        let names = self.twin.docker(&["service", "ls", "--format", "{{.Name}}"]);
        assert!(!names.contains("countersign"), "a throwaway service is left:\n{names}");
    }
}

/// The arguments of a backend.
pub fn backend(name: &str) -> [&str; 3] {
    ["backend", "--name", name]
}

/// A phase whose one step recreates the network.
pub struct Phase {
    /// Its clones and keys.
    pub world: World,
    pins: PathBuf,
}

impl Phase {
    /// Opens it and brings it to where the step may be run.
    pub fn new(lab: &Lab, strategy: &str, more: &str) -> Self {
        let world = World::opened();
        let engine = lab.twin.engine();
        let routes: Vec<String> = lab
            .routes()
            .iter()
            .map(|host| {
                format!(
                    "{{ name = \"{host}\", url = \"http://{host}/\", status = [200], resolve = \"{}\" }}",
                    lab.twin.address
                )
            })
            .collect();
        let step = format!(
            "\n[window]\nmax_length = \"60m\"\n\n[[step]]\nid = \"recreate\"\ntitle = \"Recreate\"\ngate = \"M1\"\n\
             kind = \"docker.network.recreate\"\nnetwork = \"{NETWORK}\"\nsubnet = \"{}\"\nstrategy = \"{strategy}\"\n\
             front = [\"edge_app\"]\nnetwork_label = \"route.network\"\nfront_poll = \"{}\"\ntimeout = \"10m\"\nroutes = [{}]\n{more}\n",
            lab.other_subnet(),
            // Between two networks with a front that looks often, after a drain with one that comes last.
            if strategy == "make-before-break" { "1s" } else { "15s" },
            routes.join(", ")
        );
        let contract = world.read(CONTRACT).replace("unix:///nonexistent/docker.sock", &engine) + &step;
        world.write(CONTRACT, &contract);
        world.adopt();
        world.claim();
        world.pass();
        let mut phase = Self { world, pins: PathBuf::new() };
        let public = phase.world.key("adversary").with_extension("pub");
        let pinned = phase.run(&["trust", &public.to_string_lossy(), "--json"]).expect(0, "engine");
        let answer: Value = serde_json::from_str(&pinned.stdout).expect("JSON");
        phase.pins = PathBuf::from("/etc/countersign").join(answer["engine"].as_str().expect("an engine"));
        phase.run(&["builder", "window", "open", "--for", "50m"]).expect(0, "open");
        phase
    }

    /// Runs countersign as the Builder, with this host state.
    pub fn run(&self, args: &[&str]) -> Answer {
        self.run_with(args, &[])
    }

    /// The same with variables.
    pub fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Answer {
        let output = self.command(args).envs(variables.iter().copied()).output().expect("runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer { exit: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl Phase {
    /// A command as the Builder, with this host state, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_in("builder", args)
    }

    /// Runs countersign as the Builder in some clone.
    #[cfg(feature = "test-hooks")]
    pub fn run_in(&self, clone: &str, args: &[&str]) -> Answer {
        Answer::of(&self.command_in(clone, args).output().expect("runs"))
    }

    fn command_in(&self, clone: &str, args: &[&str]) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_countersign"), clone, "builder");
        command.arg("--state").arg(self.world.path("state")).args(args);
        command
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        if self.pins.starts_with("/etc/countersign") && self.pins.components().count() == 4 {
            fs::remove_dir_all(&self.pins).ok();
            fs::remove_dir("/etc/countersign").ok();
        }
    }
}
