//! What an attacker tried on the court itself, each as it was tried.

use crate::support::World;

fn adversary(world: &World, clone: &str, args: &[&str]) -> crate::support::Answer {
    world.run_as("adversary", clone, args)
}

/// Syncs a clone; a view in BACKLOG that two clones drew is drawn again and stops nothing.
fn sync(world: &World, party: &str, clone: &str) {
    world.git(clone, &["checkout", "-q", "--", "."]);
    world.run_as(party, clone, &["sync"]).expect(0, "");
}

/// Publishes REVIEW alone.
fn publish_review(world: &World, clone: &str) {
    world.git(clone, &["checkout", "-q", "--", "machine-docs/BACKLOG-demo.md"]);
    world.run_as("adversary", clone, &["sync"]).expect(0, "pushed");
}

/// The first digits of the record that a command named in brackets.
fn id(answer: &crate::support::Answer) -> String {
    answer.stdout.split(['(', ')']).nth(1).expect("an id").to_owned()
}

#[test]
fn two_findings_of_one_name_stand_until_each_is_closed() {
    let world = World::adopted();
    world.git(".", &["clone", "-q", "origin.git", "second"]);
    let open = |clone: &str, text: &str, more: &[&str]| {
        adversary(&world, clone, &[&["adversary", "finding", "open", text], more].concat()).expect(0, "Finding A1")
    };
    let one = id(&open("adversary", "the label is missing", &["--gate", "M1"]));
    let two = id(&open("second", "it prunes a kept network", &[]));
    publish_review(&world, "adversary");
    publish_review(&world, "second");
    // The Builder's word knows of both; the Adversary closes the one that it knows of.
    sync(&world, "builder", "builder");
    world.run_in("builder", &["builder", "note", "seen"]).expect(0, "Note");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    adversary(&world, "adversary", &["adversary", "finding", "close", "A1", "--reason", "added"]).expect(0, "A1");
    publish_review(&world, "adversary");
    sync(&world, "builder", "builder");
    world
        .run_in("builder", &["status"])
        .expect(0, &format!("finding A1 ({one}) closed: the label is missing"))
        .expect(0, &format!("finding A1 ({two}) open: it prunes a kept network"));
    world.run_in("builder", &["builder", "claim", "M1"]).expect(0, "is claimed");
    world.run_in("builder", &["status"]).expect(0, &format!("- finding A1 ({two}) is open"));
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    // The next name is one that nobody has.
    sync(&world, "adversary", "second");
    adversary(&world, "second", &["adversary", "finding", "open", "and another", "--minor"]).expect(0, "Finding A2");
    let close =
        |name: &str| adversary(&world, "second", &["adversary", "finding", "close", name, "--reason", "label kept"]);
    close("A1").expect(0, "A1");
    world.run_as("adversary", "second", &["status"]).expect(0, &format!("finding A1 ({two}) closed"));
}

#[test]
fn a_name_that_two_open_findings_have_is_answered_with_their_digits() {
    let world = World::adopted();
    world.git(".", &["clone", "-q", "origin.git", "second"]);
    let open = |clone: &str, text: &str| {
        id(&adversary(&world, clone, &["adversary", "finding", "open", text]).expect(0, "Finding A1"))
    };
    let (one, two) = (open("adversary", "one"), open("second", "two"));
    publish_review(&world, "adversary");
    publish_review(&world, "second");
    let close =
        |name: &str| adversary(&world, "second", &["adversary", "finding", "close", name, "--reason", "mended"]);
    close("A1")
        .expect(2, "2 findings are called `A1`")
        .expect(2, &format!("{one}: one"))
        .expect(2, &format!("{two}: two"));
    close("000000000000").expect(2, "there is no finding").expect(2, &one);
    close(&one).expect(0, "A1");
    close("A1").expect(0, "A1");
    let status = world.run_as("adversary", "second", &["status"]).stdout;
    assert!(!status.contains(" open: "), "{status}");
    let view = world.read("second/machine-docs/BACKLOG-demo.md");
    assert!(view.contains(&format!("A1 ({one})")) && view.contains(&format!("A1 ({two})")), "{view}");
}

#[test]
fn an_objection_before_the_builder_adopts_counts_and_one_before_its_own_adoption_is_refused() {
    let world = World::opened();
    let digest = world.digest("builder");
    world.git("builder", &["add", "machine-docs"]);
    world.git("builder", &["commit", "-q", "-m", "a phase"]);
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    world.git(".", &["clone", "-q", "origin.git", "adversary"]);
    let review = "adversary/machine-docs/REVIEW-demo.md";
    for objection in [
        &["adversary", "veto", "raise", "--reason", "this kills the proxy"][..],
        &["adversary", "finding", "open", "no guard"],
    ] {
        world
            .run_in("adversary", objection)
            .expect(31, "would count for nothing, and was not written")
            .expect(31, "Hint: countersign adversary adopt");
    }
    assert!(!world.read(review).contains("toml countersign"));
    world.run_in("adversary", &["adversary", "adopt", "--yes", &digest]).expect(0, "adopts");
    let veto = id(&world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "stop"]).expect(0, "raised"));
    world.run_in("adversary", &["adversary", "finding", "open", "no guard"]).expect(0, "Finding A1");
    world
        .run_in("adversary", &["adversary", "waive", "--criterion", "guard", "--reason", "x", "--for", "1h"])
        .expect(31, "was not written");
    world.run_in("adversary", &["status"]).expect(0, "VETO").expect(0, "finding A1 open");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    world.run_in("builder", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.run_in("adversary", &["sync"]).expect(0, "pulled");
    world.claim();
    world.pass();
    let status = world.run_in("builder", &["status"]).expect(0, "closed").expect(0, "VETO").expect(0, "A1 open").stdout;
    assert!(!status.contains("counts for nothing"), "{status}");
    world.run_in("adversary", &["adversary", "veto", "lift", &veto, "--reason", "settled"]).expect(0, "lifted");
    world.run_in("adversary", &["adversary", "finding", "close", "A1", "--reason", "guard there"]).expect(0, "A1");
    world.run_in("adversary", &["status"]).expect(0, "gate M1   PASS");
}

#[test]
fn what_two_clones_say_in_the_same_words_at_the_same_second_is_two_records() {
    let world = World::claimed();
    world.pass();
    world.git(".", &["clone", "-q", "origin.git", "second"]);
    let env = [("COUNTERSIGN_NOW", "2099-01-01T00:00:00Z")];
    let veto = |clone: &str| {
        id(&world
            .run_ordered("adversary", clone, &["adversary", "veto", "raise", "--reason", "wait"], &env)
            .expect(0, "raised"))
    };
    let (one, two) = (veto("adversary"), veto("second"));
    assert_ne!(one, two);
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_as("adversary", "second", &["sync"]).expect(0, "pushed");
    let lift = ["adversary", "veto", "lift", &one, "--reason", "it is over"];
    world.run_ordered("adversary", "second", &lift, &env).expect(0, "lifted");
    let status = world.run_ordered("adversary", "second", &["status"], &env).expect(0, &format!("VETO {two}")).stdout;
    assert!(!status.contains(&format!("VETO {one}")), "{status}");
    world.run_ordered("adversary", "second", &["check"], &env).expect(0, "every byte, signature and link");
}

#[test]
fn a_waiver_counts_to_its_very_end_and_not_at_it() {
    let world = World::claimed();
    let at = |time: &'static str| [("COUNTERSIGN_NOW", time)];
    let waive = ["adversary", "waive", "--criterion", "guard", "--reason", "seen by hand", "--for", "1h"];
    world.run_ordered("adversary", "adversary", &waive, &at("2099-01-01T00:00:00Z")).expect(0, "2099-01-01T01:00:00Z");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    world.write("builder/scripts/step0.sh", "the guard is gone\n");
    world.commit("builder", "gone");
    let claim = |time| world.run_ordered("builder", "builder", &["builder", "claim", "M1"], &at(time));
    claim("2099-01-01T01:00:00Z").expect(14, "guard");
    claim("2099-01-01T00:59:59Z").expect(0, "is claimed");
}
