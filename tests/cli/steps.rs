//! Steps that run programs: refused with the right exit code, done, undone, resumed.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::support::steps::{Steps, THREE};

#[test]
fn a_run_goes_through_the_steps_and_stops_at_done() {
    let steps = Steps::new(THREE);
    steps.builder(&["builder", "run", "--all"]).expect(0, "Step `back` is done");
    assert_eq!(steps.log(), ["one", "two", "back"]);
    steps.builder(&["builder", "run", "--all"]).expect(0, "");
    steps.builder(&["builder", "run", "one"]).expect(10, "step `one` is done");
    steps.builder(&["check"]).expect(0, "every byte, signature and link");
    assert_eq!(steps.log(), ["one", "two", "back"]);
}

#[test]
fn a_step_is_refused_before_a_pass_a_pin_and_a_window() {
    let steps = Steps::adopted(THREE, |_| {});
    steps.builder(&["builder", "run", "one"]).expect(10, "gate M1 has no claim");
    steps.world.claim();
    steps.builder(&["builder", "run", "one"]).expect(10, "has no verdict");
    steps.world.pass();
    steps.builder(&["builder", "run", "one"]).expect(12, "which this host does not trust");
    steps.pin();
    steps.builder(&["builder", "run", "one"]).expect(10, "no maintenance window is open");
    steps.window();
    steps.builder(&["builder", "run", "two"]).expect(10, "step `one` comes before `two`");
    steps.builder(&["builder", "run", "back"]).expect(10, "step `one` comes before `back`");
    steps.builder(&["builder", "run", "three"]).expect(2, "there is no step `three`");
    steps.builder(&["builder", "resume"]).expect(0, "Nothing is in doubt");
    steps.builder(&["builder", "undo", "one"]).expect(10, "there is nothing to undo");
    assert_eq!(steps.log(), [""; 0]);
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
}

/// A step that says that it began and then waits to be let go; `lab/go` lets it go.
const WAITING: &str = r#"
[[step]]
id = "wait"
title = "Waits"
gate = "M1"
kind = "command"
argv = ["sh", "-c", "echo begun >>LAB/log; while ! [ -e LAB/go ]; do sleep 0.05; done; echo ended >>LAB/log"]
undo = ["sh", "-c", "echo undone >>LAB/log"]
timeout = "1m"
[[step.postflight]]
id = "ended"
title = "It ended"
probe = "command"
argv = ["cat", "LAB/log"]
stdout = 'ended'
"#;

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "waited a minute for {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Begins `builder run wait` and gives the process once the step's program runs.
fn begun(steps: &Steps) -> Child {
    let mut command = steps.command(&[], &["builder", "run", "wait"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("runs");
    until("the step to begin", || steps.log().contains(&"begun".into()));
    child
}

fn signal(child: &Child, name: &str) {
    assert!(signal_if_there(child, name), "it has ended");
}

fn signal_if_there(child: &Child, name: &str) -> bool {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).stderr(Stdio::null()).status();
    sent.expect("runs").success()
}

#[test]
fn a_killed_run_leaves_the_lock_with_its_program_and_resume_goes_on() {
    let steps = Steps::new(WAITING);
    let mut child = begun(&steps);
    signal(&child, "-KILL");
    child.wait().expect("ended");
    steps.builder(&["builder", "resume"]).expect(75, "that outlives its parent").expect(75, "(process ");
    steps.builder(&["status"]).expect(0, "in doubt");
    steps.world.write("lab/go", "");
    until("the program to end", || steps.log().contains(&"ended".into()));
    until("the lock to be free", || steps.builder(&["builder", "run", "wait"]).exit != 75);
    steps.builder(&["builder", "run", "wait"]).expect(21, "step `wait` is in doubt");
    steps.builder(&["builder", "resume"]).expect(0, "Step `wait` is done");
    assert_eq!(steps.log(), ["begun", "ended"]);
}

/// What prints goes on printing when nobody is there to read it: half of a switch is worse than none.
#[test]
fn a_program_that_prints_goes_on_when_its_run_is_killed() {
    let printing = WAITING.replace("sleep 0.05; done", "echo waiting; echo still >&2; sleep 0.05; done; echo last");
    let steps = Steps::new(&printing);
    let mut child = begun(&steps);
    signal(&child, "-KILL");
    child.wait().expect("ended");
    // Long enough for a line that would end it.
    std::thread::sleep(std::time::Duration::from_millis(300));
    steps.world.write("lab/go", "");
    until("the program to come to its end", || steps.log().contains(&"ended".into()));
}

#[test]
fn while_a_run_is_under_way_nobody_is_told_to_resume_it() {
    let steps = Steps::new(WAITING);
    let child = begun(&steps);
    steps.builder(&["status"]).expect(0, "a run is under way on this host: pid ");
    let next = steps.builder(&["next"]).expect(0, "a run is under way here: pid ");
    assert!(next.stdout.starts_with("builder: countersign status"), "{}", next.stdout);
    steps.world.write("lab/go", "");
    let ended = crate::support::Answer::of(&child.wait_with_output().expect("ended"));
    ended.expect(0, "Step `wait` is done").expect(0, "Next: countersign next");
    let status = steps.builder(&["status"]);
    assert!(!status.stdout.contains("under way"), "{}", status.stdout);
}

#[test]
fn what_a_step_that_is_done_left_in_the_background_holds_no_other_up() {
    let leaving = THREE.replace("echo one >>LAB/log", "sleep 61 & echo $! >LAB/left; echo one >>LAB/log");
    let steps = Steps::new(&leaving);
    let begun = std::time::Instant::now();
    steps.builder(&["builder", "run", "one"]).expect(0, "Step `one` is done");
    steps.builder(&["builder", "run", "two"]).expect(0, "Step `two` is done");
    steps.builder(&["builder", "resume"]).expect(0, "");
    assert!(begun.elapsed().as_secs() < 50, "it was waited for");
    let left = steps.world.read("lab/left");
    Command::new("kill").arg(left.trim()).status().expect("runs");
}

/// The clone is moved away in the middle: how the step ended is not lost, and no clone comes into being where it was.
#[test]
fn how_a_step_ended_is_kept_where_its_repository_is_gone() {
    let steps = Steps::new(WAITING);
    let child = begun(&steps);
    let (clone, away) = (steps.world.path("builder"), steps.world.path("away"));
    fs::rename(&clone, &away).expect("moved");
    steps.world.write("lab/go", "");
    let ended = crate::support::Answer::of(&child.wait_with_output().expect("ended"));
    ended.expect(74, "Step `wait` is done").expect(74, "The host's ledger has it, and JOURNAL does not");
    assert!(!clone.exists());
    fs::rename(&away, &clone).expect("moved back");
    steps.builder(&["builder", "resume"]).expect(0, "JOURNAL lacked 1 records").expect(0, "Nothing is in doubt");
    steps.builder(&["status"]).expect(0, "step wait               done");
    steps.builder(&["check"]).expect(0, "every byte, signature and link");
}

/// Whoever cuts an undo off wanted the step back, not forward.
#[test]
fn an_undo_that_was_cut_off_is_not_turned_into_the_step() {
    let undo = "echo undoing >>LAB/log; while ! [ -e LAB/back ]; do sleep 0.05; done; echo undone >>LAB/log";
    let steps = Steps::new(&WAITING.replace("echo undone >>LAB/log", undo));
    steps.world.write("lab/go", "");
    steps.builder(&["builder", "run", "wait"]).expect(0, "is done");
    let mut command = steps.command(&[], &["builder", "undo", "wait"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
    until("the undo to begin", || steps.log().contains(&"undoing".into()));
    signal(&child, "-KILL");
    child.wait().expect("ended");
    steps.world.write("lab/back", "");
    until("the lock to be free", || steps.builder(&["builder", "resume"]).exit == 21);
    steps.builder(&["next"]).expect(0, "the undo of step `wait` is in doubt");
    let asked = steps.builder(&["builder", "resume"]).expect(21, "the undo of step `wait` was cut off");
    asked.expect(21, "countersign builder undo wait --done --reason …");
    steps.builder(&["builder", "undo", "wait", "--done"]).expect(2, "--reason");
    steps.keep();
    steps.builder(&["builder", "undo", "wait", "--done", "--reason", "I saw it"]).expect(0, "Step `wait` is unwound");
    assert!(steps.world.read("builder/machine-docs/JOURNAL-demo.md").contains("said_by_person = \"I saw it\""));
    steps.restore();
    steps.builder(&["builder", "undo", "wait"]).expect(0, "Step `wait` is unwound");
    steps.restore();
    steps.builder(&["builder", "resume", "--forward"]).expect(0, "Step `wait` is done");
}

#[test]
fn what_only_a_person_knows_is_asked_and_recorded() {
    let steps = Steps::new(WAITING);
    let mut child = begun(&steps);
    signal(&child, "-KILL");
    child.wait().expect("ended");
    fs::write(steps.world.path("lab/go"), "").expect("written");
    until("the lock to be free", || steps.builder(&["builder", "run", "wait"]).exit == 21);
    steps.world.write("lab/log", "begun\n");
    steps.builder(&["builder", "resume"]).expect(21, "only a person knows");
    steps.builder(&["builder", "resume", "--done"]).expect(2, "--reason");
    steps.builder(&["builder", "resume", "--done", "--reason", " "]).expect(2, "--reason is empty");
    steps.keep();
    steps.builder(&["builder", "resume", "--done", "--reason", "I saw it"]).expect(0, "Step `wait` is done");
    assert!(steps.world.read("builder/machine-docs/JOURNAL-demo.md").contains("said_by_person = \"I saw it\""));
    assert_eq!(steps.log(), ["begun"]);
    steps.restore();
    steps.builder(&["builder", "resume", "--again", "--reason", "it did nothing"]).expect(0, "is done");
    assert_eq!(steps.log(), ["begun", "begun", "ended"]);
    steps.builder(&["builder", "resume", "--again", "--reason", "once more"]).expect(0, "Nothing is in doubt");
    steps.restore();
    steps.builder(&["builder", "undo", "wait"]).expect(0, "Step `wait` is unwound");
    assert_eq!(steps.log(), ["begun", "undone"]);
    // Unwound cleanly, so the PASS is not spent.
    steps.builder(&["builder", "run", "wait"]).expect(0, "is done");
}

#[test]
fn an_interrupt_lets_the_program_end_and_begins_no_other() {
    for name in ["-INT", "-TERM"] {
        let steps = Steps::new(&(WAITING.to_owned() + THREE));
        let mut command = steps.command(&[], &["builder", "run", "--all"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
        until("the step to begin", || steps.log().contains(&"begun".into()));
        signal(&child, name);
        steps.world.write("lab/go", "");
        let answer = crate::support::Answer::of(&child.wait_with_output().expect("ended"));
        answer.expect(130, "no other is begun").expect(130, "Step `wait` is done");
        steps
            .builder(&["status"])
            .expect(0, "step wait               done")
            .expect(0, "step one                not begun");
        assert_eq!(steps.log(), ["begun", "ended"]);
    }
}

#[test]
fn a_second_interrupt_leaves_the_step_in_doubt_and_its_program_running() {
    let steps = Steps::new(WAITING);
    let child = begun(&steps);
    signal(&child, "-INT");
    // The second only counts once the first was heard; sending it until the process has left is what an impatient person does.
    let mut child = child;
    until("the process to leave", || {
        signal_if_there(&child, "-INT");
        child.try_wait().expect("watched").is_some()
    });
    let answer = crate::support::Answer::of(&child.wait_with_output().expect("ended"));
    answer.expect(130, "goes on and keeps the run lock").expect(130, "step `wait` is in doubt");
    steps.builder(&["builder", "undo", "wait"]).expect(75, "outlives its parent");
    steps.world.write("lab/go", "");
    until("the lock to be free", || steps.builder(&["builder", "run", "wait"]).exit == 21);
    steps.builder(&["builder", "resume"]).expect(0, "Step `wait` is done");
}

#[test]
fn a_terminal_that_went_away_stops_no_step() {
    let steps = Steps::new(WAITING);
    let mut child = begun(&steps);
    drop((child.stdout.take(), child.stderr.take()));
    for _ in 0..5 {
        signal(&child, "-HUP");
    }
    steps.world.write("lab/go", "");
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    steps.builder(&["status"]).expect(0, "done");
    assert_eq!(steps.log(), ["begun", "ended"]);
}

/// Ctrl-S, a pager that nobody reads, a connection that broke without a word: nothing is taken, and nothing is gone.
#[test]
fn a_terminal_that_takes_nothing_holds_no_step_up() {
    // More than a pipe holds.
    let steps = Steps::new(&THREE.replace("echo one >>LAB/log", "seq 100000; echo one >>LAB/log"));
    let mut command = steps.command(&[], &["builder", "run", "one"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("runs");
    until("the step to come to its end, with nobody reading", || child.try_wait().expect("watched").is_some());
    assert_eq!(child.wait().expect("ended").code(), Some(0));
    steps.builder(&["status"]).expect(0, "step one                done");
}
