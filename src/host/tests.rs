//! Where host state may lie and who may have touched it; the window and the pins as they are read again.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use super::pins::Pins;
use super::window::OpenWindow;
use super::*;
use crate::model::ids::RecordId;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn an_engine_is_called_by_a_plain_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let right = |id: &str| HostState::at(directory.path(), id).is_ok();
    for id in ["e", "A:b-c_9", &"x".repeat(128)] {
        assert!(right(id), "{id}");
    }
    for id in ["", "..", "a/b", "a b", "é", &"x".repeat(129)] {
        assert!(!right(id), "{id}");
    }
}

#[test]
fn state_lies_outside_every_repository_even_where_nothing_is_yet() {
    let directory = tempfile::tempdir().expect("a directory");
    let clone = directory.path().join("clone");
    let base = clone.join("deep/state");
    assert!(HostState::at(&base, "e").is_ok());
    fs::create_dir_all(clone.join(".git")).expect("made");
    symlink(&clone, directory.path().join("link")).expect("linked");
    for base in [base, clone.clone(), directory.path().join("link/state")] {
        let error = HostState::at(&base, "e").expect_err("it lies inside");
        assert!(error.to_string().contains("lies inside the repository"), "{error}");
    }
}

#[test]
fn a_directory_that_others_can_reach_is_not_written_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let host = HostState::at(directory.path(), "e").expect("a host");
    host.prepare().expect("made");
    assert_eq!(mode(host.directory()), 0o700);
    let refused = || {
        let words = "wanted a directory of this user with mode 0700";
        host.prepare().is_err_and(|error| error.to_string().contains(words))
            && host.set_window(None).is_err()
            && host.empty_directory().is_err()
    };
    for mode in [0o701, 0o710, 0o770] {
        fs::set_permissions(host.directory(), fs::Permissions::from_mode(mode)).expect("set");
        assert!(refused(), "{mode:o}");
    }
    fs::set_permissions(host.directory(), fs::Permissions::from_mode(0o700)).expect("set");
    assert!(!refused());
    // Only root can give a directory away.
    if chown(host.directory(), Some(12_345), None).is_ok() {
        assert!(refused());
    }
}

#[test]
fn the_window_is_the_one_that_was_set_and_what_cannot_be_read_is_no_closed_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let host = HostState::at(directory.path(), "e").expect("a host");
    let window = OpenWindow {
        repository: "a".repeat(40).parse().expect("an id"),
        phase: "demo".parse().expect("a phase"),
        id: RecordId::of_block(b"window"),
        until: "2026-06-13T05:00:00Z".parse().expect("a time"),
    };
    assert_eq!(host.window().expect("read"), None);
    host.set_window(Some(&window)).expect("set");
    assert_eq!(host.window().expect("read"), Some(window));
    host.set_window(None).expect("set");
    assert_eq!(host.window().expect("read"), None);
    let file = host.directory().join("window");
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("made");
    assert!(host.window().is_err());
}

#[test]
fn every_pinned_key_is_trusted_and_what_cannot_be_read_trusts_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let pins = Pins::at(directory.path(), "e");
    let keys = || pins.keys().map(|keys| keys.into_iter().collect::<Vec<_>>());
    assert_eq!(keys().expect("none"), [""; 0]);
    let (one, two) = ("ssh-ed25519 AAAAone", "ssh-ed25519 AAAAtwo");
    assert!(pins.add(one).expect("pinned") && !pins.add(one).expect("there") && pins.add(two).expect("pinned"));
    assert_eq!(keys().expect("read"), [one, two]);
    for entry in fs::read_dir(pins.directory()).expect("read") {
        assert_eq!(mode(&entry.expect("an entry").path()), 0o644);
    }
    fs::write(pins.directory().join("torn.pub"), "ssh-ed25519\n").expect("written");
    assert!(pins.keys().is_err());
    fs::remove_dir_all(pins.directory()).expect("removed");
    fs::write(pins.directory(), "").expect("written");
    assert!(pins.keys().is_err());
}
