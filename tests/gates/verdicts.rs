//! DONE and what comes after it, clocks, and the contract's file, as an attacker tried them.

use countersign::docs::store::{Draft, Store};
use countersign::model::record::{Block, Body, Done, Record, Ruling};
use countersign::model::role::Document;
use countersign::sign::key_file::Key;

use crate::support::steps::{Steps, THREE};
use crate::support::{Answer, CONTRACT, World};

/// Two gates without steps, each claimed and passed, and the Adversary's key pinned; `between` happens after the first.
pub fn passed(between: impl FnOnce(&World)) -> Steps {
    let steps = Steps::adopted("", |_| {});
    steps.world.write("lab/log", "back\n");
    steps.world.claim();
    steps.world.pass();
    between(&steps.world);
    last_gate(&steps.world);
    steps.pin();
    steps
}

fn last_gate(world: &World) {
    world.run_in("builder", &["builder", "claim", "M2"]).expect(0, "is claimed");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.run_in("adversary", &["sync"]).expect(0, "pulled");
    world.run_in("adversary", &["adversary", "pass", "M2"]).expect(0, "PASS");
    publish(world);
}

/// What the Adversary said reaches the Builder.
pub fn publish(world: &World) {
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
}

fn adversary(world: &World, args: &[&str]) -> Answer {
    world.run_in("adversary", &[&["adversary"], args].concat()).expect(0, "")
}

/// Appends a record that the Builder's key signs and no rule was asked about: a block of STATUS with another body.
pub fn sign_by_hand(world: &World, body: impl FnOnce(&[Record]) -> Body) {
    let root = world.path("builder");
    let store = Store::new(&root, &root.join(".git"), "demo".parse().expect("a phase"));
    let records: Vec<Record> = store.load().expect("loads").records().cloned().collect();
    let last = records.iter().rfind(|record| record.block.document == Document::Status).expect("a record");
    let body = body(&records);
    let block = Block { record: body.kind(), summary: "by hand".into(), output: None, body, ..last.block.clone() };
    let key = Key::load(&world.key("builder")).expect("a key");
    let mut transaction = store.begin(Document::Status, "by hand").expect("begun");
    transaction.append(Draft { block, output: None }, &key).expect("appended");
    transaction.publish().expect("written");
}

/// DONE over whatever PASSes there are.
pub fn done_over(records: &[Record]) -> Body {
    let pass = |record: &Record| match &record.block.body {
        Body::Verdict(verdict) if verdict.ruling == Ruling::Pass => Some((verdict.gate.clone(), record.id)),
        _ => None,
    };
    let passes = records.iter().filter_map(pass).collect();
    Body::Done(Done { passes, steps: Default::default(), deferred: Default::default() })
}

#[test]
fn a_done_signed_by_hand_beside_a_fail_and_a_veto_counts_for_nothing() {
    let steps = passed(|_| {});
    let world = &steps.world;
    adversary(world, &["fail", "M2", "--reason", "broken"]);
    adversary(world, &["veto", "raise", "--reason", "stop"]);
    publish(world);
    sign_by_hand(world, done_over);
    steps.builder(&["check"]).expect(0, "counts for nothing: the phase was not done where it stands");
    let status = steps.builder(&["status"]).expect(0, "counts for nothing: the phase was not done").stdout;
    assert!(!status.contains("DONE @") && status.contains("has FAIL"), "{status}");
    let done = steps.builder(&["builder", "done"]);
    assert!(done.exit == 10 && done.stderr.contains("veto") && done.stderr.contains("FAIL"), "{}", done.all());
    let next = steps.builder(&["next"]).stdout;
    assert!(!next.contains("nobody"), "{next}");
    let json: serde_json::Value = serde_json::from_str(&steps.builder(&["status", "--json"]).stdout).expect("JSON");
    assert!(json["done"].is_null(), "{json}");
}

#[test]
fn a_done_signed_by_hand_where_the_phase_was_done_is_one() {
    let steps = passed(|_| {});
    sign_by_hand(&steps.world, done_over);
    steps.builder(&["status"]).expect(0, "DONE @");
    steps.builder(&["builder", "done"]).expect(0, "is DONE since");
}

#[test]
fn a_phase_whose_first_gate_went_stale_is_not_done() {
    let steps = passed(|world| {
        world.write("builder/scripts/step0.sh", "journalctl # the guard is gone\n");
        world.commit("builder", "moved");
        world.run_in("builder", &["sync"]).expect(0, "pushed");
        world.run_in("adversary", &["sync"]).expect(0, "pulled");
    });
    steps.builder(&["builder", "claim", "M1"]).expect(14, "guard");
    steps.builder(&["builder", "done"]).expect(11, "the subject moved since claim");
    assert!(!steps.world.read("builder/machine-docs/STATUS-demo.md").contains("## DONE"));
    steps.builder(&["next"]).expect(0, "countersign builder claim M1");
}

#[test]
fn a_step_is_not_run_while_an_earlier_gate_without_steps_is_stale() {
    let later = THREE.replace("gate = \"M1\"", "gate = \"M2\"").replace("live = [\"guard\"]\n", "");
    let steps = Steps::adopted(&later, |_| {});
    let world = &steps.world;
    world.write("lab/log", "back\n");
    world.claim();
    world.pass();
    let moved = |world: &World| {
        world.write("builder/scripts/step0.sh", "journalctl | grep 'available IP' # moved\n");
        world.commit("builder", "moved");
        world.run_in("builder", &["sync"]).expect(0, "pushed");
        world.run_in("adversary", &["sync"]).expect(0, "pulled");
    };
    moved(world);
    last_gate(world);
    steps.pin();
    steps.window();
    steps.builder(&["builder", "run", "one"]).expect(11, "the subject moved since claim");
    assert_eq!(steps.log(), ["back"]);
    steps.builder(&["sync"]).expect(0, "pushed");
    steps.builder(&["next"]).expect(0, "countersign builder claim M1");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(0, "is claimed");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.run_in("adversary", &["sync"]).expect(0, "pulled");
    adversary(world, &["pass", "M1"]);
    publish(world);
    steps.builder(&["builder", "run", "--all"]).expect(0, "Step `back` is done");
    last_gate(world);
    steps.builder(&["builder", "done"]).expect(0, "is done: 3 steps");
}

#[test]
fn an_objection_after_done_is_said_loudly() {
    let steps = passed(|_| {});
    let world = &steps.world;
    steps.builder(&["builder", "done"]).expect(0, "is done");
    steps.builder(&["sync"]).expect(0, "pushed");
    world.run_in("adversary", &["sync"]).expect(0, "pulled");
    steps.builder(&["status"]).expect(0, "DONE @");
    steps.builder(&["builder", "done"]).expect(0, "is DONE since");
    steps.builder(&["next"]).expect(0, "nobody");
    let objections: [(&[&str], &str, &str); 3] = [
        (&["veto", "raise", "--reason", "too late"], "stands: too late", "adversary: countersign sync"),
        (&["fail", "M2", "--reason", "broken"], "has FAIL", "countersign"),
        (&["finding", "open", "bad", "--minor"], "finding A1 is open: bad", "countersign"),
    ];
    steps.keep();
    for (objection, says, next) in objections {
        steps.restore();
        adversary(world, objection);
        publish(world);
        let status = steps.builder(&["status"]).expect(0, says).stdout;
        let first = status.lines().next().unwrap_or_default();
        assert!(first.ends_with(": NOT DONE ANY MORE") && !status.contains("  DONE @"), "{status}");
        steps.builder(&["builder", "done"]).expect(10, says).expect(10, "and is not any more");
        let turn = steps.builder(&["next"]).stdout;
        assert!(!turn.contains("nobody") && turn.contains("countersign"), "{next}: {turn}");
        let json: serde_json::Value = serde_json::from_str(&steps.builder(&["status", "--json"]).stdout).expect("JSON");
        assert!(
            json["against_done"].as_array().is_some_and(|all| all.len() == 1) && json["done"].is_string(),
            "{json}"
        );
    }
    // What this host saw once it misses: taken out of every clone and the remote, it is no DONE again.
    steps.restore();
    steps.builder(&["builder", "done"]).expect(30, "this host has seen VETO too late");
}

#[test]
fn a_contract_that_differs_closes_its_gates_and_one_command_puts_it_back() {
    let world = World::claimed();
    world.pass();
    let adopted = world.read(CONTRACT);
    let restore = "Hint: countersign builder adopt --restore";
    for changed in [format!("{adopted}\n"), adopted.replace("max_age = \"24h\"", "max_age = \"9000h\"")] {
        world.write(CONTRACT, &changed);
        let status = world.run_in("builder", &["status"]).expect(0, "- contract").expect(0, "but the file is").stdout;
        assert!(!status.contains("gate M1   PASS") && !status.contains("fresh until"), "{status}");
        world.run_in("builder", &["check"]).expect(31, "but the file is").expect(31, restore);
        world.run_in("builder", &["builder", "claim", "M1"]).expect(31, restore);
        world.run_in("builder", &["builder", "adopt", "--yes", &world.digest("builder")]).expect(31, "adopt --restore");
        world.run_in("builder", &["next"]).expect(0, "countersign builder adopt --restore");
        world
            .run_in("builder", &["builder", "adopt", "--restore"])
            .expect(0, "is version 1 (")
            .expect(0, "What was there is in");
        assert_eq!(world.read(CONTRACT), adopted);
        world.run_in("builder", &["status"]).expect(0, "gate M1   PASS");
        world.run_in("builder", &["check"]).expect(0, "every byte");
    }
    // What is on its way says so, and stops nothing but what it would open.
    world.write(CONTRACT, &adopted.replace("version = 1\n", "version = 2\n"));
    world
        .run_in("builder", &["check"])
        .expect(0, "warning: contract")
        .expect(0, "(version 2): countersign builder adopt");
    world.run_in("builder", &["sync"]).expect(0, "but the file is");
    // Gone or garbled it comes back too, for either role.
    for clone in ["builder", "adversary"] {
        world.run_in(clone, &[clone, "adopt", "--restore"]).expect(0, "is version 1 (");
        let file = format!("{clone}/machine-docs/PHASE-demo.toml");
        std::fs::remove_file(world.path(&file)).expect("removed");
        world.run_in(clone, &[clone, "adopt", "--restore"]).expect(0, "is version 1 (");
        assert_eq!(world.read(&file), adopted);
        world.write(&file, "schema = [");
        world.run_in(clone, &[clone, "adopt", "--restore"]).expect(0, "What was there is in");
        assert_eq!(world.read(&file), adopted);
    }
    world.run_in("builder", &["builder", "adopt", "--restore", "--yes", "000000000000"]).expect(2, "");
}

/// The time so much from now, as a record carries it.
pub fn from_now(by: &str) -> String {
    let date = std::process::Command::new("date").args(["-u", "-d", by, "+%Y-%m-%dT%H:%M:%SZ"]).output();
    String::from_utf8_lossy(&date.expect("runs").stdout).trim().to_owned()
}

#[test]
fn a_record_of_a_clock_that_was_ahead_is_named_and_stops_nothing_where_the_engine_agrees_with_this_one() {
    let steps = Steps::adopted(THREE, |_| {});
    let ahead = from_now("30 days");
    let note = steps.with(&[("COUNTERSIGN_NOW", &ahead)], &["builder", "note", "from a laptop"]).expect(0, "Note");
    let id =
        note.stdout.split_whitespace().find(|word| word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit()));
    let id = id.expect("an id").to_owned();
    steps
        .builder(&["status"])
        .expect(0, &format!("warning: the newest record, note {id} of the builder (JOURNAL line "))
        .expect(0, "with which the engine's agrees");
    steps.world.claim();
    steps.world.pass();
    steps.pin();
    steps.window();
    steps.builder(&["builder", "run", "--all"]).expect(0, "Step `back` is done");
    last_gate(&steps.world);
    steps.builder(&["builder", "done"]).expect(0, "is done");
    steps.builder(&["status"]).expect(0, "DONE @");
}

#[test]
fn without_an_engine_it_is_refused_with_the_record_and_the_ways_on() {
    let world = World::claimed();
    let ahead = from_now("30 days");
    let env = [("COUNTERSIGN_NOW", ahead.as_str())];
    world.run_ordered("builder", "builder", &["builder", "note", "from a laptop"], &env).expect(0, "Note");
    world
        .run_in("builder", &["builder", "claim", "M1"])
        .expect(13, "before the newest record: note ")
        .expect(13, "of the builder (JOURNAL line ")
        .expect(13, &format!("Hint: timedatectl status; where this clock is right, go on where the contract's engine answers, whose clock decides, or after {ahead}"));
    world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "x"]).expect(0, "raised");
}

#[test]
fn a_link_to_what_nobody_has_names_who_made_it() {
    let world = World::claimed();
    let review = "builder/machine-docs/REVIEW-demo.md";
    let before = world.read(review);
    world.run_as("adversary", "builder", &["adversary", "veto", "raise", "--reason", "x"]).expect(0, "raised");
    world.run_in("builder", &["builder", "note", "seen"]).expect(0, "Note");
    world.write(review, &before);
    world
        .run_in("builder", &["status"])
        .expect(0, "1 record is linked to but not there: ")
        .expect(0, ", by note ")
        .expect(0, "of the builder (JOURNAL line ");
    let hint = "countersign init --phase NAME opens a new one";
    world.run_in("builder", &["builder", "claim", "M1"]).expect(30, ", by note ").expect(30, hint);
    world.run_in("builder", &["check"]).expect(30, "of the builder saw ").expect(30, "countersign init --phase NAME");
}

#[test]
fn where_every_criterion_is_waived_that_is_what_is_said() {
    let world = World::claimed();
    for criterion in ["guard", "secrets"] {
        let waive = ["adversary", "waive", "--criterion", criterion, "--reason", "x", "--for", "1h"];
        world.run_in("adversary", &waive).expect(0, "Waiver");
    }
    publish(&world);
    world
        .run_in("builder", &["builder", "claim", "M1"])
        .expect(13, "every criterion is waived")
        .expect(13, "countersign status");
}

/// A criterion that, while it is measured, commits to the clone that `lab/target` names.
const MOVER: &str = r#"
[[gate.criterion]]
id = "mover"
title = "Something moves meanwhile"
probe = "command"
argv = ["sh", "LAB/move.sh"]
stdout = 'looked'
"#;

#[test]
fn a_subject_that_moves_while_it_is_measured_is_neither_claimed_nor_passed() {
    let steps = Steps::adopted("", |world| {
        let lab = world.path("lab").to_string_lossy().into_owned();
        let secrets = "[[gate.criterion]]\nid = \"secrets\"";
        let more = format!("{}\n{secrets}", MOVER.replace("LAB", &lab));
        world.write(CONTRACT, &world.read(CONTRACT).replacen(secrets, &more, 1));
    });
    let world = &steps.world;
    let lab = world.path("lab").to_string_lossy().into_owned();
    world.write(
        "lab/move.sh",
        &format!(
            "if [ -e {lab}/target ]; then cd \"$(cat {lab}/target)\"; echo '# moved' >> scripts/step0.sh\n\
             git -c user.name=T -c user.email=t@example.invalid commit -qam moved || exit 1; fi; echo looked\n"
        ),
    );
    let into = |clone: &str| world.write("lab/target", &world.path(clone).to_string_lossy());
    into("builder");
    world.run_in("builder", &["builder", "claim", "M1"]).expect(11, "the subject moved while it was measured");
    std::fs::remove_file(world.path("lab/target")).expect("removed");
    world.git("builder", &["reset", "-q", "--hard", "HEAD~1"]);
    world.claim();
    into("adversary");
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(11, "the subject moved while it was measured");
    assert!(!world.read("adversary/machine-docs/REVIEW-demo.md").contains("record = \"verdict\""));
    std::fs::remove_file(world.path("lab/target")).expect("removed");
    world.git("adversary", &["reset", "-q", "--hard", "HEAD~1"]);
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(0, "PASS");
}
