//! `countersign break-glass`

use serde_json::json;

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::gates::break_glass::{LONGEST, digest};
use crate::model::record::{Body, BreakGlass};
use crate::model::role::{Document, Role};
use crate::model::time::{parse_duration, show_duration};
use crate::report::Answer;

use super::builder::run::step;
use super::compose::{Composer, plain};
use super::open::Session;

/// Permit one step without a PASS, with the operator's key
///
/// For the night on which nobody can countersign. It counts for this step, once, on this subject, for at most an hour, and stands
/// for the PASS alone: window, quiet, order and a veto count as ever. It shows in every status, and the phase is not done until the
/// Adversary accepts it with a waiver.
///
/// Example: countersign break-glass recreate --reason "routes are down, the Adversary is on a plane"
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The step
    step: String,
    /// Why nobody can countersign, and why it cannot wait
    #[arg(long)]
    reason: String,
    /// How long it counts, as in 30m
    #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
    length: String,
}

/// Runs it.
///
/// # Errors
///
/// The key is not the operator's, there is no such step, the reason is empty, or it is to count for more than an hour.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let step = step(&session.contract.steps, &args.step)?;
    let usage = |message: String| CommandError::new(Exit::Usage, message, "countersign break-glass --help");
    let reason = plain(args.reason.trim());
    if reason.is_empty() {
        return Err(usage("--reason is empty".into()));
    }
    let length = parse_duration(&args.length).map_err(|error| usage(format!("--for: {error}")))?;
    if length > LONGEST || length.is_zero() {
        return Err(usage(format!("--for {}; wanted at most {}", args.length, show_duration(LONGEST))));
    }
    if session.contract.keys_of(Role::Operator).is_empty() {
        let message = "the contract lists no operator, so that nobody can break glass";
        return Err(CommandError::new(Exit::Role, message, "countersign key add operator KEY.pub, then both adopt"));
    }
    let key = session.key(Role::Operator)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    if !report.general.is_empty() {
        return Err(CommandError::refused("break-glass counts for nothing here", &report.general));
    }
    let composer = Composer::new(&session, Role::Operator, Document::Journal)?;
    let until = composer.at().plus(length);
    let tree = composer.subject().tree.clone();
    let glass =
        BreakGlass { step: step.id.clone(), digest: digest(&session.contract, &tree), reason: reason.clone(), until };
    let words = format!("The operator permits step `{}` without a PASS, until {until}: {reason}", step.id);
    let mut transaction = session.store.begin(Document::Journal, &context.holder("break-glass"))?;
    let id = transaction.append(composer.draft(&words, Body::BreakGlass(glass), None), &key)?;
    transaction.publish()?;
    let text = format!("{words}\n{} blocks DONE until the Adversary accepts it.", id.short());
    Ok(Answer::ok(text, json!({ "record": id.to_string(), "step": step.id.as_str(), "until": until.to_string() })))
}
