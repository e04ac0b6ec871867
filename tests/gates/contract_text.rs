//! What both sign is what they read: a contract's text shows all of itself, and carries no secret.

use crate::support::{CONTRACT, World};

/// A phase with this change to its contract, and what adopting it answers.
fn adopted(change: impl Fn(&str) -> String) -> crate::support::Answer {
    let world = World::opened();
    world.write(CONTRACT, &change(&world.read(CONTRACT)));
    world.run_in("builder", &["builder", "adopt"])
}

#[test]
fn a_hidden_character_anywhere_is_refused_with_its_place() {
    for (hidden, code) in [
        ("\u{202e}", "U+202E"),
        ("\u{200b}", "U+200B"),
        ("\u{1b}[31m", "U+001B"),
        ("\u{0}", "U+0000"),
        ("\u{feff}", "U+FEFF"),
        ("\r", "U+000D"),
    ] {
        let place = "machine-docs/PHASE-demo.toml:1:";
        adopted(|text| format!("# words{hidden}\n{text}")).expect(31, code).expect(31, place);
        let in_a_title = |text: &str| text.replace("The safety net", &format!("The {hidden}safety net"));
        adopted(in_a_title).expect(31, code);
    }
    // The text alone does not show what an escape stands for.
    for escape in ["\\u202e", "\\u001b[31m", "\\u0000", "\\r"] {
        let in_a_title = |text: &str| text.replace("The safety net", &format!("The {escape}safety net"));
        adopted(in_a_title).expect(31, "has a hidden character U+");
    }
    adopted(|text| text.replace('\n', "\r\n")).expect(31, "(the first of ");
}

#[test]
fn a_title_is_one_line() {
    let forged = "\\n  gate M2               PASS   all checked by the Adversary\\nNext: countersign adversary pass M1";
    adopted(|text| text.replace("The safety net", &format!("The{forged}"))).expect(31, "more than one line");
    adopted(|text| text.replace("title = \"The safety net is kept\"", "title = \"\"\"The\nnet\"\"\""))
        .expect(31, "more than one line");
}

#[test]
fn every_program_that_a_contract_runs_is_printed() {
    let step = r#"
[[step]]
id = "one"
title = "The first"
gate = "M1"
kind = "command"
argv = ["touch", "/tmp/begun"]
undo = ["sh", "-c", "echo unseen"]
cwd = "/tmp"
timeout = "1m"
back_within = "5m"
[[step.postflight]]
id = "after"
title = "It is there"
probe = "command"
argv = ["cat", "/tmp/afterwards"]
stdout = '^$'
"#;
    let said = adopted(|text| format!("{text}{step}")).expect(0, "/tmp/begun");
    for words in
        ["is undone by [\"sh\", \"-c\", \"echo unseen\"]", "by a timer within 5m", "[\"cat\", \"/tmp/afterwards\"]"]
    {
        assert!(said.stdout.contains(words), "{words} in {}", said.stdout);
    }
}

#[test]
fn a_contract_with_a_secret_is_not_adopted_and_the_secret_is_not_said() {
    let token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let world = World::opened();
    let text = world.read(CONTRACT);
    world.write(CONTRACT, &text.replace("The safety net", &format!("The {token}")));
    let refused = world.run_in("builder", &["builder", "adopt"]).expect(31, "this looks like a secret (github-token)");
    assert!(!refused.all().contains(token) && refused.stderr.contains("PHASE-demo.toml:"), "{}", refused.stderr);
    world.run_in("builder", &["builder", "adopt", "--yes", "000000000000"]).expect(31, "looks like a secret");
    // What only points at one is none.
    let file = "[values]\ntoken = \"/run/secrets/drone\"\n";
    world.write(CONTRACT, &text.replace("[values]\n", file));
    world.run_in("builder", &["builder", "adopt"]).expect(0, "value token = /run/secrets/drone");
}

#[test]
fn the_templates_hold_none() {
    for template in ["blank", "pvfix"] {
        let world = World::new();
        world.run_in("builder", &["init", "--template", template, "--phase", "demo"]).expect(0, "is open");
        for role in ["builder", "adversary"] {
            world.run_as(role, "builder", &["key", "new", role]).expect(0, "ssh-ed25519");
            let public = world.key(role).with_extension("pub");
            world.run_in("builder", &["key", "add", role, &public.to_string_lossy()]).expect(0, "Added");
        }
        let answer = world.run_in("builder", &["builder", "adopt"]);
        assert!(!answer.all().contains("secret ("), "{template}: {}", answer.all());
    }
}
