//! Many writers at once, and lock holders that die or stop.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::World;

const JOURNAL: &str = "builder/machine-docs/JOURNAL-demo.md";

fn world() -> World {
    World::adopted()
}

fn start(world: &World, party: &str, clone: &str, args: &[&str], env: &[(&str, &str)]) -> Child {
    let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), clone, party);
    command.args(args).envs(env.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("started")
}

fn all_succeed(children: Vec<Child>) {
    for mut child in children {
        assert!(child.wait().expect("ended").success());
    }
}

#[test]
fn forty_processes_on_one_document_and_forty_on_two() {
    let world = world();
    let before = world.read(JOURNAL).matches("\n## Note").count();
    let one = (0..40).map(|n| start(&world, "builder", "builder", &["builder", "note", &format!("writer {n}")], &[]));
    all_succeed(one.collect());
    assert_eq!(world.read(JOURNAL).matches("\n## Note").count() - before, 40);
    let two = (0..40).map(|n| {
        let words = format!("crowd {n}");
        match n % 2 {
            0 => start(&world, "builder", "builder", &["builder", "note", &words], &[]),
            _ => start(&world, "adversary", "builder", &["adversary", "finding", "open", &words, "--minor"], &[]),
        }
    });
    all_succeed(two.collect());
    assert_eq!(world.read(JOURNAL).matches("\n## Note").count() - before, 60);
    let review = world.read("builder/machine-docs/REVIEW-demo.md");
    assert_eq!(review.matches("\n## Finding ").count(), 20);
    world.run_in("builder", &["check"]).expect(0, "every byte, signature and link");
}

#[test]
fn a_sync_beside_writers_is_not_refused_and_loses_nothing() {
    let world = world();
    for round in 0..3 {
        let finding = format!("round {round}");
        world.run_in("adversary", &["adversary", "finding", "open", &finding, "--minor"]).expect(0, "Finding");
        world.run_in("adversary", &["sync"]).expect(0, "pushed");
        let note = |n| start(&world, "builder", "builder", &["builder", "note", &format!("{round}-{n}")], &[]);
        let writers: Vec<Child> = (0..8).map(note).collect();
        world.run_in("builder", &["sync"]).expect(0, "pulled").expect(0, "pushed");
        all_succeed(writers);
    }
    world.run_in("builder", &["sync"]).expect(0, "");
    world.run_in("adversary", &["sync"]).expect(0, "pulled");
    let there = world.read("adversary/machine-docs/JOURNAL-demo.md");
    for (round, n) in (0..3).flat_map(|round| (0..8).map(move |n| (round, n))) {
        assert!(there.contains(&format!("{round}-{n}")), "{round}-{n}");
    }
    world.run_in("adversary", &["check"]).expect(0, "every byte, signature and link");
}

#[test]
fn a_killed_holder_blocks_nobody_and_one_that_lives_is_not_robbed() {
    let world = world();
    let note = ["builder", "note", "held"];
    let mut killed = start(&world, "builder", "builder", &note, &[("COUNTERSIGN_FAULT", "kill docs.sync")]);
    assert!(!killed.wait().expect("ended").success());
    let began = Instant::now();
    world.run_in("builder", &["builder", "note", "after"]).expect(0, "Note");
    assert!(began.elapsed() < Duration::from_secs(10));

    let log = world.path("points");
    let env = [("COUNTERSIGN_FAULT", "stop docs.sync"), ("COUNTERSIGN_FAULT_LOG", &*log.to_string_lossy())];
    let mut stopped = start(&world, "builder", "builder", &note, &env);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !fs::read_to_string(&log).is_ok_and(|text| text.contains("docs.sync#1")) {
        assert!(Instant::now() < deadline, "the holder does not get to its point");
        std::thread::sleep(Duration::from_millis(10));
    }
    let before = world.read(JOURNAL);
    // Another work tree of the same repository has the same lock.
    world.git("builder", &["worktree", "add", "-q", "--detach", "../second"]);
    let answer = world.run_as("builder", "second", &["builder", "note", "waits"]);
    answer.expect(75, "is held by pid").expect(75, "waited 20 s");
    assert_eq!(world.read(JOURNAL), before);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(stopped.id()).expect("a pid")).expect("a pid"),
        rustix::process::Signal::CONT,
    )
    .expect("continued");
    assert!(stopped.wait().expect("ended").success());
    assert_ne!(world.read(JOURNAL), before);
    world.run_in("builder", &["check"]).expect(0, "every byte, signature and link");
}
