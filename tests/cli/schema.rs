//! The published schema of contracts: both templates and every example fit it, and what the check refuses it refuses too.

use std::fs;

use serde_json::{Map, Value};

use crate::support::{World, root};

/// Why a value does not fit a schema; the keywords that the published one uses, and no other goes unnoticed.
fn misfit(schema: &Value, value: &Value) -> Option<String> {
    let rules = schema.as_object().expect("an object");
    rules.iter().find_map(|(keyword, rule)| one(keyword, rule, rules, value))
}

fn one(keyword: &str, rule: &Value, rules: &Map<String, Value>, value: &Value) -> Option<String> {
    let no = |why: String| Some(format!("{why}: {value}"));
    let texts = || rule.as_array().into_iter().flatten().filter_map(Value::as_str);
    match keyword {
        "$schema" | "title" | "description" => None,
        "type" => {
            let fits = match rule.as_str().expect("a type") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64(),
                "boolean" => value.is_boolean(),
                other => panic!("type {other}"),
            };
            if fits { None } else { no(format!("not of type {rule}")) }
        }
        "const" => {
            if value == rule {
                None
            } else {
                no(format!("not {rule}"))
            }
        }
        "enum" => {
            if rule.as_array().expect("a list").contains(value) {
                None
            } else {
                no(format!("none of {rule}"))
            }
        }
        "pattern" => {
            let pattern = regex::Regex::new(rule.as_str().expect("a pattern")).expect("a regular expression");
            if value.as_str().is_none_or(|text| pattern.is_match(text)) {
                None
            } else {
                no(format!("does not match {rule}"))
            }
        }
        "minimum" => {
            if value.as_i64().is_none_or(|n| n >= rule.as_i64().unwrap_or(0)) {
                None
            } else {
                no(format!("below {rule}"))
            }
        }
        "maximum" => {
            if value.as_i64().is_none_or(|n| n <= rule.as_i64().unwrap_or(0)) {
                None
            } else {
                no(format!("above {rule}"))
            }
        }
        "minItems" => {
            if value.as_array().is_none_or(|list| list.len() as u64 >= rule.as_u64().unwrap_or(0)) {
                None
            } else {
                no(format!("fewer than {rule}"))
            }
        }
        "items" => value.as_array().into_iter().flatten().find_map(|item| misfit(rule, item)),
        "required" => texts().find(|name| value.get(name).is_none()).and_then(|name| no(format!("no `{name}`"))),
        "properties" => rule.as_object()?.iter().find_map(|(name, rule)| misfit(rule, value.get(name)?)),
        "additionalProperties" => {
            let known = rules.get("properties").and_then(Value::as_object);
            let others =
                value.as_object()?.iter().filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
            let mut others = others.map(|(name, value)| match rule {
                Value::Bool(false) => Some(format!("unknown key `{name}`")),
                rule => misfit(rule, value),
            });
            others.find_map(|misfit| misfit)
        }
        "oneOf" => {
            let all: Vec<Option<String>> = rule.as_array()?.iter().map(|rule| misfit(rule, value)).collect();
            match all.iter().filter(|misfit| misfit.is_none()).count() {
                1 => None,
                count => no(format!("fits {count} of {} forms", all.len())),
            }
        }
        other => panic!("the schema uses `{other}`, which this test does not judge"),
    }
}

fn schema() -> Value {
    let world = World::new();
    let answer = world.run_in(".", &["init", "--schema"]).expect(0, "countersign contract");
    serde_json::from_str(&answer.stdout).expect("JSON")
}

fn contract(text: &str) -> Value {
    let table: toml::Table = toml::from_str(text).expect("TOML");
    serde_json::to_value(table).expect("a value")
}

#[test]
fn the_templates_and_the_recorded_contract_fit() {
    let schema = schema();
    let head = "a".repeat(40);
    let mut checked = 0;
    for entry in fs::read_dir(root().join("templates")).expect("read").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|ext| ext != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("read").replace("{phase}", "demo").replace("{head}", &head);
        assert_eq!(misfit(&schema, &contract(&text)), None, "{}", path.display());
        checked += 1;
    }
    assert!(checked >= 2, "{checked} templates");
    let recorded = fs::read_to_string(root().join("machine-docs/PHASE-pvfix.toml")).expect("read");
    assert_eq!(misfit(&schema, &contract(&recorded)), None);
}

#[test]
fn a_step_with_a_way_back_fits() {
    let text = fs::read_to_string(root().join("templates/pvfix.toml")).expect("read").replace("{phase}", "demo");
    let text = text.replacen("kind = \"docker.capture\"", "kind = \"docker.capture\"\nback_within = \"5m\"", 1);
    assert!(text.contains("back_within"));
    assert_eq!(misfit(&schema(), &contract(&text)), None);
}

#[test]
fn what_the_check_refuses_does_not_fit() {
    let schema = schema();
    let text = fs::read_to_string(root().join("templates/pvfix.toml")).expect("read").replace("{phase}", "demo");
    for (right, wrong) in [
        ("schema = 1\n", "schema = 2\n"),
        ("version = 1\n", "version = 0\n"),
        ("separation = \"uid\"", "separation = \"none\""),
        ("max_age = \"24h\"", "max_age = 24"),
        ("probe = \"git.pushed\"", "probe = \"git.push\""),
        ("probe = \"git.secrets\"", "probe = \"git.secrets\"\ncolour = \"red\""),
        ("kind = \"docker.capture\"", "kind = \"docker.captured\""),
        ("engine = \"unix:", "engine = \"ssh:"),
        ("status = [200]", "status = [20]"),
        ("attachable = true", "attachable = \"yes\""),
    ] {
        let text = text.replacen(right, wrong, 1);
        assert!(misfit(&schema, &contract(&text)).is_some(), "`{wrong}` fits");
    }
}
