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
    let world = World::adopted();
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

#[test]
fn a_repository_with_nothing_in_it_is_to_be_filled_first() {
    let world = World::new();
    world.git(".", &["init", "-q", "bare-of-files"]);
    world.git("bare-of-files", &["commit", "-q", "--allow-empty", "-m", "begin"]);
    world.run_in("bare-of-files", &["init", "--phase", "demo"]).expect(0, "is open");
    for role in ["builder", "adversary"] {
        world.run_as(role, "bare-of-files", &["key", "new", role]).expect(0, "ssh-ed25519");
        let public = world.key(role).with_extension("pub");
        world.run_as("builder", "bare-of-files", &["key", "add", role, &public.to_string_lossy()]).expect(0, "Added");
    }
    let next = || world.run_as("builder", "bare-of-files", &["next"]);
    next().expect(0, "builder: git add FILE, then git commit").expect(0, "no commit of anything but state documents");
    world.write("bare-of-files/README", "what the phase is about\n");
    world.git("bare-of-files", &["add", "README"]);
    world.git("bare-of-files", &["commit", "-q", "-m", "something"]);
    next().expect(0, "builder: countersign builder adopt");
}

#[test]
fn next_says_check_where_a_document_is_damaged_whatever_else_is_to_be_done() {
    let world = World::claimed();
    for clone in ["builder", "adversary"] {
        let file = format!("{clone}/machine-docs/REVIEW-demo.md");
        world.write(&file, &world.read(&file).replacen("adopts", "adopted", 1));
        world.run_in(clone, &["next"]).expect(0, &format!("{clone}: countersign check\n  the documents have "));
    }
}
