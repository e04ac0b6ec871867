//! Hazards that had no test of their own, each tried through the command line.

use std::fs;

use crate::support::{CONTRACT, GUARD, World};

const STATUS: &str = "builder/machine-docs/STATUS-demo.md";
const REVIEW: &str = "builder/machine-docs/REVIEW-demo.md";

fn adopted(criteria: &str) -> World {
    let world = World::new();
    world.open(criteria);
    world.adopt();
    world
}

fn passed() -> World {
    let world = World::claimed();
    world.pass();
    world
}

/// `adversary` and `second`, two clones of the Adversary.
fn with_second(world: &World) {
    world.git(".", &["clone", "-q", "origin.git", "second"]);
}

fn sync(world: &World, party: &str, clone: &str) {
    world.run_as(party, clone, &["sync"]).expect(0, "");
}

#[test]
fn h1_a_contract_that_is_edited_after_the_pass_opens_nothing() {
    let world = passed();
    world.write(CONTRACT, &world.read(CONTRACT).replace("available IP", "available"));
    world.run_in("builder", &["status"]).expect(0, "is in force (version 1), but the file is");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(31, "is in force");
    world.run_in("builder", &["builder", "done"]).expect(31, "is in force");
}

#[test]
fn h2_h13_a_pass_of_an_earlier_claim_does_not_open_a_later_one() {
    let world = World::claimed();
    // The Builder claims again while the review of the first claim is still going on.
    world.run_in("builder", &["builder", "claim", "M1"]).expect(0, "is claimed");
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(0, "PASS");
    sync(&world, "adversary", "adversary");
    sync(&world, "builder", "builder");
    let status = world.run_in("builder", &["status"]).expect(0, "has no verdict").stdout;
    assert!(!status.contains("gate M1   PASS"), "{status}");
}

#[test]
fn h3_a_digest_is_twelve_digits_and_those() {
    let world = World::opened();
    let digest = world.digest("builder");
    let upper = digest.to_uppercase();
    for wrong in ["", "0", &digest[..4], &digest[..11], "000000000000", "............", &format!("{digest}0")] {
        let answer = world.run_in("builder", &["builder", "adopt", "--yes", wrong]);
        assert!(matches!(answer.exit, 2 | 31), "`{wrong}`: {}{}", answer.stdout, answer.stderr);
    }
    if upper != digest {
        assert_ne!(world.run_in("builder", &["builder", "adopt", "--yes", &upper]).exit, 0);
    }
    assert!(!world.read(STATUS).contains("toml countersign"));
}

#[test]
fn h4_a_gate_without_criteria_and_a_contract_without_gates_are_no_contract() {
    let world = World::opened();
    let contract = world.read(CONTRACT);
    let head = contract.split("[[gate]]").next().expect("a head").to_owned();
    world.write(CONTRACT, &head);
    world.run_in("builder", &["status"]).expect(31, "gate");
    world.write(CONTRACT, &format!("{head}[[gate]]\nid = \"M1\"\ntitle = \"x\"\nmax_age = \"24h\"\n"));
    world.run_in("builder", &["status"]).expect(31, "criteri");
}

#[test]
fn h5_h7_a_fail_beats_a_pass_beside_it_whichever_comes_first() {
    for fail_first in [true, false] {
        let world = World::claimed();
        with_second(&world);
        world.run_in("adversary", &["adversary", "pass", "M1"]).expect(0, "PASS");
        world.run_as("adversary", "second", &["adversary", "fail", "M1", "--reason", "no"]).expect(0, "FAIL");
        let order = if fail_first { ["second", "adversary"] } else { ["adversary", "second"] };
        order.iter().for_each(|clone| sync(&world, "adversary", clone));
        sync(&world, "builder", "builder");
        let status = world.run_in("builder", &["status"]).expect(0, "has FAIL").stdout;
        assert!(!status.contains("gate M1   PASS"), "{status}");
    }
}

#[test]
fn h5_h6_a_fail_that_only_the_remote_has_counts_where_it_matters() {
    let world = passed();
    world.run_in("adversary", &["adversary", "fail", "M1", "--reason", "seen since"]).expect(0, "FAIL");
    sync(&world, "adversary", "adversary");
    let answer = world.run_in("builder", &["builder", "done"]);
    assert!(answer.exit != 0 && answer.stderr.contains("has FAIL"), "{}", answer.stderr);
}

#[test]
fn h6_a_fail_never_expires_and_its_own_key_alone_supersedes_it() {
    let world = World::claimed();
    world.run_in("adversary", &["adversary", "fail", "M1", "--reason", "no"]).expect(0, "FAIL");
    let later = [("COUNTERSIGN_NOW", "2098-01-01T00:00:00Z")];
    world.run_ordered("adversary", "adversary", &["status"], &later).expect(0, "has FAIL");
    let status = world.run_in("adversary", &["status"]).stdout;
    let id = status.split("has FAIL ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an id").to_owned();
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(10, "has FAIL");
    world.run_in("adversary", &["adversary", "pass", "M1", "--supersedes", "000000000000"]);
    world.run_in("adversary", &["status"]).expect(0, "has FAIL");
    world.run_in("adversary", &["adversary", "pass", "M1", "--supersedes", &id]).expect(0, "PASS");
    world.run_in("adversary", &["status"]).expect(0, "gate M1   PASS");
}

#[test]
fn h9_h25_a_document_that_is_a_link_a_pipe_or_huge_is_not_opened() {
    let world = passed();
    let file = world.path(REVIEW);
    let aside = world.path("aside.md");
    fs::rename(&file, &aside).expect("moved");
    std::os::unix::fs::symlink(&aside, &file).expect("a link");
    world.run_in("builder", &["status"]).expect(30, "not a regular file");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(30, "not a regular file");
    fs::remove_file(&file).expect("removed");
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    world.run_in("builder", &["status"]).expect(30, "not a regular file");
    fs::remove_file(&file).expect("removed");
    fs::File::create(&file).and_then(|file| file.set_len(2 << 30)).expect("made");
    world.run_in("builder", &["status"]).expect(30, "wanted at most");
}

#[test]
fn h10_text_around_a_record_is_nobodys_word() {
    let world = World::claimed();
    let text = world.read(STATUS);
    world.write(
        STATUS,
        &format!("{text}\nGate M1 is PASS, and this phase is DONE.\n\n## Gate: M1 — PASS @2026-06-13T13:00Z\n"),
    );
    world.run_in("builder", &["check"]).expect(0, "every byte");
    world.run_in("builder", &["status"]).expect(0, "has no verdict").expect(0, "unsigned, counts for nothing");
    let inside = text.replacen("\n```toml countersign\n", "\nThe criteria hold.\n\n```toml countersign\n", 1);
    assert_ne!(inside, text);
    world.write(STATUS, &inside);
    world.run_in("builder", &["check"]).expect(30, "is not what the record's signed block renders to");
}

#[test]
fn h11_a_subdirectory_is_the_same_phase_and_a_neighbour_is_not() {
    let world = passed();
    fs::create_dir_all(world.path("builder/deep/er")).expect("made");
    world.run_as("builder", "builder/deep/er", &["status"]).expect(0, "gate M1   PASS");
    world.git("builder/deep", &["init", "-q", "inner"]);
    world.run_as("builder", "builder/deep/inner", &["status"]).expect(2, "");
}

#[test]
fn h14_one_key_as_both_roles_is_no_contract() {
    let world = World::opened();
    let public = |role: &str| {
        let text = fs::read_to_string(world.key(role).with_extension("pub")).expect("read");
        text.split(' ').nth(1).expect("a key").to_owned()
    };
    let contract = world.read(CONTRACT);
    world.write(CONTRACT, &contract.replace(&public("adversary"), &public("builder")));
    world.run_in("builder", &["status"]).expect(31, "key");
    for line in ["* ssh-ed25519 AAAA", "cert-authority ssh-ed25519 AAAA", "ssh-rsa AAAA"] {
        world.write(CONTRACT, &contract.replace(&format!("ssh-ed25519 {}", public("adversary")), line));
        world.run_in("builder", &["status"]).expect(31, "key");
    }
}

#[test]
fn h15_evidence_beside_the_claim_changes_nothing_and_a_fail_among_it_is_not_hidden() {
    let world = passed();
    world.write("builder/scripts/step0.sh", "nothing\n");
    world.run_in("builder", &["builder", "evidence"]);
    world.write("builder/scripts/step0.sh", "journalctl | grep 'available IP while allocating VIP'\n");
    // A rehearsal that failed is in STATUS; claim and PASS name their own evidence by id.
    world.run_in("builder", &["status"]).expect(0, "gate M1   PASS");
    world.write("builder/scripts/step0.sh", "nothing\n");
    world.commit("builder", "drop the safety net");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(14, "guard");
}

#[test]
fn h16_names_are_exact() {
    let world = World::claimed();
    for name in ["m1", "M10", "M01", "M1 ", " M1", "М1", "M1\u{200b}", "M", ""] {
        let answer = world.run_in("adversary", &["adversary", "pass", name]);
        assert_eq!(answer.exit, 2, "{name:?}: {}{}", answer.stdout, answer.stderr);
        assert_eq!(world.run_in("builder", &["builder", "claim", name]).exit, 2, "{name:?}");
    }
}

#[test]
fn h17_empty_is_not_absent() {
    let world = World::claimed();
    world.run_in("adversary", &["adversary", "fail", "M1", "--reason", " "]).expect(2, "--reason is empty");
    world.run_in("adversary", &["adversary", "veto", "raise", "--reason", ""]).expect(2, "");
    let contract = world.read(CONTRACT);
    for (was, instead) in [("version = 1\n", ""), ("id = \"M1\"", "id = \"\""), ("max_age = \"24h\"", "max_age = \"\"")]
    {
        world.write(CONTRACT, &contract.replacen(was, instead, 1));
        world.run_in("builder", &["status"]).expect(31, "defect");
    }
}

#[test]
fn h18_an_older_contract_that_is_put_back_opens_nothing() {
    let world = passed();
    let first = world.read(CONTRACT);
    world.write(CONTRACT, &first.replace("version = 1\n", "version = 2\n"));
    let digest = world.digest("builder");
    world.run_in("builder", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    sync(&world, "builder", "builder");
    sync(&world, "adversary", "adversary");
    world.run_in("adversary", &["adversary", "adopt", "--yes", &digest]).expect(0, "adopts");
    sync(&world, "adversary", "adversary");
    sync(&world, "builder", "builder");
    world.run_in("builder", &["status"]).expect(0, "was claimed under contract");
    world.write(CONTRACT, &first);
    world.run_in("builder", &["status"]).expect(0, "is in force (version 2)");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(31, "is in force");
    let digest = world.digest("builder");
    let again = world.run_in("builder", &["builder", "adopt", "--yes", &digest]);
    assert!(again.exit != 0 || world.run_in("builder", &["builder", "claim", "M1"]).exit == 31, "{}", again.stdout);
}

#[test]
fn h19_who_is_judged_does_not_choose_how_long_a_pass_is_fresh() {
    let world = passed();
    let longer = world
        .read(CONTRACT)
        .replace("max_age = \"24h\"", "max_age = \"9000h\"")
        .replace("version = 1\n", "version = 2\n");
    world.write(CONTRACT, &longer);
    let digest = world.digest("builder");
    world.run_in("builder", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    let later = [("COUNTERSIGN_NOW", "2098-01-01T00:00:00Z")];
    let status =
        world.run_ordered("builder", "builder", &["status"], &later).expect(0, "is in force (version 1)").stdout;
    assert!(!status.contains("gate M1   PASS"), "{status}");
}

#[test]
fn h20_a_pass_ends_with_its_age() {
    let world = passed();
    let later = [("COUNTERSIGN_NOW", "2098-01-01T00:00:00Z")];
    world.run_ordered("builder", "builder", &["status"], &later).expect(0, "one younger than");
}

#[test]
fn h21_a_clock_that_goes_back_opens_nothing_and_stops_no_objection() {
    let world = passed();
    let back = [("COUNTERSIGN_NOW", "2001-01-01T00:00:00Z")];
    let run = |party: &str, args: &[&str]| world.run_ordered(party, party, args, &back);
    run("builder", &["builder", "claim", "M1"]).expect(13, "before the newest record");
    run("adversary", &["adversary", "pass", "M1"]).expect(13, "before the newest record");
    run("adversary", &["adversary", "veto", "raise", "--reason", "the clock is off"]).expect(0, "raised");
    run("adversary", &["adversary", "fail", "M1", "--reason", "the clock is off"]).expect(0, "FAIL");
    world.run_in("adversary", &["status"]).expect(0, "has FAIL").expect(0, "VETO");
}

#[test]
fn h22_h23_a_verdict_and_an_unrelated_note_leave_the_digest_as_it_was() {
    let world = passed();
    for words in ["one", "two"] {
        world.run_in("builder", &["builder", "note", words]).expect(0, "Note");
    }
    world.run_in("adversary", &["adversary", "finding", "open", "small", "--minor"]).expect(0, "A1");
    sync(&world, "adversary", "adversary");
    sync(&world, "builder", "builder");
    world.run_in("builder", &["status"]).expect(0, "gate M1   PASS");
}

#[test]
fn h24_what_could_not_be_looked_at_never_holds() {
    let unknown = "[[gate.criterion]]\nid = \"routes\"\ntitle = \"x\"\nprobe = \"docker.services\"\nservices = [\"traefik_app\"]\n";
    let world = adopted(&format!("{GUARD}{unknown}"));
    let answer = world.run_in("builder", &["builder", "claim", "M1"]).expect(13, "routes");
    assert!(!answer.stdout.contains("is claimed"));
    assert!(!world.read(STATUS).contains("CLAIMED"));
}

#[test]
fn h26_h27_neither_a_poisoned_path_nor_the_directory_changes_what_runs() {
    let world = World::claimed();
    let poison = world.path("poison");
    fs::create_dir(&poison).expect("made");
    for name in ["git", "ssh-keygen", "docker", "sh"] {
        let file = poison.join(name);
        fs::write(&file, format!("#!/bin/sh\ntouch {}\nexit 0\n", world.path("ran").display())).expect("written");
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
        fs::copy(&file, world.path("adversary").join(name)).expect("copied");
    }
    world.git("adversary", &["clean", "-fdq"]);
    let path = format!("{}:.", poison.display());
    world.run_ordered("adversary", "adversary", &["adversary", "pass", "M1"], &[("PATH", &path)]).expect(0, "PASS");
    assert!(!world.path("ran").exists());
}

#[test]
fn h28_ten_megabytes_of_everything_stay_words() {
    let world = World::claimed();
    let review = world.read(REVIEW);
    let whole = format!("{review}\n## DONE\n\n```toml countersign\nschema = 1\n```\n~~~~\n<!-- \n<pre>\n\u{202e}\r\0");
    // An argument of a program is at most 128 KiB long, and has no NUL.
    let words: String = whole.replace('\0', "").chars().cycle().take(60_000).collect();
    world.run_in("builder", &["builder", "note", &words]).expect(0, "Note");
    world.run_in("builder", &["check"]).expect(0, "every byte");
    world.run_in("builder", &["status"]).expect(0, "has no verdict");
    // As text that a person pastes: records of REVIEW inside JOURNAL are named, ten megabytes of prose are only long.
    let journal = "builder/machine-docs/JOURNAL-demo.md";
    let before = world.read(journal);
    world.write(journal, &format!("{before}\n{}", "prose | with | bars \\| and `ticks`\n".repeat(300_000)));
    world.run_in("builder", &["check"]).expect(0, "every byte");
    world.write(journal, &format!("{before}\n{review}"));
    world.run_in("builder", &["check"]).expect(30, "belongs into REVIEW, not into JOURNAL");
}

#[test]
fn h29_a_secret_in_words_is_not_written() {
    let world = World::claimed();
    let secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let words = format!("pushed with https://me:hunter2hunter2@git.example.org/x and {secret}");
    world.run_in("builder", &["builder", "note", &words]).expect(0, "Note");
    let journal = world.read("builder/machine-docs/JOURNAL-demo.md");
    assert!(!journal.contains(secret) && !journal.contains("hunter2"), "{journal}");
}

#[test]
fn h38_what_two_readers_may_read_differently_hides_no_record() {
    let world = World::claimed();
    let text = world.read(STATUS);
    let at = text.rfind("\n## Gate: M1").expect("a claim") + 1;
    let traps = [
        "| a | b |\n|---|---|\n| x \\| y\n\n",
        "> quote\nlazy\n\n",
        "- item\n\n  ```\n  nested\n\n",
        "<details>\n\n",
        "<pre>\n</pre>\n\n",
        "[ref]: http://x\n\n",
        "title\n===\n\n",
    ];
    for trap in traps {
        world.write(STATUS, &format!("{}{trap}{}", &text[..at], &text[at..]));
        let answer = world.run_in("builder", &["check"]);
        let missing = answer.exit == 30;
        assert!(missing || answer.stdout.contains("every byte"), "{trap:?}: {}{}", answer.stdout, answer.stderr);
        if !missing {
            world.run_in("builder", &["status"]).expect(0, "has no verdict");
        }
    }
    for open in ["```\n", "~~~~\n", "<!--\n", "<pre>\n"] {
        world.write(STATUS, &format!("{}{open}{}", &text[..at], &text[at..]));
        // What is hidden so is missing where it matters, and shown here.
        let answer = world.run_in("builder", &["check"]);
        let status = world.run_in("builder", &["status"]).expect(0, "unsigned, counts for nothing").stdout;
        assert!(!status.contains("has no verdict"), "{open:?}: {status}");
        assert!(answer.exit == 30 || status.contains("```toml countersign"), "{open:?}: {status}");
        world.run_in("builder", &["check", "--against"]).expect(30, "is gone or altered");
    }
}

#[test]
fn h45_without_a_word_from_anybody_nothing_is_signed() {
    let world = World::opened();
    let before = world.read(STATUS);
    for args in
        [&["builder", "adopt"][..], &["builder", "adopt", "--json"], &["status"], &["next"], &["check", "--repair"]]
    {
        world.run_in("builder", args).expect(0, "");
    }
    world.run_in("builder", &["builder", "adopt", "--yes"]).expect(2, "");
    assert_eq!(world.read(STATUS), before);
}
