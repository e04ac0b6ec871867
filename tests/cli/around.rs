//! Ways around a gate that a Builder with a clone of their own could think of.

use std::fs;

use crate::support::CONTRACT;
use crate::support::steps::{Steps, THREE};

#[test]
fn a_veto_is_not_dodged_by_another_branch_or_no_remote() {
    let steps = Steps::new(THREE);
    let world = &steps.world;
    world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "wait"]).expect(0, "Veto raised");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    steps.builder(&["builder", "run", "one"]).expect(10, "wait");
    let unseen = "remote `origin` has no documents to look at";
    let ways: [(&[&str], &str); 3] = [
        (&["switch", "-q", "-c", "other"], unseen),
        (&["switch", "-q", "--detach"], unseen),
        (&["remote", "remove", "origin"], "the repository has no remote `origin`"),
    ];
    for (way, said) in ways {
        world.git("builder", way);
        steps.builder(&["builder", "run", "one"]).expect(13, said);
        steps.builder(&["builder", "done"]).expect(13, said);
    }
    assert_eq!(steps.log(), [""; 0]);
}

#[test]
fn a_phase_that_is_begun_a_second_time_opens_nothing() {
    let steps = Steps::new(THREE);
    let world = &steps.world;
    world.git(".", &["clone", "-q", "builder", "copy"]);
    for document in ["STATUS", "REVIEW", "JOURNAL"] {
        fs::remove_file(world.path(&format!("copy/machine-docs/{document}-demo.md"))).expect("removed");
    }
    world.run_as("builder", "copy", &["init", "--phase", "demo"]).expect(0, "");
    let contract = "copy/machine-docs/PHASE-demo.toml";
    world.write(contract, &world.read(contract).replace("version = 1\n", "version = 99\n"));
    world.run_as("mallory", "copy", &["key", "new", "adversary"]).expect(0, "ssh-ed25519");
    let key = world.path("config/mallory/countersign/keys/adversary.pub");
    world.run_as("builder", "copy", &["key", "add", "adversary", &key.to_string_lossy()]).expect(0, "Added");
    let text = world.run_as("builder", "copy", &["builder", "adopt"]).expect(0, "--yes").stdout;
    let digest = text.trim().rsplit(' ').next().expect("a digest").to_owned();
    world.run_as("builder", "copy", &["builder", "adopt", "--yes", &digest]).expect(0, "adopts");
    world.run_as("mallory", "copy", &["adversary", "adopt", "--yes", &digest]).expect(0, "adopts");
    for document in ["STATUS", "REVIEW"] {
        let file = format!("machine-docs/{document}-demo.md");
        let forged = world.read(&format!("copy/{file}"));
        let section = &forged[forged.find("\n## ").expect("a section")..];
        let real = world.read(&format!("builder/{file}"));
        world.write(&format!("builder/{file}"), &(real + section));
    }
    world.write(CONTRACT, &world.read(contract));
    steps.builder(&["builder", "run", "one"]).expect(31, "2 first contracts that both roles adopted");
    steps.builder(&["builder", "claim", "M1"]).expect(31, "2 first contracts that both roles adopted");
    assert_eq!(steps.log(), [""; 0]);
}
