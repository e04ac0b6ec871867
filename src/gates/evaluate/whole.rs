//! Whether the documents are whole: of one repository, without a defect, with all that they link to and that was ever seen.

use std::sync::Arc;

use super::describe;
use crate::gates::graph::Graph;
use crate::gates::inputs::{Inputs, Known};
use crate::gates::reason::{Class, Reason};
use crate::model::counted::{counted, is_or_are};
use crate::model::ids::RecordId;
use crate::model::record::Record;

/// Documents that were copied whole are another repository's, and open nothing anyhow; of two repositories they are nobody's.
pub(super) fn repositories(inputs: &Inputs<'_>, reasons: &mut Vec<Reason>) {
    let is_here = |record: &&Arc<Record>| inputs.is_here(record);
    let other = inputs.records.iter().find(|record| !is_here(record));
    if let (Some(other), true) = (other, inputs.records.iter().any(|record| is_here(&record))) {
        let found = format!(
            "the documents hold records of two repositories, {} and {}: record {} belongs to the second",
            inputs.repository.short(),
            other.block.repository.short(),
            other.id.short()
        );
        reasons.push(Reason::new(Class::Invalid, found, "those of one, by its root commit", "countersign check"));
    }
}

/// What this host saw once is missed here, whatever became of the documents, the remote and the clone.
pub(super) fn vanished(inputs: &Inputs<'_>, reasons: &mut Vec<Reason>) {
    let Known::Is(gone) = &inputs.host.vanished else { return };
    for (id, heading) in gone {
        reasons.push(Reason::new(
            Class::Invalid,
            format!("this host has seen {heading} ({}), which is in no document any more", id.short()),
            "every objection that was ever seen",
            "countersign check --repair; where that finds nothing, countersign sync in the clone of whoever objected",
        ));
    }
}

/// What is wrong in the documents, and what they link to and lack.
pub(super) fn documents(inputs: &Inputs<'_>, graph: &Graph<'_>, reasons: &mut Vec<Reason>) {
    if inputs.defects > 0 {
        let found = format!("the documents have {}", counted(inputs.defects, "defect"));
        reasons.push(Reason::new(Class::Invalid, found, "none", "countersign check"));
    }
    let missing = graph.missing();
    if !missing.is_empty() {
        let by = |(id, by): (&RecordId, &RecordId)| {
            let who = graph.get(by).map_or_else(|| by.short(), describe);
            format!("{}, by {who}", id.short())
        };
        let first: Vec<String> = missing.iter().take(3).map(by).collect();
        let number = missing.len();
        reasons.push(Reason::new(
            Class::Invalid,
            format!(
                "{} {} linked to but not there: {}",
                counted(number, "record"),
                is_or_are(number),
                first.join("; ")
            ),
            "every linked record",
            "countersign sync, and on the host that ran the steps countersign builder resume; where whoever signed what links to it \
             cannot say where it is, nobody can vouch for the phase: countersign init --phase NAME opens a new one",
        ));
    }
}
