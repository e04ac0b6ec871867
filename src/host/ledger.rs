//! The ledger: what was begun, ended and spent on this host, one line each, synced before JOURNAL is written. It remembers what
//! a thrown-away document or a second clone would forget.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use super::{HostError, HostState};
use crate::fault;
use crate::model::ids::{ObjectId, PhaseName, RecordId, StepId};
use crate::model::record::{Body, Ending, Record};
use crate::model::role::Document;

const FILE: &str = "ledger";

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A step is about to be run.
    Intent,
    /// A step ended.
    Outcome,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is about.
    pub what: What,
    /// The repository's root commit.
    pub repository: ObjectId,
    /// The phase.
    pub phase: PhaseName,
    /// The record.
    pub id: RecordId,
    /// The step.
    pub step: StepId,
    /// The PASS or break-glass that an intent spends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spends: Option<RecordId>,
    /// How an outcome ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// The signed section's exact text.
    pub section: String,
    /// The text of its evidence file, where its output is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Records that it comes after and that were only in this clone when it was written: without them it could be put back, and its
    /// links would hang in the air for ever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
    /// It was copied from JOURNAL: nothing on this host saw it happen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copied: bool,
}

/// A record of any document, kept beside an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// Where it stands.
    pub document: Document,
    /// The record.
    pub id: RecordId,
    /// The signed section's exact text.
    pub section: String,
    /// The text of its evidence file, where its output is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

impl Beside {
    /// A record with its section.
    pub fn of(record: &Record, section: String) -> Self {
        Self { document: record.block.document, id: record.id, section, evidence: in_file(record) }
    }
}

/// The text of a record's evidence file, where its output is in one.
fn in_file(record: &Record) -> Option<String> {
    let in_file = record.block.output.as_ref().is_some_and(|output| output.file.is_some());
    record.output.clone().filter(|_| in_file)
}

impl Entry {
    /// The entry of an intent or outcome; `None` for any other record.
    pub fn of(record: &Record, section: String) -> Option<Self> {
        let (what, step, spends, ending) = match &record.block.body {
            Body::Intent(intent) => (What::Intent, &intent.step, intent.permit.or(intent.break_glass), None),
            Body::Outcome(outcome) => (What::Outcome, &outcome.step, None, Some(outcome.ending)),
            _ => return None,
        };
        Some(Self {
            what,
            repository: record.block.repository.clone(),
            phase: record.block.phase.clone(),
            id: record.id,
            step: step.clone(),
            spends,
            ending,
            section,
            evidence: in_file(record),
            beside: Vec::new(),
            copied: false,
        })
    }
}

/// What the ledger holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Its whole lines, in order.
    pub entries: Vec<Entry>,
    /// The length in bytes of a torn last line, which was never acted on and is left out.
    pub torn: usize,
}

impl Ledger {
    /// The entries of one repository's phase, in order.
    pub fn of(&self, repository: &ObjectId, phase: &PhaseName) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| entry.repository == *repository && entry.phase == *phase).collect()
    }
}

/// Every record that these entries hold: each entry's own, after those beside it.
pub fn ids<'a>(entries: &'a [&'a Entry]) -> impl Iterator<Item = RecordId> + 'a {
    entries.iter().flat_map(|entry| entry.beside.iter().map(|beside| beside.id).chain([entry.id]))
}

/// What these entries spent, with the step that spent each: every PASS that an intent names, unless the step was unwound after
/// it.
pub fn spent(entries: &[&Entry]) -> BTreeSet<(RecordId, StepId)> {
    let mut spent = BTreeSet::new();
    for entry in entries {
        match (entry.what, entry.ending) {
            (What::Intent, _) => spent.extend(entry.spends.map(|pass| (pass, entry.step.clone()))),
            (What::Outcome, Some(Ending::Unwound)) => spent.retain(|(_, step)| *step != entry.step),
            (What::Outcome, _) => {}
        }
    }
    spent
}

impl HostState {
    /// Whether the ledger is still what it was.
    ///
    /// # Errors
    ///
    /// It cannot be looked at.
    pub fn ledger_stamp(&self) -> Result<Option<Stamp>, HostError> {
        let path = self.directory.join(FILE);
        Stamp::of(&path).map_err(|source| self.io(&path, source))
    }

    /// Reads the ledger; an absent one is empty.
    ///
    /// # Errors
    ///
    /// It cannot be read, or a line that is not the torn last one is not an entry.
    pub fn ledger(&self) -> Result<Ledger, HostError> {
        let bytes = self.read(FILE)?.unwrap_or_default();
        let mut ledger = Ledger::default();
        for (number, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
            if line.last() != Some(&b'\n') {
                ledger.torn = line.len();
                break;
            }
            let entry = serde_json::from_slice(line).map_err(|error| HostError::Malformed {
                path: self.directory.join(FILE),
                line: number + 1,
                why: error.to_string(),
            })?;
            ledger.entries.push(entry);
        }
        Ok(ledger)
    }

    /// Appends an entry and syncs it. A torn last line is cut off first.
    ///
    /// # Errors
    ///
    /// The disk did not take it: what it announces must then not be done.
    pub fn append_to_ledger(&self, entry: &Entry) -> Result<(), HostError> {
        let _held = crate::interrupt::finish_first();
        let path = self.directory.join(FILE);
        let torn = self.ledger()?.torn as u64;
        let mut file = self.open_append(FILE)?;
        let io = |source| self.io(&path, source);
        let before = file.metadata().map_err(io)?.len();
        if torn > 0 {
            file.set_len(before - torn).map_err(io)?;
        }
        let mut line = serde_json::to_vec(entry).map_err(|error| self.io(&path, error.into()))?;
        line.push(b'\n');
        let written = fault::point("ledger.append")
            .and_then(|()| file.write_all(&line))
            .and_then(|()| fault::point("ledger.sync"))
            .and_then(|()| file.sync_all());
        if let Err(source) = written {
            // Half a line would be dropped as torn; taking it back keeps the file tidy where the disk still allows it.
            file.set_len(before - torn).ok();
            return Err(self.io(&path, source));
        }
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.and_then(|()| fault::point("ledger.appended")).map_err(|source| self.io(&path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: &str) -> Entry {
        Entry {
            what: What::Intent,
            repository: "a".repeat(40).parse().expect("an id"),
            phase: "demo".parse().expect("a phase"),
            id: RecordId::of_block(step.as_bytes()),
            step: step.parse().expect("a step"),
            spends: None,
            ending: None,
            evidence: None,
            beside: Vec::new(),
            copied: false,
            section: "## Intent\n\nline\n".into(),
        }
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        host.append_to_ledger(&entry("one")).expect("appended");
        host.append_to_ledger(&entry("two")).expect("appended");
        let path = host.directory().join(FILE);
        let bytes = std::fs::read(&path).expect("read");
        for cut in 1..40 {
            std::fs::write(&path, &bytes[..bytes.len() - cut]).expect("written");
            let ledger = host.ledger().expect("read");
            assert_eq!((ledger.entries.len(), ledger.torn > 0), (1, true), "cut by {cut}");
        }
        host.append_to_ledger(&entry("three")).expect("appended");
        assert_eq!(host.ledger().expect("read").entries, [entry("one"), entry("three")]);
    }

    #[test]
    fn a_pass_is_spent_until_the_step_is_unwound() {
        let pass = RecordId::of_block(b"pass");
        let intent = |step: &str| Entry { spends: Some(pass), ..entry(step) };
        let outcome = |step: &str, ending| Entry { what: What::Outcome, ending: Some(ending), ..entry(step) };
        let steps = |entries: &[Entry]| -> Vec<String> {
            spent(&entries.iter().collect::<Vec<_>>()).into_iter().map(|(_, step)| step.to_string()).collect()
        };
        assert_eq!(steps(&[intent("one")]), ["one"]);
        assert_eq!(steps(&[intent("one"), outcome("one", Ending::Failed), intent("two")]), ["one", "two"]);
        assert_eq!(steps(&[intent("one"), intent("two"), outcome("one", Ending::Unwound)]), ["two"]);
        assert_eq!(steps(&[intent("one"), outcome("one", Ending::Unwound), intent("one")]), ["one"]);
    }

    #[test]
    fn a_damaged_line_is_refused_with_its_number() {
        let directory = tempfile::tempdir().expect("a directory");
        let host = HostState::at(directory.path(), "engine").expect("a host");
        host.append_to_ledger(&entry("one")).expect("appended");
        std::fs::write(host.directory().join(FILE), "{}\n").expect("written");
        assert!(matches!(host.ledger(), Err(HostError::Malformed { line: 1, .. })));
    }
}
