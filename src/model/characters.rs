//! Characters that people do not see, or see elsewhere than they stand.

/// Whether a character must not stand in a section: controls (but newline and tab), bidirectional marks, and characters that
/// have no width and so hide in a diff (Unicode UAX #9 formatting characters, zero-width and tag characters).
pub fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// How many bytes are looked at together.
const STRETCH: usize = 64;

/// The first hidden character of a text, and at which byte it stands.
pub fn first_hidden(text: &str) -> Option<(usize, char)> {
    // Most text is plain ASCII, which is seen at a glance; each character is looked at only where it is not.
    let plain = |b: &u8| matches!(b, 0x20..=0x7e) | (*b == b'\n') | (*b == b'\t');
    let odd = |bytes: &[u8]| bytes.iter().fold(false, |odd, b| odd | !plain(b));
    let stretches = (0..).step_by(STRETCH).zip(text.as_bytes().chunks(STRETCH));
    stretches.filter(|(_, bytes)| odd(bytes)).find_map(|(at, bytes)| {
        // The characters that begin here.
        let (start, end) = (text.ceil_char_boundary(at), text.ceil_char_boundary(at + bytes.len()));
        text[start..end].char_indices().find(|(_, c)| is_hidden(*c)).map(|(offset, c)| (start + offset, c))
    })
}

/// The text with every hidden character written out, as in `\u{202e}`, so that people see what was there.
pub fn visible(text: &str) -> String {
    let Some((first, _)) = first_hidden(text) else { return text.to_owned() };
    let mut out = String::with_capacity(text.len() + 8);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_hidden_character_is_the_first_of_all(parts in proptest::collection::vec("[a-z\n\t]{0,70}|[é漢\u{10348}]{0,40}|[\u{200b}\u{7f}\r\u{e0041}]", 0..8)) {
            let text = parts.concat();
            prop_assert_eq!(first_hidden(&text), text.char_indices().find(|(_, c)| is_hidden(*c)));
            let written: String = text.chars().map(|c| if is_hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect();
            prop_assert_eq!(visible(&text), written);
        }
    }
}
