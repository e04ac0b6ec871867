//! What runs is what was passed: the clone's own files count by their content, whatever git is told to say of them.

use std::fs;
use std::path::Path;

use crate::support::steps::Steps;

/// A step that runs a script of the Builder's clone, named by its absolute path.
fn of_the_clone() -> Steps {
    let step = r#"
[[step]]
id = "one"
title = "The first"
gate = "M1"
kind = "command"
argv = ["sh", "LAB/../builder/scripts/do.sh"]
timeout = "1m"
[[step.postflight]]
id = "one-done"
title = "It is there"
probe = "command"
argv = ["cat", "LAB/log"]
stdout = 'one'

[[step]]
id = "back"
title = "Bring it back"
gate = "M1"
kind = "command"
argv = ["sh", "-c", "echo back >>LAB/log"]
timeout = "1m"
restores = true
[[step.postflight]]
id = "back-done"
title = "It is there"
probe = "command"
argv = ["cat", "LAB/log"]
stdout = 'back'
"#;
    let steps = Steps::adopted(step, |world| {
        let log = world.path("lab/log").to_string_lossy().into_owned();
        world.write("builder/scripts/do.sh", &format!("echo one >>{log}\n"));
        world.write("builder/.gitattributes", "*.sh text\n");
        world.commit("builder", "the script");
    });
    steps.world.claim();
    steps.world.pass();
    steps.pin();
    steps.window();
    steps
}

/// Edits the script after it was passed.
fn edit(steps: &Steps) {
    let path = "builder/scripts/do.sh";
    let text = steps.world.read(path).replace("echo one", "echo bad");
    steps.world.write(path, &text);
}

#[test]
fn a_script_of_the_clone_that_was_edited_after_the_pass_is_not_run() {
    let steps = of_the_clone();
    edit(&steps);
    let differs = "the work tree differs from HEAD in 1 file, first scripts/do.sh";
    steps.builder(&["builder", "run", "one"]).expect(14, differs);
    steps.builder(&["builder", "run", "--all"]).expect(14, differs);
    steps.builder(&["builder", "claim", "M1"]).expect(14, differs);
    steps.world.git("builder", &["add", "scripts/do.sh"]);
    steps.builder(&["builder", "run", "one"]).expect(14, differs);
    assert_eq!(steps.log(), [""; 0]);
    steps.world.git("builder", &["reset", "-q", "--hard"]);
    steps.builder(&["builder", "run", "one"]).expect(0, "Step `one` is done");
    assert_eq!(steps.log(), ["one"]);
}

#[test]
fn an_untracked_file_stops_a_run_as_it_stops_a_claim() {
    let steps = of_the_clone();
    steps.world.write("builder/new.sh", "echo new\n");
    for command in [["builder", "claim", "M1"], ["builder", "run", "one"]] {
        steps.builder(&command).expect(14, "differs from HEAD in 1 file, first new.sh");
    }
    assert_eq!(steps.log(), [""; 0]);
}

/// Makes git call the edited script unchanged.
type Hide = fn(&Steps);

#[test]
fn whatever_git_is_told_to_overlook_is_seen() {
    let hidden: [(&str, Hide); 4] = [
        ("assume-unchanged", |steps| {
            steps.world.git("builder", &["update-index", "--assume-unchanged", "scripts/do.sh"]);
            edit(steps);
        }),
        ("skip-worktree", |steps| {
            steps.world.git("builder", &["update-index", "--skip-worktree", "scripts/do.sh"]);
            edit(steps);
        }),
        ("equal times and sizes", |steps| {
            for (key, value) in [("core.trustctime", "false"), ("core.checkStat", "minimal")] {
                steps.world.git("builder", &["config", key, value]);
            }
            // Old enough that git does not look at the content for fear of a race.
            let script = steps.world.path("builder/scripts/do.sh");
            let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
            let set = |path: &Path| fs::File::options().write(true).open(path).and_then(|file| file.set_modified(old));
            set(&script).expect("set");
            steps.world.git("builder", &["update-index", "-q", "--refresh"]);
            edit(steps);
            set(&script).expect("set");
        }),
        ("a clean filter", |steps| {
            steps.world.write("builder/.git/info/attributes", "*.sh filter=hide\n");
            steps.world.git("builder", &["config", "filter.hide.clean", "git cat-file blob HEAD:%f"]);
            edit(steps);
        }),
    ];
    for (name, hide) in hidden {
        let steps = of_the_clone();
        hide(&steps);
        assert_eq!(steps.world.git("builder", &["status", "--porcelain", "scripts"]), "", "{name}");
        let answer = steps.builder(&["builder", "run", "one"]);
        assert!(answer.exit == 14 && answer.stderr.contains("first scripts/do.sh"), "{name}: {}", answer.all());
        assert_eq!(steps.log(), [""; 0], "{name}");
    }
}

#[test]
fn the_adversary_passes_nothing_beside_a_file_that_git_overlooks() {
    let steps = of_the_clone();
    let world = &steps.world;
    world.git("adversary", &["update-index", "--skip-worktree", "scripts/do.sh"]);
    world.write("adversary/scripts/do.sh", "echo other\n");
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(14, "first scripts/do.sh");
}

#[test]
fn a_step_runs_in_the_very_bytes_of_the_commit() {
    let step = r#"
[[step]]
id = "one"
title = "The first"
gate = "M1"
kind = "command"
argv = ["sh", "-c", "sh scripts/do.sh"]
timeout = "1m"
[[step.postflight]]
id = "one-done"
title = "It is there"
probe = "command"
argv = ["cat", "LAB/log"]
stdout = 'one'
"#;
    let steps = Steps::adopted(step, |world| {
        let log = world.path("lab/log").to_string_lossy().into_owned();
        world.write("builder/scripts/do.sh", &format!("echo one >>{log}\n"));
        world.commit("builder", "the script");
    });
    steps.world.claim();
    steps.world.pass();
    steps.pin();
    steps.window();
    steps.world.write("builder/.git/info/attributes", "*.sh filter=other\n");
    steps.world.git("builder", &["config", "filter.other.smudge", "sed s/one/bad/"]);
    steps.builder(&["builder", "run", "one"]).expect(0, "Step `one` is done");
    assert_eq!(steps.log(), ["one"]);
}

#[test]
fn recovery_goes_on_beside_edited_files_and_says_so() {
    let steps = of_the_clone();
    steps.with(&[("COUNTERSIGN_FAULT", "kill ledger.append#2")], &["builder", "run", "one"]);
    steps.world.write("builder/new.sh", "echo new\n");
    let seen = "the work tree differs from HEAD in 1 file, first new.sh; going on";
    steps.builder(&["builder", "resume", "--done", "--reason", "seen"]).expect(0, seen);
    assert_eq!(steps.log(), ["one", "back"]);
}

#[test]
fn a_step_that_brings_things_back_is_run_beside_edited_files() {
    let steps = of_the_clone();
    steps.builder(&["builder", "run", "one"]).expect(0, "is done");
    edit(&steps);
    steps.builder(&["builder", "run", "back"]).expect(0, "going on, as step `back` brings things back");
    assert_eq!(steps.log(), ["one", "back"]);
}

#[test]
fn a_run_that_was_killed_leaves_no_work_tree_behind() {
    let steps = of_the_clone();
    steps.with(&[("COUNTERSIGN_FAULT", "kill ledger.append#2")], &["builder", "run", "one"]);
    let listed = || steps.world.git("builder", &["worktree", "list", "--porcelain"]).matches("worktree ").count();
    // A kill while a program runs leaves its checkout; here one is made in its name, as a kill between two points cannot be ordered.
    let left = steps.state().join("checkout-left");
    fs::create_dir(&left).expect("made");
    let tree = left.join("tree").to_string_lossy().into_owned();
    steps.world.git("builder", &["worktree", "add", "-q", "--detach", &tree]);
    steps.world.git("builder", &["worktree", "add", "-q", "--detach", "../mine"]);
    assert_eq!(listed(), 3);
    steps.builder(&["builder", "resume", "--done", "--reason", "seen"]).expect(0, "was left by a run that was killed");
    assert_eq!(listed(), 2, "the work tree of a person stays");
    assert!(!left.exists() && steps.world.path("mine").exists());
}
