//! Bad input: a clear error, its exit code, nothing lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{CONTRACT, GUARD, World};

#[test]
fn places_without_a_phase() {
    let world = World::new();
    fs::create_dir(world.path("nowhere")).expect("made");
    world.run_in("nowhere", &["status"]).expect(2, "is in no git repository");
    world.run_in("builder", &["status"]).expect(2, "there is no phase in machine-docs/");
    world.run_in("builder", &["init", "--phase", "one"]).expect(0, "is open");
    world.run_in("builder", &["init", "--phase", "two"]).expect(0, "is open");
    world.run_in("builder", &["status"]).expect(2, "there are several phases: one, two");
    world.run_in("builder", &["status", "--phase", "one"]).expect(0, "Phase one");
    world.run_in("builder", &["status", "--phase", "three"]).expect(2, "there is no phase three");
    world.run_in("builder", &["init", "--phase", "../x"]).expect(2, "is not a phase name");
}

#[test]
fn every_defect_of_a_contract_at_once() {
    let world = World::new();
    world.open(GUARD);
    let broken = world
        .read(CONTRACT)
        .replace("max_age = \"24h\"", "max_age = 24\ncolour = \"red\"")
        .replace("file.contains", "file.contain");
    world.write(CONTRACT, &broken);
    world
        .run_in("builder", &["status"])
        .expect(31, "has 3 defects")
        .expect(31, "unknown probe `file.contain`")
        .expect(31, "unknown key `colour`");
}

#[test]
fn keys_that_cannot_be_used() {
    let world = World::new();
    world.open(GUARD);
    let key = world.key("builder");
    let digest = world.digest("builder");
    let adopt = ["builder", "adopt", "--yes", digest.as_str()];
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("chmod");
    world.run_in("builder", &adopt).expect(12, "has mode 0644, so others can read it");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("chmod");
    let inside = world.path("builder/key");
    fs::copy(&key, &inside).expect("copied");
    world
        .run_in("builder", &[&adopt[..], &["--key", &inside.to_string_lossy()]].concat())
        .expect(12, "lies inside the repository");
    world.run_as("mallory", "builder", &adopt).expect(12, "there is no key file");
    world.run_as("mallory", "builder", &["key", "new", "builder"]).expect(0, "ssh-ed25519");
    world.run_as("mallory", "builder", &adopt).expect(12, "is not listed in the contract");
    let public = key.with_extension("pub");
    world.run_in("builder", &["key", "add", "adversary", &public.to_string_lossy()]).expect(12, "one key cannot be");
    world.run_in("builder", &["builder", "adopt", "--yes", "000000000000"]).expect(31, "--yes is 000000000000");
}

#[test]
fn documents_and_remotes_that_are_not_there() {
    let world = World::new();
    world.open(GUARD);
    world.adopt();
    fs::remove_file(world.path("builder/machine-docs/REVIEW-demo.md")).expect("removed");
    world.run_in("builder", &["status"]).expect(30, "machine-docs/REVIEW-demo.md is missing");
    world.git("builder", &["checkout", "-q", "--", "machine-docs"]);
    fs::rename(world.path("origin.git"), world.path("moved.git")).expect("moved");
    world.run_in("builder", &["sync"]).expect(13, "remote `origin` could not be asked");
    world.run_in("builder", &["builder", "done"]).expect(13, "remote `origin` could not be asked");
}

#[test]
fn a_conflict_marker_is_named_with_its_place() {
    let world = World::new();
    world.open(GUARD);
    world.adopt();
    let file = "builder/machine-docs/JOURNAL-demo.md";
    world.write(file, &format!("{}<<<<<<< ours\n=======\n>>>>>>> theirs\n", world.read(file)));
    world.run_in("builder", &["check"]).expect(30, "an unresolved conflict marker");
    world.run_in("builder", &["builder", "note", "x"]).expect(30, "defects");
}

#[test]
fn a_repository_without_commit_and_a_bare_one() {
    let world = World::new();
    world.git(".", &["init", "-q", "empty"]);
    world.run_in("empty", &["init", "--phase", "x"]).expect(2, "has no commit yet");
    world.run_in("origin.git", &["status"]).expect(2, "is bare");
}
