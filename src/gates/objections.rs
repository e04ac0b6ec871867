//! Vetoes, findings and waivers as they stand now.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::graph::Graph;
use crate::model::ids::{CriterionId, GateId, RecordId, StepId};
use crate::model::record::{Body, FindingAct, Record, Severity};
use crate::model::time::Time;

/// A finding as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingState {
    /// The name people use, as in `A1`.
    pub name: String,
    /// The gate it closes; absent for the whole phase.
    pub gate: Option<GateId>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub text: String,
    /// When it was opened.
    pub opened: Time,
    /// Opened, closed or deferred.
    pub state: FindingAct,
    /// Who takes care of it when it is deferred.
    pub owner: Option<String>,
}

impl FindingState {
    /// Whether it closes this gate: open, blocking, and of it or of the whole phase.
    pub fn closes(&self, gate: &GateId) -> bool {
        self.state == FindingAct::Opened
            && self.severity == Severity::Blocking
            && self.gate.as_ref().is_none_or(|of| of == gate)
    }
}

/// A veto that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandingVeto {
    /// Its record.
    pub id: RecordId,
    /// Why.
    pub reason: String,
    /// When it was raised.
    pub at: Time,
}

/// Vetoes that are not lifted. A lift counts only when it came after the veto.
pub fn vetoes(graph: &Graph<'_>, counted: &[&Record]) -> Vec<StandingVeto> {
    let mut lifts: HashMap<RecordId, Vec<RecordId>> = HashMap::new();
    for record in counted {
        if let Body::Veto(veto) = &record.block.body
            && let Some(id) = veto.lifts
        {
            lifts.entry(id).or_default().push(record.id);
        }
    }
    let lifted = |id: &RecordId| lifts.get(id).is_some_and(|lifts| lifts.iter().any(|lift| graph.is_before(id, lift)));
    let standing = |record: &&Record| match &record.block.body {
        Body::Veto(veto) if veto.lifts.is_none() && !lifted(&record.id) => {
            Some(StandingVeto { id: record.id, reason: veto.reason.clone(), at: record.block.at })
        }
        _ => None,
    };
    counted.iter().filter_map(standing).collect()
}

/// Every finding by name. A close or deferral counts only after the opening; opening again after a close opens it again.
pub fn findings(graph: &Graph<'_>, counted: &[&Record]) -> Vec<FindingState> {
    let mut states: BTreeMap<&str, (FindingState, RecordId)> = BTreeMap::new();
    for record in counted {
        let Body::Finding(finding) = &record.block.body else { continue };
        match (finding.act, states.get_mut(finding.name.as_str())) {
            (FindingAct::Opened, known) => {
                let state = FindingState {
                    name: finding.name.clone(),
                    gate: finding.gate.clone(),
                    severity: finding.severity.unwrap_or(Severity::Blocking),
                    text: finding.text.clone(),
                    opened: record.block.at,
                    state: FindingAct::Opened,
                    owner: None,
                };
                match known {
                    // Two openings of one name: both stay open, as the worse of the two.
                    Some((known, id)) if !graph.is_before(id, &record.id) => {
                        known.state = FindingAct::Opened;
                        known.severity = Severity::Blocking;
                        known.gate = None;
                    }
                    _ => {
                        states.insert(&finding.name, (state, record.id));
                    }
                }
            }
            (act, Some((known, id))) if graph.is_before(id, &record.id) => {
                known.state = act;
                known.owner.clone_from(&finding.owner);
            }
            _ => {}
        }
    }
    states.into_values().map(|(state, _)| state).collect()
}

/// The waiver of a criterion that counts now.
pub fn waives_criterion<'a>(counted: &[&'a Record], id: &CriterionId, now: Time) -> Option<&'a Record> {
    waiver(counted, now, |waiver| waiver.criterion.as_ref() == Some(id))
}

/// The waiver of a step that counts now.
pub fn waives_step<'a>(counted: &[&'a Record], id: &StepId, now: Time) -> Option<&'a Record> {
    waiver(counted, now, |waiver| waiver.step.as_ref() == Some(id))
}

/// A break-glass, used or not: it never leaves the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Glass {
    /// Its record.
    pub id: RecordId,
    /// The step that it permits.
    pub step: StepId,
    /// Until when.
    pub until: Time,
    /// Why.
    pub reason: String,
    /// Whether the Adversary accepted it.
    pub accepted: bool,
}

/// Every break-glass.
pub fn glasses(counted: &[&Record]) -> Vec<Glass> {
    let glass = |record: &&Record| match &record.block.body {
        Body::BreakGlass(glass) => Some(Glass {
            id: record.id,
            step: glass.step.clone(),
            until: glass.until,
            reason: glass.reason.clone(),
            accepted: accepts(counted, &record.id),
        }),
        _ => None,
    };
    counted.iter().filter_map(glass).collect()
}

/// Whether the Adversary accepted a break-glass.
pub fn accepts(counted: &[&Record], id: &RecordId) -> bool {
    counted.iter().any(|record| matches!(&record.block.body, Body::Waiver(waiver) if waiver.accepts == Some(*id)))
}

fn waiver<'a>(
    counted: &[&'a Record],
    now: Time,
    fits: impl Fn(&crate::model::record::Waiver) -> bool,
) -> Option<&'a Record> {
    let holds = |record: &&&Record| match &record.block.body {
        Body::Waiver(waiver) => now < waiver.until && fits(waiver),
        _ => false,
    };
    counted.iter().find(holds).copied()
}
