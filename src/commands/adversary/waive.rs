//! `countersign adversary waive`

use serde_json::json;

use super::objection::{Saying, say};
use crate::commands::compose::plain;
use crate::commands::names::unknown;
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::model::record::{Body, Waiver};
use crate::model::role::Role;
use crate::model::time::parse_duration;
use crate::report::Answer;

/// Exempt one criterion or step, or accept a break-glass or an opening of the door
///
/// Signed, dated, reasoned, and with an end.
///
/// Example: countersign adversary waive --step resume-ci --reason "CI stays off until Monday" --for 3d
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Args {
    /// The criterion that need not hold
    #[arg(long, group = "what")]
    criterion: Option<String>,
    /// The step that need not be done
    #[arg(long, group = "what")]
    step: Option<String>,
    /// The break-glass, or the opening of the door past an interlock, that is accepted: its first 12 digits
    #[arg(long, group = "what", value_name = "ID12")]
    accepts: Option<String>,
    /// Why
    #[arg(long)]
    reason: String,
    /// How long it counts, as in 3d
    #[arg(long = "for", value_name = "DURATION")]
    length: String,
}

/// Runs it.
///
/// # Errors
///
/// There is no such criterion, step or break-glass, or the reason is empty.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let key = session.key(Role::Adversary)?;
    let usage = |message: String| CommandError::new(Exit::Usage, message, "countersign status");
    let reason = plain(args.reason.trim());
    if reason.is_empty() {
        return Err(usage("--reason is empty".into()));
    }
    let length = parse_duration(&args.length).map_err(|error| usage(format!("--for: {error}")))?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    let criterion = args.criterion.as_deref().map(|name| {
        let found = session.contract.criteria().find(|(_, criterion)| criterion.id.as_str() == name);
        found.map(|(_, criterion)| criterion.id.clone()).ok_or_else(|| unknown("criterion", name, &[]))
    });
    let step = args.step.as_deref().map(|name| {
        let found = session.contract.steps.iter().find(|step| step.id.as_str() == name);
        found.map(|step| step.id.clone()).ok_or_else(|| unknown("step", name, &[]))
    });
    let accepts = args.accepts.as_deref().map(|name| {
        let glass = |record: &&&crate::model::record::Record| {
            matches!(record.block.body, Body::BreakGlass(_)) && record.id.short() == name
        };
        let found = report.counted.iter().find(glass).map(|record| record.id);
        let doors = report.inputs.host.doors.value();
        let door = doors.into_iter().flatten().map(|(id, _)| *id).find(|id| id.short() == name);
        found.or(door).ok_or_else(|| usage(format!("there is no break-glass and no opening of the door `{name}`")))
    });
    let until = context.now().plus(length);
    let waiver = Waiver {
        criterion: criterion.transpose()?,
        step: step.transpose()?,
        accepts: accepts.transpose()?,
        reason: reason.clone(),
        until,
    };
    let body = Body::Waiver(waiver);
    let id = say(&session, &key, Saying { command: "adversary waive", words: &reason, body, tolerant: false })?;
    Ok(Answer::ok(
        format!("Waiver {} until {until}: {reason}\nNext: countersign sync", id.short()),
        json!({ "record": id.to_string(), "until": until.to_string() }),
    ))
}
