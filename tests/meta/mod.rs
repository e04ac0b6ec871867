//! The habits of the house, held by tests.

mod readme;

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Who may import whom: `from` the modules that it may use. Nothing else among the library's own modules.
const IMPORTS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("process", &[]),
    ("gates", &["model"]),
    ("interlock", &["model"]),
    ("hook", &["model", "interlock"]),
    ("docs", &["model", "sign"]),
    ("git", &["model", "process"]),
    ("sign", &["model", "process"]),
    ("host", &["model"]),
    ("engine", &["model"]),
    ("probes", &["model", "process", "git", "engine"]),
    ("steps", &["model", "process", "engine", "host", "gates", "probes"]),
    ("twin", &["model", "process", "engine"]),
    ("report", &["model", "gates", "steps", "error"]),
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

fn all(directory: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(&root().join(directory), &mut found);
    let name = |path: &PathBuf| path.strip_prefix(root()).expect("below").to_string_lossy().into_owned();
    found.iter().map(|path| (name(path), fs::read_to_string(path).expect("read"))).collect()
}

#[test]
fn nobody_imports_what_the_table_does_not_allow() {
    let mut checked = 0;
    for (file, text) in all("src") {
        let module =
            file.trim_start_matches("src/").split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let Some((_, allowed)) = IMPORTS.iter().find(|(from, _)| *from == module) else { continue };
        // Tests inside a module may use what they need.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        if file.ends_with("/tests.rs") {
            continue;
        }
        for line in code.lines().filter(|line| line.contains("crate::") && !line.trim_start().starts_with("//")) {
            for part in line.split("crate::").skip(1) {
                let target: String = part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                // Both stand wherever something is written.
                assert!(
                    target == module
                        || ["fault", "interrupt"].contains(&target.as_str())
                        || allowed.contains(&target.as_str()),
                    "{file} uses {target}: {line}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "only {checked} imports were looked at");
}

#[test]
fn nothing_that_decides_has_a_clock() {
    for (file, text) in all("src") {
        let decides = ["src/model/", "src/gates/", "src/sign/"].iter().any(|module| file.starts_with(module));
        assert!(!(decides && text.contains("Instant::")), "{file} measures time");
        let asks = text.contains("Utc::now") || text.contains("SystemTime::now") || text.contains("Local::now");
        assert!(!asks || file == "src/context.rs", "{file} asks what time it is");
    }
}

#[test]
fn files_hold_one_idea() {
    let mut sizes: Vec<(usize, String)> =
        all("src").into_iter().map(|(file, text)| (text.lines().count(), file)).collect();
    sizes.sort();
    let long: Vec<_> = sizes.iter().filter(|(lines, _)| *lines > 400).collect();
    let explained = |file: &str| {
        fs::read_to_string(root().join(file)).expect("read").lines().take(12).any(|line| line.contains("long because"))
    };
    for (lines, file) in long {
        assert!(explained(file), "{file} has {lines} lines and no reason in its head comment");
    }
    let (median, _) = sizes[sizes.len() / 2];
    assert!(median < 200, "the median file has {median} lines");
}

#[test]
fn every_source_file_says_what_it_is() {
    for (file, text) in all("src") {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//!") || file.ends_with("tests.rs"), "{file} begins with `{first}`");
    }
}

#[test]
fn words_that_do_not_belong() {
    let words =
        ["to".to_owned() + "do!(", "FIX".to_owned() + "ME", "un".to_owned() + "implemented!(", "dbg".to_owned() + "!("];
    for (file, text) in all("src").into_iter().chain(all("tests")) {
        for word in &words {
            assert!(!text.contains(word.as_str()), "{file} has {word}");
        }
    }
}

#[test]
fn the_changelog_names_this_version() {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).expect("read");
    assert!(changelog.contains(concat!("## ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn no_service_stack_or_network_is_known_by_name() {
    let template = fs::read_to_string(root().join("templates/pvfix.toml")).expect("read");
    let quoted = |line: &str| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let lists = ["services = ", "declared = ", "except = ", "stacks = ", "front = [", "network = "];
    let named = template.lines().filter(|line| lists.iter().any(|list| line.starts_with(list)));
    let names: std::collections::BTreeSet<String> = named.flat_map(quoted).filter(|name| !name.contains('{')).collect();
    assert!(names.contains("proxy") && names.contains("traefik_app") && names.contains("ccci-bridge"), "{names:?}");
    for (file, text) in all("src") {
        if file.starts_with("src/twin/") || file.ends_with("/tests.rs") || file.contains("/tests/") {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        // An example of a contract is what people read, not what the program does.
        let lines =
            code.lines().map(str::trim_start).filter(|line| !line.starts_with("//") && !line.starts_with("example:"));
        for line in lines {
            let known = names.iter().find(|name| {
                line.contains(&format!("\"{name}\"")) || (name.contains(['-', '_']) && line.contains(name.as_str()))
            });
            assert!(known.is_none(), "{file} knows {known:?}: {line}");
        }
    }
}
