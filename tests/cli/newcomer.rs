//! What somebody meets who uses this for the first time.

use crate::support::{GUARD, World};

#[test]
fn a_place_that_is_no_repository() {
    let world = World::new();
    for place in ["/proc", "/"] {
        world
            .run_in("builder", &["-C", place, "status"])
            .expect(2, &format!("{place} is in no git repository"))
            .expect(2, "Hint: run it inside the repository, or name it with -C DIR");
    }
    world.run_in("builder/.git", &["status"]).expect(2, "is git's own directory").expect(2, "Hint: run it there");
    world.git(".", &["init", "-q", "empty"]);
    world.run_in("empty", &["init", "--phase", "demo"]).expect(2, "has no commit yet").expect(2, "Hint: git add");
}

#[test]
fn an_engine_that_is_not_there_is_the_reason() {
    let world = World::new();
    world.open(
        "[[gate.criterion]]\nid = \"clear\"\ntitle = \"t\"\nprobe = \"docker.subnet\"\nsubnet = \"10.40.0.0/16\"\n",
    );
    world
        .run_in("builder", &["probe", "clear"])
        .expect(13, "no engine could be asked: ")
        .expect(13, "/nonexistent/docker.sock");
}

#[test]
fn a_hint_says_whose_command_it_is() {
    let world = World::new();
    world.open(GUARD);
    world.adopt();
    world
        .run_in("adversary", &["adversary", "brief", "M1"])
        .expect(10, "Hint: the Builder runs: countersign builder claim M1");
    let answer = world.run_in("adversary", &["adversary", "pass", "M1", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&answer.stdout).expect("JSON");
    assert_eq!(value["error"]["next"], "the Builder runs: countersign builder claim M1");
    world.claim();
    let file = "builder/machine-docs/STATUS-demo.md";
    assert!(world.read(file).contains("HOW: the Adversary runs, from another clone: countersign adversary brief M1"));
}

#[test]
fn without_a_remote_next_says_how_to_add_one() {
    let world = World::new();
    world.git("builder", &["remote", "remove", "origin"]);
    world.open(GUARD);
    let digest = world.digest("builder");
    world.run_in("builder", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    world.run_in("builder", &["next"]).expect(0, "git remote add origin URL").expect(0, "there is no remote `origin`");
    world.run_in("builder", &["sync"]).expect(2, "Hint: git remote add origin URL");
    world.run_in("builder", &["builder", "done"]).expect(13, "Hint: git remote add origin URL");
}
