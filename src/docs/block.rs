//! The block's text as a [`Block`]. Documents are mostly blocks, and a general TOML reader spends more time on them than both
//! Markdown readers together: what is written as this program writes it is read by [`plain`], and everything else, whatever is
//! wrong included, by the general reader. A test holds the one against the other.

use serde::Deserialize as _;
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};

use self::plain::Value;
use crate::model::record::Block;

mod plain;

/// Reads a block.
///
/// # Errors
///
/// It is no TOML, or no block.
pub fn parse(text: &str) -> Result<Block, toml::de::Error> {
    match plain::read(text).and_then(|table| Block::deserialize(Value::Table(table)).ok()) {
        Some(block) => Ok(block),
        None => toml::from_str(text),
    }
}

impl<'de> IntoDeserializer<'de> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => visitor.visit_borrowed_str(text),
            Self::Number(number) => visitor.visit_i64(number),
            Self::Flag(flag) => visitor.visit_bool(flag),
            Self::List(list) => {
                let mut items = SeqDeserializer::new(list.into_iter());
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Self::Table(table) => {
                let mut entries = MapDeserializer::new(table.into_iter());
                let value = visitor.visit_map(&mut entries)?;
                entries.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => text.into_deserializer().deserialize_enum(name, variants, visitor),
            other => other.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::record::{Body, Evidence};

    fn sample() -> Block {
        let mut block = crate::docs::store::tests::note("- one `two` \"three\" é 漢").block;
        let facts =
            "count = 3\nnames = [\"a\", \"b\"]\nflag = true\nnegative = -7\n\"10.0.0.0/24\" = \"x\"\nempty = []\n";
        block.body = Body::Evidence(Evidence {
            gate: Some("M1".parse().expect("a gate")),
            criterion: "network".parse().expect("a criterion"),
            probe: "docker.network".into(),
            outcome: crate::model::observation::Outcome::Held,
            measured: block.at,
            took_ms: 12,
            contract: crate::model::digest::Digest::of(b"contract"),
            facts: toml::from_str(facts).expect("facts"),
            readings: Default::default(),
        });
        block.record = block.body.kind();
        block
    }

    #[test]
    fn what_the_program_writes_is_read_without_the_general_reader() {
        let block = sample();
        let text = toml::to_string(&block).expect("TOML");
        let table = plain::read(&text).unwrap_or_else(|| panic!("not plain:\n{text}"));
        assert_eq!(Block::deserialize(Value::Table(table)).expect("a block"), block);
    }

    /// What is TOML, but not plain, and what is none: the general reader has it.
    #[test]
    fn whatever_is_unusual_is_left_to_the_general_reader() {
        for left in [
            "a = 1\na = 2\n",
            "[a]\n[a]\n",
            "a = 1\n[a]\n",
            "[a.b]\n[a]\n",
            "[[a]]\n",
            "a.b = 1\n",
            "a = {}\n",
            "a = 1.5\n",
            "a = 0x1\n",
            "a = 01\n",
            "a = -0\n",
            "a = 1_0\n",
            "a = +1\n",
            "a = 99999999999999999999\n",
            "a = 2026-06-13\n",
            "a = '''b'''\n",
            "a = 'b\\c'\n",
            "a = \"\"\"b\"\"\"\n",
            "a = \"\\u0041\"\n",
            "a = \"b\u{7f}\"\n",
            "a = \"b\rc\"\n",
            "a = \"b\" # c\n",
            "a = [1, 2,]\n",
            "a = [\"b\"\n",
            "a=1\n",
            " a = 1\n",
            "a = 1",
            "a = 1\r\n",
            "\"$b\" = 1\n",
            "\"b\\n\" = 1\n",
            "= 1\n",
            "[]\n",
            "[a\n",
            "é = 1\n",
            "# a\n",
        ] {
            assert!(plain::read(left).is_none(), "{left}");
        }
    }

    proptest! {
        /// Whatever is changed in a block: what the plain reader reads, the general one reads as the same.
        #[test]
        fn both_readers_say_the_same(
            edits in proptest::collection::vec((0_usize..2000, 0_usize..6, "[\\[\\]\"=\n\\\\.,# a1_tn'{}é\r\u{0}-]{0,3}"), 1..4)
        ) {
            let mut text = toml::to_string(&sample()).expect("TOML");
            for (at, length, new) in edits {
                let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                let start = floor(at % (text.len() + 1));
                let end = floor(start + length).max(start);
                text.replace_range(start..end, &new);
            }
            if let Some(table) = plain::read(&text) {
                let general = toml::from_str::<toml::Table>(&text);
                prop_assert!(general.is_ok(), "only the plain reader accepts:\n{}", text);
                let same = toml::Table::deserialize(Value::Table(table)).expect("a table");
                prop_assert_eq!(Some(same), general.ok());
            }
            prop_assert_eq!(parse(&text).ok(), toml::from_str::<Block>(&text).ok());
        }
    }
}
