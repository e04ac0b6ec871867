//! A value put at the end of a list in a JSON file; every other byte of the file stays as it is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Why a value cannot be put there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The file is no JSON.
    #[error("{line}:{column}: {why}")]
    NoJson {
        /// The line, 1 for the first.
        line: usize,
        /// The column, 1 for the first.
        column: usize,
        /// Why.
        why: String,
    },
    /// Something on the way is not what it must be.
    #[error("`{0}` is no {1}")]
    Kind(String, &'static str),
    /// A key stands twice.
    #[error("`{0}` stands twice")]
    Twice(String),
}

/// An object's keys and values in their order, as they are written.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Reads)
    }
}

/// The text with `value` at the end of the list at `path`; lists and objects that are missing on the way are made.
///
/// # Errors
///
/// The text is no JSON, or something on the way is neither missing nor what it must be.
pub fn put(text: &str, path: &[&str], value: &Value) -> Result<String, Unfit> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| Unfit::NoJson {
        line: error.line(),
        column: error.column(),
        why: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    })?;
    let unit = unit(text);
    let mut here = whole.get();
    for (depth, key) in path.iter().enumerate() {
        let entries = object(here, path, depth)?;
        let found: Vec<&&RawValue> = entries.iter().filter(|(name, _)| name == key).map(|(_, value)| value).collect();
        match found.as_slice() {
            [] => {
                let mut made = Value::Array(vec![value.clone()]);
                for key in path[depth + 1..].iter().rev() {
                    made = Value::Object(std::iter::once(((*key).to_owned(), made)).collect());
                }
                let entry = format!("{}: {}", Value::from(*key), pretty(&made, &unit, depth + 1));
                return Ok(appended(text, here, entries.last().map(|(_, last)| last.get()), &entry, &unit, depth));
            }
            [one] => here = one.get(),
            _ => return Err(Unfit::Twice(path[..=depth].join("."))),
        }
    }
    let items: Vec<&RawValue> = serde_json::from_str(here).map_err(|_| Unfit::Kind(path.join("."), "list"))?;
    let entry = pretty(value, &unit, path.len() + 1);
    Ok(appended(text, here, items.last().map(|last| last.get()), &entry, &unit, path.len()))
}

fn object<'a>(text: &'a str, path: &[&str], depth: usize) -> Result<Vec<(String, &'a RawValue)>, Unfit> {
    let name = if depth == 0 { "the file".to_owned() } else { path[..depth].join(".") };
    let Entries(entries) = serde_json::from_str(text).map_err(|_| Unfit::Kind(name, "object"))?;
    Ok(entries)
}

/// By what a file is indented: what stands before its first key.
fn unit(text: &str) -> String {
    let inner = text.lines().nth(1).unwrap_or_default();
    let unit: String = inner.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    if unit.is_empty() { "  ".into() } else { unit }
}

/// A value in lines, as it stands `depth` levels deep.
fn pretty(value: &Value, unit: &str, depth: usize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let line = |(at, line): (usize, &str)| {
        let rest = line.trim_start_matches(' ');
        let own = (line.len() - rest.len()) / 2;
        let deep = if at == 0 { 0 } else { depth + own };
        format!("{}{rest}", unit.repeat(deep))
    };
    text.lines().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// The text with an entry behind the last one of a container, which is `depth` levels deep.
fn appended(text: &str, container: &str, last: Option<&str>, entry: &str, unit: &str, depth: usize) -> String {
    // Slices of the text itself: where they begin is where they stand in it.
    let begin = |slice: &str| slice.as_ptr() as usize - text.as_ptr() as usize;
    let inner = unit.repeat(depth + 1);
    let (at, end) = (begin(container), begin(container) + container.len());
    let (cut, before, rest) = match last {
        Some(last) => {
            let cut = begin(last) + last.len();
            (cut, ",", &text[cut..])
        }
        // What stands between the brackets of an empty one is only space.
        None => (at + 1, "", &text[end - 1..]),
    };
    let own_line = rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n');
    let close = if own_line { String::new() } else { format!("\n{}", unit.repeat(depth)) };
    format!("{}{before}\n{inner}{entry}{close}{rest}", &text[..cut])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const PATH: [&str; 2] = ["hooks", "PreToolUse"];

    #[test]
    fn a_value_comes_last_and_nothing_else_moves() {
        for (text, wanted) in [
            ("", "{\n  \"hooks\": {\n    \"PreToolUse\": [\n      7\n    ]\n  }\n}\n"),
            ("{ }", "{\n  \"hooks\": {\n    \"PreToolUse\": [\n      7\n    ]\n  }\n}"),
            (
                "{\n\t\"z\": 1,\n\t\"a\": [ 1,2 ]\n}\n",
                "{\n\t\"z\": 1,\n\t\"a\": [ 1,2 ],\n\t\"hooks\": {\n\t\t\"PreToolUse\": [\n\t\t\t7\n\t\t]\n\t}\n}\n",
            ),
            (
                "{\n    \"hooks\": {\n        \"PreToolUse\": [\n            { \"x\":  1 }\n        ]\n    },\n    \"b\": 1\n}\n",
                "{\n    \"hooks\": {\n        \"PreToolUse\": [\n            { \"x\":  1 },\n            7\n        ]\n    },\n    \"b\": 1\n}\n",
            ),
            ("{\"hooks\":{\"PreToolUse\":[]}}", "{\"hooks\":{\"PreToolUse\":[\n      7\n    ]}}"),
        ] {
            assert_eq!(put(text, &PATH, &json!(7)).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, wanted) in [
            ("{\n // a note\n}", "2:2: key must be a string"),
            ("[]", "`the file` is no object"),
            ("{\"hooks\": []}", "`hooks` is no object"),
            ("{\"hooks\": {\"PreToolUse\": {}}}", "`hooks.PreToolUse` is no list"),
            ("{\"hooks\": {}, \"hooks\": {}}", "`hooks` stands twice"),
        ] {
            assert_eq!(put(text, &PATH, &json!(7)).expect_err(text).to_string(), wanted);
        }
    }

    proptest! {
        /// Whatever else stands in the file, it reads as before with one value more, and every line that was there stays.
        #[test]
        fn a_file_keeps_what_it_holds(keys in proptest::collection::vec("[a-z]{1,6}", 0..5), has in 0..4, compact: bool) {
            let mut value: Value = keys.iter().map(|key| (key.clone(), json!({ "n": [1, { "m": "é\\\"]}" }] }))).collect::<serde_json::Map<_, _>>().into();
            match has {
                0 => {}
                1 => value["hooks"] = json!({}),
                2 => value["hooks"] = json!({ "PreToolUse": [], "x": 1 }),
                _ => value["hooks"] = json!({ "PreToolUse": [{ "matcher": "Bash" }, 2] }),
            }
            let text = if compact { value.to_string() } else { serde_json::to_string_pretty(&value).expect("JSON") };
            let put = put(&text, &PATH, &json!({ "a": [1] })).expect("put");
            let mut list = value["hooks"]["PreToolUse"].as_array().cloned().unwrap_or_default();
            list.push(json!({ "a": [1] }));
            value["hooks"]["PreToolUse"] = list.into();
            prop_assert_eq!(serde_json::from_str::<Value>(&put).expect("JSON"), value);
        }
    }
}
