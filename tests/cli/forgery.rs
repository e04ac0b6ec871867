//! Ways to fool a gate, each tried through the command line and seen refused.

use std::fs;

use crate::support::{CONTRACT, GUARD, World};

const STATUS: &str = "builder/machine-docs/STATUS-demo.md";
const REVIEW: &str = "builder/machine-docs/REVIEW-demo.md";

fn passed() -> World {
    let world = World::claimed();
    world.pass();
    world
}

#[test]
fn headings_typed_by_hand_count_for_nothing() {
    let world = World::adopted();
    let typed =
        format!("{}\n## Gate: M1 — PASS @2026-06-13T13:00Z (Adversary cold-verified)\n\n## DONE\n", world.read(STATUS));
    world.write(STATUS, &typed);
    world.run_in("builder", &["status"]).expect(0, "unsigned, counts for nothing").expect(0, "not claimed");
    world.run_in("builder", &["builder", "done"]).expect(13, "");
}

#[test]
fn a_pass_signed_with_the_builders_key_is_refused() {
    let world = World::claimed();
    let key = world.key("builder");
    let key = key.to_string_lossy();
    world
        .run_as("builder", "builder", &["adversary", "pass", "M1", "--key", &key])
        .expect(12, "is a key of the builder, not of the adversary");
}

#[test]
fn the_builder_cannot_put_another_key_into_the_contract() {
    let world = passed();
    world.run_as("mallory", "builder", &["key", "new", "adversary"]).expect(0, "ssh-ed25519");
    let mine = fs::read_to_string(world.path("config/mallory/countersign/keys/adversary.pub")).expect("read");
    let theirs = fs::read_to_string(world.key("adversary").with_extension("pub")).expect("read");
    let body = |key: &str| key.split(' ').nth(1).expect("a key").to_owned();
    let swapped = world.read(CONTRACT).replace(&body(&theirs), &body(&mine)).replace("version = 1\n", "version = 2\n");
    world.write(CONTRACT, &swapped);
    let digest = world.digest("builder");
    world.run_in("builder", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    world.run_as("mallory", "builder", &["adversary", "adopt", "--yes", &digest]);
    world.run_as("mallory", "builder", &["adversary", "pass", "M1"]).expect(31, "is in force");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(31, "is in force");
}

#[test]
fn one_clone_cannot_be_both_parties() {
    let world = World::adopted();
    world.claim();
    world.run_as("adversary", "builder", &["adversary", "pass", "M1"]).expect(12, "separation of `none`");
}

#[test]
fn a_work_tree_is_the_same_clone() {
    let world = World::adopted();
    world.claim();
    world.git("builder", &["worktree", "add", "-q", "--detach", "../second"]);
    world.run_as("adversary", "second", &["adversary", "pass", "M1"]).expect(12, "separation of `none`");
}

#[test]
fn one_changed_byte_is_found_with_its_place() {
    let world = passed();
    let text = world.read(REVIEW);
    let changed = text.replacen("holds: 2 of 2 criteria", "holds: 3 of 2 criteria", 1);
    assert_ne!(text, changed);
    world.write(REVIEW, &changed);
    world
        .run_in("builder", &["check"])
        .expect(30, "machine-docs/REVIEW-demo.md:")
        .expect(30, "is not what the record's signed block renders to");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(30, "the documents have 1 defect");
}

#[test]
fn a_fail_that_was_cut_out_is_missed() {
    let world = World::claimed();
    world.run_in("adversary", &["adversary", "fail", "M1", "--reason", "no"]).expect(0, "FAIL");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    world.run_in("builder", &["builder", "note", "I saw it"]).expect(0, "Note");
    let text = world.read(REVIEW);
    let at = text.find("## Gate: M1").expect("the FAIL");
    world.write(REVIEW, &text[..at]);
    world.run_in("builder", &["check"]).expect(30, "is linked to, but in no document");
}

#[test]
fn a_pass_of_another_repository_opens_nothing() {
    let (one, other) = (passed(), World::new());
    other.open(GUARD);
    for name in ["STATUS", "REVIEW", "JOURNAL", "PHASE"] {
        let ext = if name == "PHASE" { "toml" } else { "md" };
        let file = format!("builder/machine-docs/{name}-demo.{ext}");
        other.write(&file, &one.read(&file));
    }
    let evidence = one.path("builder/machine-docs/evidence/demo");
    if evidence.exists() {
        for entry in fs::read_dir(evidence).expect("read").flatten() {
            let name = entry.file_name();
            let text = fs::read_to_string(entry.path()).expect("read");
            other.write(&format!("builder/machine-docs/evidence/demo/{}", name.to_string_lossy()), &text);
        }
    }
    other.run_in("builder", &["check"]).expect(0, "were written in another repository and open nothing here");
    other.run_in("builder", &["status"]).expect(0, "not claimed");
}

#[test]
fn a_review_pasted_into_another_document_or_phase_is_refused() {
    let world = passed();
    let review = world.read(REVIEW);
    world.write(STATUS, &format!("{}\n{review}", world.read(STATUS)));
    world.run_in("builder", &["check"]).expect(30, "belongs into REVIEW, not into STATUS");
}

#[test]
fn a_claim_needs_a_clean_tree_and_true_criteria() {
    let world = World::adopted();
    world.write("builder/untracked", "x");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(14, "the work tree differs from HEAD");
    fs::remove_file(world.path("builder/untracked")).expect("removed");
    world.write("builder/scripts/step0.sh", "nothing\n");
    world.commit("builder", "drop the safety net");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(14, "guard");
}
