//! Gates that guard by themselves: without a step of their own that is to be done.
//!
//! Such a gate's PASS is fresh when a step of a later gate is begun, and where none is, at DONE: a PASS is judged at the moment of
//! what it guards.

use super::graph::Graph;
use super::objections;
use crate::model::contract::{Contract, Gate};
use crate::model::ids::GateId;
use crate::model::record::Record;
use crate::model::time::Time;

/// The gates before `gate`, in the contract's order, that have no step of their own, or only waived ones.
pub(super) fn alone_before<'c>(
    contract: &'c Contract,
    (graph, counted): (&'c Graph<'_>, &'c [&Record]),
    now: Time,
    gate: &'c GateId,
) -> impl Iterator<Item = &'c Gate> {
    let has_own = move |gate: &Gate| {
        let mut own = contract.steps.iter().filter(|step| step.gate == gate.id);
        own.any(|step| objections::waives_step(graph, counted, &step.id, now).is_none())
    };
    contract.gates.iter().take_while(move |other| other.id != *gate).filter(move |other| !has_own(other))
}
