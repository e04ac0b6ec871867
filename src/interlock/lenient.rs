//! JSON as the engine's decoder reads it: a key is found without regard to case, the first value counts and what follows it does
//! not. Where a key stands twice, the engine takes the last and other readers the first: that is refused.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value, with every key of an object in its order, doubled ones too.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// Why a body cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// It is no JSON, or nested deeper than is read.
    #[error("its body is no JSON that can be read: {0}")]
    NoJson(String),
    /// A key stands twice, as far as the engine can tell.
    #[error("its body has `{0}` twice")]
    Twice(String),
    /// A value is of another kind than the engine takes.
    #[error("`{key}` in its body is no {wanted}")]
    Kind {
        /// The key.
        key: String,
        /// What the engine takes.
        wanted: &'static str,
    },
}

static NULL: Json = Json::Null;

impl Json {
    /// Reads the first value of some bytes.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn read(bytes: &[u8]) -> Result<Self, Unclear> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        Self::deserialize(&mut reader).map_err(|error| Unclear::NoJson(error.to_string()))
    }

    /// The value of a key; `null` where there is none, as the engine's decoder has it.
    ///
    /// # Errors
    ///
    /// This is no object, or the key stands twice.
    pub fn get(&self, key: &str) -> Result<&Self, Unclear> {
        let entries = match self {
            Self::Object(entries) => entries,
            Self::Null => return Ok(&NULL),
            _ => return Err(Unclear::Kind { key: key.to_owned(), wanted: "part of an object" }),
        };
        let mut found = entries.iter().filter(|(name, _)| same_key(name, key));
        match (found.next(), found.next()) {
            (None, _) => Ok(&NULL),
            (Some((_, value)), None) => Ok(value),
            _ => Err(Unclear::Twice(key.to_owned())),
        }
    }

    /// The value at a path of keys.
    ///
    /// # Errors
    ///
    /// As [`Json::get`].
    pub fn at(&self, path: &[&str]) -> Result<&Self, Unclear> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The text of a key; empty where there is none.
    ///
    /// # Errors
    ///
    /// It is no text, or stands twice.
    pub fn text(&self, key: &str) -> Result<&str, Unclear> {
        match self.get(key)? {
            Self::Text(text) => Ok(text),
            Self::Null => Ok(""),
            _ => Err(Unclear::Kind { key: key.to_owned(), wanted: "text" }),
        }
    }

    /// The list of a key; empty where there is none.
    ///
    /// # Errors
    ///
    /// It is no list, or stands twice.
    pub fn list(&self, key: &str) -> Result<&[Self], Unclear> {
        match self.get(key)? {
            Self::List(list) => Ok(list),
            Self::Null => Ok(&[]),
            _ => Err(Unclear::Kind { key: key.to_owned(), wanted: "list" }),
        }
    }

    /// The entries of an object whose keys are data; empty where there is none.
    ///
    /// # Errors
    ///
    /// It is no object, or stands twice.
    pub fn entries(&self, key: &str) -> Result<&[(String, Self)], Unclear> {
        match self.get(key)? {
            Self::Object(entries) => Ok(entries),
            Self::Null => Ok(&[]),
            _ => Err(Unclear::Kind { key: key.to_owned(), wanted: "object" }),
        }
    }

    /// Whether this is `null` or was not there.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

/// Whether the engine's decoder takes one key for the other: equal but for the case, with the two letters outside ASCII that fold
/// into it.
pub fn same_key(one: &str, other: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    one.chars().map(fold).eq(other.chars().map(fold))
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_as_the_engine_finds_them() {
        let body = Json::read(br#"{"nAmE": "proxy", "Network\u017f": [], "Labels": null} trailing"#).expect("JSON");
        assert_eq!(body.text("Name"), Ok("proxy"));
        assert_eq!(body.list("Networks"), Ok(&[][..]));
        assert_eq!(body.text("Labels"), Ok(""));
        assert_eq!(body.text("Absent"), Ok(""));
    }

    #[test]
    fn what_two_readers_read_differently_is_refused() {
        let twice = Json::read(br#"{"Role": "manager", "role": "worker"}"#).expect("JSON");
        assert_eq!(twice.text("Role"), Err(Unclear::Twice("Role".into())));
        let kind = Json::read(br#"{"Name": ["proxy"]}"#).expect("JSON");
        assert!(matches!(kind.text("Name"), Err(Unclear::Kind { .. })));
        for broken in [&b""[..], b"{", b"\xff", br#"{"a": "\ud800"}"#, &[b'['; 4096]] {
            assert!(matches!(Json::read(broken), Err(Unclear::NoJson(_))), "{broken:?}");
        }
    }
}
