//! Older versions of a document: which records each of them has that are in no document today.

use std::collections::HashSet;

use super::section::BLOCK_INFO;
use crate::model::ids::RecordId;

/// Whether an older version may hold a record that is not among these: whether any text in it that stands as a record's block does
/// is not a known one. One pass over the bytes; only a version of which this is so needs to be read.
pub fn may_hold_others(bytes: &[u8], known: &HashSet<RecordId>) -> bool {
    let mut rest = bytes;
    while let Some((block, after)) = next_block(rest) {
        if !known.contains(&RecordId::of_block(block)) {
            return true;
        }
        rest = after;
    }
    false
}

/// The next text between a fence that opens a block and the line that closes it, and what follows.
pub(super) fn next_block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let info = memchr::memmem::Finder::new(BLOCK_INFO);
    let mut from = 0;
    loop {
        let found = from + info.find(&bytes[from..])?;
        from = found + BLOCK_INFO.len();
        let line = memchr::memrchr(b'\n', &bytes[..found]).map_or(0, |at| at + 1);
        let fence = &bytes[line..found];
        if fence.len() < 3 || fence.iter().any(|tick| *tick != b'`') || bytes.get(from) != Some(&b'\n') {
            continue;
        }
        let start = from + 1;
        let close = [b"\n", fence, b"\n"].concat();
        // The last newline of the block belongs to it.
        let end = memchr::memmem::find(&bytes[from..], &close).map_or(bytes.len(), |at| from + at + 1);
        return Some((bytes.get(start..end.max(start))?, bytes.get(end..)?));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::store::tests::{lab, note};
    use crate::model::role::Document;

    #[test]
    fn a_version_is_read_only_if_it_may_hold_what_is_not_known() {
        let lab = lab();
        for words in ["one", "two", "three"] {
            lab.append(note(words)).expect("appended");
        }
        let documents = lab.store.load().expect("loads");
        let read = &documents.0[&Document::Journal];
        let mut known: HashSet<RecordId> = read.records.iter().map(|record| record.id).collect();
        assert!(!may_hold_others(&read.bytes, &known));
        let last = read.records.last().expect("three");
        known.remove(&last.id);
        assert!(may_hold_others(&read.bytes, &known));
        let cut = last.range.start;
        assert!(!may_hold_others(&read.bytes[..cut], &known), "what was cut off is not there");
        assert!(!may_hold_others(b"toml countersign\n", &known));
        assert!(may_hold_others(b"```toml countersign\nx", &known), "a block that never ends is one to look at");
    }
}
