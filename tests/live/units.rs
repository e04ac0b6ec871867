//! Units are stopped, masked and brought back. No systemd runs on a test machine: systemctl and systemd-run are fakes
//! (tests/support/fakes), laid over /usr/local/sbin in a mount namespace of the program's own.

use std::fs;
use std::path::PathBuf;

use crate::support::stage::Stage;
use crate::support::twin::Twin;
use crate::support::{Answer, root};

/// A stage whose systemctl is a fake with these units, all active.
struct Units {
    stage: Stage,
    fakes: PathBuf,
}

impl Units {
    fn set(name: &str, units: &[&str], steps: &str) -> Option<Self> {
        let stage = Stage::set(Twin::up(name, &[])?, steps);
        let (fakes, state) = (stage.world.path("fakes"), stage.world.path("units"));
        fs::create_dir_all(&fakes).expect("made");
        for program in ["systemctl", "systemd-run"] {
            let text = fs::read_to_string(root().join("tests/support/fakes").join(program)).expect("a fake");
            fs::write(fakes.join(program), text.replace("/run/fake-units", &state.to_string_lossy())).expect("written");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(fakes.join(program), mode).expect("executable");
        }
        for unit in units {
            stage.world.write(&format!("units/{unit}/active"), "active\n");
        }
        Some(Self { stage, fakes })
    }

    fn builder(&self, args: &[&str], env: &[(&str, &str)]) -> Answer {
        let script = "mount --bind \"$1\" /usr/local/sbin && shift && exec \"$@\"";
        let mut command = self.stage.world.command("unshare", "builder", "builder");
        command.args(["-m", "sh", "-c", script, "sh"]).arg(&self.fakes).arg(env!("CARGO_BIN_EXE_countersign"));
        command.arg("--state").arg(self.stage.world.path("state")).args(args).envs(env.iter().copied());
        let output = command.output().expect("unshare runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer { exit: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn is(&self, unit: &str) -> (String, bool) {
        let masked = self.stage.world.path(&format!("units/{unit}/masked")).exists();
        (self.stage.world.read(&format!("units/{unit}/active")).trim().to_owned(), masked)
    }
}

fn step(id: &str, units: &str, act: &str, more: &str) -> String {
    format!(
        "[[step]]\nid = \"{id}\"\ntitle = \"{act}\"\ngate = \"M1\"\nkind = \"systemd.unit\"\nunits = [{units}]\nact = \"{act}\"\n\
         timeout = \"1m\"\n{more}\n"
    )
}

#[test]
fn timers_are_stopped_and_masked_and_come_back_as_they_were() {
    let steps = step("quiet", "'poll.timer', 'idle.timer'", "stop", "") + &step("seal", "'poll.timer'", "mask", "");
    let Some(units) = Units::set("units", &["poll.timer", "idle.timer"], &steps) else { return };
    units.stage.world.write("units/idle.timer/active", "inactive\n");
    units.builder(&["builder", "run", "quiet"], &[]).expect(0, "poll.timer is inactive, was active");
    units.builder(&["builder", "run", "seal"], &[]).expect(0, "poll.timer is inactive, masked");
    assert_eq!(units.is("poll.timer"), ("inactive".into(), true));
    assert!(units.stage.world.read("units/log").contains("mask --runtime"));
    units.builder(&["builder", "undo", "seal"], &[]).expect(0, "poll.timer is inactive");
    assert_eq!(units.is("poll.timer"), ("inactive".into(), false));
    units.builder(&["builder", "undo", "quiet"], &[]).expect(0, "poll.timer is active");
    assert_eq!((units.is("poll.timer").0, units.is("idle.timer").0), ("active".into(), "inactive".into()));
}

#[test]
fn a_unit_that_is_not_there_or_does_not_stop_is_named() {
    let steps = step("quiet", "'poll.timer', 'stubborn.service'", "stop", "");
    let Some(units) = Units::set("no-unit", &["poll.timer"], &steps) else { return };
    units.builder(&["builder", "run", "quiet"], &[]).expect(20, "unit stubborn.service is not-found");
    assert_eq!(units.is("poll.timer"), ("active".into(), false));
    units.stage.world.write("units/stubborn.service/active", "active\n");
    units.stage.world.write("units/stubborn.service/stubborn", "");
    units.builder(&["builder", "run", "quiet"], &[]).expect(21, "after stop stubborn.service is active");
}

const BACK: &str = "units/countersign-back-demo-quiet.timer/command";

#[test]
fn a_confirmed_step_takes_its_timer_away() {
    let steps = step("quiet", "'poll.timer', 'idle.timer'", "stop", "back_within = \"5m\"\n");
    let Some(units) = Units::set("back", &["poll.timer", "idle.timer"], &steps) else { return };
    units.stage.world.write("units/idle.timer/active", "inactive\n");
    units
        .builder(&["builder", "run", "quiet"], &[])
        .expect(0, "timer countersign-back-demo-quiet reverses the step in 300 s");
    let log = units.stage.world.read("units/log");
    let set = "systemd-run --unit countersign-back-demo-quiet --on-active=300 --timer-property=AccuracySec=1s -- \
               systemctl start poll.timer\n";
    assert!(log.contains(set) && log.ends_with("--value -- countersign-back-demo-quiet.timer\n"), "{log}");
    assert!(!units.stage.world.path(BACK).exists(), "the timer is still set");
    assert_eq!(units.is("poll.timer"), ("inactive".into(), false));
    units.builder(&["builder", "undo", "quiet"], &[]).expect(0, "poll.timer is active");
    assert_eq!((units.is("poll.timer").0, units.is("idle.timer").0), ("active".into(), "inactive".into()));
}

/// The process dies after it has acted: the timer is left, and what it runs reverses the step. Its end cannot be confirmed then.
#[cfg(feature = "test-hooks")]
#[test]
fn a_step_that_nobody_confirms_is_reversed_by_its_timer() {
    let steps = step("quiet", "'poll.timer'", "stop", "back_within = \"5m\"\n");
    let Some(units) = Units::set("back-fired", &["poll.timer"], &steps) else { return };
    units.builder(&["builder", "run", "quiet"], &[("COUNTERSIGN_FAULT", "kill unit.done")]).expect(-1, "");
    assert_eq!(units.is("poll.timer").0, "inactive");
    // The test is the clock: the timer's command is run, and a timer that has run is not there any more.
    let command = units.stage.world.read(BACK);
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(words, ["systemctl", "start", "poll.timer"]);
    let ran = std::process::Command::new(units.fakes.join("systemctl")).args(&words[1..]).status().expect("it runs");
    assert!(ran.success() && units.is("poll.timer").0 == "active");
    fs::remove_dir_all(units.stage.world.path(BACK).parent().expect("a directory")).expect("removed");
    units
        .builder(&["builder", "resume", "--done", "--reason", "I saw it stopped"], &[])
        .expect(21, "nobody confirmed in time: timer countersign-back-demo-quiet reversed the step");
    units.builder(&["builder", "resume", "--again", "--reason", "the timer is active again"], &[]).expect(0, "is done");
    assert_eq!(units.is("poll.timer").0, "inactive");
}
