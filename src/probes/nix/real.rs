//! Real Nix, where it is installed (`scripts/setup --tests` installs it): the second opinion of what is read here without it.

use std::time::Duration;

use super::module::{Found, find, path};
use crate::process::{self, Spec};

/// Whether it is; says so where it is not.
#[expect(clippy::disallowed_macros, reason = "a test talks to the test runner")]
pub(super) fn is_here() -> bool {
    let is = process::lookup("nix-instantiate").is_some() && process::lookup("nix").is_some();
    if !is {
        eprintln!("skipped: nix is missing: scripts/setup --tests");
    }
    is
}

/// What Nix evaluates an attribute to; needs no store.
fn evaluated(source: &str, attribute: &str) -> serde_json::Value {
    let whole = format!("({source}).{attribute}");
    let argv = ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "-E", whole.as_str()];
    let home = tempfile::tempdir().expect("a directory");
    let done = process::run(&Spec::new(argv).timeout(Duration::from_secs(60)).env("HOME", home.path())).expect("ran");
    assert!(done.ok(), "{whole}: {}", done.complaint());
    serde_json::from_slice(&done.stdout).expect("JSON")
}

/// Strings of both forms, with everything that is written otherwise than it is meant. (Not among them: blanks right after an
/// escaped newline of a `''` string, which Nix takes for indentation and this parser does not.)
const STRINGS: &[&str] = &[
    r#""plain""#,
    r#""a \"quoted\" word, a \\ and a \t tab""#,
    r#""\${not} $${nor} $HOME \n""#,
    "\"two\nlines\"",
    "''\n      docker network create \\\n        --subnet 10.10.0.0/16 proxy\n    ''",
    "''\n    first\n\n      deeper\n    last''",
    "''one line''",
    "''\n\ttab\n\t  and blanks\n''",
    "''\n    echo ''${not-nix} $HOME $${nor} ''' ''\\n''\\t \"\n  ''",
    "''\n    # a comment of the script\n    x\n''",
    "''   ''",
    "\"\"",
];

#[test]
fn real_nix_and_this_parser_read_the_same_strings() {
    if !is_here() {
        return;
    }
    for string in STRINGS {
        let source = format!("{{\n  s.script = {string};\n}}");
        let Found::Set { value, line, .. } = find(&source, &path("s.script").expect("a path")) else {
            panic!("not found in {source}")
        };
        assert_eq!((serde_json::Value::from(value), line), (evaluated(&source, "s.script"), 2), "{source}");
    }
}

#[test]
fn real_nix_finds_an_option_where_this_parser_does() {
    if !is_here() {
        return;
    }
    for (source, option, attribute) in [
        ("{ a.b.c = true; }", "a.b.c", "a.b.c"),
        ("{ a = { b = { c = true; }; }; }", "a.b.c", "a.b.c"),
        ("{ a.\"b\" = { \"c\" = true; d = false; }; }", "a.b.c", "a.b.c"),
        ("{ config = { a.b.c = true; }; }", "a.b.c", "config.a.b.c"),
        ("{ config.a.b.c = (true); }", "a.b.c", "config.a.b.c"),
        ("let x = 1; in { a.b.c = true; }", "a.b.c", "a.b.c"),
    ] {
        let found = find(source, &path(option).expect("a path"));
        assert!(matches!(&found, Found::Set { value, .. } if value.contains("true")), "{source}: {found:?}");
        assert_eq!(evaluated(source, attribute), true, "{source}");
    }
}
