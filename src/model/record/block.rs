//! Reading a block: the keys that every record has, and one table named as its kind.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Adoption, Block, Body, BreakGlass, Claim, Done, Evidence, Finding, From, Intent, Kind, Note, Output, StepOutcome,
    Subject, Surroundings, Target, Verdict, Veto, Waiver, Window,
};
use crate::model::ids::{ObjectId, PhaseName, RecordId};
use crate::model::role::{Document, Role};
use crate::model::time::Time;

/// Every key that a block may have. Spelled out, and not flattened: a flattened body would be buffered before it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    schema: u32,
    record: Kind,
    phase: PhaseName,
    document: Document,
    role: Role,
    at: Time,
    repository: ObjectId,
    tool: String,
    summary: String,
    prev: Vec<RecordId>,
    seen: BTreeMap<Document, Vec<RecordId>>,
    subject: Subject,
    context: Surroundings,
    from: From,
    target: Option<Target>,
    output: Option<Output>,
    contract: Option<Adoption>,
    evidence: Option<Evidence>,
    claim: Option<Claim>,
    verdict: Option<Verdict>,
    finding: Option<Finding>,
    veto: Option<Veto>,
    waiver: Option<Waiver>,
    window: Option<Window>,
    intent: Option<Intent>,
    outcome: Option<StepOutcome>,
    note: Option<Note>,
    #[serde(rename = "break-glass")]
    break_glass: Option<BreakGlass>,
    done: Option<Done>,
}

impl TryFrom<Keys> for Block {
    type Error = &'static str;

    fn try_from(keys: Keys) -> Result<Self, Self::Error> {
        let bodies = [
            keys.contract.map(Body::Contract),
            keys.evidence.map(Body::Evidence),
            keys.claim.map(Body::Claim),
            keys.verdict.map(Body::Verdict),
            keys.finding.map(Body::Finding),
            keys.veto.map(Body::Veto),
            keys.waiver.map(Body::Waiver),
            keys.window.map(Body::Window),
            keys.intent.map(Body::Intent),
            keys.outcome.map(Body::Outcome),
            keys.note.map(Body::Note),
            keys.break_glass.map(Body::BreakGlass),
            keys.done.map(Body::Done),
        ];
        let mut bodies = bodies.into_iter().flatten();
        let body = bodies.next().ok_or("it has no table of its kind")?;
        if bodies.next().is_some() {
            return Err("it has tables of two kinds; wanted one");
        }
        Ok(Self {
            schema: keys.schema,
            record: keys.record,
            phase: keys.phase,
            document: keys.document,
            role: keys.role,
            at: keys.at,
            repository: keys.repository,
            tool: keys.tool,
            summary: keys.summary,
            prev: keys.prev,
            seen: keys.seen,
            subject: keys.subject,
            context: keys.context,
            from: keys.from,
            target: keys.target,
            output: keys.output,
            body,
        })
    }
}
