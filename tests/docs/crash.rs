//! A writer that is killed, stopped or out of disk leaves the old document or the new one, and nothing that is in the way.

use std::collections::BTreeSet;
use std::fs;

use crate::support::World;

const JOURNAL: &str = "builder/machine-docs/JOURNAL-demo.md";
const REVIEW: &str = "builder/machine-docs/REVIEW-demo.md";

fn world() -> World {
    let world = World::adopted();
    world.run_in("builder", &["builder", "note", "before"]).expect(0, "Note");
    world
}

fn note(world: &World, words: &str, env: &[(&str, &str)]) -> crate::support::Answer {
    world.run_ordered("builder", "builder", &["builder", "note", words], env)
}

/// The fault points that writing one record passes.
fn points(world: &World) -> Vec<String> {
    let log = world.path("points");
    note(world, "to see the points", &[("COUNTERSIGN_FAULT_LOG", &log.to_string_lossy())]).expect(0, "Note");
    let text = fs::read_to_string(&log).expect("points were passed");
    let passed: BTreeSet<String> = text.lines().filter(|line| line.starts_with("docs.")).map(str::to_owned).collect();
    passed.into_iter().collect()
}

fn temporaries(world: &World) -> usize {
    let entries = fs::read_dir(world.path("builder/machine-docs")).expect("read").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".countersign-")).count()
}

#[test]
fn killed_at_every_point_there_is_the_old_document_or_the_new_one() {
    let world = world();
    let points = points(&world);
    assert!(points.len() >= 9, "{points:?}");
    for point in &points {
        let before = world.read(JOURNAL);
        let answer = note(&world, "killed", &[("COUNTERSIGN_FAULT", &format!("kill {point}"))]);
        assert_eq!(answer.exit, -1, "{point}: the process was killed");
        let after = world.read(JOURNAL);
        let written = ["docs.renamed#1", "docs.done#1"].contains(&point.as_str());
        assert_eq!(after != before, written, "{point}");
        assert!(after.starts_with(&before), "{point}");
        world.run_in("builder", &["check"]).expect(0, "every byte, signature and link");
        // What the killed one left is no dirt in the way of a claim, and the next writer takes it away.
        assert_eq!(world.run_in("builder", &["builder", "claim", "M1"]).exit, 0, "{point}");
        note(&world, "after", &[]).expect(0, "Note");
        assert_eq!(temporaries(&world), 0, "{point}");
    }
}

#[test]
fn a_full_disk_at_every_point_ends_with_74_and_changes_nothing() {
    let world = world();
    for point in points(&world) {
        let before = world.read(JOURNAL);
        let answer = note(&world, "no room", &[("COUNTERSIGN_FAULT", &format!("fail {point}"))]);
        if ["docs.renamed#1", "docs.done#1"].contains(&point.as_str()) {
            answer.expect(74, "was written whole, but its directory could not be synced");
            assert_ne!(world.read(JOURNAL), before, "{point}");
        } else {
            answer.expect(74, "what was there is unchanged");
            assert_eq!(world.read(JOURNAL), before, "{point}");
        }
        assert_eq!(temporaries(&world), 0, "{point}");
        world.run_in("builder", &["check"]).expect(0, "every byte, signature and link");
    }
}

#[test]
fn a_real_disk_without_room() {
    let world = world();
    let place = world.path("builder/machine-docs");
    let aside = world.path("aside");
    fs::rename(&place, &aside).expect("moved");
    fs::create_dir(&place).expect("made");
    let mount =
        |args: &[&str]| std::process::Command::new(args[0]).args(&args[1..]).status().is_ok_and(|s| s.success());
    let at = place.to_string_lossy();
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", &at]) {
        return; // Not root, or no mounts here: the fault points have shown the same.
    }
    for entry in fs::read_dir(&aside).expect("read").flatten().filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), place.join(entry.file_name())).expect("copied");
    }
    let room = fs::File::create(place.join("filler"))
        .and_then(|mut file| std::io::copy(&mut std::io::repeat(b'x'), &mut file).map(|_| ()).or(Ok(())));
    room.expect("filled");
    let before = world.read(JOURNAL);
    let answer = note(&world, "no room", &[]);
    let (after, left) = (world.read(JOURNAL), temporaries(&world));
    mount(&["umount", &at]);
    answer.expect(74, "what was there is unchanged");
    assert_eq!((after, left), (before, 0));
}

#[test]
fn a_document_cut_at_every_byte_of_its_last_record_is_never_read_as_less() {
    let world = world();
    world.run_in("builder", &["builder", "claim", "M1"]).expect(0, "is claimed");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.run_in("adversary", &["sync"]).expect(0, "pulled");
    world.run_in("adversary", &["adversary", "fail", "M1", "--reason", "no"]).expect(0, "FAIL");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    world.run_in("builder", &["builder", "note", "I saw the FAIL"]).expect(0, "Note");
    let text = world.read(REVIEW);
    let start = text.rfind("\n## Gate: M1").expect("the FAIL") + 1;
    let cuts: Vec<usize> = (start..text.len() - 1).filter(|at| text.is_char_boundary(*at)).collect();
    // Every byte is tried in the library's own tests; through the program, every seventh and the edges.
    for at in cuts.iter().step_by(61).chain(cuts.last()) {
        world.write(REVIEW, &text[..*at]);
        let answer = world.run_in("builder", &["check"]);
        assert_eq!(answer.exit, 30, "cut at {at}: {}{}", answer.stdout, answer.stderr);
        assert!(answer.stderr.contains("whole, "), "{}", answer.stderr);
        let status = world.run_in("builder", &["status"]);
        assert!(!status.stdout.contains("gate M1   PASS"), "cut at {at}: {}", status.stdout);
        world.run_in("builder", &["builder", "claim", "M1"]).expect(30, "");
    }
    world.write(REVIEW, &text[..start + 40]);
    let proposed = world.run_in("builder", &["check", "--repair"]).expect(0, "brings back").stdout;
    assert_eq!(world.read(REVIEW), text[..start + 40], "a proposal writes nothing");
    let digest = proposed.trim().rsplit(' ').next().expect("a digest");
    world.run_in("builder", &["check", "--repair", "--yes", "000000000000"]).expect(30, "nothing was written");
    world.run_in("builder", &["check", "--repair", "--yes", digest]).expect(0, "what was there is in");
    assert_eq!(world.read(REVIEW), text);
    world.run_in("builder", &["check"]).expect(0, "every byte, signature and link");
}
