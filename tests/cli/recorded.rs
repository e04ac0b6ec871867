//! The run that is recorded in `machine-docs/`: whole, verified by stock OpenSSH, and without any power here.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::{World, root};

/// The text of every fence of this kind.
fn fences(text: &str, info: &str) -> Vec<String> {
    let open = format!("\n```{info}\n");
    text.split(&open).skip(1).filter_map(|rest| Some(rest.split("\n```").next()?.to_owned() + "\n")).collect()
}

#[test]
fn every_signature_is_good_by_stock_ssh_keygen() {
    let contract = fs::read_to_string(root().join("machine-docs/PHASE-pvfix.toml")).expect("read");
    let mut keys = contract.lines().filter_map(|line| line.strip_prefix("keys = [\"")?.strip_suffix("\"]"));
    let (builder, adversary) = (keys.next().expect("a key"), keys.next().expect("a key"));
    let place = tempfile::tempdir().expect("a directory");
    let signers = place.path().join("signers");
    fs::write(&signers, format!("builder {builder}\nadversary {adversary}\n")).expect("written");
    let mut checked = 0;
    for (document, role) in [("STATUS", "builder"), ("REVIEW", "adversary"), ("JOURNAL", "builder")] {
        let text = fs::read_to_string(root().join(format!("machine-docs/{document}-pvfix.md"))).expect("read");
        let (blocks, seals) = (fences(&text, "toml countersign"), fences(&text, "sshsig"));
        assert_eq!(blocks.len(), seals.len());
        for (block, seal) in blocks.iter().zip(&seals) {
            let (block_file, seal_file) = (place.path().join("block"), place.path().join("block.sig"));
            fs::write(&block_file, block).expect("written");
            fs::write(&seal_file, seal).expect("written");
            let mut command = Command::new("ssh-keygen");
            command.args(["-Y", "verify", "-I", role, "-n", "record@countersign", "-f"]).arg(&signers);
            command.arg("-s").arg(&seal_file).stdin(Stdio::from(fs::File::open(&block_file).expect("opened")));
            let output = command.output().expect("runs");
            assert!(output.status.success(), "{document}: {}\n{block}", String::from_utf8_lossy(&output.stderr));
            checked += 1;
        }
    }
    assert!(checked > 30, "only {checked} records");
}

#[test]
fn it_is_whole_and_opens_nothing_in_another_repository() {
    let world = World::new();
    let to = world.path("builder/machine-docs");
    let copied = Command::new("cp").arg("-r").arg(root().join("machine-docs")).arg(&to).status().expect("runs");
    assert!(copied.success());
    let checked = world
        .run_in("builder", &["check"])
        .expect(0, "every byte, signature and link of theirs as it was written")
        .stdout;
    let status = world.run_in("builder", &["status"]).expect(0, "Phase pvfix").stdout;
    assert!(!status.contains("DONE"), "{status}");
    let count: usize = checked.split(' ').next().and_then(|word| word.parse().ok()).expect("a number");
    let words = format!("{count} records were written in another repository and open nothing here");
    for text in [&checked, &status] {
        assert_eq!(text.matches("in another repository").count(), 1, "said once: {text}");
        assert!(text.contains(&words), "{words}: {text}");
    }
    let value: serde_json::Value =
        serde_json::from_str(&world.run_in("builder", &["status", "--json"]).stdout).expect("JSON");
    assert_eq!(value["foreign"], count);
    assert!(value["done"].is_null() && value["gates"].as_array().is_some_and(|gates| gates.len() == 2), "{value}");
    for step in ["capture", "recreate"] {
        let answer = world.run_in("builder", &["builder", "run", step]);
        assert!(answer.exit != 0, "{step}: {}", answer.stdout);
    }
}
