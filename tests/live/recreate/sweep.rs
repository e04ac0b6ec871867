//! Killed at every point, and whole in the end. The points are those of a real run; a named few are tried always, all of them where
//! `COUNTERSIGN_SWEEP` is set (`scripts/test --sweep`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::lab::{Lab, Phase};

/// The points that are always tried: in the middle of the edits before the point of no return, right after it, and in the middle of
/// the way back.
const ALWAYS: [&str; 3] =
    ["engine.service.update.after#4", "engine.network.remove.after#2", "engine.service.update.before#9"];

/// The most that a sweep must find for it to count as one.
const LEAST: usize = 40;

#[test]
fn killed_at_any_point_of_break_before_make_it_comes_to_its_end() {
    sweep("sweep-break", "break-before-make");
}

#[test]
fn killed_at_any_point_of_make_before_break_it_comes_to_its_end() {
    sweep("sweep-make", "make-before-break");
}

#[expect(clippy::disallowed_macros, reason = "a sweep of minutes says where it is")]
fn sweep(name: &str, strategy: &str) {
    let Some(lab) = Lab::up(name) else { return };
    let points = points(&lab, strategy);
    assert!(points.len() >= LEAST, "only {} points: {points:?}", points.len());
    let wanted = std::env::var("COUNTERSIGN_SWEEP").ok();
    let chosen: Vec<&String> = match &wanted {
        // A word chooses the points that have it in their name; anything in all points: `.`.
        Some(word) => points.iter().filter(|point| point.contains(word.as_str()) || word == "1").collect(),
        None => points.iter().filter(|point| ALWAYS.contains(&point.as_str())).collect(),
    };
    assert!(!chosen.is_empty(), "no point was chosen of {points:?}");
    let (mut failed, mut phases) = (Vec::new(), Phases { strategy, kept: BTreeMap::new() });
    for (number, point) in chosen.iter().enumerate() {
        eprintln!("{strategy} {}/{}: killed at {point}", number + 1, chosen.len());
        // Every point is tried, so that one failure does not hide others.
        let elsewhere = number % 2 == 1;
        if catch_unwind(AssertUnwindSafe(|| killed_at(&lab, phases.at(&lab), point, elsewhere))).is_err() {
            failed.push(point.as_str());
        }
    }
    assert!(failed.is_empty(), "{} of {} points: {failed:?}", failed.len(), chosen.len());
}

/// The points of a run that nothing disturbs, each with its pass.
fn points(lab: &Lab, strategy: &str) -> BTreeSet<String> {
    let phase = Phase::new(lab, strategy, "");
    let (specs, subnet) = (lab.specs(), lab.other_subnet());
    let log = phase.world.path("points");
    let variables = [("COUNTERSIGN_FAULT_LOG", log.to_str().expect("UTF-8"))];
    phase.run_with(&["builder", "run", "recreate"], &variables).expect(0, "is done");
    lab.is_whole(subnet, &specs);
    fs::read_to_string(log).expect("points").lines().map(str::to_owned).collect()
}

/// One phase for each way between the two subnets, as it was before its step: each point begins with it anew.
struct Phases<'a> {
    strategy: &'a str,
    kept: BTreeMap<&'static str, (Phase, Instant)>,
}

impl Phases<'_> {
    /// The phase for the way that is to be gone now.
    fn at(&mut self, lab: &Lab) -> &Phase {
        let way = lab.other_subnet();
        // Its window ends after 50 minutes.
        self.kept.retain(|_, (_, opened)| opened.elapsed() < Duration::from_secs(40 * 60));
        let (phase, _) = self.kept.entry(way).or_insert_with(|| {
            let phase = Phase::new(lab, self.strategy, "");
            phase.world.keep();
            (phase, Instant::now())
        });
        phase.world.restore();
        fs::remove_dir_all(phase.world.path("another")).ok();
        phase
    }
}

/// `elsewhere`: another clone of the Builder's goes on.
#[track_caller]
fn killed_at(lab: &Lab, phase: &Phase, point: &str, elsewhere: bool) {
    let (specs, subnet) = (lab.specs(), lab.other_subnet());
    let killed = phase.run_with(&["builder", "run", "recreate"], &[("COUNTERSIGN_FAULT", &format!("kill {point}"))]);
    assert_eq!(killed.exit, -1, "{point} was not reached:\n{}{}", killed.stdout, killed.stderr);
    let clone = if elsewhere { "another" } else { "builder" };
    if elsewhere {
        phase.world.git(".", &["clone", "-q", "origin.git", clone]);
    }
    let resumed = phase.run_in(clone, &["builder", "resume"]).expect(0, "");
    // Killed before the intent was whole: nothing was begun.
    if resumed.stdout.contains("Nothing is in doubt") && lab.subnet() != subnet {
        phase.run(&["builder", "run", "recreate"]).expect(0, "is done");
    }
    lab.is_whole(subnet, &specs);
    phase.run_in(clone, &["check"]).expect(0, "every byte, signature and link");
}
