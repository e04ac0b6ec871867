//! People's text that swallows what comes after it: an objection gets in all the same, and `check` says what is open.

use std::fs;

use crate::support::World;

const REVIEW: &str = "machine-docs/REVIEW-demo.md";

/// A phase with a PASS of M1, whose Builder pushes this text of REVIEW; the Adversary works in a fresh clone, `fresh`.
fn pushed(damage: impl Fn(Vec<u8>) -> Vec<u8>) -> World {
    let world = World::claimed();
    world.pass();
    let file = world.path(&format!("builder/{REVIEW}"));
    let damaged = damage(fs::read(&file).expect("read"));
    fs::write(&file, damaged).expect("written");
    world.git("builder", &["commit", "-qam", "docs"]);
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    world.git(".", &["clone", "-q", "origin.git", "fresh"]);
    world
}

/// What the Adversary says in the fresh clone gets in, reaches the Builder, and counts once the line is taken out again.
#[track_caller]
fn objects(world: &World, mend: impl Fn(Vec<u8>) -> Vec<u8>) {
    let say = |words: &[&str]| world.run_as("adversary", "fresh", words);
    let got_in = |answer: crate::support::Answer, words: [&str; 2]| {
        // Where the damage hides the adoptions too, that it does not count until then is said.
        assert!(
            [0, 30].contains(&answer.exit) && words.iter().any(|words| answer.all().contains(words)),
            "{}",
            answer.all()
        );
    };
    let later = "was written, and counts for nothing while the documents are damaged";
    got_in(say(&["adversary", "veto", "raise", "--reason", "stop it"]), ["Veto raised", later]);
    got_in(say(&["adversary", "fail", "M1", "--reason", "no"]), ["FAIL", later]);
    got_in(say(&["adversary", "finding", "open", "it is broken"]), ["Finding A1", later]);
    got_in(say(&["sync"]), ["pushed", "pushed"]);
    got_in(world.run_in("builder", &["sync"]), ["pulled", "pulled"]);
    world.run_in("builder", &["builder", "done"]);
    let file = world.path(&format!("builder/{REVIEW}"));
    let mended = mend(fs::read(&file).expect("read"));
    fs::write(&file, mended).expect("written");
    world.run_in("builder", &["check"]).expect(0, "every byte");
    let status = world.run_in("builder", &["status"]).all();
    for words in ["stop it", "FAIL", "it is broken"] {
        assert!(status.contains(words), "{words} in {status}");
    }
}

fn without(bytes: &[u8], piece: &[u8]) -> Vec<u8> {
    let at = bytes.windows(piece.len()).position(|window| window == piece).expect("the piece");
    [&bytes[..at], &bytes[at + piece.len()..]].concat()
}

#[test]
fn a_comment_opened_after_the_last_record_is_a_warning_and_keeps_no_objection_out() {
    let world = pushed(|bytes| [&bytes, b"\n<!-- a thought\n".as_slice()].concat());
    let answer = world.run_as("adversary", "fresh", &["check"]).expect(0, "warning: machine-docs/REVIEW-demo.md:");
    answer.expect(
        0,
        "an HTML comment opened here is never closed (--> is missing); what follows it is not read; close it",
    );
    objects(&world, |bytes| bytes);
}

#[test]
fn a_fence_opened_at_the_top_hides_every_record_and_keeps_no_objection_out() {
    let fence = b"~~~~~~~~~~~~~~\n".as_slice();
    let world = pushed(|bytes| [fence, &bytes].concat());
    world
        .run_as("adversary", "fresh", &["check"])
        .expect(30, "machine-docs/REVIEW-demo.md:1:1: a code fence opened here is never closed");
    objects(&world, |bytes| without(&bytes, fence));
}

#[test]
fn a_comment_opened_before_the_pass_keeps_no_objection_out() {
    let comment = b"<!-- x\n".as_slice();
    let world = pushed(|bytes| {
        let heading = "## Gate: M1 — PASS".as_bytes();
        let at = bytes.windows(heading.len()).position(|window| window == heading).expect("the PASS");
        [&bytes[..at], comment, &bytes[at..]].concat()
    });
    objects(&world, |bytes| without(&bytes, comment));
}

#[test]
fn a_byte_that_is_no_text_keeps_no_objection_out() {
    let piece = b"x\xff\n".as_slice();
    let world = pushed(|bytes| [&bytes, piece].concat());
    world.run_as("adversary", "fresh", &["check"]).expect(30, ":2: a byte that is not UTF-8: 1 in the file");
    objects(&world, |bytes| without(&bytes, piece));
}
