//! What earlier observations of a network's addresses had counted, out of the documents.

use crate::docs::read::Signatures;
use crate::model::record::{Body, Record};
use crate::probes::docker::vips::trend::Point;

use super::open::Session;
use crate::context::Context;

/// The points of every observation of `docker.vips` among the records.
pub fn points<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Point> {
    let point = |record: &Record| match &record.block.body {
        Body::Evidence(evidence) if evidence.probe == "docker.vips" => {
            Point::of_readings(evidence.measured, &evidence.readings)
        }
        _ => None,
    };
    records.into_iter().filter_map(point).collect()
}

/// The points in the documents of the phase that the command stands in; none where there is none.
pub fn of_phase(context: &Context) -> Vec<Point> {
    let Ok(session) = Session::open(context) else { return Vec::new() };
    let documents = session.store.load_with(Signatures::All);
    documents.map(|documents| points(documents.records())).unwrap_or_default()
}
