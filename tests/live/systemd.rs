//! Units on a real systemd: stopped, masked, brought back, reversed by a timer that really runs; and what `host.quiet` sees of them.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::Answer;
use crate::support::stage::{Running, Stage};
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

/// A stage whose builder stands where a systemd of its own is the machine's.
struct Machine {
    systemd: Systemd,
    stage: Stage,
    home: tempfile::TempDir,
}

impl Machine {
    /// One with these units started. The steps' `LAB` stands for a directory that both see.
    fn set(name: &str, units: &[(&str, &str)], start: &[&str], steps: &str) -> Option<Self> {
        let home = tempfile::tempdir().expect("a directory");
        for (name, text) in units {
            std::fs::write(home.path().join(name), text).expect("written");
        }
        let systemd = Systemd::start(home.path())?;
        let twin = Twin::up(name, &[])?;
        if !start.is_empty() {
            systemd.ctl(&[&["start"], start].concat());
        }
        let stage = Stage::set(twin, &steps.replace("LAB", &home.path().to_string_lossy()));
        Some(Self { systemd, stage, home })
    }

    fn builder(&self, args: &[&str], env: &[(&str, &str)]) -> Answer {
        Answer::of(&self.command(args, env).output().expect("it runs"))
    }

    fn command(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        let (words, world) = (self.systemd.inside(), &self.stage.world);
        let mut command = world.command(&words[0], "builder", "builder");
        command.args(&words[1..]).arg(env!("CARGO_BIN_EXE_countersign"));
        // Whoever enters other mounts stands at their root.
        command.arg("-C").arg(world.path("builder")).arg("--state").arg(world.path("state"));
        command.args(args).envs(env.iter().copied());
        command
    }

    fn lab(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited 30 s for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn units_are_stopped_masked_and_brought_back_also_by_a_timer() {
    let quiet =
        "[[gate.criterion]]\nid = \"quiet\"\ntitle = \"x\"\nprobe = \"host.quiet\"\ntimers = [\"poll.timer\"]\n";
    let steps = step("stop", "'poll.timer', 'slow.service'", "stop", "")
        + &step("mask", "'poll.timer'", "mask", "")
        + &step("dead", "'poll.timer'", "mask", "back_within = \"5s\"\n").replace("\"1m\"", "\"4s\"")
        + &step("absent", "'no-such.service'", "stop", "");
    let units = [("poll.timer", TIMER), ("poll.service", SERVICE), ("slow.service", SLOW)];
    let Some(machine) = Machine::set("systemd", &units, &["poll.timer", "slow.service"], &steps) else { return };
    let (systemd, stage) = (&machine.systemd, &machine.stage);
    let builder = |args: &[&str], env: &[(&str, &str)]| machine.builder(args, env);

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
    until("the timer", || !systemd.is("poll.timer").1);
    builder(&["builder", "resume", "--done", "--reason", "I saw it masked"], &[])
        .expect(21, "timer countersign-back-demo-dead ran the reversal at ")
        .expect(21, "whether the step is in force is not known");
    builder(&["builder", "resume", "--again", "--reason", "it is not masked any more"], &[]).expect(0, "is done");
    assert!(systemd.is("poll.timer").1);
    builder(&["builder", "run", "absent"], &[]).expect(20, "unit no-such.service is not-found");
}

/// A command step that makes a file of its name, with a timer that reverses it after 5 s; `look` is what looks afterwards.
fn switch(id: &str, undo: &str, look: &str, more: &str) -> String {
    format!(
        "[[step]]\nid = \"{id}\"\ntitle = \"x\"\ngate = \"M1\"\nkind = \"command\"\nargv = ['touch', '{id}']\nundo = {undo}\n\
         timeout = \"4s\"\nback_within = \"5s\"\ncwd = \"LAB\"\n{more}\n[[step.postflight]]\nid = \"{id}-done\"\n\
         title = \"x\"\nprobe = \"command\"\nargv = ['sh', '-c', '{look}']\nstdout = \"^$\"\n"
    )
}

#[test]
fn a_timer_that_ran_is_told_with_its_result_and_a_person_answers() {
    // Looking afterwards takes longer than is left.
    let undo = "['sh', '-c', 'rm own; id -u >who; id -G >>who; pwd >>who; echo \"$1\" >>who', 'sh', '$x']";
    let steps =
        switch("late", "['false']", "sleep 7; cat LAB/late", "") + &switch("own", undo, "sleep 7", "uid = 65534\n");
    let Some(machine) = Machine::set("late", &[], &[], &steps) else { return };
    std::fs::set_permissions(machine.home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("set");
    let builder = |args: &[&str], env: &[(&str, &str)]| machine.builder(args, env);
    let said = builder(&["builder", "run", "late"], &[])
        .expect(21, "with result exit-code; whether the step is in force")
        .all();
    assert!(!said.contains("reversed the step"), "{said}");
    builder(&["builder", "resume"], &[]).expect(21, "timer countersign-back-demo-late ran the reversal at");
    builder(&["builder", "resume", "--done", "--reason", "it is there"], &[]).expect(0, "is done");

    // The timer's undo is the step's own: same place, same user, same words.
    builder(&["builder", "run", "own"], &[]).expect(21, "with result success; whether the step is in force");
    assert!(!machine.lab("own").exists(), "the undo ran and removed nothing");
    let who = std::fs::read_to_string(machine.lab("who")).expect("read");
    assert_eq!(who, format!("65534\n0\n{}\n$x\n", machine.home.path().display()));
}

#[test]
fn a_timer_that_runs_while_it_is_being_taken_away_is_seen() {
    let Some(machine) = Machine::set("meet", &[], &[], &switch("meet", "['rm', 'meet']", "true", "")) else { return };
    let env = [("COUNTERSIGN_FAULT", "stop back.looked")];
    let running = Running::start(machine.command(&["builder", "run", "meet"], &env));
    until("the look", || running.is_stopped());
    assert!(machine.lab("meet").exists());
    until("the timer", || !machine.lab("meet").exists());
    running
        .go_on()
        .expect(21, "timer countersign-back-demo-meet ran the reversal at ")
        .expect(21, "with result success");
}

#[test]
fn a_step_done_again_keeps_its_whole_way_back() {
    const STAYS: &str = "[Unit]\nDefaultDependencies=no\nRefuseManualStop=yes\n[Service]\nExecStart=/bin/sleep 1000\n";
    let steps = step("stop", "'a.service', 'b.service'", "stop", "back_within = \"8s\"\n").replace("\"1m\"", "\"7s\"");
    let free = STAYS.replace("RefuseManualStop=yes\n", "");
    let units = [("a.service", free.as_str()), ("b.service", STAYS)];
    let Some(machine) = Machine::set("again", &units, &["a.service", "b.service"], &steps) else { return };
    let systemd = &machine.systemd;
    let states = || [systemd.is("a.service").0, systemd.is("b.service").0];
    machine
        .builder(&["builder", "run", "stop"], &[])
        .expect(21, "timer countersign-back-demo-stop is still set: it reverses the step 8 s after ");
    until("a.service to stop", || states() == ["inactive", "active"]);
    std::fs::write(machine.lab("b.service"), free).expect("written");
    systemd.ctl(&["daemon-reload"]);
    let again = ["builder", "resume", "--again", "--reason", "b.service may be stopped now"];
    machine.builder(&again, &[("COUNTERSIGN_FAULT", "kill unit.done")]).expect(-1, "");
    assert_eq!(states(), ["inactive", "inactive"]);
    until("the timer", || states() == ["active", "active"]);
}

#[test]
fn a_unit_that_no_mask_reaches_is_refused_before_anything_is_changed() {
    let steps = step("mask", "'lib.service', 'own.service'", "mask", "");
    let Some(machine) = Machine::set("mask", &[("lib.service", SERVICE)], &[], &steps) else { return };
    let own = machine.systemd.root().join("etc/systemd/system/own.service");
    std::fs::write(own, SERVICE).expect("written");
    machine.systemd.ctl(&["daemon-reload"]);
    machine
        .builder(&["builder", "run", "mask"], &[])
        .expect(20, "own.service cannot be masked under /run: its file /etc/systemd/system/own.service comes first")
        .expect(20, "act = \"stop\"");
    assert!(!machine.systemd.is("lib.service").1);
}
