//! Units on a real systemd: stopped, masked, brought back, reversed by a timer that really runs; and what `host.quiet` sees of them.

use std::time::{Duration, Instant};

use crate::support::Answer;
use crate::support::stage::Stage;
use crate::support::systemd::Systemd;
use crate::support::twin::Twin;

const TIMER: &str = "[Unit]\nDefaultDependencies=no\n[Timer]\nOnActiveSec=1h\nUnit=poll.service\n";
const SERVICE: &str = "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/true\n";
/// One that takes its time to stop.
const SLOW: &str = "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep 1000\nExecStop=/bin/sleep 1\n";

fn step(id: &str, units: &str, act: &str, more: &str) -> String {
    format!(
        "[[step]]\nid = \"{id}\"\ntitle = \"{act}\"\ngate = \"M1\"\nkind = \"systemd.unit\"\nunits = [{units}]\nact = \"{act}\"\n\
         timeout = \"1m\"\n{more}\n"
    )
}

#[test]
fn units_are_stopped_masked_and_brought_back_also_by_a_timer() {
    let home = tempfile::tempdir().expect("a directory");
    for (name, text) in [("poll.timer", TIMER), ("poll.service", SERVICE), ("slow.service", SLOW)] {
        std::fs::write(home.path().join(name), text).expect("written");
    }
    let Some(systemd) = Systemd::start(home.path()) else { return };
    let Some(twin) = Twin::up("systemd", &[]) else { return };
    systemd.ctl(&["start", "poll.timer", "slow.service"]);
    let quiet =
        "[[gate.criterion]]\nid = \"quiet\"\ntitle = \"x\"\nprobe = \"host.quiet\"\ntimers = [\"poll.timer\"]\n";
    let steps = step("stop", "'poll.timer', 'slow.service'", "stop", "")
        + &step("mask", "'poll.timer'", "mask", "")
        + &step("dead", "'poll.timer'", "mask", "back_within = \"5s\"\n")
        + &step("absent", "'no-such.service'", "stop", "");
    let stage = Stage::set(twin, &steps);
    let builder = |args: &[&str], env: &[(&str, &str)]| -> Answer {
        let words = systemd.inside();
        let mut command = stage.world.command(&words[0], "builder", "builder");
        command.args(&words[1..]).arg(env!("CARGO_BIN_EXE_countersign"));
        // Whoever enters other mounts stands at their root.
        command
            .arg("-C")
            .arg(stage.world.path("builder"))
            .arg("--state")
            .arg(stage.world.path("state"))
            .args(args)
            .envs(env.iter().copied());
        Answer::of(&command.output().expect("it runs"))
    };

    // Another contract of the same clone asks whether it is quiet.
    let adopted = stage.world.read(crate::support::CONTRACT);
    let probe = |exit: i32, words: &str| {
        stage.world.write(crate::support::CONTRACT, &adopted.replacen("[[step]]", &format!("{quiet}\n[[step]]"), 1));
        builder(&["probe", "quiet"], &[]).expect(exit, words);
        stage.world.write(crate::support::CONTRACT, &adopted);
    };
    probe(14, "unit poll.timer is active");

    builder(&["builder", "run", "stop"], &[])
        .expect(0, "poll.timer is inactive, was active")
        .expect(0, "slow.service is inactive, was active");
    assert_eq!(systemd.is("slow.service"), ("inactive".into(), false));
    probe(0, "the host is quiet");
    builder(&["builder", "run", "mask"], &[]).expect(0, "poll.timer is inactive, masked");
    assert_eq!(systemd.is("poll.timer"), ("inactive".into(), true));
    assert!(!systemd.try_ctl(&["start", "poll.timer"]).status.success(), "a masked unit is not started");
    builder(&["builder", "undo", "mask"], &[]).expect(0, "poll.timer is inactive");
    builder(&["builder", "undo", "stop"], &[]).expect(0, "poll.timer is active").expect(0, "slow.service is active");
    assert_eq!((systemd.is("poll.timer"), systemd.is("slow.service").0), (("active".into(), false), "active".into()));

    builder(&["builder", "run", "stop"], &[]).expect(0, "is done");
    builder(&["builder", "run", "mask"], &[]).expect(0, "is done");
    systemd.ctl(&["unmask", "--runtime", "poll.timer"]);

    // Confirmed in time: the timer is gone, and nothing is reversed after its time.
    builder(&["builder", "run", "dead"], &[]).expect(0, "reverses the step in 5 s");
    assert_eq!(systemd.is("countersign-back-demo-dead.timer").0, "inactive");
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(systemd.is("poll.timer"), ("inactive".into(), true));
    builder(&["builder", "undo", "dead"], &[]).expect(0, "poll.timer is inactive");
    assert!(!systemd.is("poll.timer").1);

    // Nobody confirms: the timer reverses it by itself, and the step's end cannot be confirmed any more.
    builder(&["builder", "run", "dead"], &[("COUNTERSIGN_FAULT", "kill unit.done")]).expect(-1, "");
    assert!(systemd.is("poll.timer").1, "it was masked");
    let begun = Instant::now();
    while systemd.is("poll.timer").1 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the timer did not run");
        std::thread::sleep(Duration::from_millis(100));
    }
    builder(&["builder", "resume", "--done", "--reason", "I saw it masked"], &[])
        .expect(21, "nobody confirmed in time: timer countersign-back-demo-dead reversed the step");
    builder(&["builder", "resume", "--again", "--reason", "it is not masked any more"], &[]).expect(0, "is done");
    assert!(systemd.is("poll.timer").1);
    builder(&["builder", "run", "absent"], &[]).expect(20, "unit no-such.service is not-found");
}
