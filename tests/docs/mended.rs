//! Damage and its repair through the command line: nothing that git holds is lost, nothing stands twice, no hint leads in a circle.

use std::fs;

use crate::support::{Answer, CONTRACT, GUARD, World};

const REVIEW: &str = "machine-docs/REVIEW-demo.md";
const STATUS: &str = "machine-docs/STATUS-demo.md";

/// Proposes a repair in a clone and writes it; gives what was proposed.
#[track_caller]
fn repair(world: &World, party: &str, clone: &str) -> Answer {
    let proposed = world.run_as(party, clone, &["check", "--repair"]);
    let digest = digest(&proposed.all()).unwrap_or_else(|| panic!("nothing is proposed: {}", proposed.all()));
    let written = world.run_as(party, clone, &["check", "--repair", "--yes", &digest]);
    assert_eq!(written.exit, proposed.exit, "{}", written.all());
    proposed
}

fn digest(proposed: &str) -> Option<String> {
    let (_, after) = proposed.split_once("countersign check --repair --yes ")?;
    Some(after.chars().take_while(char::is_ascii_hexdigit).collect())
}

/// A clone whose merges put the lines of both sides into each other.
fn union(world: &World, clone: &str) {
    world.git(".", &["clone", "-q", "origin.git", clone]);
    world.git(clone, &["config", "merge.countersign.driver", "git merge-file --union %A %O %B"]);
}

#[test]
fn a_union_merge_loses_no_veto_of_either_side() {
    let world = World::claimed();
    world.pass();
    union(&world, "second");
    world.run_in("adversary", &["adversary", "finding", "open", "first clone", "--minor"]).expect(0, "A1");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world
        .run_as("adversary", "second", &["adversary", "veto", "raise", "--reason", "second clone: stop"])
        .expect(0, "Veto raised");
    world.git("second", &["commit", "-qam", "veto"]);
    world.git("second", &["pull", "-q", "--no-rebase", "--no-edit", "origin", "main"]);
    world.run_as("adversary", "second", &["check"]).expect(30, "defect");
    let proposed = repair(&world, "adversary", "second").expect(0, "brings back veto ");
    assert!(proposed.all().contains("finding "), "{}", proposed.all());
    world.run_as("adversary", "second", &["check"]).expect(0, "every byte");
    let review = world.read(&format!("second/{REVIEW}"));
    for heading in ["\n## VETO second clone: stop\n", "\n## Finding A1 opened", "\n## Gate: M1 — PASS"] {
        assert_eq!(review.matches(heading).count(), 1, "{heading} in {review}");
    }
    world.run_as("adversary", "second", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    world.run_in("builder", &["status"]).expect(0, "second clone: stop");
}

#[test]
fn two_claims_in_a_union_merge_both_come_back() {
    let world = World::adopted();
    union(&world, "second");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(0, "claimed");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.run_as("builder", "second", &["builder", "claim", "M1"]).expect(0, "claimed");
    world.git("second", &["commit", "-qam", "claim"]);
    world.git("second", &["pull", "-q", "--no-rebase", "--no-edit", "origin", "main"]);
    let signatures = |text: &str| text.matches("```sshsig\n").count();
    let both = signatures(&world.read(&format!("builder/{STATUS}"))) * 2 - 1;
    repair(&world, "builder", "second").expect(0, "brings back");
    world.run_as("builder", "second", &["check"]).expect(0, "every byte");
    // The adoption stands once, each claim with its evidence once.
    assert_eq!(signatures(&world.read(&format!("second/{STATUS}"))), both);
}

/// A phase whose contract is so long that its adoptions carry it in an evidence file; gives the file, relative to the clone.
fn with_evidence() -> (World, String) {
    let world = World::new();
    world.open(&format!("{GUARD}\n{}", "# Words that are longer than what stands in a document.\n".repeat(200)));
    world.adopt();
    world.claim();
    world.pass();
    let evidence = world.path("builder/machine-docs/evidence/demo");
    let name = fs::read_dir(evidence).expect("evidence").next().expect("a file").expect("a file").file_name();
    (world, format!("machine-docs/evidence/demo/{}", name.to_string_lossy()))
}

#[test]
fn an_evidence_file_that_was_changed_or_is_gone_comes_back_and_its_record_stays() {
    let (world, file) = with_evidence();
    let path = world.path(&format!("builder/{file}"));
    let (status, right) = (world.read(&format!("builder/{STATUS}")), fs::read(&path).expect("read"));
    let name = file.rsplit('/').next().expect("a name");
    let damages: [fn(&std::path::Path); 4] = [
        |path| fs::write(path, "other").expect("written"),
        |path| fs::remove_file(path).expect("removed"),
        |path| {
            fs::remove_file(path).expect("removed");
            std::os::unix::fs::symlink("/etc/hostname", path).expect("a link");
        },
        |path| {
            fs::remove_file(path).expect("removed");
            fs::create_dir(path).expect("a directory");
        },
    ];
    for damage in damages {
        damage(&path);
        let check = world.run_in("builder", &["check"]).expect(30, name);
        check.expect(30, "put that file back, the document is as it was: countersign check --repair");
        let proposed = repair(&world, "builder", "builder").expect(0, "puts the evidence file back as HEAD has it");
        assert!(!proposed.all().contains("takes out"), "{}", proposed.all());
        world.run_in("builder", &["check"]).expect(0, "every byte");
        assert_eq!(
            (world.read(&format!("builder/{STATUS}")), fs::read(&path).expect("read")),
            (status.clone(), right.clone())
        );
    }
}

#[test]
fn a_document_that_is_gone_or_no_file_comes_back_and_hides_no_other_defect() {
    let world = World::claimed();
    world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "stop"]).expect(0, "Veto");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    let review = world.read(&format!("adversary/{REVIEW}"));
    let path = world.path(&format!("adversary/{REVIEW}"));
    let journal = "adversary/machine-docs/JOURNAL-demo.md";
    let damages: [fn(&std::path::Path); 4] = [
        |_| {},
        |path| std::os::unix::fs::symlink("/etc/hostname", path).expect("a link"),
        |path| fs::create_dir(path).expect("a directory"),
        |path| {
            let fifo = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
            assert!(fifo.success());
        },
    ];
    for damage in damages {
        fs::remove_file(&path).expect("removed");
        damage(&path);
        world.write(journal, &format!("{}\n<<<<<<< HEAD\n", world.read(journal)));
        let check = world.run_in("adversary", &["check"]).expect(30, "machine-docs/REVIEW-demo.md:1:1: ");
        let check = check.expect(30, "an unresolved conflict marker").expect(30, "countersign check --repair");
        assert!(!check.all().contains("countersign init"), "{}", check.all());
        repair(&world, "adversary", "adversary").expect(0, "puts the file back as HEAD has it");
        world.run_in("adversary", &["check"]).expect(0, "every byte");
        assert_eq!(world.read(&format!("adversary/{REVIEW}")), review);
    }
}

#[test]
fn a_newer_record_stays_whatever_is_repaired() {
    let world = World::claimed();
    let file = format!("builder/{STATUS}");
    let text = world.read(&file);
    // Signed by hand as a newer version would: the last record's block with another schema.
    let start = text.rfind("```toml countersign\n").expect("a block") + "```toml countersign\n".len();
    let block = &text[start..start + text[start..].find("```\n").expect("its end")];
    let newer = block.replacen("schema = 1", "schema = 2", 1);
    world.write("block", &newer);
    let key = world.key("builder");
    let sign = ["-q", "-Y", "sign", "-f", &key.to_string_lossy(), "-n", "record@countersign", "block"];
    assert!(world.command("ssh-keygen", ".", "builder").args(sign).status().expect("runs").success());
    let section = format!(
        "\n## Gate: M1 — CLAIMED, by a newer one\n\nWords.\n\n```toml countersign\n{newer}```\n\n```sshsig\n{}```\n",
        world.read("block.sig")
    );
    world.write(&file, &format!("{text}{section}\n<<<<<<< HEAD\n"));
    world.run_in("builder", &["check"]).expect(30, "upgrade countersign: schema 2 is written by a newer version");
    repair(&world, "builder", "builder").expect(30, "upgrade countersign");
    assert!(world.read(&file).contains(&section), "{}", world.read(&file));
    world.run_in("builder", &["check", "--repair"]).expect(30, "nothing to repair");
}

#[test]
fn without_the_contract_the_documents_defects_are_shown_all_the_same() {
    let world = World::claimed();
    fs::remove_file(world.path(CONTRACT)).expect("removed");
    world.run_in("builder", &["check"]).expect(31, "git checkout HEAD -- machine-docs/PHASE-demo.toml");
    world.write(&format!("builder/{STATUS}"), &format!("{}\n<<<<<<< HEAD\n", world.read(&format!("builder/{STATUS}"))));
    world.run_in("builder", &["check"]).expect(30, "it is missing").expect(30, "an unresolved conflict marker");
}

/// How the documents of the Builder's clone are damaged.
type Damage = (&'static str, fn(&World));

const DAMAGES: &[Damage] = &[
    ("all of machine-docs is gone", |world| {
        fs::remove_dir_all(world.path("builder/machine-docs")).expect("removed");
    }),
    ("REVIEW is gone", |world| fs::remove_file(world.path(&format!("builder/{REVIEW}"))).expect("removed")),
    ("the contract is gone", |world| fs::remove_file(world.path(CONTRACT)).expect("removed")),
    ("a record was cut off", |world| {
        let text = world.read(&format!("builder/{REVIEW}"));
        world.write(&format!("builder/{REVIEW}"), &text[..text.find("## Gate: M1").expect("the PASS")]);
    }),
    ("a record was altered", |world| {
        let text = world.read(&format!("builder/{STATUS}"));
        world.write(&format!("builder/{STATUS}"), &text.replacen("Gate: M1 — CLAIMED", "Gate: M2 — CLAIMED", 1));
    }),
    ("a record is torn", |world| {
        let text = world.read(&format!("builder/{STATUS}"));
        world.write(&format!("builder/{STATUS}"), &text[..text.len() - 60]);
    }),
    ("everything is doubled", |world| {
        let text = world.read(&format!("builder/{STATUS}"));
        world.write(&format!("builder/{STATUS}"), &format!("{text}\n{text}"));
    }),
    ("a comment hides everything", |world| {
        let text = world.read(&format!("builder/{REVIEW}"));
        world.write(&format!("builder/{REVIEW}"), &format!("<!-- x\n{text}"));
    }),
    ("conflict markers", |world| {
        let text = world.read(&format!("builder/{STATUS}"));
        world.write(&format!("builder/{STATUS}"), &format!("<<<<<<< a\n{text}=======\n{text}>>>>>>> b\n"));
    }),
    ("carriage returns", |world| {
        let text = world.read(&format!("builder/{STATUS}"));
        world.write(&format!("builder/{STATUS}"), &text.replace('\n', "\r\n"));
    }),
    ("bytes that are no text", |world| {
        let file = world.path(&format!("builder/{STATUS}"));
        fs::write(&file, [&fs::read(&file).expect("read")[..], b"\xff\n"].concat()).expect("written");
    }),
    ("an older state was put back", |world| {
        let older = world.git("builder", &["rev-list", "--max-count=1", "--skip=2", "HEAD"]);
        world.git("builder", &["checkout", "-q", &older, "--", "machine-docs"]);
        world.git("builder", &["reset", "-q"]);
    }),
];

/// The command of an answer that leads on: the digits of a proposal, else the hint's first command, else what is to run next.
fn hint(answer: &Answer) -> Vec<String> {
    let all = answer.all();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    if let Some(digest) = digest(&all) {
        return words(&format!("countersign check --repair --yes {digest}"));
    }
    let hint = all.lines().find_map(|line| line.strip_prefix("Hint: ")).unwrap_or("countersign check");
    let known = ["countersign check --repair", "countersign check", "countersign sync"];
    let command = known.into_iter().find(|command| hint.starts_with(command));
    words(command.unwrap_or(hint))
}

#[test]
fn the_hints_lead_from_every_damage_to_documents_that_are_whole() {
    for (name, damage) in DAMAGES {
        let world = World::claimed();
        world.pass();
        damage(&world);
        let mut said = String::new();
        let mut command: Vec<String> = vec!["countersign".into(), "check".into()];
        for _ in 0..5 {
            let args: Vec<&str> = command[1..].iter().map(String::as_str).collect();
            let answer = match command[0].as_str() {
                "countersign" => world.run_in("builder", &args),
                "git" => {
                    world.git("builder", &args);
                    world.run_in("builder", &["check"])
                }
                other => panic!("{name}: `{other}` is no command; so far:\n{said}"),
            };
            said += &format!("$ {}\n{}", command.join(" "), answer.all());
            if answer.all().contains("every byte") {
                break;
            }
            command = hint(&answer);
        }
        assert!(said.contains("every byte"), "{name}: five hints lead nowhere:\n{said}");
        world.run_in("builder", &["check", "--against"]).expect(0, "none is gone");
    }
}
