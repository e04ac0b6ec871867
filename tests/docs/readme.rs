//! What the README prints of damaged documents is what the program prints for the same damage, but for ids and line numbers.

use std::fs;

use crate::support::{World, root};

const REVIEW: &str = "builder/machine-docs/REVIEW-demo.md";
const JOURNAL: &str = "builder/machine-docs/JOURNAL-demo.md";

/// The text with every id of twelve digits and every line number written as one word.
fn without_ids(text: &str) -> String {
    let id = regex::Regex::new(r"\b[0-9a-f]{12}\b").expect("a pattern");
    let line = regex::Regex::new(r":\d+:\d+:|\blines? \d+( to \d+)?").expect("a pattern");
    line.replace_all(&id.replace_all(text, "ID12"), "LINE").trim_end().to_owned()
}

/// The README's excerpt that begins with a command.
fn excerpt(command: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).expect("read");
    let (_, after) = readme.split_once(&format!("```text\n$ {command}\n")).expect("the excerpt");
    after.split("```").next().unwrap_or_default().to_owned()
}

/// A phase with a finding that a note has seen, published.
fn world() -> World {
    let world = World::adopted();
    world.run_in("adversary", &["adversary", "finding", "open", "the guard prunes a kept network"]).expect(0, "A1");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    world.run_in("builder", &["builder", "note", "the network is kept by its label now"]).expect(0, "Note");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world
}

#[track_caller]
fn prints(world: &World, command: &str) {
    let args: Vec<&str> = command.split(' ').skip(1).collect();
    let printed = world.run_in("builder", &args).all();
    assert_eq!(
        without_ids(&excerpt(command)),
        without_ids(&printed),
        "the README says otherwise; now it is:\n{printed}"
    );
}

#[test]
fn a_changed_byte_and_a_merge_with_markers_and_a_doubled_record() {
    let world = world();
    world.write(REVIEW, &world.read(REVIEW).replacen("kept network\n", "kept netw0rk\n", 1));
    let journal = world.read(JOURNAL);
    let note = &journal[journal.find("## Note").expect("the note")..];
    world.write(JOURNAL, &format!("{journal}\n{note}\n<<<<<<< HEAD\n=======\n>>>>>>> origin/main\n"));
    prints(&world, "countersign check");
    prints(&world, "countersign check --repair");
}

#[test]
fn a_record_that_was_cut_off() {
    let world = world();
    let review = world.read(REVIEW);
    world.write(REVIEW, &review[..review.len() - 60]);
    prints(&world, "countersign check --against");
}
