//! The private swarm itself: up with every route answering, down with nothing left.

use crate::support::twin::Twin;

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
    assert!(!dir.exists(), "{} is left", dir.display());
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts");
    assert!(!mounts.contains(&*dir.to_string_lossy()), "something is left mounted:\n{mounts}");
}
