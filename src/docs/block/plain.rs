//! The part of TOML in which blocks are written: one key and value a line, texts without escapes, whole numbers, truth values, lists
//! of these on one line, tables by their headers. Whatever is not clearly that is not read at all.

/// A value that was read.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(i64),
    Flag(bool),
    List(Vec<Value<'a>>),
    Table(Table<'a>),
}

/// Keys and values in their order; no key twice.
pub(super) type Table<'a> = Vec<(&'a str, Value<'a>)>;

/// Reads a text; `None` when it is not plain.
pub(super) fn read(text: &str) -> Option<Table<'_>> {
    let mut root = Table::new();
    let mut current = &mut root;
    for line in text.strip_suffix('\n')?.split('\n') {
        if line.is_empty() {
            continue;
        }
        if let Some(path) = line.strip_prefix('[') {
            current = open(&mut root, path.strip_suffix(']')?)?;
            continue;
        }
        let (key, rest) = key(line)?;
        let (value, rest) = value(rest.strip_prefix(" = ")?)?;
        if !rest.is_empty() || has(current, key) {
            return None;
        }
        current.push((key, value));
    }
    Some(root)
}

fn has(table: &Table<'_>, key: &str) -> bool {
    table.iter().any(|(there, _)| *there == key)
}

/// The table of a header: its last name is new, and the ones before it are tables or new.
fn open<'a, 't>(root: &'t mut Table<'a>, path: &'a str) -> Option<&'t mut Table<'a>> {
    let (mut table, mut rest) = (root, path);
    loop {
        let (name, after) = key(rest)?;
        let at = table.iter().position(|(there, _)| *there == name);
        let is_last = after.is_empty();
        if at.is_none() {
            table.push((name, Value::Table(Table::new())));
        } else if is_last {
            return None;
        }
        let at = at.unwrap_or(table.len() - 1);
        let Value::Table(inner) = &mut table[at].1 else { return None };
        if is_last {
            return Some(inner);
        }
        (table, rest) = (inner, after.strip_prefix('.')?);
    }
}

/// A key at the front, bare or quoted, and the rest.
fn key(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let end = quoted.bytes().position(|b| b == b'"')?;
        // A key with a dollar sign may mean something to a reader of values.
        let plain = quoted.bytes().take(end).all(|b| !b.is_ascii_control() && b != b'\\' && b != b'$');
        return plain.then_some((&quoted[..end], &quoted[end + 1..]));
    }
    let bare = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_';
    let end = text.bytes().take_while(bare).count();
    (end > 0).then(|| text.split_at(end))
}

/// A value at the front, and the rest.
fn value(text: &str) -> Option<(Value<'_>, &str)> {
    match text.as_bytes().first()? {
        quote @ (b'"' | b'\'') => string(&text[1..], *quote),
        b'[' => list(&text[1..]),
        b't' => Some((Value::Flag(true), text.strip_prefix("true")?)),
        b'f' => Some((Value::Flag(false), text.strip_prefix("false")?)),
        _ => number(text),
    }
}

fn number(text: &str) -> Option<(Value<'_>, &str)> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(text.len() - digits.len() + count);
    if count == 0 || (digits.starts_with('0') && number != "0") {
        return None;
    }
    Some((Value::Number(number.parse().ok()?), rest))
}

/// A text that stands as it is, after its opening quote, which is this one.
fn string(text: &str, quote: u8) -> Option<(Value<'_>, &str)> {
    let odd = |b: u8| b == quote || b == b'\\' || (b.is_ascii_control() && b != b'\t');
    let end = text.bytes().position(odd)?;
    let rest = &text[end..];
    // After no text at all, one more quote would open one of several lines.
    let is_plain = rest.as_bytes()[0] == quote && (end > 0 || rest.as_bytes().get(1) != Some(&quote));
    is_plain.then(|| (Value::Text(&text[..end]), &rest[1..]))
}

/// A list after its opening bracket.
fn list(text: &str) -> Option<(Value<'_>, &str)> {
    let mut items = Vec::new();
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix(']').filter(|_| items.is_empty()) {
            return Some((Value::List(items), after));
        }
        let (item, after) = value(rest)?;
        items.push(item);
        match after.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return Some((Value::List(items), after.strip_prefix(']')?)),
        }
    }
}
