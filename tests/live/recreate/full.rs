//! The disk is really full, the documents' or the host state's, at several moments of the step: small file systems of their own, in a
//! mount namespace that ends with the test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::lab::{Lab, Phase};
use super::meddle::Stopped;
use crate::support::Answer;

const RUN: [&str; 3] = ["builder", "run", "recreate"];
const RESUME: [&str; 2] = ["builder", "resume"];

/// A phase whose documents and host state have little room.
struct Tight {
    phase: Phase,
    /// Holds the mount namespace until its input ends.
    holder: Child,
    documents: PathBuf,
    state: PathBuf,
}

impl Tight {
    fn new(lab: &Lab) -> Self {
        let phase = Phase::new(lab, "break-before-make", "");
        let (documents, state) = (phase.world.path("builder/machine-docs"), phase.world.path("state"));
        let script = "for dir; do cp -a \"$dir\" \"$dir.kept\" && mount -t tmpfs -o size=4m tmpfs \"$dir\" && \
                      cp -a \"$dir.kept/.\" \"$dir\" && rm -r \"$dir.kept\" || exit; done; echo ready; exec cat";
        let mut holder = Command::new("unshare");
        holder.args(["-m", "sh", "-c", script, "sh"]).args([&documents, &state]);
        let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare runs");
        let mut ready = String::new();
        BufReader::new(holder.stdout.as_mut().expect("piped")).read_line(&mut ready).expect("read");
        assert_eq!(ready, "ready\n");
        Self { phase, holder, documents, state }
    }

    /// A shell's words run where the small file systems are.
    fn inside(&self, words: &str, args: &[&str]) -> Command {
        let mut command = self.phase.world.command("nsenter", ".", "builder");
        command.args(["-t", &self.holder.id().to_string(), "-m", "sh", "-c", words, "sh"]).args(args);
        command
    }

    fn command(&self, args: &[&str]) -> Command {
        let tool = [env!("CARGO_BIN_EXE_countersign"), "--state", self.state.to_str().expect("UTF-8")];
        let place = self.phase.world.path("builder").to_string_lossy().into_owned();
        self.inside("cd \"$1\" && shift && exec \"$@\"", &[&[place.as_str()], &tool[..], args].concat())
    }

    fn run(&self, args: &[&str]) -> Answer {
        Answer::of(&self.command(args).output().expect("runs"))
    }

    fn stopped_at(&self, point: &str) -> Stopped {
        Stopped::of(self.command(&RUN), point)
    }

    /// What fills the disk; beside the documents it is among the evidence, so that the subject stays what was passed.
    fn filler(place: &Path) -> String {
        place.join("evidence/filler").to_string_lossy().into_owned()
    }

    fn fill(&self, place: &Path) {
        let file = Self::filler(place);
        let filled = self.inside("mkdir -p \"${1%/*}\"; cat /dev/zero >\"$1\"", &[&file]).output().expect("runs");
        assert!(String::from_utf8_lossy(&filled.stderr).contains("No space left"), "{filled:?}");
    }

    fn free(&self, place: &Path) {
        let file = Self::filler(place);
        assert!(self.inside("rm \"$1\"", &[&file]).status().expect("runs").success());
    }
}

impl Drop for Tight {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().ok();
    }
}

#[test]
fn a_disk_that_is_full_before_the_step_keeps_it_from_beginning() {
    let Some(lab) = Lab::few("full-before") else { return };
    let (specs, before) = (lab.specs(), lab.subnet());
    let tight = Tight::new(&lab);
    for place in [&tight.state, &tight.documents] {
        tight.fill(place);
        tight.run(&RUN).expect(74, "");
        lab.is_whole(&before, &specs);
        tight.free(place);
        tight.run(&RESUME).expect(0, "Nothing is in doubt");
        tight.run(&["check"]).expect(0, "every byte, signature and link");
    }
}

#[test]
fn a_disk_that_fills_in_the_middle_ends_in_a_state_with_a_name_and_resume_goes_on() {
    let Some(lab) = Lab::few("full") else { return };
    let specs = lab.specs();
    // Past the point of no return: the services come back all the same, and the outcome waits for room.
    let all = crate::support::thorough();
    for of_state in [true, false].into_iter().skip(usize::from(!all)) {
        let (tight, subnet) = (Tight::new(&lab), lab.other_subnet());
        let place = if of_state { &tight.state } else { &tight.documents };
        let stopped = tight.stopped_at("engine.network.remove.after#2");
        tight.fill(place);
        let said = stopped.goes_on(74);
        assert!(said.contains("countersign builder resume"), "{said}");
        lab.is_whole(subnet, &specs);
        tight.free(place);
        tight.run(&RESUME).expect(0, "");
        tight.run(&["status"]).expect(0, "step recreate           done");
        tight.run(&["check"]).expect(0, "every byte, signature and link");
        lab.is_whole(subnet, &specs);
    }
    // Before the first edit: the capture has no room, so nothing is edited.
    let (tight, before) = (Tight::new(&lab), lab.subnet());
    let stopped = tight.stopped_at("capture.before#2");
    tight.fill(&tight.state);
    // The last page of the ledger may still hold the outcome, or not.
    let (exit, said) = stopped.ends();
    assert!(matches!(exit, Some(20 | 74)), "{exit:?}: {said}");
    assert!(said.contains("captures/demo-recreate: No space left"), "{said}");
    lab.is_whole(&before, &specs);
    tight.free(&tight.state);
    let subnet = lab.other_subnet();
    let next: &[&str] = if exit == Some(20) { &RUN } else { &RESUME };
    tight.run(next).expect(0, "is done");
    lab.is_whole(subnet, &specs);
}

#[test]
fn with_every_disk_full_resume_brings_the_services_back() {
    let Some(lab) = Lab::few("full-resume") else { return };
    let (specs, subnet) = (lab.specs(), lab.other_subnet());
    let tight = Tight::new(&lab);
    let mut command = tight.command(&RUN);
    let killed = command.env("COUNTERSIGN_FAULT", "kill engine.network.remove.after#2").output().expect("runs");
    assert_eq!(killed.status.code(), None, "{}", String::from_utf8_lossy(&killed.stderr));
    tight.fill(&tight.state);
    tight.fill(&tight.documents);
    tight.run(&RESUME).expect(74, "countersign builder resume");
    lab.is_whole(subnet, &specs);
    tight.free(&tight.state);
    tight.free(&tight.documents);
    tight.run(&RESUME).expect(0, "");
    tight.run(&["status"]).expect(0, "step recreate           done");
    tight.run(&["check"]).expect(0, "every byte, signature and link");
}
