//! `check --against`: since an older state, records only came.

use crate::support::{CONTRACT, World};

const JOURNAL: &str = "builder/machine-docs/JOURNAL-demo.md";
const REVIEW: &str = "builder/machine-docs/REVIEW-demo.md";

/// A phase with a claim and a FAIL on it, in both clones and on the remote.
fn world() -> World {
    let world = World::claimed();
    world.run_in("adversary", &["adversary", "fail", "M1", "--reason", "no"]).expect(0, "FAIL");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    world
}

#[test]
fn additions_alone_are_well() {
    let world = world();
    world.run_in("builder", &["check", "--against"]).expect(0, "since the remote's branch").expect(0, "0 came");
    world.run_in("builder", &["builder", "note", "more"]).expect(0, "Note");
    world.run_in("builder", &["check", "--against"]).expect(0, "1 came, none is gone");
    world.run_in("builder", &["check", "--against", "HEAD~1"]).expect(0, "none is gone");
    world.run_in("builder", &["check", "--against", "nothing"]).expect(2, "`nothing` names no commit");
}

#[test]
fn a_tail_that_was_cut_off_is_missed_though_nothing_here_links_to_it() {
    let world = world();
    let text = world.read(REVIEW);
    world.write(REVIEW, &text[..text.find("## Gate: M1").expect("the FAIL")]);
    world.run_in("builder", &["check"]).expect(30, "at HEAD, and is gone here; countersign check --repair");
    let answer = world.run_in("builder", &["check", "--against"]).expect(30, "is gone or altered");
    assert!(answer.stderr.contains("machine-docs/REVIEW-demo.md:"), "{}", answer.stderr);
    world.run_in("builder", &["check", "--repair"]).expect(0, "brings back");
    // What decides asks the remote, and so sees it all the same.
    world.run_in("builder", &["builder", "done"]).expect(13, "FAIL");
}

#[test]
fn records_in_another_order_are_named() {
    let world = world();
    for words in ["one", "two"] {
        world.run_in("builder", &["builder", "note", words]).expect(0, "Note");
    }
    let text = world.read(JOURNAL);
    let starts: Vec<usize> = text.match_indices("\n## Note").map(|(at, _)| at + 1).collect();
    let [one, two] = starts[starts.len() - 2..] else { panic!("two notes") };
    world.write(
        JOURNAL,
        &format!("{}{}\n{}", &text[..one], &text[two..], text[one..two].strip_suffix('\n').expect("a blank line")),
    );
    world.run_in("builder", &["check", "--against", "HEAD"]).expect(30, "stands before");
    let proposed = world.run_in("builder", &["check", "--repair"]).expect(0, "order of their links").stdout;
    let digest = proposed.trim().rsplit(' ').next().expect("a digest").to_owned();
    world.run_in("builder", &["check", "--repair", "--yes", &digest]).expect(0, "written");
    world.run_in("builder", &["check", "--against", "HEAD"]).expect(0, "none is gone");
}

#[test]
fn a_record_with_a_key_that_is_not_the_roles_is_named() {
    let world = world();
    let theirs = world.key("adversary").to_string_lossy().into_owned();
    // The command refuses; so does the check of a record that was made some other way.
    world.run_in("builder", &["builder", "note", "x", "--key", &theirs]).expect(12, "is a key of the adversary");
}

#[test]
fn a_contract_that_went_back_is_named() {
    let world = world();
    let first = world.read(CONTRACT);
    world.write(CONTRACT, &first.replace("version = 1\n", "version = 2\n"));
    let digest = world.digest("builder");
    world.run_in("builder", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.write(CONTRACT, &first);
    world
        .run_in("builder", &["check", "--against"])
        .expect(30, "the contract has version 1, and 2 at the remote's branch");
    world.write(CONTRACT, &first.replace("max_age = \"24h\"", "max_age = \"48h\""));
    world.run_in("builder", &["check", "--against", "HEAD~1"]).expect(30, "its version is 1 in both");
}

#[test]
fn every_defect_at_once_with_place_cause_and_remedy() {
    let world = world();
    world.run_in("builder", &["builder", "note", "one"]).expect(0, "Note");
    let review = world.read(REVIEW);
    world.write(REVIEW, &review.replacen("no\n", "yes\n", 1));
    let journal = world.read(JOURNAL);
    let section = journal[journal.find("## Note").expect("a note")..].to_owned();
    world.write(JOURNAL, &format!("{journal}\n{section}\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n"));
    let answer = world.run_in("builder", &["check"]).expect(30, "have 5 defects");
    for words in [
        "machine-docs/REVIEW-demo.md:",
        "is not what the record's signed block renders to; restore the bytes from git",
        "stands here a second time; remove the second copy: countersign check --repair",
        "an unresolved conflict marker; keep the records of both sides",
    ] {
        assert!(answer.stderr.contains(words), "{words} in:\n{}", answer.stderr);
    }
}

#[test]
fn a_clock_that_was_off_is_a_warning_with_both_times() {
    let world = world();
    let ahead = [("COUNTERSIGN_NOW", "2099-01-01T00:00:00Z")];
    world.run_ordered("builder", "builder", &["builder", "note", "from the future"], &ahead).expect(0, "Note");
    world
        .run_in("builder", &["check"])
        .expect(0, "says 2099-01-01T00:00:00Z, and it is 20")
        .expect(0, "machine-docs/JOURNAL-demo.md:");
    world.run_in("builder", &["builder", "note", "back again"]);
    world.run_in("builder", &["check"]).expect(0, "which says 2099-01-01T00:00:00Z: a clock was off by");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(13, "before the newest record");
}
