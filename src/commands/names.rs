//! Names that people and agents type: compared whole, byte for byte, and a near miss is shown for what it is.

use crate::error::{CommandError, Exit};

/// There is nothing of this name; what there is.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> CommandError {
    let strange: Vec<String> =
        name.chars().filter(|c| !c.is_ascii_graphic()).map(|c| format!("U+{:04X}", u32::from(c))).collect();
    let aside = if strange.is_empty() { String::new() } else { format!(" (it holds {})", strange.join(", ")) };
    let hint = match known {
        [] => "countersign status".to_owned(),
        known => format!("one of {}", known.join(", ")),
    };
    CommandError::new(Exit::Usage, format!("there is no {what} `{name}`{aside}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_alike_is_named_by_its_code_point() {
        let error = unknown("gate", "\u{41c}1", &["M1", "M2"]);
        assert_eq!(error.message, "there is no gate `\u{41c}1` (it holds U+041C)");
        assert_eq!(error.hint.as_deref(), Some("one of M1, M2"));
        assert_eq!(unknown("gate", "m1", &[]).message, "there is no gate `m1`");
    }
}
