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

/// Room for the keys that a block mostly has.
const KEYS: usize = 20;
/// Room for those of a table in it.
const INNER_KEYS: usize = 10;

/// Reads a text; `None` when it is not plain.
pub(super) fn read(text: &str) -> Option<Table<'_>> {
    let mut root = Table::with_capacity(KEYS);
    let mut current = &mut root;
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('\n') {
            rest = after;
        } else if let Some(path) = rest.strip_prefix('[') {
            (current, rest) = open(&mut root, path)?;
        } else {
            let (key, after) = key(rest)?;
            let (value, after) = value(after.strip_prefix(" = ")?)?;
            if has(current, key) {
                return None;
            }
            current.push((key, value));
            rest = after.strip_prefix('\n')?;
        }
    }
    Some(root)
}

fn has(table: &Table<'_>, key: &str) -> bool {
    table.iter().any(|(there, _)| *there == key)
}

/// The table of a header, after its opening bracket, and the lines after it: its last name is new, and the ones before it are
/// tables or new.
fn open<'a, 't>(root: &'t mut Table<'a>, path: &'a str) -> Option<(&'t mut Table<'a>, &'a str)> {
    let (mut table, mut rest) = (root, path);
    loop {
        let (name, after) = key(rest)?;
        let at = table.iter().position(|(there, _)| *there == name);
        let last = after.strip_prefix("]\n");
        if at.is_none() {
            table.push((name, Value::Table(Table::with_capacity(INNER_KEYS))));
        } else if last.is_some() {
            return None;
        }
        let at = at.unwrap_or(table.len() - 1);
        let Value::Table(inner) = &mut table[at].1 else { return None };
        if let Some(rest) = last {
            return Some((inner, rest));
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
    let end = memchr::memchr(quote, text.as_bytes())?;
    let (inside, rest) = (&text[..end], &text[end + 1..]);
    let is_odd = |b: u8| (b == b'\\') | (b.is_ascii_control() & (b != b'\t'));
    let odd = inside.bytes().fold(0, |odd, b| odd | u8::from(is_odd(b))) != 0;
    // After no text at all, one more quote would open one of several lines.
    let opens_lines = inside.is_empty() && rest.as_bytes().first() == Some(&quote);
    (!odd && !opens_lines).then_some((Value::Text(inside), rest))
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
