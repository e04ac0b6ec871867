//! When something was signed, for whatever must be fresh then. Whoever signs may date a record back, but not before what it came
//! after.

use super::evaluate::is_ahead;
use super::graph::Graph;
use crate::model::ids::RecordId;
use crate::model::record::Record;
use crate::model::time::Time;

/// How late it is, at a moment, for what rests on a record: the time of what is known by then and did not come before that record,
/// where it is later than the moment by more than clocks may differ. A clock that was ahead earlier than that says nothing: whoever
/// signed after it knew what time it was.
pub(super) fn reached(graph: &Graph<'_>, known: &[&Record], basis: &RecordId, at: Time) -> Time {
    let later =
        known.iter().filter(|record| is_ahead(record.block.at, at) && !graph.is_at_or_before(&record.id, basis));
    later.map(|record| record.block.at).max().unwrap_or(at)
}
