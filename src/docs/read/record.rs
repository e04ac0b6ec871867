//! Checking one section: that it is a record of this document, signed, and every byte of it as it was written.

use std::sync::Arc;

use super::{Defect, RESTORE, Raw, ReadDocument, Signatures, Source};
use crate::docs::block;
use crate::docs::clean::first_hidden;
use crate::docs::section;
use crate::docs::structure::{self, Candidate};
use crate::docs::utf8::readable;
use crate::model::digest::Digest;
use crate::model::ids::RecordId;
use crate::model::record::{Block, Kind, Record, SCHEMA};
use crate::sign::{self, SignError};

const NEWER: &str = "the record stays as it is, and counts for nothing until then";
const EVIDENCE: &str = "put that file back, the document is as it was: countersign check --repair";

pub(super) fn check(source: &Source<'_>, text: &str, candidate: &Candidate<'_>) -> Result<Record, Raw> {
    let start = candidate.range.start;
    let at = |what: String| (start, what, RESTORE);
    let section = &text[candidate.range.clone()];
    if let Some((offset, c)) = first_hidden(section) {
        return Err((start + offset, format!("a hidden character U+{:04X} inside a record", u32::from(c)), RESTORE));
    }
    let foreign = |schema: i64| {
        let what = format!("the record has schema {schema}, and this countersign reads {SCHEMA}");
        if schema > i64::from(SCHEMA) {
            (start, format!("{what}: upgrade countersign: schema {schema} is written by a newer version"), NEWER)
        } else {
            at(what)
        }
    };
    // Where a part of the section begins: what is wrong with it is pointed out there.
    let of = |part: &str| start + section.rfind(part).unwrap_or(0);
    let block: Block = block::parse(&candidate.block).map_err(|error| {
        // A newer format has keys that are unknown here: its number says more than they do.
        let table = toml::from_str::<toml::Table>(&candidate.block).ok();
        let schema = table.and_then(|table| table.get("schema")?.as_integer());
        schema.filter(|schema| *schema > i64::from(SCHEMA)).map_or_else(
            || {
                let (at, why) = (error.span().map_or(0, |span| span.start), error.message().replace('\n', " "));
                (of(&candidate.block) + at, format!("the block is not a record: {why}"), RESTORE)
            },
            foreign,
        )
    })?;
    if block.schema != SCHEMA {
        return Err(foreign(i64::from(block.schema)));
    }
    if block.record != block.body.kind() {
        return Err(at(format!("the block says `{}` and holds a {}", block.record.name(), block.body.kind().name())));
    }
    if block.phase != *source.phase {
        return Err(at(format!(
            "the record belongs to phase {}; this document is phase {}'s",
            block.phase, source.phase
        )));
    }
    if block.document != source.document || !block.record.documents().contains(&source.document) {
        let fits = block.record.documents();
        let own: Vec<String> = fits.iter().map(ToString::to_string).collect();
        let elsewhere = block.document != source.document;
        let place = if elsewhere { block.document.to_string() } else { own.join(" or ") };
        return Err(at(format!(
            "the {} record belongs into {place}, not into {}",
            block.record.name(),
            source.document
        )));
    }
    let checked = source.signatures == Signatures::All || decides(&block);
    let signer = if checked {
        sign::verify(&candidate.armor, candidate.block.as_bytes())
    } else {
        sign::signer(&candidate.armor)
    };
    let again = section::render(&block, &candidate.block, candidate.output.as_deref(), &candidate.armor);
    let differs = (again != section).then(|| {
        let same = again.bytes().zip(section.bytes()).take_while(|(one, other)| one == other).count();
        start + (0..=same).rev().find(|at| section.is_char_boundary(*at)).unwrap_or(0)
    });
    // Where block and text are at odds the change is there; else it is in a part of the block that is not shown.
    let signer = signer.map_err(|error| {
        let part = if matches!(error, SignError::Mismatch) { &candidate.block } else { &candidate.armor };
        (differs.unwrap_or_else(|| of(part)), error.to_string(), RESTORE)
    })?;
    let output = output(source, &block, candidate).map_err(|(what, remedy)| {
        let text = candidate.output.as_deref().filter(|text| !text.is_empty());
        (text.map_or(start, |text| start + section.find(text).unwrap_or(0)), what, remedy)
    })?;
    if let Some(differs) = differs {
        return Err((differs, "the text here is not what the record's signed block renders to".into(), RESTORE));
    }
    Ok(Record {
        id: RecordId::of_block(candidate.block.as_bytes()),
        block,
        signer,
        checked,
        // Filled in by the caller, which knows the whole text.
        range: 0..0,
        line: 0,
        output,
        remote_only: source.remote,
    })
}

/// The raw output that a record binds: in the document or in its evidence file, exactly one of them, with this digest.
fn output(
    source: &Source<'_>,
    block: &Block,
    candidate: &Candidate<'_>,
) -> Result<Option<String>, (String, &'static str)> {
    let wrong = |what: &str| Err((what.to_owned(), RESTORE));
    match (&block.output, &candidate.output) {
        (None, None) => Ok(None),
        (None, Some(_)) => wrong("an output stands here that the record does not bind"),
        (Some(output), Some(text)) if output.file.is_none() => {
            let right = Digest::of(text.as_bytes()) == output.sha256 && text.len() as u64 == output.bytes;
            if right {
                Ok(Some(text.clone().into_owned()))
            } else {
                wrong("the output was changed: its digest is not the signed one")
            }
        }
        (Some(_), Some(_)) => wrong("the output stands here and in a file"),
        (Some(output), None) if output.file.is_some() => {
            let bytes =
                (source.evidence)(output).map_err(|why| (format!("the record's evidence file: {why}"), EVIDENCE))?;
            if Digest::of(&bytes) != output.sha256 || bytes.len() as u64 != output.bytes {
                let file = format!("{}.{}", output.sha256, output.file.as_deref().unwrap_or_default());
                return Err((format!("the record's evidence file {file} was changed"), EVIDENCE));
            }
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        (Some(_), None) => wrong("the output that the record binds is not here"),
    }
}

/// Whether gates may look at a record of this kind wherever it stands. Of the others (observations and words, by far the most)
/// only those that a claim or verdict names decide anything.
fn decides(block: &Block) -> bool {
    !matches!(block.body.kind(), Kind::Evidence | Kind::Note)
}

/// Checks the signatures of those among these records that were not checked; one that is wrong becomes a defect, and its record
/// goes.
pub fn check_signatures(read: &mut ReadDocument, file: &str, wanted: impl Fn(&RecordId) -> bool) {
    let (text, _) = readable(&read.bytes);
    let mut wrong = Vec::new();
    for record in read.records.iter_mut().filter(|record| !record.checked && wanted(&record.id)) {
        let section = structure::by_comrak(&text[record.range.clone()]).candidates.pop();
        let right = section.is_some_and(|section| {
            RecordId::of_block(section.block.as_bytes()) == record.id
                && sign::verify(&section.armor, section.block.as_bytes()).is_ok_and(|signer| signer == record.signer)
        });
        if right {
            Arc::make_mut(record).checked = true;
        } else {
            wrong.push(record.id);
            read.defects.push(Defect {
                file: file.to_owned(),
                line: record.line,
                column: 1,
                what: SignError::Mismatch.to_string(),
                remedy: RESTORE.to_owned(),
            });
        }
    }
    read.records.retain(|record| !wrong.contains(&record.id));
}

#[cfg(test)]
mod tests;
