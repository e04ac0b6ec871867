//! Which contracts the blocks of a document adopt, told by its bytes: for whoever must answer at once, and only needs to know that
//! there is no other than the one that it has read.

use super::block;
use super::history::next_block;
use crate::model::digest::Digest;
use crate::model::record::{Adoption, Body};

/// Whether no record in these bytes, valid or not, adopts another contract than this one. Each fence that may open a block is looked
/// at by itself, wherever it stands: there is no Markdown in which a record has none. No, too, where that cannot be told.
pub fn adopt_no_other(bytes: &[u8], known: Option<&Digest>) -> bool {
    let mut rest = bytes;
    while let Some((text, after)) = next_block(rest) {
        let Some(block) = std::str::from_utf8(text).ok().and_then(|text| block::parse(text).ok()) else { return false };
        if let Body::Contract(Adoption { digest, .. }) = &block.body
            && known != Some(digest)
        {
            return false;
        }
        rest = &rest[rest.len() - after.len() - text.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = include_str!("../../machine-docs/STATUS-pvfix.md");

    #[test]
    fn a_contract_that_somebody_adopted_is_seen() {
        let line = STATUS.lines().find_map(|line| line.strip_prefix("digest = \"")).expect("an adoption");
        let known: Digest = line.trim_end_matches('"').parse().expect("a digest");
        let other = Digest::of(b"another");
        assert!(adopt_no_other(STATUS.as_bytes(), Some(&known)));
        assert!(!adopt_no_other(STATUS.as_bytes(), Some(&other)) && !adopt_no_other(STATUS.as_bytes(), None));
        assert!(adopt_no_other(b"# STATUS\n\nNobody adopted anything.\n", None));
        // Something before it that swallows it for a while, or for ever.
        for before in ["```toml countersign\nx = '''\n", "````toml countersign\n", "```toml countersign\n```\n"] {
            assert!(!adopt_no_other(format!("{before}{STATUS}").as_bytes(), Some(&other)), "{before}");
        }
        // Cut off within the adoption.
        let cut = STATUS.find("[contract]").expect("an adoption");
        assert!(!adopt_no_other(&STATUS.as_bytes()[..cut], Some(&known)));
    }
}
