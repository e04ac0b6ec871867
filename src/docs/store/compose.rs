//! Composing one record: hidden characters written out, linked, output bound, signed, rendered.

use std::collections::BTreeMap;

use super::{Draft, DraftOutput, INLINE_LIMIT, StoreError};
use crate::docs::{clean, section};
use crate::model::digest::Digest;
use crate::model::ids::RecordId;
use crate::model::record::{Block, Output};
use crate::model::role::Document;
use crate::sign;
use crate::sign::key_file::Key;

/// A record, linked and signed, as it will stand in a document.
pub(super) struct Composed {
    pub(super) id: RecordId,
    pub(super) block: Block,
    pub(super) section: String,
    /// The output and the text that go into a file of their own.
    pub(super) evidence: Option<(Output, String)>,
}

/// Links, signs and renders a record.
pub(super) fn compose(
    draft: Draft,
    prev: Vec<RecordId>,
    seen: BTreeMap<Document, Vec<RecordId>>,
    key: &Key,
) -> Result<Composed, StoreError> {
    let Draft { block, output } = draft;
    let mut block = without_hidden(block)?;
    (block.prev, block.seen) = (prev, seen);
    let (inline, evidence) = bind(&mut block, output);
    let text = toml::to_string(&block).map_err(|error| StoreError::Encode(error.to_string()))?;
    let armor = sign::sign(key, text.as_bytes())?;
    let section = section::render(&block, &text, inline.as_deref(), &armor);
    Ok(Composed { id: RecordId::of_block(text.as_bytes()), block, section, evidence })
}

/// Binds the output by digest; gives the text that stands in the document, or that of the file of its own.
fn bind(block: &mut Block, output: Option<DraftOutput>) -> (Option<String>, Option<(Output, String)>) {
    let Some(DraftOutput { text, redactions, extension, exact }) = output else { return (None, None) };
    let fits = text.len() <= INLINE_LIMIT && (!exact || text.ends_with('\n'));
    let clean = fits && !text.is_empty() && !text.chars().any(clean::is_hidden);
    let text = if clean && !text.ends_with('\n') { text + "\n" } else { text };
    let bound = Output {
        sha256: Digest::of(text.as_bytes()),
        bytes: text.len() as u64,
        redactions,
        file: (!clean).then(|| extension.to_owned()),
    };
    block.output = Some(bound.clone());
    if clean { (Some(text), None) } else { (None, Some((bound, text))) }
}

/// The block with every hidden character of its texts written out, so that nothing in it deceives a reader.
fn without_hidden(block: Block) -> Result<Block, StoreError> {
    let encode = |error: &dyn std::fmt::Display| StoreError::Encode(error.to_string());
    let text = toml::to_string(&block).map_err(|error| encode(&error))?;
    let hidden = block.summary.contains(clean::is_hidden) || text.contains(clean::is_hidden) || text.contains("\\u");
    if !hidden {
        return Ok(block);
    }
    let mut value: toml::Value = toml::from_str(&text).map_err(|error| encode(&error))?;
    write_out(&mut value);
    value.try_into().map_err(|error: toml::de::Error| encode(&error))
}

fn write_out(value: &mut toml::Value) {
    match value {
        toml::Value::String(text) => *text = clean::visible(text),
        toml::Value::Array(items) => items.iter_mut().for_each(write_out),
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| write_out(value)),
        _ => {}
    }
}
