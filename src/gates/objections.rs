//! Vetoes, findings and waivers as they stand now.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::evaluate::is_ahead;
use super::graph::Graph;
use super::moment::reached;
use super::reason::{Class, Reason};
use crate::model::ids::{CriterionId, GateId, RecordId, StepId};
use crate::model::record::{Body, Finding, FindingAct, Record, Ruling, Severity};
use crate::model::time::Time;

/// A finding as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingState {
    /// The record that opened it: what it is, whatever it is called.
    pub id: RecordId,
    /// The name people use, as in `A1`.
    pub name: String,
    /// Whether another finding has the same name: two clones that did not know of one another gave it.
    pub shared: bool,
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

    /// Its name as reports show it: with the first digits of its id where another has the same.
    pub fn label(&self) -> String {
        if self.shared { format!("{} ({})", self.name, self.id.short()) } else { self.name.clone() }
    }

    /// What a command takes for it.
    pub fn handle(&self) -> String {
        if self.shared { self.id.short() } else { self.name.clone() }
    }

    /// Why it stands against something, while it is open.
    pub(super) fn reason(&self, wanted: &str) -> Reason {
        let next = format!("countersign adversary finding close {} --reason …", self.handle());
        Reason::new(Class::Closed, format!("finding {} is open: {}", self.label(), self.text), wanted, next)
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

/// Whether a record objects to something: a FAIL, a veto, a finding that is opened.
pub fn objects(body: &Body) -> bool {
    match body {
        Body::Verdict(verdict) => verdict.ruling == Ruling::Fail,
        Body::Veto(veto) => veto.lifts.is_none(),
        Body::Finding(finding) => finding.act == FindingAct::Opened,
        _ => false,
    }
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

/// Every finding, by when it was opened. A close or deferral counts only after the opening that it is of; of several that know
/// nothing of one another a deferral counts more than a close, since it is shown for longer.
pub fn findings(graph: &Graph<'_>, counted: &[&Record]) -> Vec<FindingState> {
    let all = || counted.iter().filter_map(|record| finding_of(record).map(|finding| (*record, finding)));
    let acts: Vec<_> = all().filter(|(_, finding)| finding.act != FindingAct::Opened).collect();
    let openings: Vec<_> = all().filter(|(_, finding)| finding.act == FindingAct::Opened).collect();
    let state = |(record, finding): &(&Record, &Finding)| {
        let of = |(act, of): &&(&Record, &Finding)| {
            let meant = of.opening.map_or(of.name == finding.name, |id| id == record.id);
            meant && graph.is_before(&record.id, &act.id)
        };
        let of: Vec<_> = acts.iter().filter(of).collect();
        let newest = of.iter().filter(|(act, _)| !of.iter().any(|(other, _)| graph.is_before(&act.id, &other.id)));
        let newest: Vec<&Finding> = newest.map(|(_, finding)| *finding).collect();
        let deferred = newest.iter().filter(|finding| finding.act == FindingAct::Deferred);
        let owners: BTreeSet<&str> = deferred.clone().filter_map(|finding| finding.owner.as_deref()).collect();
        FindingState {
            id: record.id,
            name: finding.name.clone(),
            shared: openings.iter().any(|(other, of)| of.name == finding.name && other.id != record.id),
            gate: finding.gate.clone(),
            severity: finding.severity.unwrap_or(Severity::Blocking),
            text: finding.text.clone(),
            opened: record.block.at,
            state: match (newest.is_empty(), deferred.count()) {
                (true, _) => FindingAct::Opened,
                (false, 0) => FindingAct::Closed,
                (false, _) => FindingAct::Deferred,
            },
            owner: (!owners.is_empty()).then(|| owners.into_iter().collect::<Vec<_>>().join(" and ")),
        }
    };
    let mut states: Vec<FindingState> = openings.iter().map(state).collect();
    states.sort_by_key(|state| (state.opened, state.id));
    states
}

fn finding_of(record: &Record) -> Option<&Finding> {
    match &record.block.body {
        Body::Finding(finding) => Some(finding),
        _ => None,
    }
}

/// The waiver of a criterion that counts now.
pub fn waives_criterion<'a>(
    graph: &Graph<'_>,
    counted: &[&'a Record],
    id: &CriterionId,
    now: Time,
) -> Option<&'a Record> {
    waiver(graph, counted, now, |waiver| waiver.criterion.as_ref() == Some(id))
}

/// The waiver of a step that counts now.
pub fn waives_step<'a>(graph: &Graph<'_>, counted: &[&'a Record], id: &StepId, now: Time) -> Option<&'a Record> {
    waiver(graph, counted, now, |waiver| waiver.step.as_ref() == Some(id))
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
    graph: &Graph<'_>,
    counted: &[&'a Record],
    now: Time,
    fits: impl Fn(&crate::model::record::Waiver) -> bool,
) -> Option<&'a Record> {
    let holds = |record: &&&Record| match &record.block.body {
        Body::Waiver(waiver) if fits(waiver) => {
            let now = reached(graph, counted, &record.id, now);
            now < waiver.until && !is_ahead(record.block.at, now)
        }
        _ => false,
    };
    counted.iter().find(holds).copied()
}

#[cfg(test)]
mod tests;
