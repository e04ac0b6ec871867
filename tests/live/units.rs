//! A unit that says it was stopped and still runs: no real one does so at will, so systemctl is a fake (tests/support/fakes), laid over
//! /usr/local/sbin in a mount namespace of the program's own. What a real systemd shows is in `systemd.rs`.

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
        let text = fs::read_to_string(root().join("tests/support/fakes/systemctl")).expect("a fake");
        let program = fakes.join("systemctl");
        fs::write(&program, text.replace("/run/fake-units", &state.to_string_lossy())).expect("written");
        fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
        for unit in units {
            stage.world.write(&format!("units/{unit}/active"), "active\n");
        }
        Some(Self { stage, fakes })
    }

    fn builder(&self, args: &[&str]) -> Answer {
        let script = "mount --bind \"$1\" /usr/local/sbin && shift && exec \"$@\"";
        let mut command = self.stage.world.command("unshare", "builder", "builder");
        command.args(["-m", "sh", "-c", script, "sh"]).arg(&self.fakes).arg(env!("CARGO_BIN_EXE_countersign"));
        command.arg("--state").arg(self.stage.world.path("state")).args(args);
        Answer::of(&command.output().expect("unshare runs"))
    }
}

fn step(id: &str, units: &str, act: &str, more: &str) -> String {
    format!(
        "[[step]]\nid = \"{id}\"\ntitle = \"{act}\"\ngate = \"M1\"\nkind = \"systemd.unit\"\nunits = [{units}]\nact = \"{act}\"\n\
         timeout = \"1m\"\n{more}\n"
    )
}

#[test]
fn a_unit_that_is_not_there_or_does_not_stop_is_named() {
    let steps = step("quiet", "'poll.timer', 'stubborn.service'", "stop", "");
    let Some(units) = Units::set("no-unit", &["poll.timer"], &steps) else { return };
    units.builder(&["builder", "run", "quiet"]).expect(20, "unit stubborn.service is not-found");
    assert_eq!(units.stage.world.read("units/poll.timer/active"), "active\n");
    units.stage.world.write("units/stubborn.service/active", "active\n");
    units.stage.world.write("units/stubborn.service/stubborn", "");
    units.builder(&["builder", "run", "quiet"]).expect(21, "after stop stubborn.service is active");
}
