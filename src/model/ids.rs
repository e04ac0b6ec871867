//! Names that contracts and records use. Each has one spelling and is compared whole, byte for byte: `M1` is not `M10`,
//! nor `m1`, nor a look-alike in another script.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// Why a text is no id of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a {what}: wanted {wanted}")]
pub struct NotAnId {
    /// What kind of id was wanted.
    pub what: &'static str,
    /// What was found, cut to 80 characters.
    pub found: String,
    /// The form that is right.
    pub wanted: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $wanted:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NotAnId { what: $what, found: text.chars().take(80).collect(), wanted: $wanted })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text)) } else { text.parse() }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

fn lower_alnum(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn kebab(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn gate(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = text.len() - letters;
    (1..=3).contains(&letters)
        && (1..=3).contains(&digits)
        && text.bytes().skip(letters).all(|b| b.is_ascii_digit())
        && (digits == 1 || text.as_bytes()[letters] != b'0')
}

fn hex_of(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

id!(
    /// The name of a phase, as in `STATUS-pvfix.md`.
    PhaseName, "phase name", "lower-case letters and digits, a letter first, at most 32", lower_alnum
);
id!(
    /// The id of a gate, as in `M1`.
    GateId, "gate id", "one to three capital letters and a number without leading zero, as in M1", gate
);
id!(
    /// The id of a criterion, unique in its phase.
    CriterionId, "criterion id", "lower-case letters, digits and single hyphens, a letter first, at most 40", kebab
);
id!(
    /// The id of a step, unique in its phase.
    StepId, "step id", "lower-case letters, digits and single hyphens, a letter first, at most 40", kebab
);
id!(
    /// A git object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
    ObjectId, "git object id", "40 or 64 lower-case hexadecimal digits", |text| hex_of(text, &[40, 64])
);

impl ObjectId {
    /// The id of nothing, as git writes it.
    pub fn none() -> Self {
        Self("0".repeat(40))
    }

    /// The first 12 digits: what people see.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// The identity of a record: the SHA-256 of its block's exact bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub Digest);

impl RecordId {
    /// The identity of a record whose block has these exact bytes.
    pub fn of_block(block: &[u8]) -> Self {
        Self(Digest::of(block))
    }

    /// The first 12 hexadecimal digits: what people see and type.
    pub fn short(&self) -> String {
        self.0.short()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_have_one_spelling() {
        for right in ["M1", "M10", "WC1", "Q0", "RL12"] {
            assert!(right.parse::<GateId>().is_ok(), "{right}");
        }
        for wrong in ["", "m1", "M", "1", "M01", "M1 ", "М1", "ABCD1", "M1234", "M-1"] {
            assert!(wrong.parse::<GateId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!("pvfix".parse::<PhaseName>().is_ok());
        for wrong in ["", "PvFix", "1a", "a-b", "a/b", "../a", "pvfìx"] {
            assert!(wrong.parse::<PhaseName>().is_err(), "{wrong}");
        }
        assert!("old-subnet".parse::<CriterionId>().is_ok());
        for wrong in ["", "-a", "a-", "a--b", "A", "a_b", "a.b"] {
            assert!(wrong.parse::<CriterionId>().is_err(), "{wrong}");
        }
    }
}
