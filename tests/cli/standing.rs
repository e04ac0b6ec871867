//! What `status` and `--help` tell beside the gates themselves.

use countersign::cli::command_line;

use crate::support::World;

#[test]
fn strays_unsigned_headings_and_separation_are_shown() {
    let world = World::claimed();
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
fn every_help_begins_with_what_to_do_and_ends_with_an_example() {
    fn walk(command: &clap::Command, name: &str, seen: &mut usize) {
        for below in command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
        {
            let name = format!("{name} {}", below.get_name());
            let about = below.get_about().map(ToString::to_string).unwrap_or_default();
            let first = about.lines().next().unwrap_or_default();
            assert!(first.starts_with(|c: char| c.is_ascii_uppercase()), "{name}: `{first}`");
            assert!(!first.ends_with('.'), "{name}: `{first}` ends with a full stop");
            examples(below, &name);
            *seen += 1;
            walk(below, &name, seen);
        }
    }
    let mut seen = 0;
    examples(&command_line(), "countersign");
    walk(&command_line(), "countersign", &mut seen);
    assert!(seen > 40, "{seen} commands");
    let answer = World::new().run_in(".", &["builder", "claim", "--help"]).expect(0, "Example: countersign ");
    assert!(!answer.stdout.contains('\u{1b}'), "plain text off a terminal");
}

/// The text ends with examples, one a paragraph, and each is a command line of this command (or of one below it).
fn examples(command: &clap::Command, name: &str) {
    let text = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let paragraphs: Vec<&str> = text.split("\n\n").map(str::trim).collect();
    let examples: Vec<&str> = paragraphs.iter().filter_map(|text| text.strip_prefix("Example: ")).collect();
    assert!(
        !examples.is_empty() && paragraphs.last().is_some_and(|last| last.starts_with("Example: ")),
        "{name}: {text}"
    );
    assert_eq!(
        text.matches("Example:").count(),
        examples.len(),
        "{name}: an example is a paragraph of its own: {text}"
    );
    let own =
        |example: &&str| format!("{example} ").starts_with(&format!("{name} ")) || example.starts_with("git config ");
    assert!(examples.iter().any(own), "{name}: no example is of this command: {text}");
    // What git is told to run holds placeholders of git's.
    for example in examples.into_iter().filter(|example| !example.starts_with("git config ")) {
        let line = example.split(" > ").next().unwrap_or_default();
        let quoted = line.split('"').enumerate();
        let words = quoted.flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        let parsed = command_line().try_get_matches_from(words);
        assert!(
            parsed.is_ok(),
            "{name}: `{example}`: {}",
            parsed.err().map(|error| error.to_string()).unwrap_or_default()
        );
    }
}
