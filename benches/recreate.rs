//! The interruption of routes by the runbook by hand, by break before make and by make before break, in one private swarm and one
//! run, beside the engine's own floor. Needs root and dockerd: `cargo bench --bench recreate [-- SERVICES … --rounds N]`.
//!
//! The floor of break before make is what the engine takes by itself for the same services: their slowest stop after TERM, a
//! network, a throwaway task, their slowest start. That of make before break is two restarts of the front.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use countersign::engine::Engine;
use countersign::host::HostState;
use countersign::model::contract::{Param, Params};
use countersign::model::record::Act;
use countersign::steps::act::Ground;
use countersign::steps::recreate;
use countersign::steps::sampler::{RouteReport, Sampler};

const NETWORK: &str = "shared";
const SUBNETS: [&str; 2] = ["10.77.0.0/16", "10.78.0.0/16"];
const TOOL: &str = env!("CARGO_BIN_EXE_countersign");
/// The engine's delay before TERM, during which a task serves on.
const GOSSIP: f64 = 2.0;

/// One topology.
struct Case {
    about: String,
    services: usize,
    /// One backend does not heed TERM.
    deaf: bool,
    /// The front has no port of the node: another front, which is not on the network, routes to its tasks.
    routed: bool,
    grace: Option<&'static str>,
}

struct Swarm {
    dir: PathBuf,
    address: String,
}

impl Drop for Swarm {
    fn drop(&mut self) {
        Command::new(TOOL).args(["twin", "down", "--dir"]).arg(&self.dir).output().ok();
    }
}

impl Swarm {
    fn up() -> Self {
        let dir = PathBuf::from(format!("/run/cs-bench-{}", std::process::id()));
        let mut swarm = Self { dir: dir.clone(), address: String::new() };
        let output = Command::new(TOOL).args(["twin", "up", "--json", "--dir"]).arg(&dir).output().expect("runs");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("twin up answers JSON");
        swarm.address = answer["address"].as_str().expect("an address").to_owned();
        swarm
    }

    fn engine(&self) -> String {
        format!("unix://{}/engine.sock", self.dir.display())
    }

    fn try_docker(&self, args: &[&str]) -> Result<String, String> {
        let output = Command::new("docker").args(args).env("DOCKER_HOST", self.engine()).output().expect("docker runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn docker(&self, args: &[&str]) -> String {
        self.try_docker(args).unwrap_or_else(|error| panic!("docker {args:?}: {error}"))
    }

    /// The arguments that create each service of a case; the front is the last.
    fn services(&self, case: &Case) -> Vec<Vec<String>> {
        let socket = format!("{}/engine.sock", self.dir.display());
        let mount = format!("type=bind,source={socket},target={socket}");
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let grace = case.grace.map(|grace| format!(" --stop-grace-period {grace}")).unwrap_or_default();
        let base = format!("service create --quiet --detach --no-resolve-image{grace} --network {NETWORK}");
        let run = "countersign-twin:1 /countersign twin-serve";
        let backend = |n: usize| {
            let deaf = if case.deaf && n == 1 { " --ignore-term" } else { "" };
            words(&format!(
                "{base} --name b{n} --label route.host=b{n}.test --update-order start-first {run} backend --name b{n}{deaf}"
            ))
        };
        let mut all: Vec<Vec<String>> = (1..case.services).map(backend).collect();
        let engine = self.engine();
        let serve = format!("{run} front --own-host front.test --network {NETWORK} --engine {engine} --refresh 1000");
        let front = match case.routed {
            false => format!("--publish mode=host,target=80,published=80 {serve}"),
            true => format!("--network outside --update-order start-first --label route.host=front.test {serve}"),
        };
        all.push(words(&format!("{base} --name front --mount {mount} {front}")));
        all
    }

    fn build(&self, case: &Case) {
        self.docker(&["network", "create", "--driver", "overlay", "--attachable", "--subnet", SUBNETS[0], NETWORK]);
        if case.routed {
            self.docker(&["network", "create", "--driver", "overlay", "outside"]);
            let socket = format!("{}/engine.sock", self.dir.display());
            let mount = format!("type=bind,source={socket},target={socket}");
            let engine = self.engine();
            self.docker(&[
                "service",
                "create",
                "--quiet",
                "--detach",
                "--no-resolve-image",
                "--name",
                "outer",
                "--network",
                "outside",
                "--mount",
                &mount,
                "--publish",
                "mode=host,target=80,published=80",
                "countersign-twin:1",
                "/countersign",
                "twin-serve",
                "front",
                "--own-host",
                "outer.test",
                "--network",
                "outside",
                "--engine",
                &engine,
                "--refresh",
                "1000",
            ]);
        }
        for service in self.services(case) {
            self.docker(&service.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    fn clear(&self) {
        let names = self.docker(&["service", "ls", "--quiet"]);
        for id in names.lines() {
            self.docker(&["service", "rm", id]);
        }
        for network in [NETWORK, "outside"] {
            retry(|| {
                self.try_docker(&["network", "rm", network]).err().is_none_or(|error| error.contains("not found"))
            });
        }
        retry(|| self.docker(&["ps", "--quiet"]).is_empty());
    }

    fn subnet(&self) -> String {
        self.docker(&["network", "inspect", NETWORK, "--format", "{{(index .IPAM.Config 0).Subnet}}"])
    }

    fn running(&self) -> bool {
        let listed = self.docker(&["service", "ls", "--format", "{{.Replicas}}"]);
        listed.lines().all(|line| line.split_once('/').is_some_and(|(now, wanted)| now == wanted))
    }
}

fn retry(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(180), "it did not come about");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn text(value: &str) -> Param {
    Param::Text(value.to_owned())
}

fn params(swarm: &Swarm, case: &Case, subnet: &str) -> Params {
    let hosts: Vec<String> = match case.routed {
        true => vec!["front.test".into()],
        false => (1..case.services.min(6)).map(|n| format!("b{n}.test")).chain(["front.test".into()]).collect(),
    };
    let route = |host: &String| {
        Params(
            [
                ("name".to_owned(), text(host)),
                ("url".to_owned(), text(&format!("http://{host}/"))),
                ("status".to_owned(), Param::List(vec!["200".into()])),
                ("resolve".to_owned(), text(&swarm.address)),
            ]
            .into(),
        )
    };
    Params(
        [
            ("network".to_owned(), text(NETWORK)),
            ("subnet".to_owned(), text(subnet)),
            ("front".to_owned(), Param::List(vec!["front".into()])),
            ("front_poll".to_owned(), Param::Duration(Duration::from_secs(1))),
            ("network_label".to_owned(), text("route.network")),
            ("routes".to_owned(), Param::Tables(hosts.iter().map(route).collect())),
        ]
        .into(),
    )
}

/// The longest time that any route was dark.
fn worst(reports: &[RouteReport]) -> f64 {
    reports.iter().map(|report| report.dark).fold(0.0, f64::max)
}

async fn well(sampler: &Sampler) {
    sampler.look_anew();
    let begun = Instant::now();
    while !sampler.not_well().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(240), "routes: {:?}", sampler.not_well());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The runbook by hand, as a script of plain commands would do it.
async fn by_hand(swarm: &Swarm, case: &Case, params: &Params) -> f64 {
    let sampler = Sampler::start(params.tables("routes")).expect("a sampler");
    well(&sampler).await;
    let to = if swarm.subnet() == SUBNETS[0] { SUBNETS[1] } else { SUBNETS[0] };
    let services = swarm.services(case);
    tokio::task::block_in_place(|| {
        for service in &services {
            let name = service.iter().skip_while(|word| *word != "--name").nth(1).expect("a name");
            swarm.docker(&["service", "rm", name]);
        }
        retry(|| swarm.try_docker(&["network", "rm", NETWORK]).is_ok());
        let create = ["network", "create", "--driver", "overlay", "--attachable", "--subnet", to, NETWORK];
        retry(|| swarm.try_docker(&create).is_ok());
        for service in &services {
            swarm.docker(&service.iter().map(String::as_str).collect::<Vec<_>>());
        }
        retry(|| swarm.running());
    });
    well(&sampler).await;
    worst(&sampler.stop().await)
}

/// The step itself: what was measured and what was predicted.
async fn by_step(swarm: &Swarm, case: &Case, strategy: &str, state: &Path) -> (f64, f64) {
    let to = if swarm.subnet() == SUBNETS[0] { SUBNETS[1] } else { SUBNETS[0] };
    let params = params(swarm, case, to);
    let engine = Engine::connect(&swarm.engine(), Duration::from_secs(20)).await.expect("an engine");
    let host = HostState::at(state, "bench").expect("host state");
    let ground = Ground {
        engine: Ok(engine.clone()),
        token: None,
        host: &host,
        checkout: None,
        step: "recreate".into(),
        capture: "bench-recreate".into(),
        doing: Act::Run,
        say: &|_| {},
        part: &|_, _| {},
        may_go_on: &|| Ok(()),
        keep_open: None,
    };
    let acted = recreate::act(&engine, &params, (Some(strategy), Duration::MAX), &ground)
        .await
        .expect("the step comes to its end");
    let most = |prefix: &str| {
        let of = acted.readings.iter().filter(|(name, _)| name.starts_with(prefix));
        of.filter_map(|(_, value)| value.as_float()).fold(0.0, f64::max)
    };
    (most("dark_s_"), most("predicted_dark_s_"))
}

/// What the engine takes by itself: the floors of the two strategies.
async fn floors(swarm: &Swarm, case: &Case, params: &Params) -> (f64, f64) {
    let names: Vec<String> = (1..case.services).map(|n| format!("b{n}")).chain(["front".into()]).collect();
    let scale = |to: u32| {
        let pairs: Vec<String> = names.iter().map(|name| format!("{name}={to}")).collect();
        let args: Vec<&str> =
            ["service", "scale", "--detach"].into_iter().chain(pairs.iter().map(String::as_str)).collect();
        swarm.docker(&args);
    };
    let (stop, start, network, throwaway) = tokio::task::block_in_place(|| {
        let outer = usize::from(case.routed);
        let begun = Instant::now();
        scale(0);
        retry(|| swarm.docker(&["ps", "--quiet"]).lines().count() <= outer);
        let stop = (begun.elapsed().as_secs_f64() - GOSSIP).max(0.0);
        let begun = Instant::now();
        swarm.docker(&["network", "create", "--driver", "overlay", "scratch"]);
        let network = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        swarm.docker(&[
            "service",
            "create",
            "--quiet",
            "--detach",
            "--no-resolve-image",
            "--name",
            "once",
            "--network",
            "scratch",
            "--init",
            "--restart-condition",
            "none",
            "countersign-twin:1",
            "/sbin/docker-init",
            "--version",
        ]);
        retry(|| swarm.docker(&["service", "ps", "once", "--format", "{{.CurrentState}}"]).starts_with("Complete"));
        let throwaway = begun.elapsed().as_secs_f64();
        swarm.docker(&["service", "rm", "once"]);
        retry(|| swarm.try_docker(&["network", "rm", "scratch"]).is_ok());
        let begun = Instant::now();
        scale(1);
        retry(|| swarm.running());
        (stop, begun.elapsed().as_secs_f64(), network, throwaway)
    });
    let sampler = Sampler::start(params.tables("routes")).expect("a sampler");
    well(&sampler).await;
    let before = Sampler::start(params.tables("routes")).expect("a sampler");
    swarm.docker(&["service", "update", "--quiet", "--force", "front"]);
    well(&sampler).await;
    sampler.stop().await;
    (stop + network + throwaway + start, 2.0 * worst(&before.stop().await))
}

/// What one round measured, in seconds: the two floors, the three ways, and what was predicted of the step's two.
#[derive(Clone, Copy, Default)]
struct Round {
    hand: f64,
    breaks: f64,
    break_predicted: f64,
    break_floor: f64,
    makes: f64,
    make_predicted: f64,
    make_floor: f64,
}

impl Round {
    /// Measures each way once, another one first each time: the engine gets slower with every task it remembers.
    async fn take(swarm: &Swarm, case: &Case, params: &Params, state: &Path, first: usize) -> Self {
        let mut round = Self::default();
        for way in (first..first + 4).map(|way| way % 4) {
            match way {
                0 => (round.break_floor, round.make_floor) = floors(swarm, case, params).await,
                1 => {
                    let strategy = "break-before-make";
                    (round.breaks, round.break_predicted) = by_step(swarm, case, strategy, state).await;
                }
                2 => {
                    let strategy = "make-before-break";
                    (round.makes, round.make_predicted) = by_step(swarm, case, strategy, state).await;
                }
                _ => round.hand = by_hand(swarm, case, params).await,
            }
        }
        round
    }
}

/// The middle one of what the rounds measured.
fn median(rounds: &[Round], of: impl Fn(&Round) -> f64) -> f64 {
    let mut all: Vec<f64> = rounds.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[expect(clippy::disallowed_macros, reason = "a benchmark prints its table")]
fn main() {
    let words: Vec<String> = std::env::args().collect();
    let rounds = words.iter().position(|word| word == "--rounds").and_then(|at| words.get(at + 1)?.parse().ok());
    let end = words.iter().position(|word| word == "--rounds").unwrap_or(words.len());
    let wanted: Vec<usize> = words[..end].iter().filter_map(|word| word.parse().ok()).collect();
    let mut cases = Vec::new();
    for services in [5, 20, 60] {
        for (routed, front) in [(false, "a port of the node"), (true, "tasks behind another front")] {
            for (grace, long) in [(None, "10 s"), (Some("1s"), "1 s")] {
                let about = format!("{services}, {front}, {long}");
                cases.push(Case { about, services, deaf: false, routed, grace });
            }
        }
    }
    for (grace, long) in [(None, "10 s"), (Some("1s"), "1 s")] {
        let about = format!("5, a port of the node, {long}, one deaf to TERM");
        cases.push(Case { about, services: 5, deaf: true, routed: false, grace });
    }
    let state = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let rounds: usize = rounds.unwrap_or(3);
    println!(
        "seconds that the worst route was dark, the middle one of {rounds} rounds; in brackets what was predicted"
    );
    println!(
        "| services, front, grace | by hand | break-before-make | floor | of by hand | make-before-break | floor | of by hand |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for case in cases.iter().filter(|case| wanted.is_empty() || wanted.contains(&case.services)) {
        // A swarm of its own.
        let swarm = Swarm::up();
        swarm.build(case);
        retry(|| swarm.running());
        let params = params(&swarm, case, SUBNETS[1]);
        let took: Vec<Round> = (0..rounds)
            .map(|number| runtime.block_on(Round::take(&swarm, case, &params, state.path(), number)))
            .collect();
        let of = |of: fn(&Round) -> f64| median(&took, of);
        println!(
            "| {} | {:.1} | {:.1} ({:.1}) | {:.1} | {:.2} | {:.1} ({:.1}) | {:.1} | {:.2} |",
            case.about,
            of(|round| round.hand),
            of(|round| round.breaks),
            of(|round| round.break_predicted),
            of(|round| round.break_floor),
            of(|round| round.breaks / round.hand),
            of(|round| round.makes),
            of(|round| round.make_predicted),
            of(|round| round.make_floor),
            of(|round| round.makes / round.hand),
        );
        swarm.clear();
    }
}
