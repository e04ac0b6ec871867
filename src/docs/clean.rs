//! Characters that may stand in a section, and what is done with the others.

pub use crate::model::characters::{first_hidden, is_hidden, visible};

/// One line of visible text: newlines become spaces, ends are trimmed.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in visible(text).split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hidden_character_has_a_place() {
        assert_eq!(first_hidden("plain\tand\nlines ~"), None);
        assert_eq!(first_hidden("é 漢"), None);
        assert_eq!(first_hidden("é\u{200b}\u{7f}"), Some((2, '\u{200b}')));
        assert_eq!(first_hidden("a\u{7f}"), Some((1, '\u{7f}')));
    }

    #[test]
    fn hidden_characters_are_written_out() {
        assert_eq!(visible("a\u{202e}b\r\u{1b}[31m"), "a\\u{202e}b\\u{d}\\u{1b}[31m");
        assert_eq!(visible("tab\tand\nnewline é 漢"), "tab\tand\nnewline é 漢");
        assert_eq!(one_line(" a\n\n b\u{0} "), "a b\\u{0}");
    }
}
