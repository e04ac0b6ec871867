//! Bad input that only a real engine can show: no swarm, no such network, a subnet that overlaps, a key that is not pinned.

use std::fs;

use crate::support::twin::Twin;
use crate::support::{CONTRACT, World};

const CRITERIA: &str = "[[gate.criterion]]\nid = \"network\"\ntitle = \"x\"\nprobe = \"docker.network\"\nnetwork = \"NETWORK\"\nsubnet = \"10.0.1.0/24\"\n\n\
    [[gate.criterion]]\nid = \"clear\"\ntitle = \"x\"\nprobe = \"docker.subnet\"\nsubnet = \"SUBNET\"\nreplaces = \"proxy\"\n";

const STEP: &str = "\n[[step]]\nid = \"capture\"\ntitle = \"Capture\"\ngate = \"M1\"\nkind = \"docker.capture\"\nnetwork = \"proxy\"\ntimeout = \"2m\"\n";

#[test]
fn what_a_real_engine_shows() {
    let Some(twin) = Twin::up("bad-input", &["--topology", "pvfix"]) else { return };
    let world = World::new();
    world.open(CRITERIA);
    let contract = world.read(CONTRACT).replace("unix:///nonexistent/docker.sock", &twin.engine());
    let with = |network: &str, subnet: &str| {
        world.write(CONTRACT, &(contract.replace("NETWORK", network).replace("SUBNET", subnet) + STEP));
    };
    with("proxies", "10.0.1.128/25");
    world.run_in("builder", &["probe", "network"]).expect(14, "proxies");
    with("proxy", "10.0.0.0/16");
    world.run_in("builder", &["probe", "clear"]).expect(14, "overlaps").expect(14, "ingress");
    with("proxy", "10.10.0.0/16");
    world.run_in("builder", &["probe"]).expect(0, "held");
    world.adopt();
    world.claim();
    world.pass();
    let inspect = twin.docker(&["network", "inspect", "proxy"]);
    let before = fs::read(world.path("builder/machine-docs/JOURNAL-demo.md")).expect("read");
    let state = world.path("state");
    let run = ["builder", "run", "capture", "--state", &state.to_string_lossy()];
    // No key is pinned on this host, and no window is open: the key comes first, and nothing is changed.
    world.run_in("builder", &run).expect(12, "pinned").expect(12, "countersign trust");
    assert_eq!(fs::read(world.path("builder/machine-docs/JOURNAL-demo.md")).expect("read"), before);
    assert_eq!(twin.docker(&["network", "inspect", "proxy"]), inspect);
    twin.docker(&["swarm", "leave", "--force"]);
    world.run_in("builder", &["probe", "network"]).expect(13, "not part of a swarm");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(13, "not part of a swarm");
    world.run_in("builder", &run).expect(13, "not part of a swarm");
    world
        .run_in("builder", &["trust", &world.key("adversary").with_extension("pub").to_string_lossy()])
        .expect(13, "not part of a swarm");
    world.run_in("builder", &["status"]).expect(0, "not part of a swarm");
}
