//! Names and places: near misses of names, subdirectories, `-C`, work trees.

use std::fs;

use crate::support::World;

#[test]
fn a_near_miss_is_no_hit() {
    let world = World::claimed();
    for name in ["m1", "M10", "M", "M1 ", " M1", "M01", "\u{41c}1", "M\u{200b}1", "M1\u{301}", "*", ""] {
        for command in [&["builder", "claim"][..], &["adversary", "brief"], &["adversary", "pass"]] {
            let clone = command[0];
            world.run_in(clone, &[command, &[name]].concat()).expect(2, "there is no gate").expect(2, "one of M1");
        }
    }
    world.run_in("builder", &["builder", "claim", "\u{41c}1"]).expect(2, "(it holds U+041C)");
    let answer = world.run_in("builder", &["builder", "claim", "M1\u{1b}[31m"]).expect(2, "\\u{1b}[31m");
    assert!(!answer.stderr.contains('\u{1b}'), "nothing that steers a terminal");
    world.run_in("builder", &["probe", "Guard"]).expect(2, "there is no criterion `Guard`").expect(2, "one of guard");
    world.run_in("adversary", &["adversary", "finding", "close", "a1", "--reason", "x"]).expect(2, "no finding `a1`");
    world.run_in("builder", &["status", "--phase", "Demo"]).expect(2, "is not a phase name");
    world.run_in("builder", &["status", "--phase", "dem\u{43e}"]).expect(2, "is not a phase name");
    let mut short =
        world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "x"]).expect(0, "raised").stdout;
    short = short.split(['(', ')']).nth(1).expect("an id").to_owned();
    let lift = |id: &str| world.run_in("adversary", &["adversary", "veto", "lift", id, "--reason", "x"]);
    lift(&short[..11]).expect(2, "no veto");
    lift(&short.to_uppercase().replace(|c: char| c.is_ascii_digit(), "0")).expect(2, "no veto");
    lift(&short).expect(0, "lifted");
}

#[test]
fn from_any_directory_of_the_clone() {
    let world = World::adopted();
    let here = world.run_in("builder", &["status"]).expect(0, "Phase demo").stdout;
    assert_eq!(world.run_in("builder/scripts", &["status"]).stdout, here);
    assert_eq!(world.run_in("builder/machine-docs", &["status"]).stdout, here);
    let clone = world.path("builder");
    assert_eq!(world.run_in(".", &["-C", &clone.to_string_lossy(), "status"]).stdout, here);
    assert_eq!(world.run_in(".", &["status", "-C", "builder/scripts"]).stdout, here, "relative, and after the command");
    world
        .run_as("builder", "builder/scripts", &["builder", "note", "from below"])
        .expect(0, "in machine-docs/JOURNAL-demo.md");
    assert!(!world.path("builder/scripts/machine-docs").exists());
    world.run_in(".", &["-C", "nowhere", "status"]).expect(2, "nowhere").expect(2, "name a directory that is there");
    world.run_in(".", &["-C", "builder/.git/HEAD", "status"]).expect(2, "builder/.git/HEAD: it is no directory");
    // A key's path is relative to where one stands, as the shell sees it.
    let key = world.key("builder").with_extension("pub");
    fs::copy(key, world.path("builder.pub")).expect("copied");
    world.run_in("builder", &["key", "add", "builder", "../builder.pub"]).expect(0, "already");
}

#[test]
fn a_work_tree_has_documents_of_its_own_and_the_clones_lock() {
    let world = World::adopted();
    world.git("builder", &["worktree", "add", "-q", "-b", "second", "../second"]);
    world.run_as("builder", "second", &["builder", "note", "from the work tree"]).expect(0, "Note");
    world.run_as("builder", "second", &["check"]).expect(0, "every byte");
    assert!(world.read("second/machine-docs/JOURNAL-demo.md").contains("from the work tree"));
    assert!(!world.read("builder/machine-docs/JOURNAL-demo.md").contains("from the work tree"));
    assert!(world.path("builder/.git/countersign/documents.lock").exists());
    assert!(!world.path("builder/.git/worktrees/second/countersign").exists(), "one lock for all work trees");
    world.git("second", &["checkout", "-q", "--detach"]);
    world.run_as("builder", "second", &["sync"]).expect(2, "HEAD is on no branch (detached)");
}

#[test]
fn another_repository_inside_or_above_is_not_taken() {
    let world = World::opened();
    world.git("builder", &["init", "-q", "inner"]);
    world.run_in("builder/inner", &["status"]).expect(2, "has no commit yet");
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), "builder/inner", "builder");
    // git's own variables, as a hook sets them, must not lead elsewhere.
    let output = command.args(["status"]).env("GIT_DIR", world.path("builder/.git")).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
}
