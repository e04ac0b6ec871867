//! A phase from init to a PASS, over a bare origin and two clones.

use crate::support::{CONTRACT, World};

#[test]
fn two_parties_walk_by_next_alone_to_a_pass() {
    let world = World::opened();
    world.run_in("builder", &["next"]).expect(0, "builder: countersign sync").expect(0, "not published yet");
    world.adopt();
    world.run_in("builder", &["next"]).expect(0, "builder: countersign builder claim M1");
    world.claim();
    world.run_in("adversary", &["next"]).expect(0, "adversary: countersign adversary brief M1");
    world.run_in("adversary", &["adversary", "brief", "M1"]).expect(0, "EXPECTED: these facts");
    world.pass();
    world.run_in("builder", &["status"]).expect(0, "gate M1   PASS");
    world.run_in("builder", &["check"]).expect(0, "every byte, signature and link");
}

#[test]
fn next_leads_from_an_empty_phase_to_its_adoption() {
    let world = World::new();
    world.run_in("builder", &["init", "--phase", "demo"]).expect(0, "is open");
    world.run_in("builder", &["next"]).expect(0, "builder: countersign key new builder");
    world.run_in("builder", &["key", "new", "builder"]).expect(0, "ssh-ed25519");
    let file = world.key("builder").with_extension("pub");
    let file = file.to_string_lossy();
    world.run_in("builder", &["next"]).expect(0, &format!("builder: countersign key add builder {file}"));
    world
        .run_in("builder", &["key", "new", "builder"])
        .expect(12, &format!("Hint: countersign key add builder {file}"));
    world.run_in("builder", &["doctor"]).expect(12, "next: countersign key add builder KEY.pub");
    world.run_in("builder", &["key", "add", "builder", &file]).expect(0, "Next: countersign key add adversary KEY.pub");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["next"]).expect(0, "builder: countersign key add adversary KEY.pub");
    world.run_as("adversary", "builder", &["key", "new", "adversary"]).expect(0, "ssh-ed25519");
    let file = world.key("adversary").with_extension("pub");
    let added = world.run_in("builder", &["key", "add", "adversary", &file.to_string_lossy()]);
    added.expect(0, "Next: both roles adopt the contract: countersign builder adopt");
    world.run_in("builder", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["next"]).expect(0, "builder: countersign builder adopt");
}

#[test]
fn init_twice_changes_nothing() {
    let world = World::opened();
    let before = world.read(CONTRACT);
    world.run_in("builder", &["init", "--phase", "demo"]).expect(0, "nothing was changed");
    assert_eq!(world.read(CONTRACT), before);
}

#[test]
fn a_patch_after_the_pass_makes_it_stale() {
    let world = World::claimed();
    world.pass();
    world.write("builder/nix/swarm.nix", "docker network create --subnet 10.10.0.0/16 proxy\n");
    world.commit("builder", "touch the patch");
    world.run_in("builder", &["status"]).expect(0, "stale PASS").expect(0, "the subject moved since claim");
}

#[test]
fn a_rebase_of_state_commits_keeps_the_pass() {
    let world = World::claimed();
    world.run_in("builder", &["builder", "note", "while the other reviews"]).expect(0, "Note");
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(0, "PASS");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "committed; pulled; pushed");
    world.run_in("builder", &["status"]).expect(0, "gate M1   PASS");
}

#[test]
fn a_fail_closes_until_a_newer_claim_is_passed() {
    let world = World::claimed();
    world
        .run_in("adversary", &["adversary", "fail", "M1", "--reason", "the range hides the mail host"])
        .expect(0, "FAIL");
    world.run_in("adversary", &["adversary", "pass", "M1"]).expect(10, "has FAIL");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.run_in("builder", &["sync"]).expect(0, "pulled");
    world.run_in("builder", &["next"]).expect(0, "builder: countersign builder claim M1");
    world.claim();
    world.pass();
    world.run_in("builder", &["status"]).expect(0, "gate M1   PASS");
}

#[test]
fn a_veto_and_a_finding_close_the_gate_and_open_it_again() {
    let world = World::claimed();
    world.pass();
    world.run_in("adversary", &["adversary", "veto", "raise", "--reason", "a sweep is running"]).expect(0, "raised");
    let status = world.run_in("adversary", &["status"]).expect(0, "VETO").stdout;
    let id = status.split("VETO ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an id").to_owned();
    world.run_in("adversary", &["adversary", "veto", "lift", &id, "--reason", "it ended"]).expect(0, "lifted");
    world
        .run_in("adversary", &["adversary", "finding", "open", "the guard prunes a kept network", "--gate", "M1"])
        .expect(0, "A1");
    world.run_in("adversary", &["status"]).expect(0, "finding A1 is open");
    world.run_in("adversary", &["adversary", "finding", "close", "A1", "--reason", "label added"]).expect(0, "A1");
    world.run_in("adversary", &["status"]).expect(0, "gate M1   PASS");
}

#[test]
fn json_is_one_versioned_object() {
    let world = World::opened();
    for args in [&["status"][..], &["next"], &["check"], &["builder", "plan"], &["builder", "adopt"]] {
        let answer = world.run_in("builder", &[args, &["--json"]].concat());
        let value: serde_json::Value =
            serde_json::from_str(&answer.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        assert_eq!(value["schema"], 1, "{args:?}");
    }
}

#[test]
fn every_signature_is_one_that_stock_ssh_keygen_verifies() {
    let world = World::adopted();
    let text = world.read("builder/machine-docs/STATUS-demo.md");
    let fence = |info: &str| {
        let start = text.find(&format!("{info}\n")).map(|at| at + info.len() + 1).expect("a fence");
        let end = text[start..].find("\n```").map(|at| start + at + 1).expect("its end");
        text[start..end].to_owned()
    };
    world.write("block", &fence("```toml countersign"));
    world.write("block.sig", &fence("```sshsig"));
    let public = std::fs::read_to_string(world.key("builder").with_extension("pub")).expect("read");
    world.write("signers", &format!("builder {public}"));
    let verify = "ssh-keygen -Y verify -f signers -I builder -n record@countersign -s block.sig < block";
    let output =
        std::process::Command::new("sh").args(["-c", verify]).current_dir(world.path(".")).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_contract_that_no_newline_ends_is_adopted_as_it_is() {
    let world = World::opened();
    let lines = world.read(CONTRACT);
    let bare = lines.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n").trim_end().to_owned();
    assert!(bare.len() < 8192 && !bare.ends_with('\n'), "{} bytes", bare.len());
    world.write(CONTRACT, &bare);
    world.adopt();
    assert_eq!(world.read(CONTRACT), bare);
    world.run_in("builder", &["check"]).expect(0, "every byte, signature and link");
    world.claim();
    world.pass();
    world.run_in("builder", &["status"]).expect(0, "gate M1   PASS");
}
