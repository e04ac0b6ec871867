//! Making a twin's engines and removing all of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::engine::Engine;
use crate::fault;
use crate::twin::address::pick;
use crate::twin::control::wait;
use crate::twin::error::TwinError;
use crate::twin::image::{REPOSITORY, TAG, archive};
use crate::twin::network;
use crate::twin::node::start_engine;
use crate::twin::place::{MOST_NODES, Node, Place};
use crate::twin::processes::end_all;
use crate::twin::state::{NodeState, Process, SCHEMA, State};

/// How long one engine call may take.
pub const CALL: Duration = Duration::from_secs(20);

/// How many nodes a twin has, how many of them are managers, and whom their engines ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Nodes.
    pub nodes: usize,
    /// The first of them are managers.
    pub managers: usize,
    /// The socket of an interlock, which must answer there before an engine starts.
    pub interlock: Option<PathBuf>,
}

/// Refuses anybody but root.
pub fn need_root() -> Result<(), TwinError> {
    let uid = rustix::process::geteuid();
    if uid.is_root() { Ok(()) } else { Err(TwinError::NotRoot { uid: uid.as_raw() }) }
}

/// Starts a twin's engines and makes a swarm of them; what a killed maker left is removed first. Gives the first engine and its
/// address; [`complete`] is the last act of making. A failure removes what was made, but for the log's last lines in the error.
pub async fn up(
    place: &Place,
    size: Size,
    executable: &Path,
    say: &dyn Fn(&str),
) -> Result<(Engine, String), TwinError> {
    need_root()?;
    let wrong = |why: String| TwinError::Directory { dir: place.dir().to_owned(), why };
    if size.nodes == 0 || size.nodes > MOST_NODES || size.managers == 0 || size.managers > size.nodes {
        let wanted = format!("wanted 1 to {MOST_NODES} nodes, at least one of them a manager");
        return Err(wrong(format!("{} nodes with {} managers: {wanted}", size.nodes, size.managers)));
    }
    match State::read(place)? {
        Some(state) => {
            busy(place, &state)?;
            if state.complete && state.is_alive() {
                return Err(TwinError::AlreadyUp { dir: place.dir().to_owned() });
            }
            say("removing what an earlier twin left here");
            remove(place)?;
        }
        None if std::fs::read_dir(place.dir()).is_ok_and(|mut entries| entries.next().is_some()) => {
            return Err(wrong("is not empty and holds no twin: wanted a directory of its own".to_owned()));
        }
        None => {}
    }
    let made = make(place, size, executable, say).await;
    if made.is_err() {
        // The first failure is the one to tell.
        remove(place).ok();
    }
    made
}

/// Says that the twin is whole: from now on it is not removed as a killed maker's remains.
pub fn complete(place: &Place) -> Result<(), TwinError> {
    let mut state = State::of_twin(place)?;
    state.complete = true;
    state.write(place)
}

fn busy(place: &Place, state: &State) -> Result<(), TwinError> {
    let why = |pid| format!("`twin up` (process {pid}) is at work there: let it end, or end it");
    match state.at_work() {
        Some(pid) => Err(TwinError::Directory { dir: place.dir().to_owned(), why: why(pid) }),
        None => Ok(()),
    }
}

async fn make(place: &Place, size: Size, executable: &Path, say: &dyn Fn(&str)) -> Result<(Engine, String), TwinError> {
    let begin = Instant::now();
    let nodes: Vec<Node> = (1..=size.nodes).map(|number| place.node(number)).collect();
    let mut state = prepare(place, &size)?;
    // The first engine makes the swarm, the others come up beside it.
    let mut engines = Vec::new();
    for node in &nodes {
        engines.push(start_engine(place, node, &mut state).await?);
    }
    let first = engines.first().cloned().ok_or_else(|| TwinError::NoTwin { dir: place.dir().to_owned() })?;
    let addresses: Vec<String> = state.nodes.iter().map(|node| node.address.clone()).collect();
    let address = addresses.first().cloned().unwrap_or_default();
    first.swarm_init(&address).await?;
    for (engine, node) in engines.iter().zip(&state.nodes).skip(1) {
        engine.swarm_join(&node.address, &address, &first.join_token(node.manager).await?).await?;
    }
    point("twin.swarm")?;
    if size.nodes > 1 {
        all_ready(&first, size.nodes).await?;
    }
    let count = if size.nodes == 1 { "engine".to_owned() } else { format!("{} engines", size.nodes) };
    say(&format!("{count} and swarm are up at {} ({:.1} s)", addresses.join(", "), begin.elapsed().as_secs_f32()));
    let begin = Instant::now();
    let image = archive(executable)?;
    try_join_all(engines.iter().map(|engine| engine.import_image(image.clone(), REPOSITORY, TAG))).await?;
    point("twin.image")?;
    say(&format!("image {REPOSITORY}:{TAG} made of this executable ({:.1} s)", begin.elapsed().as_secs_f32()));
    Ok((first, address))
}

/// Writes what is to be removed before it is made, then makes the network. No two makers pick the same addresses: they take turns.
fn prepare(place: &Place, size: &Size) -> Result<State, TwinError> {
    std::fs::create_dir_all(place.dir()).map_err(TwinError::file(place.dir()))?;
    let mut state = State { schema: SCHEMA, maker: Some(Process::of(std::process::id())), ..State::default() };
    state.write(place)?;
    point("twin.state")?;
    let turn = std::fs::File::open("/run").map_err(TwinError::file("/run"))?;
    turn.lock().map_err(TwinError::file("/run"))?;
    let range = pick(place)?;
    state.host_address = range.host().to_string();
    state.interlock.clone_from(&size.interlock);
    let node = |number| NodeState {
        number,
        address: range.node(number).to_string(),
        manager: number <= size.managers,
        engine: None,
    };
    state.nodes = (1..=size.nodes).map(node).collect();
    state.write(place)?;
    let nodes: Vec<Node> = (1..=size.nodes).map(|number| place.node(number)).collect();
    network::make(place, range, &nodes)?;
    Ok(state)
}

async fn all_ready(engine: &Engine, count: usize) -> Result<(), TwinError> {
    wait("ready nodes", Duration::from_secs(30), || async {
        let nodes = engine.nodes().await?;
        let ready = nodes.iter().filter(|node| {
            let state = node.pointer("/Status/State").and_then(serde_json::Value::as_str);
            state == Some("ready") && node.pointer("/Description/Hostname").is_some()
        });
        let ready = ready.count();
        Ok((ready < count).then(|| format!("{ready} of {count}")))
    })
    .await
}

/// Removes a twin: its processes, namespaces, link, control groups, directory. It is no error if some are gone already.
pub fn down(place: &Place) -> Result<(), TwinError> {
    need_root()?;
    let state = State::of_twin(place)?;
    busy(place, &state)?;
    remove(place)
}

fn remove(place: &Place) -> Result<(), TwinError> {
    let state = State::of_twin(place)?;
    let engines = state.nodes.iter().filter_map(|node| node.engine).filter(Process::is_alive);
    let first: Vec<u32> = engines.map(|engine| engine.pid).collect();
    let left = end_all(&place.namespaces(), place.dir(), &first, Duration::from_secs(15));
    if !left.is_empty() {
        let what = format!("the end of {}'s processes", place.dir().display());
        return Err(TwinError::NotInTime { what, seconds: 15, seen: format!("{left:?}") });
    }
    point("twin.ended")?;
    network::remove(place)?;
    remove_cgroups(&place.cgroup())?;
    point("twin.unplugged")?;
    remove_dir(place)
}

/// A point at which a test may order a crash.
pub(super) fn point(name: &str) -> Result<(), TwinError> {
    fault::point(name).map_err(TwinError::file(name))
}

/// Removes the directory, the state file last: until then the directory is a twin's, and can be removed again.
fn remove_dir(place: &Place) -> Result<(), TwinError> {
    let (dir, begin) = (place.dir(), Instant::now());
    loop {
        let emptied = remove_all_but(dir, &place.state_file()).and_then(|()| fault::point("twin.emptied"));
        match emptied.and_then(|()| std::fs::remove_dir_all(dir)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            // Mounts of a namespace that just lost its last process go a moment later.
            Err(_) if begin.elapsed() < Duration::from_secs(5) => std::thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(TwinError::file(dir)(error)),
        }
    }
}

fn remove_all_but(dir: &Path, last: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path() == last {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?
        } else {
            std::fs::remove_file(entry.path())?
        }
    }
    Ok(())
}

/// How long a control group may be busy.
const GROUPS: Duration = Duration::from_secs(10);

/// Removes the control groups. One whose last process just ended stays busy for a moment.
fn remove_cgroups(name: &str) -> Result<(), TwinError> {
    let (root, begin) = (Path::new("/sys/fs/cgroup"), Instant::now());
    let directories =
        |above: &Path| std::fs::read_dir(above).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    loop {
        let controllers: Vec<PathBuf> = directories(root);
        let groups = controllers.into_iter().chain([root.to_owned()]).map(|above| above.join(name));
        let groups: Vec<PathBuf> = groups.filter(|path| path.is_dir()).collect();
        for group in &groups {
            let children: Vec<PathBuf> = directories(group);
            for child in children.iter().filter(|path| path.is_dir()) {
                std::fs::remove_dir(child).ok();
            }
            std::fs::remove_dir(group).ok();
        }
        let left: Vec<&PathBuf> = groups.iter().filter(|path| path.exists()).collect();
        if left.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > GROUPS {
            let what = format!("the end of control group {name}");
            return Err(TwinError::NotInTime { what, seconds: GROUPS.as_secs(), seen: format!("{left:?}") });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
