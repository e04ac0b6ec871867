//! The private swarm itself: up with every route answering, down with nothing left.

use std::path::PathBuf;

use crate::support::World;
use crate::support::twin::{Twin, remains};

#[test]
fn a_twin_carries_the_control_plane_and_leaves_nothing() {
    let Some(twin) = Twin::up("pvfix", &["--topology", "pvfix"]) else { return };
    assert_eq!(
        twin.docker(&["network", "inspect", "proxy", "--format", "{{(index .IPAM.Config 0).Subnet}}"]),
        "10.0.1.0/24"
    );
    assert_eq!(
        (twin.route("traefik.ci.test"), twin.route("drone.ci.test"), twin.route("nobody.ci.test")),
        (200, 303, 404)
    );
    let dir = twin.dir().to_owned();
    drop(twin);
    assert_eq!(remains(&dir), Vec::<String>::new());
}

#[test]
fn two_twins_share_nothing_and_down_twice_says_so() {
    let Some(first) = Twin::up("one", &[]) else { return };
    let second = PathBuf::from(format!("{}-two", first.dir().display()));
    let (world, path) = (World::new(), second.to_string_lossy().into_owned());
    let run = |args: &[&str]| world.run_ordered("builder", "builder", &[args, &["--dir", &path]].concat(), &[]);
    run(&["twin", "up"]).expect(0, "engine: unix://");
    run(&["twin", "up"]).expect(2, "a twin is up in");
    let of = |dir: &str| World::docker_id(&format!("unix://{dir}/engine.sock"));
    assert_ne!(of(&first.dir().to_string_lossy()), of(&path));
    run(&["twin", "down"]).expect(0, "removed");
    run(&["twin", "down"]).expect(2, "holds no twin");
    assert_eq!(remains(&second), Vec::<String>::new());
    assert_eq!(first.docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]), "active");
}

/// `twin up` and `twin down` die at each of their points; what follows removes all of it.
#[cfg(feature = "test-hooks")]
#[test]
fn a_maker_or_remover_killed_at_any_point_leaves_nothing_that_stays() {
    if let Some(_turn) = Twin::up("turn", &[]) {
        let dir = PathBuf::from(format!("/run/cs-test-{}-killed", std::process::id()));
        let (world, path) = (World::new(), dir.to_string_lossy().into_owned());
        let run = |args: &[&str], order: &str| {
            let all = [args, &["--dir", &path]].concat();
            world.run_ordered("builder", "builder", &all, &[("COUNTERSIGN_FAULT", order)])
        };
        let up = ["twin", "up", "--nodes", "2"];
        let making =
            ["twin.state", "twin.switch", "twin.link", "twin.spawned", "twin.spawned#2", "twin.swarm", "twin.image"];
        for (number, point) in making.into_iter().enumerate() {
            run(&up, &format!("kill {point}")).expect(-1, "");
            if number % 2 == 0 {
                run(&["twin", "down"], "").expect(0, "removed");
                assert_eq!(remains(&dir), Vec::<String>::new(), "killed at {point}");
            }
        }
        for point in ["twin.ended", "twin.unplugged", "twin.emptied"] {
            run(&up, "").expect(0, "engine: unix://");
            run(&["twin", "down"], &format!("kill {point}")).expect(-1, "");
            run(&["twin", "down"], "").expect(0, "removed");
            assert_eq!(remains(&dir), Vec::<String>::new(), "down was killed at {point}");
        }
    }
}
