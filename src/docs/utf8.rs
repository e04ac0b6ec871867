//! Bytes as text, whatever they are: what is not UTF-8 hides nothing else of a document.

use std::borrow::Cow;

/// What stands for a byte that is not UTF-8, while a document is read: ASCII's own substitute, which no record may hold.
const SUBSTITUTE: char = '\u{1a}';

/// The bytes as text of the same length, each that is not UTF-8 substituted, and where those stand. Every other byte keeps its
/// place, so that what is found in the text is at the same place in the bytes.
pub fn readable(bytes: &[u8]) -> (Cow<'_, str>, Vec<usize>) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (Cow::Borrowed(text), Vec::new());
    }
    let (mut text, mut wrong) = (String::with_capacity(bytes.len()), Vec::new());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for _ in chunk.invalid() {
            wrong.push(text.len());
            text.push(SUBSTITUTE);
        }
    }
    (Cow::Owned(text), wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_other_byte_keeps_its_place(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0x20_u8..0x7f, Just(0xc3), Just(0xa9)], 0..64)) {
            let (text, wrong) = readable(&bytes);
            prop_assert_eq!(text.len(), bytes.len());
            prop_assert_eq!(wrong.is_empty(), std::str::from_utf8(&bytes).is_ok());
            for (at, (read, byte)) in text.bytes().zip(bytes.iter()).enumerate() {
                prop_assert_eq!(read, if wrong.contains(&at) { 0x1a } else { *byte });
            }
        }
    }
}
