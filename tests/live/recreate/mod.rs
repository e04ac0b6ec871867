//! `docker.network.recreate` on a real swarm.

#[cfg(feature = "test-hooks")]
mod containers;
#[cfg(feature = "test-hooks")]
mod full;
mod lab;
#[cfg(feature = "test-hooks")]
mod meddle;
#[cfg(feature = "test-hooks")]
mod sweep;
mod told;
#[cfg(feature = "test-hooks")]
mod trial;

use self::lab::{Lab, Phase};

#[test]
fn a_network_gets_another_subnet_and_every_service_is_as_it_was() {
    let Some(lab) = Lab::up("recreate") else { return };
    for strategy in ["break-before-make", "make-before-break"] {
        let (specs, subnet) = (lab.specs(), lab.other_subnet());
        let phase = Phase::new(&lab, strategy, "");
        let done = phase.run(&["builder", "run", "recreate"]).expect(0, "is done");
        lab.is_whole(subnet, &specs);
        assert_eq!(lab.leaked("inside"), 0, "the other network of a service lost addresses");
        lab.twin.docker(&["service", "rollback", "--quiet", "--detach", "web_app"]);
        lab.is_whole(subnet, &specs);
        assert!(done.stderr.contains("if it stops here"), "{}", done.stderr);
        phase.run(&["check"]).expect(0, "every byte, signature and link");
        let journal = phase.world.read("builder/machine-docs/JOURNAL-demo.md");
        assert!(!journal.contains("hunter2"), "a captured secret is in JOURNAL");
        phase.run(&["builder", "run", "recreate"]).expect(10, "is done");
    }
}
