//! Why a request is refused, and what leads on: by the one evaluation that everything else asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::commands::open::Session;
use crate::gates::evaluate::PhaseReport;
use crate::gates::inputs::Known;
use crate::gates::progress::State;
use crate::gates::standing::{GateReport, Standing};
use crate::model::record::Target;
use crate::model::time::Time;

use super::phases::View;

/// Which gate, why, and the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The gate or what stands before it, and why.
    pub why: String,
    /// The next command.
    pub next: String,
}

/// Who engines said not long ago that they are, by their addresses. Nothing but words rests on it: which requests are refused is decided
/// before. Asking costs several times as much as all else.
#[derive(Default)]
pub struct Acquainted(Mutex<BTreeMap<String, (Instant, Asked)>>);

/// An engine's identity and clock.
type Asked = Known<(Target, Known<Time>)>;

/// How long that counts.
const ACQUAINTED: Duration = Duration::from_secs(30);

impl Acquainted {
    fn asked(&self, session: &Session) -> Asked {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = session.engine_address();
        if let Some((at, Known::Is((target, clock)))) = known.get(address)
            && at.elapsed() < ACQUAINTED
        {
            // The clock went on since.
            let clock = match clock {
                Known::Is(then) => Known::Is(then.plus(at.elapsed())),
                Known::Unknown(why) => Known::Unknown(why.clone()),
            };
            return Known::Is((target.clone(), clock));
        }
        let (at, asked) = (Instant::now(), session.engine_asked());
        if matches!(asked, Known::Is(_)) {
            known.insert(address.to_owned(), (at, asked.clone()));
        }
        asked
    }
}

/// The words for one phase. Blocks: it reads documents and asks git, and perhaps the engine.
pub fn of(view: &View, acquainted: &Acquainted) -> Words {
    if let Some((found, next)) = &view.trouble {
        return Words { why: format!("its contract is what is wrong: {found}"), next: next.clone() };
    }
    let gathered = view.session().and_then(|session| {
        let (documents, subject) = session.read()?;
        Ok((session.gathered(documents, None, subject, &acquainted.asked(&session)), session))
    });
    match gathered {
        Ok((gathered, session)) => of_report(&session.evaluate(&gathered)),
        Err(error) => {
            let first = error.details.first().map_or_else(String::new, |detail| format!(": {detail}"));
            Words { why: format!("{}{first}", error.message), next: error.hint.unwrap_or_default() }
        }
    }
}

/// The words by a report.
pub fn of_report(report: &PhaseReport<'_>) -> Words {
    if let Some(reason) = report.general.first() {
        return Words { why: reason.found.clone(), next: reason.next.clone() };
    }
    let doubt = report.steps.iter().find(|(_, progress)| matches!(progress.state, State::InDoubt | State::Stuck));
    if let Some((step, progress)) = doubt {
        let why = format!("step `{step}` is {}: only the executor goes on with it", progress.state.label());
        return Words { why, next: "countersign builder resume".into() };
    }
    let next = report.inputs.contract.steps.iter().find(|step| report.state_of(&step.id) != State::Done);
    let gate = match next {
        Some(step) => report.gates.iter().find(|gate| gate.gate == step.gate),
        None => report.gates.iter().find(|gate| gate.standing != Standing::Open),
    };
    match (gate, next) {
        (Some(gate), Some(step)) if gate.standing == Standing::Open => {
            let why = format!("gate {} is open for the executor alone", gate.gate);
            let window = matches!(report.inputs.host.window, Known::Is(Some(until)) if report.inputs.now < until);
            let run = format!("countersign builder run {}", step.id);
            let next = if window { run } else { "countersign builder window open --for 30m".into() };
            Words { why, next }
        }
        (Some(gate), _) => closed(gate),
        (None, _) => Words { why: "DONE is not written".into(), next: "countersign next".into() },
    }
}

fn closed(gate: &GateReport) -> Words {
    let standing = match gate.standing {
        Standing::Unclaimed => "is not claimed",
        Standing::Claimed => "has no PASS",
        Standing::Failed => "has a FAIL",
        Standing::Stale => "has a PASS that does not count any more",
        Standing::Closed | Standing::Open => "is closed",
    };
    let reason = gate.reasons.first();
    let found = reason.map_or_else(String::new, |reason| format!(": {}", reason.found));
    let next = reason.map(|reason| reason.next.clone()).unwrap_or_default();
    Words { why: format!("gate {} {standing}{found}", gate.gate), next }
}
