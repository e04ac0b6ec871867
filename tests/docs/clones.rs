//! Two clones over a bare origin: who wrote what, where, in which order, with and without the merge driver.

use std::fs;

use crate::support::{GUARD, World};

const DOCUMENTS: [&str; 3] = ["STATUS", "REVIEW", "JOURNAL"];

/// A phase whose Builder works in two clones, `builder` and `other`, and the Adversary in one.
fn world() -> World {
    let world = World::adopted();
    world.git(".", &["clone", "-q", "origin.git", "other"]);
    world
}

fn document(world: &World, clone: &str, name: &str) -> String {
    world.read(&format!("{clone}/machine-docs/{name}-demo.md"))
}

/// One thing that a party does in a clone.
#[derive(Clone, Copy)]
enum Act {
    Note(&'static str),
    Claim,
    Finding(&'static str),
    Prose(&'static str, &'static str),
    Code(&'static str),
}

fn act(world: &World, clone: &str, act: Act) {
    let party = if clone == "adversary" { "adversary" } else { "builder" };
    match act {
        Act::Note(words) => {
            world.run_as(party, clone, &["builder", "note", words]).expect(0, "Note");
        }
        Act::Claim => {
            world.run_as(party, clone, &["builder", "claim", "M1"]).expect(0, "is claimed");
        }
        Act::Finding(words) => {
            world.run_as(party, clone, &["adversary", "finding", "open", words, "--minor"]).expect(0, "A");
        }
        Act::Prose(name, words) => {
            let file = format!("{clone}/machine-docs/{name}-demo.md");
            world.write(&file, &format!("{}\n{words}\n", world.read(&file)));
        }
        Act::Code(file) => {
            world.write(&format!("{clone}/{file}"), "echo\n");
            world.commit(clone, "code");
        }
    }
}

/// Every record's heading, signature and people's line that must be in both clones in the end.
fn records(text: &str) -> Vec<&str> {
    let mut armors: Vec<&str> = text.split("-----BEGIN SSH SIGNATURE-----").skip(1).collect();
    armors.iter_mut().for_each(|armor| *armor = armor.split("-----END").next().unwrap_or_default());
    armors.sort_unstable();
    armors
}

/// What one clone does, what the other does, and words that both clones have in the end.
type Row = (&'static str, (&'static str, &'static [Act]), (&'static str, &'static [Act]), &'static [&'static str]);

const TABLE: &[Row] = &[
    (
        "one document, both roles' records apart",
        ("builder", &[Act::Note("a")]),
        ("adversary", &[Act::Finding("b")]),
        &[],
    ),
    ("one document, two clones of one role", ("builder", &[Act::Note("a")]), ("other", &[Act::Note("b")]), &[]),
    (
        "many records on both sides",
        ("builder", &[Act::Note("a"), Act::Note("b"), Act::Note("c")]),
        ("other", &[Act::Note("d"), Act::Note("e")]),
        &[],
    ),
    ("a claim beside a note", ("builder", &[Act::Claim]), ("other", &[Act::Note("b")]), &[]),
    ("two claims", ("builder", &[Act::Claim]), ("other", &[Act::Claim]), &[]),
    (
        "people's text on both sides",
        ("builder", &[Act::Prose("JOURNAL", "mine"), Act::Note("a")]),
        ("other", &[Act::Note("b"), Act::Prose("JOURNAL", "theirs")]),
        &["\nmine\n", "\ntheirs\n"],
    ),
    (
        "code on one side, records on the other",
        ("builder", &[Act::Code("x.sh"), Act::Note("a")]),
        ("other", &[Act::Note("b")]),
        &[],
    ),
    ("nothing on one side", ("builder", &[Act::Note("a")]), ("other", &[]), &[]),
];

#[test]
fn the_table_with_the_driver() {
    for (name, (one, does), (other, does_too), words) in TABLE {
        for swapped in [false, true] {
            let world = world();
            does.iter().for_each(|a| act(&world, one, *a));
            does_too.iter().for_each(|a| act(&world, other, *a));
            let mut written: Vec<String> = Vec::new();
            for clone in [one, other] {
                for document_name in DOCUMENTS {
                    let text = document(&world, clone, document_name);
                    written.extend(records(&text).into_iter().map(str::to_owned));
                }
            }
            let (first, second) = if swapped { (other, one) } else { (one, other) };
            for clone in [first, second, first] {
                let party = if *clone == "adversary" { "adversary" } else { "builder" };
                let answer = world.run_as(party, clone, &["sync"]);
                assert_eq!(answer.exit, 0, "{name}: {clone}: {}{}", answer.stdout, answer.stderr);
            }
            for document_name in DOCUMENTS {
                let here = document(&world, one, document_name);
                assert_eq!(here, document(&world, other, document_name), "{name}: {document_name}");
            }
            let all: String = DOCUMENTS.iter().map(|document_name| document(&world, one, document_name)).collect();
            let kept = records(&all);
            for record in &written {
                assert!(kept.contains(&record.as_str()), "{name}: a record is gone");
            }
            for word in *words {
                assert!(all.contains(word), "{name}: {word} is gone");
            }
            world.run_in("builder", &["check", "--against"]).expect(0, "every byte, signature and link");
        }
    }
}

#[test]
fn the_table_without_the_driver() {
    for (name, (one, does), (other, does_too), words) in TABLE {
        let world = world();
        does.iter().for_each(|a| act(&world, one, *a));
        does_too.iter().for_each(|a| act(&world, other, *a));
        let party = |clone: &str| if clone == "adversary" { "adversary" } else { "builder" };
        world.run_as(party(one), one, &["sync"]).expect(0, "");
        let mut written = 0;
        for document_name in DOCUMENTS {
            let (a, b) = (document(&world, one, document_name), document(&world, other, document_name));
            let mut all = [records(&a), records(&b)].concat();
            all.sort_unstable();
            all.dedup();
            written += all.len();
        }
        // A person merges by hand, with a git that knows no driver.
        world.git(other, &["add", "-A", "machine-docs"]);
        let commit = world.command("git", other, "none").args(["commit", "-q", "-m", "mine"]).output().expect("runs");
        world.git(other, &["fetch", "-q"]);
        let merge = ["merge", "-q", "-m", "merged", "origin/main"];
        let merged = world.command("git", other, "none").args(merge).output().expect("runs");
        if !merged.status.success() {
            let proposed = world.run_as(party(other), other, &["check", "--repair"]);
            assert_eq!(proposed.exit, 0, "{name}: {}{}", proposed.stdout, proposed.stderr);
            if !proposed.stdout.contains("nothing to repair") {
                let digest = proposed.stdout.trim().rsplit(' ').next().expect("a digest").to_owned();
                world.run_as(party(other), other, &["check", "--repair", "--yes", &digest]).expect(0, "written");
            }
            world.git(other, &["add", "-A"]);
            world.git(other, &["commit", "-q", "-m", "merged"]);
        }
        assert!(commit.status.success() || does_too.is_empty(), "{name}");
        world.run_as(party(other), other, &["check"]).expect(0, "every byte, signature and link");
        let all: String = DOCUMENTS.iter().map(|document_name| document(&world, other, document_name)).collect();
        assert_eq!(records(&all).len(), written, "{name}");
        for word in *words {
            assert!(all.contains(word), "{name}: {word} is gone");
        }
        for clone in [other, one] {
            let answer = world.run_as(party(clone), clone, &["sync"]);
            assert_eq!(answer.exit, 0, "{name}: {clone}: {}{}", answer.stdout, answer.stderr);
        }
        world.run_as(party(one), one, &["check", "--against"]).expect(0, "every byte, signature and link");
    }
}

#[test]
fn a_doubled_record_of_a_union_merge_is_named_and_repaired() {
    let world = world();
    act(&world, "builder", Act::Note("a"));
    let file = "builder/machine-docs/JOURNAL-demo.md";
    let text = world.read(file);
    let section = &text[text.rfind("\n## Note").expect("a note")..];
    world.write(file, &format!("{text}{section}"));
    world.run_in("builder", &["check"]).expect(30, "stands here a second time");
    world.run_in("builder", &["sync"]).expect(30, "are not published");
    let proposed = world.run_in("builder", &["check", "--repair"]).expect(0, "doubled").stdout;
    let digest = proposed.trim().rsplit(' ').next().expect("a digest").to_owned();
    world.run_in("builder", &["check", "--repair", "--yes", &digest]).expect(0, "written");
    assert_eq!(world.read(file).trim_end(), text.trim_end());
    world.run_in("builder", &["sync"]).expect(0, "pushed");
}

#[test]
fn what_no_program_can_decide_stops_the_sync_and_says_what_to_do() {
    let world = world();
    for (clone, words) in [("builder", "From one."), ("other", "From the other.")] {
        let file = format!("{clone}/machine-docs/JOURNAL-demo.md");
        let text = world.read(&file);
        let (first, rest) = text.split_once('\n').expect("a line");
        world.write(&file, &format!("{first} {words}\n{rest}"));
    }
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    let before = document(&world, "other", "JOURNAL");
    let answer = world.run_as("builder", "other", &["sync"]);
    assert_eq!(answer.exit, 10, "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stderr.contains("your clone is as it was") && answer.stderr.contains("git pull --rebase"));
    assert_eq!(document(&world, "other", "JOURNAL"), before);
    assert!(fs::read_dir(world.path("other/machine-docs")).expect("read").count() > 3);
}

#[test]
fn findings_and_tasks_of_two_clones_get_through_and_backlog_loses_no_line() {
    let world = world();
    world.git(".", &["clone", "-q", "origin.git", "adversary2"]);
    let backlog = |clone: &str| format!("{clone}/machine-docs/BACKLOG-demo.md");
    let open = |clone: &str, words: &str| {
        world.run_as("adversary", clone, &["adversary", "finding", "open", words, "--minor"]).expect(0, "A1");
        world.run_as("adversary", clone, &["sync"]).expect(0, "pushed");
    };
    let task = |clone: &str, words: &str| {
        world.run_as("builder", clone, &["builder", "task", words]).expect(0, "");
        let text = world.read(&backlog(clone));
        world.write(&backlog(clone), &text.replace("People's text.", &format!("People's text. {words} was here.")));
        world.run_as("builder", clone, &["sync"]).expect(0, "pushed");
    };
    open("adversary", "the guard prunes a kept network");
    open("adversary2", "the label is missing");
    task("builder", "look at DNS");
    task("other", "ask for a window");
    for (party, clone) in [("adversary", "adversary"), ("adversary", "adversary2"), ("builder", "builder")] {
        world.run_as(party, clone, &["sync"]).expect(0, "");
    }
    let text = world.read(&backlog("builder"));
    for words in [
        "\n- [ ] look at DNS\n",
        "\n- [ ] ask for a window\n",
        "look at DNS was here.",
        "ask for a window was here.",
        "[adversary] the guard prunes a kept network\n",
        "[adversary] the label is missing\n",
    ] {
        assert_eq!(text.matches(words).count(), 1, "{words:?} in:\n{text}");
    }
    assert!(!text.contains("<<<<<<<"), "{text}");
    for clone in ["adversary", "adversary2"] {
        assert_eq!(world.read(&backlog(clone)), text, "{clone}");
    }
}

#[test]
fn lines_like_conflict_markers_inside_a_record_keep_no_two_clones_apart() {
    let world = World::new();
    let patterns = "patterns = ['available IP', '''\n<<<<<<< HEAD\nour text\n=======\ntheirs\n>>>>>>> x\n''']";
    world.open(&GUARD.replace("patterns = ['available IP']", patterns));
    world.adopt();
    world.git(".", &["clone", "-q", "origin.git", "other"]);
    for clone in ["builder", "other"] {
        world.run_as("builder", clone, &["builder", "evidence", "guard"]).expect(0, "");
        world.run_as("builder", clone, &["sync"]).expect(0, "pushed");
    }
    world.run_as("builder", "other", &["check"]).expect(0, "every byte");
    let text = document(&world, "other", "STATUS");
    assert!(text.contains("\n<<<<<<< HEAD\n") && text.matches("## Evidence: M1 guard").count() == 2, "{text}");
}
