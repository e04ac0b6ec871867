//! Running probes for a command, with progress on standard error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::info::EngineInfo;
use crate::error::{CommandError, Exit};
use crate::gates::evaluate::PhaseReport;
use crate::gates::inputs::Known;
use crate::gates::progress::step_values;
use crate::git::Repository;
use crate::model::contract::{Contract, Criterion};
use crate::model::observation::{Observation, Outcome};
use crate::probes::prober::Prober;
use crate::probes::runner;
use crate::report;

use super::earlier::points;
use super::maintenance;
use super::open::Session;
use super::target::runtime;

/// The longest that one call to the engine may take.
const CALL_LIMIT: Duration = Duration::from_secs(20);

impl Session {
    /// Measures criteria now, all at once.
    ///
    /// # Errors
    ///
    /// The runtime for it cannot be started.
    pub fn measure(&self, report: &PhaseReport<'_>, criteria: &[Criterion]) -> Result<Vec<Observation>, CommandError> {
        self.measured(report, criteria, false)
    }

    /// The same right before a step or a window: a system may be asked what a switch to it would stop.
    ///
    /// # Errors
    ///
    /// The runtime for it cannot be started.
    pub fn measure_before_acting(
        &self,
        report: &PhaseReport<'_>,
        criteria: &[Criterion],
    ) -> Result<Vec<Observation>, CommandError> {
        self.measured(report, criteria, true)
    }

    fn measured(
        &self,
        report: &PhaseReport<'_>,
        criteria: &[Criterion],
        acting: bool,
    ) -> Result<Vec<Observation>, CommandError> {
        let mut values = step_values(&report.steps);
        if let Known::Is(subject) = report.inputs.subject {
            values.insert("subject".into(), subject.commit.to_string());
        }
        let repository = Some(&self.repository);
        let now = || self.context.now();
        let mut prober = Prober { repository: repository.cloned(), values, ..Prober::without_engine(&now, "") };
        prober.earlier = points(report.inputs.records.iter().map(Arc::as_ref));
        if acting {
            prober.may_activate = Ok(());
        }
        measure_with(&self.context, self.engine_address(), &self.contract, prober, criteria)
    }
}

/// Measures criteria of a contract now, all at once, with these values for late placeholders.
///
/// # Errors
///
/// The runtime for it cannot be started.
pub fn measure(
    context: &Context,
    engine: &str,
    repository: Option<&Repository>,
    contract: &Contract,
    values: BTreeMap<String, String>,
    criteria: &[Criterion],
) -> Result<Vec<Observation>, CommandError> {
    let now = || context.now();
    let prober = Prober { repository: repository.cloned(), values, ..Prober::without_engine(&now, "") };
    measure_with(context, engine, contract, prober, criteria)
}

fn measure_with(
    context: &Context,
    engine: &str,
    contract: &Contract,
    mut prober: Prober<'_>,
    criteria: &[Criterion],
) -> Result<Vec<Observation>, CommandError> {
    let runtime = runtime()?;
    match runtime.block_on(reach(engine)) {
        Ok((engine, info)) => {
            (prober.engine, prober.here) = (Ok(engine), info.node_machine_is_local);
            prober.may_walk = may_walk(context, &info.engine_id);
        }
        Err(error) => prober.engine = Err(error.to_string()),
    }
    prober.nodes = contract.nodes.clone();
    prober.nix_eval_uid = contract.nix_eval_uid;
    let talks = context.talks_to_a_person();
    let progress = |criterion: &Criterion, _event: runner::Event| {
        if talks {
            report::say(&format!("  {} …", criterion.id));
        }
    };
    Ok(runtime.block_on(runner::measure(&prober, criteria, &progress)))
}

/// Whether a canary may walk the network now, or why not.
fn may_walk(context: &Context, engine_id: &str) -> Result<(), String> {
    let state = maintenance::state(context, engine_id).map_err(|error| error.to_string())?;
    match maintenance::under_way(&state, context.now()) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

/// The engine, and what it says about itself.
async fn reach(address: &str) -> Result<(Engine, EngineInfo), EngineError> {
    let engine = Engine::connect(address, CALL_LIMIT).await?;
    let info = engine.info().await?;
    Ok((engine, info))
}

/// One line an observation, aligned.
pub fn lines(observations: &[Observation]) -> String {
    let line =
        |seen: &Observation| format!("  {:<8} {:<18} {}\n", seen.outcome.label(), seen.criterion.as_str(), seen.says);
    observations.iter().map(line).collect()
}

/// Refuses unless every observation held, with facts, and there is at least one.
///
/// # Errors
///
/// One failed (14) or could not be looked at (13).
pub fn all_held(observations: &[Observation], what: &str) -> Result<(), CommandError> {
    if observations.is_empty() {
        let message = format!("{what}: every criterion is waived, and what nobody looks at does not hold");
        return Err(CommandError::new(Exit::Unknown, message, "countersign status shows when a waiver ends"));
    }
    let bad: Vec<&Observation> =
        observations.iter().filter(|seen| seen.outcome != Outcome::Held || seen.facts.is_empty()).collect();
    if bad.is_empty() {
        return Ok(());
    }
    let unknown = bad.iter().any(|seen| seen.outcome != Outcome::Failed);
    let exit = if unknown { Exit::Unknown } else { Exit::Failed };
    let first = bad.first().map_or("", |seen| seen.criterion.as_str());
    Err(CommandError {
        exit,
        message: format!("{what}: criteria that do not hold: {} of {}", bad.len(), observations.len()),
        details: bad.iter().map(|seen| format!("{} {}: {}", seen.outcome.label(), seen.criterion, seen.says)).collect(),
        hint: Some(format!("countersign probe {first}")),
    })
}
