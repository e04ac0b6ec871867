//! One node of a twin: its engine, started and stopped.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::process::{Spec, spawn_detached};
use crate::twin::error::TwinError;
use crate::twin::lifecycle::{CALL, need_root, point};
use crate::twin::place::{Node, Place};
use crate::twin::processes::end_all;
use crate::twin::state::{Process, State};

/// Hides what engines share by fixed paths from this one, inside its own mount namespace: configuration and key, sockets of
/// container helpers, plugins; gives it a host name of its own. Then becomes the engine.
const WRAPPER: &str = r#"echo "$1" >/proc/sys/kernel/hostname && mkdir -p /etc/docker /run/containerd /run/docker &&
mount --bind "$2" /etc/docker && mount -t tmpfs tmpfs /run/containerd && mount -t tmpfs tmpfs /run/docker &&
shift 2 && exec "$@""#;

/// The name by which an engine knows an interlock.
const PLUGIN: &str = "countersign";
/// The file that tells it where that is.
const PLUGIN_FILE: &str = "countersign.spec";
/// How long an engine may take to answer, and its processes to end.
const LIMIT: Duration = Duration::from_secs(30);

/// Starts a node's engine, writes that down, and waits until it answers.
pub(super) async fn start_engine(place: &Place, node: &Node, state: &mut State) -> Result<Engine, TwinError> {
    std::fs::create_dir_all(node.dir().join("etc")).map_err(TwinError::file(node.dir()))?;
    if let Some(socket) = &state.interlock {
        // Where engines look for a plugin whose socket is elsewhere; `etc` is the engine's /etc/docker.
        let plugins = node.dir().join("etc/plugins");
        let written = std::fs::create_dir_all(&plugins)
            .and_then(|()| std::fs::write(plugins.join(PLUGIN_FILE), format!("unix://{}", socket.display())));
        written.map_err(TwinError::file(plugins))?;
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(node.log());
    let pid =
        spawn_detached(&engine_spec(node, state.interlock.is_some()), &log.map_err(TwinError::file(node.log()))?)?;
    point("twin.spawned")?;
    let process = Process::of(pid);
    state.set_engine(node, Some(process));
    state.write(place)?;
    answering(node, process).await
}

fn engine_spec(node: &Node, asks: bool) -> Spec {
    let path = |name: &str| node.dir().join(name).display().to_string();
    let (name, netns, etc) = (node.name(), format!("--net=/run/netns/{}", node.netns()), path("etc"));
    let engine = ["dockerd", "--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")];
    let rest = ["--host", &node.engine_address(), "--cgroup-parent", &format!("/{}", node.cgroup())];
    let options = ["--exec-opt", "native.cgroupdriver=cgroupfs", "--group", "root"];
    let wrapper = ["nsenter", &netns, "unshare", "-m", "-u", "sh", "-c", WRAPPER, "sh", &name, &etc];
    let asks = asks.then_some(["--authorization-plugin", PLUGIN]).into_iter().flatten();
    Spec::new(wrapper.into_iter().chain(engine).chain(rest).chain(options).chain(asks))
}

async fn answering(node: &Node, process: Process) -> Result<Engine, TwinError> {
    let begin = Instant::now();
    loop {
        if node.socket().exists()
            && let Ok(engine) = Engine::connect(&node.engine_address(), CALL).await
            && engine.info().await.is_ok()
        {
            return Ok(engine);
        }
        if !process.is_alive() || begin.elapsed() > LIMIT {
            let log = std::fs::read_to_string(node.log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let seen = lines.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join(" | ");
            let what = format!("the engine of node {}", node.name());
            return Err(TwinError::NotInTime { what, seconds: begin.elapsed().as_secs(), seen });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Stops a node as a power cut does: all its processes are killed, its data stays.
pub fn stop(place: &Place, name: &str) -> Result<(), TwinError> {
    need_root()?;
    let mut state = State::of_twin(place)?;
    let node = state.node(place, name)?;
    let engines = state.nodes.iter().filter(|one| one.number == node.number()).filter_map(|one| one.engine);
    let first: Vec<u32> = engines.filter(Process::is_alive).map(|engine| engine.pid).collect();
    let left = end_all(&[node.netns()], &node.dir(), &first, LIMIT);
    if !left.is_empty() {
        let what = format!("the end of node {name}'s processes");
        return Err(TwinError::NotInTime { what, seconds: LIMIT.as_secs(), seen: format!("{left:?}") });
    }
    // A socket file without its engine would look like one that does not answer; a pid file would name a stranger, or a process
    // that was killed and is not yet reaped, which the engine would wait for as its running containerd.
    for file in [node.socket(), node.dir().join("pid"), node.dir().join("exec/containerd/containerd.pid")] {
        std::fs::remove_file(file).ok();
    }
    state.set_engine(&node, None);
    state.write(place)
}

/// Starts a stopped node and waits until its engine answers. It joins its swarm again by itself.
pub async fn start(place: &Place, name: &str) -> Result<(), TwinError> {
    need_root()?;
    let mut state = State::of_twin(place)?;
    let node = state.node(place, name)?;
    if state.nodes.iter().any(|one| one.number == node.number() && one.engine.is_some_and(|e| e.is_alive())) {
        let why = format!("node {name} runs already");
        return Err(TwinError::Directory { dir: place.dir().to_owned(), why });
    }
    start_engine(place, &node, &mut state).await.map(drop)
}
