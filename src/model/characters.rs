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

/// The first hidden character of a text, and at which byte it stands.
pub fn first_hidden(text: &str) -> Option<(usize, char)> {
    // Most text is plain ASCII, which is seen at a glance.
    let odd = text.bytes().fold(false, |odd, b| odd | !(matches!(b, 0x20..=0x7e) | (b == b'\n') | (b == b'\t')));
    if odd { text.char_indices().find(|(_, c)| is_hidden(*c)) } else { None }
}

/// The text with every hidden character written out, as in `\u{202e}`, so that people see what was there.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}
