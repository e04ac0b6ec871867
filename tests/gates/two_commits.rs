//! A record that one commit hides by a line and the next one takes out is missed as one that was cut off at once.

use crate::support::World;
use crate::support::steps::Steps;

use super::branches::{REVIEW, TOLD, object, passed};

/// What a first commit may add so that the record that begins at `at` is read no more.
fn hidden(text: &str, at: usize) -> [String; 4] {
    let before = |line: &str| format!("{}{line}{}", &text[..at], &text[at..]);
    let inside = |mark: &str, line: &str| {
        let there = at + text[at..].find(mark).expect("it is there");
        format!("{}{line}{}", &text[..there], &text[there..])
    };
    [before("<!--\n"), before("~~~\n"), inside("record = ", "# tidy\n"), inside("```toml", "tidy\n\n")]
}

/// The Builder adds one line to REVIEW and pushes it; gives the commit.
fn add(world: &World, clone: &str, text: &str) -> String {
    world.write(&format!("{clone}/machine-docs/REVIEW-demo.md"), text);
    world.git(clone, &["commit", "-qam", "docs: a line"]);
    let counted = world.git(clone, &["show", "--numstat", "--format=", "HEAD"]);
    assert!(counted.contains("\t0\t"), "nothing is taken away: {counted}");
    world.git(clone, &["push", "-q", "origin", "HEAD:main"]);
    world.git(clone, &["rev-parse", "--short=12", "HEAD"])
}

#[test]
fn a_line_in_one_commit_and_the_rest_in_the_next_take_out_nothing_unseen() {
    let steps = passed();
    let world = &steps.world;
    let size = world.read(REVIEW).len();
    object(world, TOLD[0]);
    world.git("builder", &["pull", "-q", "--rebase"]);
    let (text, tip) = (world.read(REVIEW), world.git("builder", &["rev-parse", "HEAD"]));
    for added in hidden(&text, size) {
        world.git("builder", &["reset", "-q", "--hard", &tip]);
        world.git("builder", &["push", "-q", "--force", "origin", "HEAD:main"]);
        let first = add(world, "builder", &added);
        world.write(REVIEW, &text[..size]);
        world.git("builder", &["commit", "-qam", "docs: tidy"]);
        world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
        std::fs::remove_dir_all(world.path("fresh")).ok();
        world.git(".", &["clone", "-q", "origin.git", "fresh"]);
        for command in [&["check"][..], &["check", "--against"], &["builder", "done"]] {
            let told = world.run_as("builder", "fresh", command).expect(30, "is in the history and in no document");
            assert!(told.stderr.contains(&first), "{first} in {command:?}: {}", told.stderr);
        }
        world.run_as("builder", "fresh", &["check", "--repair"]).expect(0, "brings back");
    }
}

#[test]
fn a_line_on_another_branch_hides_no_objection_there() {
    let Steps { world } = &passed();
    let size = world.read(REVIEW).len();
    world.git("builder", &["checkout", "-q", "-b", "mine"]);
    world.git("builder", &["push", "-q", "-u", "origin", "mine"]);
    object(world, TOLD[0]);
    let tip = world.git("origin.git", &["rev-parse", "main"]);
    for at in 0..4 {
        world.git("origin.git", &["update-ref", "refs/heads/main", &tip]);
        std::fs::remove_dir_all(world.path("fresh")).ok();
        world.git(".", &["clone", "-q", "-b", "main", "origin.git", "fresh"]);
        let text = world.read("fresh/machine-docs/REVIEW-demo.md");
        add(world, "fresh", &hidden(&text, size)[at]);
        // One that was not here before sees the line and what it hides; so does one that has seen neither.
        std::fs::remove_dir_all(world.path("second")).ok();
        world.git(".", &["clone", "-q", "-b", "mine", "origin.git", "second"]);
        let told = world.run_as("builder", "second", &["builder", "done"]).expect(30, "REVIEW is not whole on 1 other");
        assert!(
            told.stderr.contains("branch main of the remote") && told.stderr.contains("REVIEW-demo.md"),
            "{}",
            told.all()
        );
        world.run_as("builder", "second", &["check", "--against"]).expect(30, "may hide an objection");
        world.run_as("builder", "second", &["sync"]).expect(0, "may hide an objection");
        // Mended there, it is the objection that it was.
        world.git("fresh", &["revert", "--no-edit", "HEAD"]);
        world.git("fresh", &["push", "-q", "origin", "HEAD:main"]);
        world.run_as("builder", "second", &["builder", "done"]).expect(10, "VETO wait");
    }
}
