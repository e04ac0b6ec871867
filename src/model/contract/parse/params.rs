//! Parameters of criteria and steps, checked against the table of [`schema`](crate::model::contract::schema).

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::DeValue;

use super::Defects;
use super::table::{self, Reader, Value};
use crate::model::contract::fill;
use crate::model::contract::schema::{ParamSchema, Shape};
use crate::model::contract::{Param, Params};
use crate::model::state_files::named_in;
use crate::model::time::Time;

/// What parameters are read against.
pub(super) struct Scope<'a> {
    /// The contract's values.
    pub(super) values: &'a BTreeMap<String, String>,
    /// `step.ID.NAME` of every step, and `subject`.
    pub(super) late: &'a [String],
    /// The work tree that no argv of a probe may name.
    pub(super) forbidden: Option<&'a Path>,
    /// Whether the text is in a work tree; one that was adopted already is read for recovery, which nothing new refuses.
    pub(super) in_work_tree: bool,
}

/// Reads the parameters that the schema names.
pub(super) fn read(reader: &mut Reader<'_>, schema: &[ParamSchema], scope: &Scope<'_>, found: &mut Defects) -> Params {
    let mut params = BTreeMap::new();
    for param in schema {
        let value = match param.required {
            true => reader.must(param.name, param.about, found),
            false => reader.take(param.name),
        };
        if let Some(read) = value.and_then(|value| one(value, param, scope, found)) {
            params.insert(param.name.to_owned(), read);
        }
    }
    Params(params)
}

fn one(value: Value<'_>, param: &ParamSchema, scope: &Scope<'_>, found: &mut Defects) -> Option<Param> {
    let key = param.name;
    match param.shape {
        Shape::Number => table::number(value, key, found).map(Param::Number),
        Shape::Flag => table::flag(value, key, found).map(Param::Flag),
        Shape::Duration => table::duration(value, key, found).map(Param::Duration),
        Shape::Map => map(value, key, scope, found).map(Param::Map),
        Shape::Tables(inner) => tables(value, key, inner, scope, found).map(Param::Tables),
        Shape::Codes => codes(value, key, found).map(Param::List),
        Shape::List => filled_list(value, key, scope, found).map(Param::List),
        Shape::Cidrs => {
            let list = filled_list(value, key, scope, found)?;
            list.iter().all(|text| cidr(value, key, text, found)).then_some(Param::List(list))
        }
        Shape::Argv => argv(value, key, scope, found).map(Param::List),
        Shape::Text | Shape::Cidr | Shape::Path | Shape::Regex | Shape::Moment | Shape::OneOf(_) => {
            let text = filled(value, key, scope, found)?;
            shaped(value, key, &text, param.shape, found).then_some(Param::Text(text))
        }
    }
}

/// A text with the contract's values filled in.
pub(super) fn filled(value: Value<'_>, key: &str, scope: &Scope<'_>, found: &mut Defects) -> Option<String> {
    let text = table::text(value, key, found)?;
    for name in fill::names(text) {
        let known = scope.values.contains_key(name) || scope.late.iter().any(|late| late == name);
        if !known {
            let mut names: Vec<&str> = scope.values.keys().map(String::as_str).collect();
            names.extend(scope.late.iter().map(String::as_str));
            found.add(
                value.span(),
                format!("`{key}` has an unknown placeholder `{{{name}}}`"),
                format!("one of {}", names.join(", ")),
            );
            return None;
        }
    }
    fill::fill(text, scope.values).ok()
}

fn filled_list(value: Value<'_>, key: &str, scope: &Scope<'_>, found: &mut Defects) -> Option<Vec<String>> {
    let items = table::list(value, key, found)?;
    let read: Vec<_> = items.iter().filter_map(|item| filled(item, key, scope, found)).collect();
    (read.len() == items.len()).then_some(read)
}

fn shaped(value: Value<'_>, key: &str, text: &str, shape: Shape, found: &mut Defects) -> bool {
    let late = !fill::names(text).is_empty();
    let wanted = match shape {
        Shape::Cidr if late => return true,
        Shape::Cidr => return cidr(value, key, text, found),
        Shape::Path if text.starts_with('/') => return true,
        Shape::Path => "an absolute path".to_owned(),
        Shape::Regex => match regex::Regex::new(text) {
            Ok(_) => return true,
            Err(error) => format!("a regular expression ({})", error.to_string().replace('\n', " ")),
        },
        Shape::Moment if late || text.parse::<Time>().is_ok() => return true,
        Shape::Moment => "a moment as in 2026-06-13T05:34:13Z, or {step.ID.finished}".to_owned(),
        Shape::OneOf(words) if words.contains(&text) => return true,
        Shape::OneOf(words) => format!("one of {}", words.join(", ")),
        _ => return true,
    };
    found.add(value.span(), format!("`{key}` is \"{text}\""), wanted);
    false
}

fn cidr(value: Value<'_>, key: &str, text: &str, found: &mut Defects) -> bool {
    let wanted = match text.parse::<ipnet::IpNet>() {
        Ok(net) if net.addr() == net.network() && net.to_string() == text => return true,
        Ok(net) => format!("no host bits and the plain spelling: {}", net.trunc()),
        Err(_) => "a subnet in CIDR form, as in 10.10.0.0/16".to_owned(),
    };
    found.add(value.span(), format!("`{key}` is \"{text}\""), wanted);
    false
}

/// Program and arguments.
pub(super) fn argv(value: Value<'_>, key: &str, scope: &Scope<'_>, found: &mut Defects) -> Option<Vec<String>> {
    let argv = filled_list(value, key, scope, found)?;
    let Some(program) = argv.first() else {
        found.add(value.span(), format!("`{key}` is empty"), "a program and its arguments");
        return None;
    };
    if program.contains('/') && !program.starts_with('/') {
        let wanted = "an absolute path or a bare name, since it does not run in the repository";
        found.add(value.span(), format!("`{key}` runs \"{program}\""), wanted);
        return None;
    }
    if scope.in_work_tree
        && let Some(named) = argv.iter().find_map(|arg| named_in(arg))
    {
        let wanted =
            "no document and no evidence: they change after the verdict, and a step's checkout has none of them";
        found.add(value.span(), format!("`{key}` names {named}, a state file"), wanted);
        return None;
    }
    if let Some(root) = scope.forbidden.and_then(Path::to_str)
        && let Some(arg) = argv.iter().find(|arg| names_inside(arg, root))
    {
        let wanted = "a program of the host: the reviewer must not run the repository's code with a key in reach";
        found.add(value.span(), format!("`{key}` names \"{arg}\", a file inside the repository"), wanted);
        return None;
    }
    Some(argv)
}

/// Whether an argument names the directory or anything in it, also behind `--option=` or with `.` and `..` on the way.
fn names_inside(arg: &str, root: &str) -> bool {
    let root = Path::new(root);
    let from = arg.find('/').map_or("", |at| &arg[at..]);
    let mut clean = std::path::PathBuf::new();
    for part in Path::new(from).components() {
        match part {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            std::path::Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean.starts_with(root)
}

fn codes(value: Value<'_>, key: &str, found: &mut Defects) -> Option<Vec<String>> {
    let items = table::list(value, key, found)?;
    let mut codes = Vec::new();
    for item in &items {
        match table::number(item, key, found) {
            Some(code @ 100..=599) => codes.push(code.to_string()),
            Some(code) => found.add(item.span(), format!("`{key}` has {code}"), "HTTP status codes, 100 to 599"),
            None => {}
        }
    }
    if items.is_empty() {
        found.add(value.span(), format!("`{key}` is empty"), "at least one status code");
    }
    (!codes.is_empty() && codes.len() == items.len()).then_some(codes)
}

fn map(value: Value<'_>, key: &str, scope: &Scope<'_>, found: &mut Defects) -> Option<BTreeMap<String, String>> {
    let reader = table::table(value, key, found)?;
    let entries = reader.entries(found);
    let read = |(name, value): (&toml::Spanned<toml::de::DeString<'_>>, Value<'_>), found: &mut Defects| {
        filled(value, name.get_ref(), scope, found).map(|text| (name.get_ref().to_string(), text))
    };
    let count = entries.len();
    let map: BTreeMap<_, _> = entries.into_iter().filter_map(|entry| read(entry, found)).collect();
    (map.len() == count).then_some(map)
}

fn tables(
    value: Value<'_>,
    key: &'static str,
    schema: &[ParamSchema],
    scope: &Scope<'_>,
    found: &mut Defects,
) -> Option<Vec<Params>> {
    let items = table::list(value, key, found)?;
    if items.is_empty() {
        found.add(value.span(), format!("`{key}` is empty"), "at least one");
        return None;
    }
    let mut tables = Vec::new();
    for item in items {
        if !matches!(item.get_ref(), DeValue::Table(_)) {
            table::mismatch(item, key, "a table", found);
            continue;
        }
        if let Some(mut reader) = table::table(item, key, found) {
            tables.push(read(&mut reader, schema, scope, found));
            reader.finish(found);
        }
    }
    Some(tables)
}
