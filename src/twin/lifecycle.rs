//! Making a twin's engine and removing all of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::process::{Spec, run, spawn_detached};
use crate::twin::address::{Link, pick};
use crate::twin::error::TwinError;
use crate::twin::image::{REPOSITORY, TAG, archive};
use crate::twin::place::Place;
use crate::twin::processes::{end_all, start_time};
use crate::twin::state::State;

/// Hides what engines share by fixed paths from this one, inside its own mount namespace: configuration and key, sockets of
/// container helpers, plugins. Then becomes the engine.
const WRAPPER: &str = r#"mkdir -p /etc/docker /run/containerd /run/docker &&
mount --bind "$1" /etc/docker && mount -t tmpfs tmpfs /run/containerd && mount -t tmpfs tmpfs /run/docker &&
shift && exec "$@""#;

/// How long one engine call may take.
pub const CALL: Duration = Duration::from_secs(20);

/// Refuses anybody but root.
pub fn need_root() -> Result<(), TwinError> {
    let uid = rustix::process::geteuid();
    if uid.is_root() { Ok(()) } else { Err(TwinError::NotRoot { uid: uid.as_raw() }) }
}

/// Starts a twin's engine and makes a swarm of it; what a killed maker left is removed first. Gives the engine and the twin's
/// address. A failure removes what was made, but for the log's last lines in the error.
pub async fn up(place: &Place, executable: &Path, say: &dyn Fn(&str)) -> Result<(Engine, String), TwinError> {
    need_root()?;
    if let Some(state) = State::read(place)? {
        if state.is_alive() && place.socket().exists() {
            return Err(TwinError::AlreadyUp { dir: place.dir().to_owned() });
        }
        say("removing what an earlier twin left here");
        down(place)?;
    } else if std::fs::read_dir(place.dir()).is_ok_and(|mut entries| entries.next().is_some()) {
        let why = "is not empty and holds no twin: wanted a directory of its own".to_owned();
        return Err(TwinError::Directory { dir: place.dir().to_owned(), why });
    }
    let made = make(place, executable, say).await;
    if made.is_err() {
        // The first failure is the one to tell.
        down(place).ok();
    }
    made
}

async fn make(place: &Place, executable: &Path, say: &dyn Fn(&str)) -> Result<(Engine, String), TwinError> {
    let dir = place.dir();
    let begin = Instant::now();
    std::fs::create_dir_all(dir.join("etc")).map_err(TwinError::file(dir))?;
    let link = pick(place)?;
    let (host_address, address) = (link.host.to_string(), link.inner.to_string());
    let mut state = State { schema: 1, pid: None, started: None, host_address, address: address.clone() };
    state.write(place)?;
    namespace(place, link)?;
    let log = std::fs::File::create(place.log()).map_err(TwinError::file(place.log()))?;
    let pid = spawn_detached(&engine_spec(place), &log)?;
    state.pid = Some(pid);
    state.started = start_time(pid);
    state.write(place)?;
    let engine = wait_for_engine(place, &state).await?;
    engine.swarm_init(&address).await?;
    say(&format!("engine and swarm are up at {address} ({:.1} s)", begin.elapsed().as_secs_f32()));
    let begin = Instant::now();
    engine.import_image(archive(executable)?, REPOSITORY, TAG).await?;
    say(&format!("image {REPOSITORY}:{TAG} made of this executable ({:.1} s)", begin.elapsed().as_secs_f32()));
    Ok((engine, address))
}

fn engine_spec(place: &Place) -> Spec {
    let path = |name: &str| place.dir().join(name).display().to_string();
    let netns = format!("--net=/run/netns/{}", place.netns());
    let etc = path("etc");
    let engine = ["dockerd", "--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")];
    let rest = ["--host", &place.engine_address(), "--cgroup-parent", &format!("/{}", place.cgroup())];
    let options = ["--exec-opt", "native.cgroupdriver=cgroupfs", "--group", "root"];
    let wrapper = ["nsenter", &netns, "unshare", "-m", "sh", "-c", WRAPPER, "sh", &etc];
    Spec::new(wrapper.into_iter().chain(engine).chain(rest).chain(options))
}

async fn wait_for_engine(place: &Place, state: &State) -> Result<Engine, TwinError> {
    let (begin, limit) = (Instant::now(), Duration::from_secs(30));
    loop {
        if place.socket().exists()
            && let Ok(engine) = Engine::connect(&place.engine_address(), CALL).await
            && engine.info().await.is_ok()
        {
            return Ok(engine);
        }
        if !state.is_alive() || begin.elapsed() > limit {
            let log = std::fs::read_to_string(place.log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let seen = lines.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join(" | ");
            return Err(TwinError::NotInTime {
                what: "the engine".to_owned(),
                seconds: begin.elapsed().as_secs(),
                seen,
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn namespace(place: &Place, link: Link) -> Result<(), TwinError> {
    let (netns, outer, inner) = (place.netns(), place.host_link(), place.inner_link());
    let (host, twin) = (format!("{}/30", link.host), format!("{}/30", link.inner));
    ip(&["netns", "add", &netns])?;
    ip(&["link", "add", &outer, "type", "veth", "peer", "name", &inner, "netns", &netns])?;
    ip(&["address", "add", &host, "dev", &outer])?;
    ip(&["link", "set", &outer, "up"])?;
    ip(&["-n", &netns, "address", "add", &twin, "dev", &inner])?;
    ip(&["-n", &netns, "link", "set", "lo", "up"])?;
    // No default route: nothing here asks the outside, and a pull of the image fails at once instead of timing out.
    ip(&["-n", &netns, "link", "set", &inner, "up"])
}

fn ip(args: &[&str]) -> Result<(), TwinError> {
    let done = run(&Spec::new(std::iter::once("ip").chain(args.iter().copied())))?;
    let command = || format!("ip {}", args.join(" "));
    if done.ok() { Ok(()) } else { Err(TwinError::Command { command: command(), why: done.complaint() }) }
}

/// Removes a twin: its processes, namespace, link, control groups, directory. It is no error if some are gone already.
pub fn down(place: &Place) -> Result<(), TwinError> {
    need_root()?;
    let Some(state) = State::read(place)? else { return Err(TwinError::NoTwin { dir: place.dir().to_owned() }) };
    let engine = state.pid.filter(|_| state.is_alive());
    let left = end_all(place, engine, Duration::from_secs(15));
    if !left.is_empty() {
        let what = format!("the end of {}'s processes", place.dir().display());
        return Err(TwinError::NotInTime { what, seconds: 15, seen: format!("{left:?}") });
    }
    if Path::new("/run/netns").join(place.netns()).exists() {
        ip(&["netns", "delete", &place.netns()])?;
    }
    if Path::new("/sys/class/net").join(place.host_link()).exists() {
        // The kernel removes it with the namespace, in its own time.
        ip(&["link", "delete", &place.host_link()]).ok();
    }
    remove_cgroups(&place.cgroup());
    remove_dir(place.dir())
}

fn remove_dir(dir: &Path) -> Result<(), TwinError> {
    let begin = Instant::now();
    loop {
        match std::fs::remove_dir_all(dir) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            // Mounts of a namespace that just lost its last process go a moment later.
            Err(_) if begin.elapsed() < Duration::from_secs(5) => std::thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(TwinError::file(dir)(error)),
        }
    }
}

fn remove_cgroups(name: &str) {
    let root = Path::new("/sys/fs/cgroup");
    let controllers = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let candidates: Vec<PathBuf> = controllers.chain([root.to_owned()]).map(|above| above.join(name)).collect();
    for group in candidates.iter().filter(|path| path.is_dir()) {
        let children = std::fs::read_dir(group).into_iter().flatten().flatten().map(|entry| entry.path());
        for child in children.filter(|path| path.is_dir()) {
            std::fs::remove_dir(child).ok();
        }
        std::fs::remove_dir(group).ok();
    }
}
