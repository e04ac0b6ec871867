//! `countersign twin`: the private swarm, and what runs inside its containers.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::error::{CommandError, Exit};
use crate::report::{Answer, say};
use crate::twin::error::TwinError;
use crate::twin::exhaust;
use crate::twin::lifecycle::{CALL, Size, complete, down, up};
use crate::twin::node;
use crate::twin::place::Place;
use crate::twin::serve::backend::{self, Backend};
use crate::twin::serve::front::{self, Front};
use crate::twin::state::{NodeState, State};
use crate::twin::topology;

/// Where a twin is kept.
#[derive(Debug, Clone, Args)]
pub struct DirArgs {
    /// The directory that holds everything of the twin
    #[arg(long, value_name = "DIR", default_value = "/run/countersign-twin")]
    pub dir: PathBuf,
}

/// What a twin is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Topology {
    /// An empty swarm
    Bare,
    /// The control plane of the pvfix phase on a `proxy` /24
    Pvfix,
}

/// What is done with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NodeAct {
    /// All its processes are killed, its data stays
    Stop,
    /// Its engine comes up and joins its swarm again
    Start,
}

/// Make, watch and remove a private swarm on this machine
///
/// Example: countersign twin up --topology pvfix --exhaust
#[derive(Debug, Clone, Subcommand)]
pub enum TwinCommand {
    /// Start a private swarm; removes what a killed one left there
    ///
    /// Example: countersign twin up --nodes 3 --managers 3
    Up {
        /// Which twin
        #[command(flatten)]
        place: DirArgs,
        /// What to fill it with
        #[arg(long, value_enum, default_value = "bare")]
        topology: Topology,
        /// Drive `proxy` to the real failure: leak addresses, fill the rest
        #[arg(long)]
        exhaust: bool,
        /// How many engines, each in a network namespace of its own
        #[arg(long, value_name = "N", default_value_t = 1)]
        nodes: usize,
        /// How many of them are managers
        #[arg(long, value_name = "N", default_value_t = 1)]
        managers: usize,
        /// The socket of an interlock that the engines ask before they carry out a request; it must answer there already
        #[arg(long, value_name = "SOCKET")]
        interlock: Option<PathBuf>,
    },
    /// Remove a twin and everything that belongs to it
    ///
    /// Example: countersign twin down
    Down {
        /// Which twin
        #[command(flatten)]
        place: DirArgs,
    },
    /// Say whether a twin is up and where its engines are
    ///
    /// Example: countersign twin status --json
    Status {
        /// Which twin
        #[command(flatten)]
        place: DirArgs,
    },
    /// Stop a node as a power cut does, or start it again
    ///
    /// Example: countersign twin node stop n2
    Node {
        /// What is done
        #[arg(value_enum)]
        act: NodeAct,
        /// The node, as in n2
        name: String,
        /// Which twin
        #[command(flatten)]
        place: DirArgs,
    },
}

/// Runs a twin command. Progress goes to `say`; what is returned is the result, for people and programs alike.
///
/// # Errors
///
/// The twin could not be made, used or removed.
pub async fn run(command: TwinCommand, say: &dyn Fn(&str)) -> Result<Value, TwinError> {
    let begin = Instant::now();
    let mut result = match command {
        TwinCommand::Up { place, topology, exhaust, nodes, managers, interlock } => {
            cmd_up(&Place::new(&place.dir)?, topology, exhaust, Size { nodes, managers, interlock }, say).await?
        }
        TwinCommand::Down { place } => {
            let place = Place::new(&place.dir)?;
            down(&place)?;
            json!({"removed": place.dir()})
        }
        TwinCommand::Status { place } => cmd_status(&Place::new(&place.dir)?).await?,
        TwinCommand::Node { act, name, place } => {
            let place = Place::new(&place.dir)?;
            match act {
                NodeAct::Stop => node::stop(&place, &name)?,
                NodeAct::Start => node::start(&place, &name).await?,
            }
            json!({"node": name, "runs": act == NodeAct::Start})
        }
    };
    result["seconds"] = json!((begin.elapsed().as_secs_f64() * 10.0).round() / 10.0);
    Ok(result)
}

async fn cmd_up(
    place: &Place,
    topology: Topology,
    exhaust: bool,
    size: Size,
    say: &dyn Fn(&str),
) -> Result<Value, TwinError> {
    if exhaust && topology == Topology::Bare {
        let why = "`--exhaust` needs `--topology pvfix`".to_owned();
        return Err(TwinError::Directory { dir: place.dir().to_owned(), why });
    }
    crate::interrupt::note(format!(
        "the twin in {0} is half made: countersign twin down --dir {0}",
        place.dir().display()
    ));
    let executable = std::env::current_exe().map_err(TwinError::file("/proc/self/exe"))?;
    let (engine, address) = up(place, size, &executable, say).await?;
    let mut result = json!({
        "dir": place.dir(), "engine": place.engine_address(), "address": address, "log": place.log(),
        "nodes": endpoints(place, &State::of_twin(place)?),
    });
    if topology == Topology::Pvfix {
        let begin = Instant::now();
        topology::build(place, &engine, &address, say).await?;
        say(&format!("topology pvfix is up ({:.1} s)", begin.elapsed().as_secs_f32()));
        let routes = topology::routes();
        result["routes"] = routes.iter().map(|(host, status)| json!({"host": host, "status": status})).collect();
    }
    if exhaust {
        let begin = Instant::now();
        let done = exhaust::run(place, &engine, say).await?;
        say(&format!("proxy is exhausted ({:.1} s)", begin.elapsed().as_secs_f32()));
        result["exhaustion"] = json!(done);
    }
    complete(place)?;
    Ok(result)
}

/// The engine of each node by the node's name, as a contract's `[nodes]` writes them.
fn endpoints(place: &Place, state: &State) -> Value {
    let entry = |node: &NodeState| {
        let node = place.node(node.number);
        (node.name(), Value::from(node.engine_address()))
    };
    Value::Object(state.nodes.iter().map(entry).collect())
}

async fn cmd_status(place: &Place) -> Result<Value, TwinError> {
    let state = State::of_twin(place)?;
    let runs = |node: &&NodeState| node.engine.is_some_and(|engine| engine.is_alive());
    // Whichever manager runs answers for the swarm.
    let asked =
        state.nodes.iter().filter(|node| node.manager).find(runs).map_or(1, |node| place.node(node.number).number());
    let engine = Engine::connect(&place.node(asked).engine_address(), CALL).await?;
    let info = engine.info().await?;
    let stopped: Vec<String> =
        state.nodes.iter().filter(|node| !runs(node)).map(|node| place.node(node.number).name()).collect();
    let address = state.nodes.first().map(|node| node.address.as_str()).unwrap_or_default();
    Ok(json!({
        "dir": place.dir(), "engine": place.engine_address(), "address": address, "log": place.log(),
        "nodes": endpoints(place, &state), "stopped": stopped, "complete": state.complete,
        "version": info.server_version, "manager": info.is_manager, "services": engine.services().await?.len(),
    }))
}

/// Run as a process of a twin's container
#[derive(Debug, Clone, Subcommand)]
pub enum ServeCommand {
    /// Answer every request with one status
    Backend {
        /// The name in the answers
        #[arg(long)]
        name: String,
        /// The status of the answers
        #[arg(long, default_value_t = 200)]
        status: u16,
        /// Where to listen
        #[arg(long, default_value_t = 80)]
        port: u16,
        /// Stay until killed
        #[arg(long)]
        ignore_term: bool,
    },
    /// End well when every one of these can be connected to
    Reach {
        /// Addresses, as in 192.0.2.1:80
        #[arg(required = true)]
        addresses: Vec<std::net::SocketAddr>,
    },
    /// Route by host name to the tasks of the swarm
    Front {
        /// The host name that is answered here
        #[arg(long)]
        own_host: String,
        /// The engine to ask
        #[arg(long)]
        engine: String,
        /// The network on which tasks are reached
        #[arg(long)]
        network: String,
        /// Milliseconds between two looks at the swarm
        #[arg(long, default_value_t = 1000)]
        refresh: u64,
        /// Where to listen
        #[arg(long, default_value_t = 80)]
        port: u16,
    },
}

/// Serves until told to stop.
///
/// # Errors
///
/// The port cannot be listened at.
pub async fn serve(command: ServeCommand) -> std::io::Result<()> {
    match command {
        ServeCommand::Backend { name, status, port, ignore_term } => {
            backend::run(Backend { name, status, port, ignore_term }).await
        }
        ServeCommand::Reach { addresses } => reach(&addresses).await,
        ServeCommand::Front { own_host, engine, network, refresh, port } => {
            front::run(Front { own_host, engine, network, refresh: Duration::from_millis(refresh), port }).await
        }
    }
}

async fn reach(addresses: &[std::net::SocketAddr]) -> std::io::Result<()> {
    for address in addresses {
        let connected = tokio::time::timeout(Duration::from_secs(3), tokio::net::TcpStream::connect(address)).await;
        connected.map_err(|_| std::io::ErrorKind::TimedOut)??;
    }
    Ok(())
}

/// Runs a twin command to its end, with progress on standard error.
///
/// # Errors
///
/// The twin could not be made, used or removed.
pub fn cmd_twin(command: &TwinCommand) -> Result<Answer, CommandError> {
    let runtime = runtime()?;
    let json = runtime.block_on(run(command.clone(), &say)).map_err(told)?;
    let lines = json.as_object().into_iter().flatten().map(|(key, value)| match value.as_str() {
        Some(text) => format!("{key}: {text}"),
        None => format!("{key}: {value}"),
    });
    Ok(Answer::ok(lines.collect::<Vec<_>>().join("\n"), json.clone()))
}

/// Serves inside a container until told to stop.
pub fn cmd_serve(command: ServeCommand) -> ExitCode {
    let served = runtime().map(|runtime| runtime.block_on(serve(command)));
    if matches!(served, Ok(Ok(()))) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Runtime::new().map_err(|error| told(TwinError::file("tokio runtime")(error)))
}

fn told(error: TwinError) -> CommandError {
    let hint = match &error {
        TwinError::NotRoot { .. } => "run it as root",
        TwinError::NoTwin { .. } => "countersign twin up",
        TwinError::AlreadyUp { .. } => "countersign twin down",
        _ => "the engine's log is engine.log in the twin's directory while it is up",
    };
    let exit = match &error {
        TwinError::Engine(_) | TwinError::NotInTime { .. } => Exit::Unknown,
        _ => Exit::Usage,
    };
    CommandError::new(exit, error.to_string(), hint)
}
