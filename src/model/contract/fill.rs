//! Placeholders: `{name}` in a parameter's text.
//!
//! `{subnet}` is a value of the contract and filled in when it is read; `{subject}` and `{step.ID.NAME}` are known only
//! when a probe or step runs and stay as written until then. Braces around anything else (as in a regular expression's
//! `\d{2}`) are plain text.

use std::collections::BTreeMap;

use super::{Param, Params};

/// A placeholder that nothing gives a value for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{name}}}` has no value yet")]
pub struct Unresolved {
    /// The name between the braces.
    pub name: String,
}

/// One piece of a text.
enum Piece<'a> {
    Plain(&'a str),
    Placeholder(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let after = &rest[open + 1..];
        let end = after.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-')));
        match end {
            Some(end) if after[end..].starts_with('}') && after.starts_with(|c: char| c.is_ascii_lowercase()) => {
                pieces.push(Piece::Plain(&rest[..open]));
                pieces.push(Piece::Placeholder(&after[..end]));
                rest = &after[end + 1..];
            }
            _ => {
                pieces.push(Piece::Plain(&rest[..=open]));
                rest = after;
            }
        }
    }
    pieces.push(Piece::Plain(rest));
    pieces
}

/// The names of the placeholders in a text, in order.
pub fn names(text: &str) -> Vec<&str> {
    let placeholder = |piece| match piece {
        Piece::Placeholder(name) => Some(name),
        Piece::Plain(_) => None,
    };
    pieces(text).into_iter().filter_map(placeholder).collect()
}

/// Whether a name is one that is known only at run time.
pub fn is_late(name: &str) -> bool {
    name == "subject" || name.starts_with("step.")
}

/// Fills in what `values` knows; leaves late placeholders as written.
///
/// # Errors
///
/// The first placeholder that is neither known nor late.
pub fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String, Unresolved> {
    substitute(text, values, true)
}

/// Fills in everything.
///
/// # Errors
///
/// The first placeholder without a value.
pub fn resolve_text(text: &str, values: &BTreeMap<String, String>) -> Result<String, Unresolved> {
    substitute(text, values, false)
}

fn substitute(text: &str, values: &BTreeMap<String, String>, keep_late: bool) -> Result<String, Unresolved> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(plain) => out.push_str(plain),
            Piece::Placeholder(name) => match values.get(name) {
                Some(value) => out.push_str(value),
                None if keep_late && is_late(name) => {
                    out.push('{');
                    out.push_str(name);
                    out.push('}');
                }
                None => return Err(Unresolved { name: name.to_owned() }),
            },
        }
    }
    Ok(out)
}

/// Parameters with every placeholder filled in.
///
/// # Errors
///
/// The first placeholder without a value: what depends on it is unknown.
pub fn resolve(params: &Params, values: &BTreeMap<String, String>) -> Result<Params, Unresolved> {
    let mut filled = BTreeMap::new();
    for (name, param) in &params.0 {
        filled.insert(name.clone(), resolve_param(param, values)?);
    }
    Ok(Params(filled))
}

fn resolve_param(param: &Param, values: &BTreeMap<String, String>) -> Result<Param, Unresolved> {
    Ok(match param {
        Param::Text(text) => Param::Text(resolve_text(text, values)?),
        Param::List(list) => Param::List(list.iter().map(|text| resolve_text(text, values)).collect::<Result<_, _>>()?),
        Param::Map(map) => {
            let entry = |(key, text): (&String, &String)| Ok((key.clone(), resolve_text(text, values)?));
            Param::Map(map.iter().map(entry).collect::<Result<_, Unresolved>>()?)
        }
        Param::Tables(tables) => {
            Param::Tables(tables.iter().map(|table| resolve(table, values)).collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> BTreeMap<String, String> {
        BTreeMap::from([("subnet".into(), "10.10.0.0/16".into()), ("network".into(), "proxy".into())])
    }

    #[test]
    fn braces_of_regular_expressions_are_plain() {
        for plain in [r"\d{2}", "{", "}", "{}", "{ a }", "{A}", "a{1,3}", "{{", "${X}"] {
            assert_eq!(fill(plain, &values()).as_deref(), Ok(plain));
        }
    }

    #[test]
    fn late_placeholders_stay_until_they_are_known() {
        let text = "{network} since {step.recreate.finished}";
        assert_eq!(fill(text, &values()).as_deref(), Ok("proxy since {step.recreate.finished}"));
        assert_eq!(resolve_text(text, &values()), Err(Unresolved { name: "step.recreate.finished".into() }));
        assert_eq!(fill("{nope}", &values()), Err(Unresolved { name: "nope".into() }));
    }
}
