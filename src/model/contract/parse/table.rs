//! Reading one TOML table key by key: what is taken is known, what is left at the end is a defect.

use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Defects;
use crate::model::characters::first_hidden;
use crate::model::time::parse_duration;

/// A table being read.
pub(super) struct Reader<'a> {
    table: &'a DeTable<'a>,
    pub(super) span: Range<usize>,
    name: String,
    known: BTreeSet<&'static str>,
}

/// A value with its place.
pub(super) type Value<'a> = &'a Spanned<DeValue<'a>>;

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'a DeTable<'a>, span: Range<usize>, name: impl Into<String>) -> Self {
        Self { table, span, name: name.into(), known: BTreeSet::new() }
    }

    /// The value of a key, which from now on is known.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.insert(key);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// The value of a key that must be there.
    pub(super) fn must(&mut self, key: &'static str, wanted: &str, found: &mut Defects) -> Option<Value<'a>> {
        let value = self.take(key);
        if value.is_none() {
            found.add(self.span.clone(), format!("{} has no `{key}`", self.name), format!("`{key}`: {wanted}"));
        }
        value
    }

    /// Every key with its value, in the order of the text. A key that is no plain line is reported and left out.
    pub(super) fn entries(&self, found: &mut Defects) -> Vec<(&'a Spanned<toml::de::DeString<'a>>, Value<'a>)> {
        let plain = |name: &str| first_hidden(name).is_none() && !name.contains(['\n', '\t']);
        let (mut entries, others): (Vec<_>, Vec<_>) = self.table.iter().partition(|(name, _)| plain(name.get_ref()));
        for (name, _) in others {
            found.add(name.span(), format!("a key of {} has a hidden character", self.name), "a name on one line");
        }
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }

    /// Reports every key that nothing asked for.
    pub(super) fn finish(self, found: &mut Defects) {
        let known: Vec<_> = self.known.iter().map(|key| format!("`{key}`")).collect();
        for (key, _) in self.table.iter().filter(|(key, _)| !self.known.contains(key.get_ref().as_ref())) {
            found.add(
                key.span(),
                format!("{} has an unknown key `{}`", self.name, key.get_ref()),
                format!("one of {}", known.join(", ")),
            );
        }
    }
}

/// A value's kind, for messages.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Reports that a value is of another kind than wanted.
pub(super) fn mismatch(value: Value<'_>, key: &str, wanted: &str, found: &mut Defects) {
    found.add(value.span(), format!("`{key}` is {}", kind_of(value.get_ref())), wanted.to_owned());
}

/// A text that is not empty, on one line.
pub(super) fn line<'a>(value: Value<'a>, key: &str, found: &mut Defects) -> Option<&'a str> {
    let text = text(value, key, found)?;
    if text.contains(['\n', '\t']) {
        found.add(value.span(), format!("`{key}` has more than one line, or a tab"), "one line");
        return None;
    }
    Some(text)
}

/// A text that is not empty. A hidden character may be written as an escape (`\u202e`), so that the text alone does not show it.
pub(super) fn text<'a>(value: Value<'a>, key: &str, found: &mut Defects) -> Option<&'a str> {
    match value.get_ref() {
        DeValue::String(text) if first_hidden(text).is_some() => {
            let c = first_hidden(text).map_or(0, |(_, c)| u32::from(c));
            found.add(
                value.span(),
                format!("`{key}` has a hidden character U+{c:04X}"),
                "text that is what it looks like",
            );
            None
        }
        DeValue::String(text) if !text.trim().is_empty() => Some(text.as_ref()),
        DeValue::String(_) => {
            found.add(value.span(), format!("`{key}` is empty"), "a text");
            None
        }
        _ => {
            mismatch(value, key, "a text in quotes", found);
            None
        }
    }
}

/// A text that parses as an id or another type with one spelling.
pub(super) fn parsed<T: FromStr>(value: Value<'_>, key: &str, found: &mut Defects) -> Option<T>
where
    T::Err: std::fmt::Display,
{
    let text = text(value, key, found)?;
    match text.parse() {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            let error = error.to_string();
            let (what, wanted) = error.split_once(": wanted ").unwrap_or((&error, "the right form"));
            found.add(value.span(), format!("`{key}`: {what}"), wanted);
            None
        }
    }
}

/// A duration of whole seconds.
pub(super) fn duration(value: Value<'_>, key: &str, found: &mut Defects) -> Option<Duration> {
    let text = text(value, key, found)?;
    let duration = parse_duration(text);
    if duration.is_err() {
        found.add(
            value.span(),
            format!("`{key}` is \"{text}\""),
            "a whole number and one of s, m, h, d, as in \"30m\"",
        );
    }
    duration.ok()
}

/// A whole number of 0 or more.
pub(super) fn number(value: Value<'_>, key: &str, found: &mut Defects) -> Option<i64> {
    if let DeValue::Integer(integer) = value.get_ref()
        && let Ok(number) = i64::from_str_radix(integer.as_str(), integer.radix())
        && number >= 0
    {
        return Some(number);
    }
    mismatch(value, key, "a whole number of 0 or more", found);
    None
}

/// True or false.
pub(super) fn flag(value: Value<'_>, key: &str, found: &mut Defects) -> Option<bool> {
    match value.get_ref() {
        DeValue::Boolean(flag) => Some(*flag),
        _ => {
            mismatch(value, key, "true or false", found);
            None
        }
    }
}

/// The items of a list.
pub(super) fn list<'a>(value: Value<'a>, key: &str, found: &mut Defects) -> Option<Vec<Value<'a>>> {
    match value.get_ref() {
        DeValue::Array(items) => Some(items.iter().collect()),
        _ => {
            mismatch(value, key, "a list in [ ]", found);
            None
        }
    }
}

/// A list of texts.
pub(super) fn texts(value: Value<'_>, key: &str, found: &mut Defects) -> Option<Vec<String>> {
    let items = list(value, key, found)?;
    let read: Vec<_> = items.iter().filter_map(|item| text(item, key, found).map(str::to_owned)).collect();
    (read.len() == items.len()).then_some(read)
}

/// A table.
pub(super) fn table<'a>(value: Value<'a>, name: &str, found: &mut Defects) -> Option<Reader<'a>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(Reader::new(table, value.span(), name)),
        _ => {
            mismatch(value, name, "a table", found);
            None
        }
    }
}
