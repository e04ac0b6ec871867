//! Composing records: what every block carries, filled in from where the command runs.

use std::collections::BTreeMap;

use crate::docs::store::{Draft, DraftOutput, Transaction};
use crate::error::CommandError;
use crate::host::open_run::OpenRun;
use crate::model::digest::Digest;
use crate::model::ids::{GateId, ObjectId, PhaseName, RecordId};
use crate::model::observation::Observation;
use crate::model::record::{self, Block, Body, Evidence, SCHEMA, Subject, Surroundings, Target};
use crate::model::role::{Document, Role};
use crate::model::time::Time;
use crate::probes::redact::redact;
use crate::sign::key_file::Key;

use super::open::Session;

/// What the blocks of one command share.
pub struct Composer {
    phase: PhaseName,
    repository: ObjectId,
    contract: Digest,
    role: Role,
    document: Document,
    at: Time,
    subject: Subject,
    context: Surroundings,
    from: record::From,
    target: Option<Target>,
}

impl Composer {
    /// Looks at where the command runs.
    ///
    /// # Errors
    ///
    /// The subject or the machine's id cannot be read.
    pub fn new(session: &Session, role: Role, document: Document) -> Result<Self, CommandError> {
        let repository = &session.repository;
        let machine = session.context.machine()?;
        let common = repository.common_dir.as_os_str().as_encoded_bytes();
        let clone = Digest::of_parts(&[b"clone", machine.to_string().as_bytes(), common]);
        let target = session.target().value().cloned();
        Ok(Self {
            phase: session.store.phase().clone(),
            repository: repository.root_commit.clone(),
            contract: session.contract.digest,
            role,
            document,
            at: session.context.now(),
            subject: repository.subject()?,
            context: Surroundings {
                head: repository.head()?,
                dirty: !repository.dirt()?.is_empty(),
                system: session.context.system(),
            },
            from: record::From { machine, uid: session.context.uid(), clone },
            target,
        })
    }

    /// The Builder's JOURNAL as it was when a run was last seen in its repository: for when that cannot be asked any more.
    pub fn recalled(run: &OpenRun, contract: Digest, at: Time) -> Self {
        Self {
            phase: run.phase.clone(),
            repository: run.repository.clone(),
            contract,
            role: Role::Builder,
            document: Document::Journal,
            at,
            subject: run.subject.clone(),
            context: run.context.clone(),
            from: run.from.clone(),
            target: run.target.clone(),
        }
    }

    /// What was checked out and running.
    pub fn surroundings(&self) -> &Surroundings {
        &self.context
    }

    /// The engine, where one answers.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// The subject that the records speak of.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Where the records are written.
    pub fn from(&self) -> &record::From {
        &self.from
    }

    /// The moment that the records carry.
    pub fn at(&self) -> Time {
        self.at
    }

    /// A draft with this summary and body; secrets in both are redacted.
    ///
    /// # Errors
    ///
    /// The body is no longer a body once its secrets are out: a secret stood where an id belongs.
    pub fn draft(&self, summary: &str, body: Body, output: Option<DraftOutput>) -> Draft {
        let (summary, _) = redact(summary);
        let block = Block {
            schema: SCHEMA,
            record: body.kind(),
            phase: self.phase.clone(),
            document: self.document,
            role: self.role,
            at: self.at,
            repository: self.repository.clone(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            summary,
            prev: Vec::new(),
            seen: BTreeMap::new(),
            subject: self.subject.clone(),
            context: self.context.clone(),
            from: self.from.clone(),
            target: self.target.clone(),
            output: None,
            body,
        };
        Draft { block, output }
    }

    /// Appends one observation as evidence.
    ///
    /// # Errors
    ///
    /// The document does not take it.
    pub fn evidence(
        &self,
        transaction: &mut Transaction<'_>,
        gate: Option<&GateId>,
        seen: &Observation,
        key: &Key,
    ) -> Result<RecordId, CommandError> {
        let body = Body::Evidence(Evidence {
            gate: gate.cloned(),
            criterion: seen.criterion.clone(),
            probe: seen.probe.clone(),
            outcome: seen.outcome,
            measured: seen.at,
            took_ms: seen.took_ms,
            contract: self.contract,
            facts: seen.facts.clone(),
            readings: seen.readings.clone(),
        });
        let output = (!seen.raw.trim().is_empty()).then(|| DraftOutput {
            text: seen.raw.clone(),
            redactions: seen.redactions,
            extension: "txt",
            exact: false,
        });
        Ok(transaction.append(self.draft(&seen.says, body, output), key)?)
    }
}

/// Text from a person or agent, without secrets.
pub fn plain(text: &str) -> String {
    redact(text).0
}
