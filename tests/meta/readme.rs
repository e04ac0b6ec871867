//! The README says what is so: its commands and options exist, its recipe works as printed, its excerpts have no path of a machine.

use std::fs;
use std::process::Command;

use countersign::cli::command_line;

use crate::support::root;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("read")
}

/// Every command by its whole name, with the long options that it takes.
fn commands() -> Vec<(String, Vec<String>)> {
    fn walk(command: &clap::Command, name: &str, inherited: &[String], found: &mut Vec<(String, Vec<String>)>) {
        let own = command.get_arguments().filter_map(|argument| Some(format!("--{}", argument.get_long()?)));
        let options: Vec<String> = inherited.iter().cloned().chain(own).collect();
        for below in command.get_subcommands() {
            walk(below, format!("{name} {}", below.get_name()).trim(), &options, found);
        }
        found.push((name.to_owned(), options));
    }
    let mut found = Vec::new();
    walk(&command_line(), "", &[], &mut found);
    found
}

#[test]
fn every_command_and_option_of_the_readme_exists() {
    let known = commands();
    let text = readme();
    // What is said not to be built is not looked for.
    let text: String = text.split("\n\n").filter(|part| !part.starts_with("**Not built yet**")).collect();
    let mut seen = 0;
    for (at, _) in text.match_indices("countersign ") {
        let before = text[..at].chars().next_back();
        if !matches!(before, Some('`' | ' ')) || !(text[..at].ends_with("$ ") || text[..at].ends_with('`')) {
            continue;
        }
        let rest: String = text[at + 12..].chars().take_while(|c| !matches!(c, '`' | '\n' | '#')).collect();
        let words: Vec<&str> = rest.split_whitespace().collect();
        let names: Vec<&str> =
            words.iter().copied().take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')).collect();
        let found = (0..=names.len()).rev().find_map(|n| known.iter().find(|(name, _)| *name == names[..n].join(" ")));
        let (name, options) = found.expect("the program itself");
        assert!(!name.is_empty() || names.is_empty(), "README: `countersign {rest}` is no command");
        for option in words.iter().filter(|word| word.starts_with("--")) {
            let option = option.split('=').next().unwrap_or(option);
            assert!(options.iter().any(|known| known == option), "README: `countersign {name}` takes no {option}");
        }
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} commands were found in the README");
}

#[test]
fn the_first_two_commands_are_the_scripts() {
    let text = readme();
    let first = text.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let lines: Vec<&str> = first.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(lines, ["scripts/demo", "scripts/test"]);
    for script in lines {
        assert!(root().join(script).is_file(), "{script}");
    }
}

#[test]
fn the_recipe_for_a_signature_works_as_printed() {
    let text = readme();
    let section = text.split("## Check a signature yourself").nth(1).expect("the section");
    let recipe = section.split("```sh\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("the recipe");
    let place = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink(root().join("machine-docs"), place.path().join("machine-docs")).expect("linked");
    let run = |recipe: &str| {
        let output = Command::new("sh").args(["-euc", recipe]).current_dir(place.path()).output().expect("runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    for (document, role) in [("STATUS", "builder"), ("REVIEW", "adversary"), ("JOURNAL", "builder")] {
        let recipe =
            recipe.replace("STATUS-", &format!("{document}-")).replace("role=builder", &format!("role={role}"));
        let (good, said) = run(&recipe);
        assert!(good && said.contains("Good \"record@countersign\" signature"), "{document}: {said}");
    }
    let (good, said) = run(&recipe.replace("role=builder", "role=adversary"));
    assert!(!good, "a key of the other role verifies nothing: {said}");
}

#[test]
fn nothing_that_is_published_says_where_it_was_made() {
    let mut files = vec![root().join("README.md")];
    for directory in ["machine-docs", "machine-docs/evidence/pvfix"] {
        let entries = fs::read_dir(root().join(directory)).expect("read").flatten();
        files.extend(entries.map(|entry| entry.path()).filter(|path| path.is_file()));
    }
    assert!(files.len() > 6, "the recorded run is there");
    for file in files {
        let text = fs::read_to_string(&file).expect("read");
        for word in ["/tmp/", "/home/", "/work/", "PRIVATE KEY"] {
            assert!(!text.contains(word), "{} holds `{word}`", file.display());
        }
    }
}
