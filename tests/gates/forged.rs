//! Records that are signed by hand with a key that somebody has: another repository, another version, older links, an older date.

use std::fs;

use countersign::docs::store::{Draft, DraftOutput, Store};
use countersign::model::record::{Block, Body};
use countersign::model::role::Document;
use countersign::sign::key_file::Key;

use super::verdicts::{done_over, from_now, passed, publish, sign_by_hand};
use crate::support::steps::{Steps, THREE};
use crate::support::{Answer, CONTRACT, World};

const STATUS: &str = "builder/machine-docs/STATUS-demo.md";
const REVIEW: &str = "builder/machine-docs/REVIEW-demo.md";

/// The first record of a document, changed and signed with the Builder's key as if nothing had been there; as its section.
fn begun_otherwise(world: &World, clone: &str, document: Document, change: impl FnOnce(&mut Block)) -> String {
    let copied = std::process::Command::new("cp").arg("-a").args([world.path(clone), world.path("copy")]).status();
    assert!(copied.is_ok_and(|status| status.success()));
    let root = world.path("copy");
    let store = Store::new(&root, &root.join(".git"), "demo".parse().expect("a phase"));
    let documents = store.load().expect("loads");
    let first = documents.records().find(|record| record.block.document == document).expect("a record").clone();
    let file = format!("copy/{}", store.file(document));
    let text = world.read(&file);
    let (before, _) = text.split_once("\n## ").expect("a section");
    world.write(&file, &format!("{before}\n"));
    let mut block = Block { output: None, ..first.block };
    change(&mut block);
    let output = first.output.map(|text| DraftOutput { text, redactions: 0, extension: "toml", exact: true });
    let mut transaction = store.begin(document, "by hand").expect("begun");
    transaction.tolerate_defects();
    transaction.append(Draft { block, output }, &Key::load(&world.key("builder")).expect("a key")).expect("appended");
    transaction.publish().expect("written");
    world.read(&file).split_off(before.len() + 1)
}

/// Puts sections before the first one of a document.
fn put_on_top(world: &World, file: &str, sections: &str) {
    let text = world.read(file);
    let at = text.find("\n## ").map_or(text.len(), |at| at + 1);
    world.write(file, &format!("{}{}\n{}", &text[..at], sections.trim_start(), &text[at..]));
}

/// The Builder pushes its state documents as they are, and the Adversary takes them in.
fn pushed(world: &World) {
    world.git("builder", &["add", "-A", "machine-docs"]);
    world.git("builder", &["commit", "-q", "-m", "docs"]);
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    world.git("adversary", &["pull", "-q", "--no-rebase", "--no-edit"]);
}

fn adversary(world: &World, args: &[&str]) -> Answer {
    world.run_in("adversary", &[&["adversary"], args].concat())
}

/// Takes the proposal of `check --repair`.
fn repaired(world: &World) {
    let proposed = world.run_in("builder", &["check", "--repair"]).all();
    let (_, after) = proposed.split_once("--repair --yes ").unwrap_or_else(|| panic!("nothing proposed: {proposed}"));
    let digest: String = after.chars().take_while(char::is_ascii_hexdigit).collect();
    world.run_in("builder", &["check", "--repair", "--yes", &digest]);
}

#[test]
fn an_objection_to_documents_that_are_damaged_counts_once_they_are_mended() {
    let altered = |text: &str| text.replace("tool = \"", "tool = \"9");
    let cut = |text: &str| text.split_once("\n## ").expect("a section").0.to_owned() + "\n";
    let damages: [(&str, &dyn Fn(&str) -> String); 2] = [("a byte in every record", &altered), ("all cut off", &cut)];
    for (name, damage) in damages {
        let world = World::claimed();
        world.pass();
        for file in [STATUS, REVIEW] {
            world.write(file, &damage(&world.read(file)));
        }
        pushed(&world);
        for args in [
            &["veto", "raise", "--reason", "stop"][..],
            &["fail", "M1", "--reason", "bad"],
            &["finding", "open", "hole"],
        ] {
            let answer = adversary(&world, args);
            assert!(answer.exit == 30 && answer.stderr.contains("was written"), "{name}: {args:?}: {}", answer.all());
        }
        let synced = world.run_in("adversary", &["sync"]);
        assert!(synced.all().contains("pushed"), "{name}: {}", synced.all());
        world.git("builder", &["pull", "-q", "--rebase"]);
        repaired(&world);
        let status = world.run_in("builder", &["status"]).stdout;
        for words in ["VETO", "has FAIL", "A1"] {
            assert!(status.contains(words), "{name}: {words} in\n{status}");
        }
        assert!(!status.contains("counts for nothing"), "{name}: {status}");
    }
}

#[test]
fn who_is_judged_does_not_choose_the_repository() {
    let world = World::claimed();
    world.pass();
    let root = world.git("builder", &["rev-list", "--max-parents=0", "HEAD"]);
    world.git(".", &["init", "-q", "--initial-branch=main", "other"]);
    world.write("other/other.txt", "x\n");
    world.git("other", &["add", "-A"]);
    world.git("other", &["commit", "-q", "-m", "another beginning"]);
    let other = world.git("other", &["rev-parse", "HEAD"]);
    world.git("builder", &["fetch", "-q", "../other", "HEAD"]);
    world.git("builder", &["merge", "-q", "-s", "ours", "--allow-unrelated-histories", "-m", "m", "FETCH_HEAD"]);
    let whole = world.read(REVIEW);
    let forged = begun_otherwise(&world, "builder", Document::Review, |block| {
        block.repository = other.parse().expect("an id");
    });
    put_on_top(&world, REVIEW, &forged);
    pushed(&world);
    // The documents are of two repositories now; the veto is to this one.
    adversary(&world, &["veto", "raise", "--reason", "stop"]).expect(0, "raised");
    let review = world.read("adversary/machine-docs/REVIEW-demo.md");
    let named = review.rsplit("\nrepository = \"").next().expect("a record");
    assert!(named.starts_with(&root), "{named}");
    let veto = review[review.rfind("\n## VETO").expect("a veto") + 1..].to_owned();
    world.write(REVIEW, &format!("{}\n\n{veto}", whole.trim_end()));
    world.run_in("builder", &["status"]).expect(0, "VETO");
}

#[test]
fn an_adoption_as_another_version_silences_nobody() {
    let world = World::opened();
    let adopted = ["builder", "adopt", "--yes", &world.digest("builder")];
    let status = world.read(STATUS);
    world.run_in("builder", &adopted).expect(0, "adopts");
    let forged = begun_otherwise(&world, "builder", Document::Status, |block| {
        let Body::Contract(adoption) = &mut block.body else { panic!("an adoption") };
        adoption.version = 9;
    });
    world.write(STATUS, &format!("{}\n\n{}", status.trim_end(), forged.trim_start()));
    world.adopt();
    world.claim();
    adversary(&world, &["veto", "raise", "--reason", "stop"]).expect(0, "raised");
    adversary(&world, &["finding", "open", "hole"]).expect(0, "A1");
    let says = "counts for nothing: it calls version 9 what its text says is version 1";
    world.run_in("adversary", &["status"]).expect(0, "VETO").expect(0, says);
}

/// The contract gets a key of the Adversary in place of the one it has, and both adopt it; the one that is replaced says so.
fn rotated(world: &World) {
    world.run_as("new", "builder", &["key", "new", "adversary"]).expect(0, "ssh-ed25519");
    let body = |party: &str| {
        let file = world.path(&format!("config/{party}/countersign/keys/adversary.pub"));
        fs::read_to_string(file).expect("read").split(' ').nth(1).expect("a key").to_owned()
    };
    let text = world.read(CONTRACT).replace(&body("adversary"), &body("new"));
    world.write(CONTRACT, &text.replace("version = 1\n", "version = 2\n"));
    let digest = world.digest("builder");
    world.run_in("builder", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    publish_to_adversary(world);
    let hint = "with the key of version 1: --key FILE";
    world.run_as("new", "adversary", &["adversary", "adopt", "--yes", &digest]).expect(12, hint);
    adversary(world, &["adopt", "--yes", &digest]).expect(0, "adopts");
    publish(world);
}

fn publish_to_adversary(world: &World) {
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.run_in("adversary", &["sync"]).expect(0, "pulled");
}

#[test]
fn a_key_that_was_replaced_opens_nothing_more_by_older_links() {
    let world = World::claimed();
    adversary(&world, &["veto", "raise", "--reason", "wait"]).expect(0, "raised");
    publish(&world);
    let status = world.run_in("adversary", &["status"]).stdout;
    let veto = status.split("VETO ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an id").to_owned();
    world.keep();
    let theirs = "adversary/machine-docs/REVIEW-demo.md";
    let before = world.read(theirs).len();
    adversary(&world, &["veto", "lift", &veto, "--reason", "over"]).expect(0, "lifted");
    adversary(&world, &["waive", "--criterion", "guard", "--reason", "x", "--for", "1h"]).expect(0, "Waiver");
    let late = world.read(theirs).split_off(before);
    world.restore();
    rotated(&world);
    world.write(REVIEW, &format!("{}\n\n{}", world.read(REVIEW).trim_end(), late.trim_start()));
    world
        .run_in("builder", &["status"])
        .expect(0, &format!("VETO {veto}"))
        .expect(0, "signed with a key that contract version 2 dropped");
    // Nor does it say that the contract counts for nothing, to whoever has it.
    let says = "version 1 of the contract lists this key for the adversary, and version 2, which is in force, does not";
    adversary(&world, &["veto", "raise", "--reason", "x"]).expect(12, says);
    world.run_as("new", "adversary", &["adversary", "veto", "raise", "--reason", "x"]).expect(0, "raised");
}

#[test]
fn a_done_is_as_late_as_what_it_came_after() {
    let steps = passed(|_| {});
    let later = from_now("3 days");
    let env = [("COUNTERSIGN_NOW", later.as_str())];
    steps.with(&env, &["builder", "note", "three days later"]).expect(0, "Note");
    sign_by_hand(&steps.world, done_over);
    let status =
        steps.with(&env, &["status"]).expect(0, "counts for nothing: the phase was not done where it stands").stdout;
    assert!(!status.contains("DONE @") && status.contains("is 3d"), "{status}");
}

#[test]
fn a_claim_that_asked_no_engine_permits_no_step_on_any() {
    let steps = Steps::adopted(THREE, |_| {});
    let world = &steps.world;
    let nowhere = ["M1", "--engine", "unix:///nonexistent/docker.sock"];
    world.run_in("builder", &[&["builder", "claim"], &nowhere[..]].concat()).expect(0, "is claimed");
    publish_to_adversary(world);
    world.run_in("adversary", &[&["adversary", "pass"], &nowhere[..]].concat()).expect(0, "PASS");
    publish(world);
    steps.pin();
    steps.window();
    steps
        .builder(&["builder", "run", "one"])
        .expect(11, "gate M1 was claimed where no engine answered, and this is ")
        .expect(11, "where this engine answers");
    assert_eq!(steps.log(), [""; 0]);
    steps.world.claim();
    steps.world.pass();
    steps.builder(&["builder", "run", "one"]).expect(0, "Step `one` is done");
}
