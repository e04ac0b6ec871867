//! `doctor` on a real swarm: what it says of engine, nodes, images, programs and pins.

use crate::support::World;
use crate::support::twin::Twin;

#[test]
fn on_a_managers_engine_and_outside_a_swarm() {
    let Some(twin) = Twin::up("doctor", &["--topology", "pvfix"]) else { return };
    let world = World::new();
    let contract = "builder/machine-docs/PHASE-pvfix.toml";
    world.run_in("builder", &["init", "--template", "pvfix"]).expect(0, "is open");
    world.write(contract, &world.read(contract).replace("unix:///var/run/docker.sock", &twin.engine()));
    let doctor = |args: &[&str]| world.run_in("builder", &[&["doctor"], args].concat());
    doctor(&[])
        .expect(12, "ok       swarm manager")
        .expect(12, "ok       images on proxy        all of")
        .expect(12, "ok       nodes                  1 in the swarm")
        .expect(12, "ok       [protect]              everything that it names is there")
        .expect(12, "WRONG    contract's programs    nixos-rebuild not found")
        .expect(12, "advice   pins                   the contract lists no key of the Adversary");
    twin.docker(&[
        "service",
        "create",
        "--quiet",
        "--detach",
        "--network",
        "proxy",
        "--name",
        "far",
        "forge.invalid/x:1",
    ]);
    doctor(&[]).expect(12, "1 are not on this node: forge.invalid/x:1");
    world.write(contract, &world.read(contract).replace("network = \"proxy\"", "network = \"proxies\""));
    doctor(&[])
        .expect(12, "there is no network proxies")
        .expect(12, "advice   [protect]              there is no network proxies")
        .expect(12, "what is called otherwise is not guarded");
    twin.docker(&["swarm", "leave", "--force"]);
    doctor(&[]).expect(12, "WRONG    swarm manager          not part of a swarm").expect(12, "unknown  pins");
}
