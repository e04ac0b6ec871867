//! Which repository it is: the one that the phase's first adoption names, whatever history is merged in.

use crate::support::World;

/// A phase with a veto that stands, and an unrelated history whose root has a smaller id than this one's.
fn vetoed() -> World {
    let world = World::claimed();
    world.pass();
    world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "wait"]).expect(0, "raised");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    world.git(".", &["init", "-q", "--initial-branch=main", "other"]);
    let root = world.git("builder", &["rev-list", "--max-parents=0", "HEAD"]);
    for number in 0..64 {
        world.git("other", &["checkout", "-q", "--orphan", &format!("try{number}")]);
        world.write("other/other.txt", &format!("{number}\n"));
        world.git("other", &["add", "-A"]);
        world.git("other", &["commit", "-q", "-m", "another beginning"]);
        if world.git("other", &["rev-parse", "HEAD"]) < root {
            return world;
        }
    }
    // This one's root has nearly the smallest id that there is: then the order of ids is not what is tried.
    world
}

fn still_vetoed(world: &World) {
    for party in ["builder", "adversary"] {
        world.run_in(party, &["sync"]).expect(0, "");
        let status = world.run_in(party, &["status"]).expect(0, "VETO").expect(0, "wait");
        assert!(!status.stdout.contains("another repository"), "{party}: {}", status.stdout);
        world.run_in(party, &["check"]).expect(0, "every byte");
    }
    world.run_in("builder", &["builder", "done"]).expect(13, "wait");
    world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "again"]).expect(0, "raised");
    world.run_in("adversary", &["status"]).expect(0, "again");
}

#[test]
fn another_history_that_is_merged_in_changes_nothing() {
    let world = vetoed();
    world
        .git("builder", &["pull", "-q", "--no-rebase", "--no-edit", "--allow-unrelated-histories", "../other", "HEAD"]);
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    still_vetoed(&world);
}

#[test]
fn nor_does_it_as_the_first_parent() {
    let world = vetoed();
    world.git("builder", &["fetch", "-q", "../other", "HEAD"]);
    world.git("builder", &["checkout", "-q", "-b", "turned", "FETCH_HEAD"]);
    world.git("builder", &["merge", "-q", "--no-edit", "--allow-unrelated-histories", "main"]);
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    world.git("builder", &["checkout", "-q", "-B", "main", "HEAD"]);
    still_vetoed(&world);
}

#[test]
fn records_of_two_repositories_are_nobodys() {
    let world = World::claimed();
    world.run_in("builder", &["builder", "note", "before"]).expect(0, "Note");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    let before = world.git("builder", &["rev-list", "--max-parents=0", "HEAD"]);
    // The history is written again from nothing; the documents stay.
    world.git("builder", &["checkout", "-q", "--orphan", "anew"]);
    world.git("builder", &["commit", "-q", "-m", "everything"]);
    let now = world.git("builder", &["rev-parse", "HEAD"]);
    let digest = world.run_in("builder", &["builder", "adopt"]).expect(30, &before[..12]).expect(30, &now[..12]);
    assert!(digest.stderr.contains("open another phase"), "{}", digest.stderr);
    world.run_in("builder", &["builder", "note", "after"]).expect(0, "Note");
    let answer = world.run_in("builder", &["check"]).expect(30, &before[..12]);
    assert!(answer.stderr.contains(&now[..12]), "{}", answer.stderr);
    world.run_in("builder", &["status"]).expect(0, "records of two repositories");
}
