//! Services that do not come up, or are fewer than they were: the others and the front do not wait for them.

use std::time::{Duration, Instant};

use super::lab::{Lab, Phase, backend};
use super::meddle::Stopped;
use crate::support::these;

#[test]
fn tasks_that_somebody_scaled_away_meanwhile_are_not_waited_for() {
    let Some(lab) = Lab::few("scaled") else { return };
    for strategy in these(1, &["break-before-make", "make-before-break"]) {
        lab.service("three_app", &["--replicas", "3"], &backend("three"));
        lab.settled();
        let phase = Phase::new(&lab, strategy, "");
        let (subnet, begun) = (lab.other_subnet(), Instant::now());
        let stopped = Stopped::at(&phase, "engine.network.remove.before#2");
        lab.twin.docker(&["service", "scale", "--detach", "three_app=1"]);
        stopped.goes_on(0);
        assert!(begun.elapsed() < Duration::from_secs(90), "it waited {:?}", begun.elapsed());
        lab.settled();
        assert_eq!(lab.subnet(), subnet);
        assert_eq!(lab.inspect("service", "three_app")["Spec"]["Mode"]["Replicated"]["Replicas"], 1);
        lab.twin.docker(&["service", "rm", "three_app"]);
    }
}

#[test]
fn one_that_never_comes_up_is_named_and_keeps_no_front_down() {
    let Some(lab) = Lab::few("absent") else { return };
    let phase = Phase::new(&lab, "break-before-make", "");
    let subnet = lab.other_subnet();
    let mut stopped = Stopped::at(&phase, "engine.network.remove.before#2");
    let image = |image: &str| {
        let update = ["service", "update", "--quiet", "--detach", "--no-resolve-image", "--image", image, "rr_app"];
        lab.twin.docker(&update);
    };
    image("nowhere.invalid/missing:9");
    stopped.says("; the front starts now");
    let begun = Instant::now();
    while lab.twin.route("edge.test") != 200 || lab.twin.route("web.test") != 200 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the front waits");
        std::thread::sleep(Duration::from_millis(200));
    }
    image("countersign-twin:1");
    let said = stopped.goes_on(0);
    assert!(said.contains("1 left: rr_app ") && said.contains("No such image"), "{said}");
    lab.settled();
    assert_eq!(lab.subnet(), subnet);
}

#[test]
fn a_route_that_was_dark_before_is_said_and_not_waited_for() {
    let Some(lab) = Lab::few("dark") else { return };
    let phase = Phase::new(&lab, "break-before-make", "");
    lab.twin.docker(&["service", "scale", "--detach", "web_app=0"]);
    let begun = Instant::now();
    while lab.twin.route("web.test") == 200 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it still answers");
        std::thread::sleep(Duration::from_millis(100));
    }
    let done = phase.run(&["builder", "run", "recreate"]).expect(0, "is done");
    assert!(done.all().contains("route web.test does not answer before the step ("), "{}", done.all());
    assert!(begun.elapsed() < Duration::from_secs(80), "it waited {:?}", begun.elapsed());
    let journal = phase.world.read("builder/machine-docs/JOURNAL-demo.md");
    assert!(journal.contains("route web.test did not answer before the step either"), "{journal}");
    lab.twin.docker(&["service", "scale", "--detach", "web_app=1"]);
    lab.settled();
}
