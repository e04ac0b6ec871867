//! What `status` and `--help` tell beside the gates themselves.

use countersign::cli::command_line;

use crate::support::{GUARD, World};

#[test]
fn strays_unsigned_headings_and_separation_are_shown() {
    let world = World::new();
    world.open(GUARD);
    world.adopt();
    world.claim();
    world.pass();
    world.write("builder/STATUS-demo.md", "## Gate: M1 — PASS\n");
    world.write("builder/PHASE-old.toml", "schema = 1\n");
    let file = "builder/machine-docs/JOURNAL-demo.md";
    world.write(file, &format!("{}\n## DONE — 2026-05-27\n", world.read(file)));
    world
        .run_in("builder", &["status"])
        .expect(0, "stray, read by nothing: STATUS-demo.md; documents are in machine-docs/")
        .expect(0, "stray, read by nothing: PHASE-old.toml")
        .expect(0, "unsigned, counts for nothing: machine-docs/JOURNAL-demo.md:")
        .expect(0, "separation of M1: `clone`, wanted `clone`");
    let text = world.run_in("builder", &["status", "--json"]).stdout;
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["strays"], serde_json::json!(["PHASE-old.toml", "STATUS-demo.md"]));
    assert_eq!(value["separation"], serde_json::json!({ "M1": "clone" }));
    assert!(value["pins_writable"].is_null(), "the contract has no steps");
}

#[test]
fn every_help_begins_with_what_to_do_and_leaves_have_an_example() {
    fn walk(command: &clap::Command, name: &str, seen: &mut usize) {
        for below in command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
        {
            let name = format!("{name} {}", below.get_name());
            let about = below.get_about().map(ToString::to_string).unwrap_or_default();
            let first = about.lines().next().unwrap_or_default();
            assert!(first.starts_with(|c: char| c.is_ascii_uppercase()), "{name}: `{first}`");
            assert!(!first.ends_with('.'), "{name}: `{first}` ends with a full stop");
            *seen += 1;
            walk(below, &name, seen);
        }
    }
    let mut seen = 0;
    walk(&command_line(), "countersign", &mut seen);
    assert!(seen > 30, "{seen} commands");
    let world = World::new();
    for command in [
        &["init"][..],
        &["doctor"],
        &["status"],
        &["next"],
        &["sync"],
        &["check"],
        &["probe"],
        &["trust"],
        &["builder", "claim"],
        &["builder", "plan"],
        &["builder", "done"],
        &["adversary", "brief"],
        &["adversary", "pass"],
        &["adversary", "fail"],
    ] {
        let answer = world.run_in(".", &[command, &["--help"]].concat()).expect(0, "Example: countersign ");
        assert!(!answer.stdout.contains('\u{1b}'), "plain text off a terminal: {command:?}");
    }
}
