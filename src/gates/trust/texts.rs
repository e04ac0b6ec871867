//! What the texts of contracts say of themselves: an adoption that calls its text otherwise is no adoption of it.

use std::collections::{BTreeMap, HashMap};

use crate::model::contract::parse;
use crate::model::digest::Digest;
use crate::model::record::{Adoption, Record};
use crate::model::role::Role;

/// The texts that were looked at: what each says is its version and its keys; absent where it is no contract.
#[derive(Default)]
pub(super) struct Texts(HashMap<Digest, Option<(u32, BTreeMap<Role, Vec<String>>)>>);

impl Texts {
    /// Whether an adoption has version and keys of the text that it carries. Of a text that is not at hand nothing can be said.
    ///
    /// # Errors
    ///
    /// It calls the text another version, or lists other keys than the text.
    pub(super) fn agree(&mut self, record: &Record, adoption: &Adoption) -> Result<(), String> {
        let Some(text) = &record.output else { return Ok(()) };
        let read = || parse::parse(text, None).ok().map(|contract| (contract.version, contract.keys));
        match self.0.entry(adoption.digest).or_insert_with(read) {
            Some((version, _)) if *version != adoption.version => {
                Err(format!("it calls version {} what its text says is version {version}", adoption.version))
            }
            Some((_, keys)) if *keys != adoption.keys => Err("the keys in it are not those of its text".into()),
            _ => Ok(()),
        }
    }
}
