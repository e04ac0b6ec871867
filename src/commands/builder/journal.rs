//! Recording a step: the ledger first, synced, then JOURNAL.
//!
//! A run that cannot record does not act. Recovery records what it can and goes on: in the ledger alone where there is no
//! document, nowhere where the disk is full, and says so.

use std::collections::HashSet;

use crate::commands::adopted::documents_at;
use crate::commands::compose::Composer;
use crate::docs::store::sections::{Kept, signed_alone};
use crate::docs::store::{Documents, DraftOutput, StoreError, Transaction};
use crate::error::{CommandError, Exit};
use crate::fault;
use crate::host::HostError;
use crate::host::ledger::{Beside, Entry, ids};
use crate::host::open_run::OpenRun;
use crate::model::ids::RecordId;
use crate::model::record::Body;
use crate::model::role::{Document, Role};
use crate::report;
use crate::sign::key_file::Key;

use super::site::Site;

/// A record that the ledger holds.
pub struct Written {
    /// Its id.
    pub id: RecordId,
    /// Whether JOURNAL holds it too, or why not.
    pub journaled: Result<(), String>,
}

/// What is recorded.
pub struct Words {
    /// What people read.
    pub summary: String,
    /// What it says.
    pub body: Body,
    /// Raw output, redacted.
    pub output: Option<(String, u32)>,
}

impl Words {
    fn output(&self) -> Option<DraftOutput> {
        let (text, redactions) = self.output.clone()?;
        (!text.trim().is_empty()).then_some(DraftOutput { text, redactions, extension: "txt", exact: false })
    }
}

impl Site {
    /// Begins a transaction on JOURNAL, which holds the documents' lock.
    ///
    /// # Errors
    ///
    /// There is no JOURNAL, or it cannot be read or locked.
    pub fn journal(&self) -> Result<Transaction<'_>, CommandError> {
        self.begin(Document::Journal)
    }

    fn begin(&self, document: Document) -> Result<Transaction<'_>, CommandError> {
        let session = self.session.as_ref();
        let session =
            session.ok_or_else(|| CommandError::new(Exit::Invalid, format!("there is no {document} here"), ""))?;
        let mut transaction = session.store.begin(document, &self.context.holder("builder run"))?;
        transaction.tolerate_defects();
        Ok(transaction)
    }

    /// Records in the ledger, then in JOURNAL; where JOURNAL cannot be had, in the ledger alone: what was done is done, whatever became
    /// of the repository meanwhile.
    ///
    /// # Errors
    ///
    /// The ledger did not take it: it is recorded nowhere.
    pub fn record(&self, words: &Words) -> Result<Written, CommandError> {
        match self.journal() {
            Ok(transaction) => self.record_in(transaction, words),
            Err(error) => self.record_alone(words, error.message),
        }
    }

    /// The same in a transaction that was begun.
    ///
    /// # Errors
    ///
    /// As [`Site::record`].
    pub fn record_in(&self, mut transaction: Transaction<'_>, words: &Words) -> Result<Written, CommandError> {
        let key = self.signing_key()?;
        let draft = self.composer()?.draft(&words.summary, words.body.clone(), words.output());
        let id = match transaction.append(draft, key) {
            Ok(id) => id,
            Err(error @ (StoreError::NotReadBack { .. } | StoreError::Invalid(_))) if self.recovery => {
                drop(transaction);
                return self.record_alone(words, error.to_string());
            }
            Err(error) => return Err(error.into()),
        };
        let entry = transaction.record(&id).and_then(|(record, section)| Entry::of(record, section));
        let mut entry = entry.ok_or_else(|| CommandError::new(Exit::Bug, "the record is not where it was put", ""))?;
        entry.beside = self.only_here(transaction.documents(), &id)?;
        self.host.append_to_ledger(&entry)?;
        let journaled = fault::point("journal.before")
            .map_err(|error| error.to_string())
            .and_then(|()| transaction.publish().map_err(|error| error.to_string()));
        fault::point("journal.after").ok();
        Ok(Written { id, journaled })
    }

    /// Records in the ledger alone, linked to what it holds.
    ///
    /// # Errors
    ///
    /// There is no key, or the ledger did not take it.
    pub fn record_alone(&self, words: &Words, why: String) -> Result<Written, CommandError> {
        let key = self.signing_key()?;
        let ledger = self.host.ledger()?;
        let prev = ledger.of(&self.repository, &self.contract.phase).last().map(|entry| entry.id).into_iter().collect();
        // A run whose repository went away goes by what this host kept of it at its intent.
        let ours = |run: &OpenRun| run.repository == self.repository && run.phase == self.contract.phase;
        let of_this_run = || self.host.runs().ok()?.into_iter().flatten().find(ours);
        let kept = self.kept.clone().or_else(of_this_run);
        let seen = kept.as_ref().map(|run| run.seen.clone()).unwrap_or_default();
        let composer = match (self.composer(), &kept) {
            (Err(_), Some(run)) => Composer::recalled(run, self.contract.digest, self.context.now()),
            (asked, _) => asked?,
        };
        let draft = composer.draft(&words.summary, words.body.clone(), words.output());
        let (record, section) = signed_alone(draft, prev, seen, key)?;
        let entry = Entry::of(&record, section);
        let entry = entry.ok_or_else(|| CommandError::new(Exit::Bug, "the record is no intent or outcome", ""))?;
        self.host.append_to_ledger(&entry)?;
        Ok(Written { id: record.id, journaled: Err(why) })
    }

    /// What the records of this command share: from the repository, or as that was last seen.
    ///
    /// # Errors
    ///
    /// The repository does not answer, and it was never seen.
    pub fn composer(&self) -> Result<Composer, CommandError> {
        let gone =
            || Err(CommandError::new(Exit::Invalid, "there is no repository here", "run it inside the repository"));
        let asked = self.session.as_ref().map_or_else(gone, |s| Composer::new(s, Role::Builder, Document::Journal));
        match (asked, &self.kept) {
            (Err(_), Some(run)) => Ok(Composer::recalled(run, self.contract.digest, self.context.now())),
            (asked, _) => asked,
        }
    }

    fn signing_key(&self) -> Result<&Key, CommandError> {
        self.key.as_ref().ok_or_else(|| CommandError::new(Exit::Role, "there is no key to sign with", ""))
    }

    /// Brings ledger and documents together: what one lacks is taken from the other, and said. Never stops anything.
    pub fn mend(&self) {
        if let Err(why) = self.journal_to_ledger() {
            report::say(&format!("! the ledger could not be completed from JOURNAL: {why}; going on"));
        }
        if let Err(why) = self.ledger_to_documents() {
            report::say(&format!("! the documents could not be completed from the ledger: {why}; going on"));
        }
    }

    /// Copies what JOURNAL holds and the ledger lacks, and says so: what is spent is judged over both.
    ///
    /// # Errors
    ///
    /// The ledger cannot be read or written.
    pub fn journal_to_ledger(&self) -> Result<(), HostError> {
        let Some(documents) = self.documents() else { return Ok(()) };
        let ledger = self.host.ledger()?;
        let known = ledger.of(&self.repository, &self.contract.phase);
        let ours = self.contract.keys_of(Role::Builder);
        let mut copied = 0;
        for record in documents.0.get(&Document::Journal).into_iter().flat_map(|read| &read.records) {
            let counts = record.block.repository == self.repository && ours.contains(&record.signer);
            if !counts || known.iter().any(|entry| entry.id == record.id) {
                continue;
            }
            let section = documents.section(Document::Journal, &record.id);
            let Some(entry) = section.and_then(|section| Entry::of(record, section)) else { continue };
            self.host.append_to_ledger(&Entry { copied: true, ..entry })?;
            copied += 1;
        }
        if copied > 0 {
            report::say(&format!("! {copied} records of JOURNAL were not in this host's ledger, and are now"));
        }
        Ok(())
    }

    /// The records that neither the remote had when it was last seen nor the ledger has: a clone that is reset forgets them.
    fn only_here(&self, documents: &Documents, except: &RecordId) -> Result<Vec<Beside>, CommandError> {
        let Some(session) = &self.session else { return Ok(Vec::new()) };
        let ledger = self.host.ledger()?;
        let mut known: HashSet<RecordId> = ids(&ledger.of(&self.repository, &self.contract.phase)).collect();
        known.insert(*except);
        if let Some(branch) = session.repository.branch() {
            let seen = session.repository.last_seen("origin", &branch);
            known.extend(documents_at(&session.repository, &session.store, &seen).records().map(|record| record.id));
        }
        let mut beside = Vec::new();
        for read in documents.0.values() {
            for record in read.records.iter().filter(|record| !known.contains(&record.id)) {
                let section = read.bytes.get(record.range.clone()).unwrap_or_default();
                beside.push(Beside::of(record, String::from_utf8_lossy(section).into_owned()));
            }
        }
        Ok(beside)
    }

    /// Puts back what the ledger holds and a document lacks, byte for byte as it was signed.
    fn ledger_to_documents(&self) -> Result<(), String> {
        let ledger = self.host.ledger().map_err(|error| error.to_string())?;
        if ledger.torn > 0 {
            report::say(&format!("! the ledger's last line is torn ({} bytes); it was never acted on", ledger.torn));
        }
        let entries = ledger.of(&self.repository, &self.contract.phase);
        let documents = self.documents();
        let there: HashSet<RecordId> = documents.iter().flat_map(Documents::records).map(|record| record.id).collect();
        let mut troubles = Vec::new();
        for document in Document::ALL {
            let mut kept: Vec<(RecordId, Kept<'_>)> = Vec::new();
            for entry in &entries {
                let beside = entry.beside.iter().filter(|beside| beside.document == document);
                kept.extend(beside.map(|beside| (beside.id, (beside.section.as_str(), beside.evidence.as_deref()))));
                if document == Document::Journal {
                    kept.push((entry.id, (entry.section.as_str(), entry.evidence.as_deref())));
                }
            }
            kept.retain(|(id, _)| !there.contains(id));
            if !kept.is_empty() {
                troubles.extend(self.put_back(document, &kept).err().map(|why| format!("{document}: {why}")));
            }
        }
        if troubles.is_empty() { Ok(()) } else { Err(troubles.join("; ")) }
    }

    fn put_back(&self, document: Document, kept: &[(RecordId, Kept<'_>)]) -> Result<(), String> {
        let mut transaction = self.begin(document).map_err(|error| error.message)?;
        // Beside the damaged bytes of a record its whole ones would stand a second time. JOURNAL must have them all the same.
        let read = transaction.documents().0.get(&document);
        let damage = read.and_then(|read| read.defects.iter().find(|defect| !defect.is_missing_link()));
        if let Some(defect) = damage.filter(|_| document != Document::Journal) {
            return Err(format!("it is damaged ({defect}), and gets what it lacks when it is whole"));
        }
        let mut put_back = 0;
        for (id, kept) in kept {
            put_back += usize::from(transaction.put_back(id, *kept).map_err(|error| error.to_string())?);
        }
        transaction.publish().map_err(|error| error.to_string())?;
        if put_back > 0 {
            report::say(&format!("! {document} lacked {put_back} records of this host's ledger, and has them again"));
        }
        Ok(())
    }
}
