//! `countersign probe`

use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::model::contract::{Criterion, schema};
use crate::model::ids::GateId;
use crate::model::observation::Outcome;
use crate::report::Answer;

use super::measure::lines;
use super::names::unknown;
use super::open::Session;

/// Measure criteria and print what was seen; record nothing
///
/// Without names, every criterion of the phase is measured.
///
/// Example: countersign probe inspect clear
///
/// Example: countersign probe --explain docker.subnet
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The criteria
    #[arg(value_name = "CRITERION")]
    criteria: Vec<String>,
    /// Explain a probe: what it proves, its parameters, an example
    #[arg(long, value_name = "KIND", conflicts_with = "criteria")]
    explain: Option<String>,
}

/// Runs it.
///
/// # Errors
///
/// There is no such criterion or probe.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    if let Some(kind) = &args.explain {
        let names: Vec<_> = schema::PROBES.iter().map(|probe| probe.name).collect();
        let text = crate::probes::explain::explain(kind).map_err(|_| unknown("probe", kind, &names))?;
        return Ok(Answer::ok(text.clone(), json!({ "probe": kind, "text": text })));
    }
    let session = Session::open(context)?;
    let chosen = chosen(&session, &args.criteria)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    let criteria: Vec<_> = chosen.into_iter().map(|(_, criterion)| criterion).collect();
    let seen = session.measure(&report, &criteria)?;
    let unknown = seen.iter().any(|seen| seen.outcome == Outcome::Unknown);
    let failed = seen.iter().any(|seen| seen.outcome == Outcome::Failed);
    let exit = match (unknown, failed) {
        (true, _) => Exit::Unknown,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Ok,
    };
    let mut text = lines(&seen);
    if let [only] = seen.as_slice() {
        text += &format!("\n{}", only.raw);
    }
    let list: Vec<Value> = seen
        .iter()
        .map(|seen| json!({ "criterion": seen.criterion.as_str(), "probe": seen.probe, "outcome": seen.outcome, "says": seen.says, "facts": seen.facts, "readings": seen.readings, "took_ms": seen.took_ms }))
        .collect();
    Ok(Answer { exit, text, json: json!({ "observations": list }) })
}

/// The criteria of these names with their gates; all of them when none is named.
///
/// # Errors
///
/// There is no criterion of a name.
pub fn chosen(session: &Session, names: &[String]) -> Result<Vec<(Option<GateId>, Criterion)>, CommandError> {
    let all = || session.contract.criteria().map(|(gate, criterion)| (gate.cloned(), criterion.clone()));
    if names.is_empty() {
        return Ok(all().collect());
    }
    let one = |name: &String| {
        let known: Vec<_> = session.contract.criteria().map(|(_, criterion)| criterion.id.as_str()).collect();
        let found = all().find(|(_, criterion)| criterion.id.as_str() == name);
        found.ok_or_else(|| unknown("criterion", name, &known))
    };
    names.iter().map(one).collect()
}
