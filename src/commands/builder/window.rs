//! `countersign builder window`

use std::collections::BTreeMap;

use serde_json::json;

use crate::commands::compose::Composer;
use crate::commands::measure::all_held;
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::host::window::OpenWindow;
use crate::model::record::{Body, Window};
use crate::model::role::{Document, Role};
use crate::model::time::{parse_duration, show_duration};
use crate::report::Answer;

/// Open or close the maintenance window
///
/// Opening measures what the contract's window requires (a quiet host) and records it.
///
/// Example: countersign builder window open --for 30m
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

/// What is done to the window.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Open it for a while
    ///
    /// Example: countersign builder window open --for 30m
    Open {
        /// How long, as in 30m
        #[arg(long = "for", value_name = "DURATION")]
        length: String,
    },
    /// Close it now
    ///
    /// Example: countersign builder window close
    Close,
}

/// Runs it.
///
/// # Errors
///
/// The host is not quiet, the length is not allowed, or the engine cannot be asked.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let session = Session::open(context)?;
    let key = session.key(Role::Builder)?;
    let target = session.needed_target("the window belongs to an engine")?;
    let state = session.host_state(&target.engine)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    let composer = Composer::new(&session, Role::Builder, Document::Status)?;
    let (until, evidence) = match &args.act {
        Act::Close => (None, Vec::new()),
        Act::Open { length } => {
            if !report.general.is_empty() {
                return Err(CommandError::refused("the window stays closed", &report.general));
            }
            let length = parse_duration(length)
                .map_err(|error| CommandError::new(Exit::Usage, format!("--for: {error}"), ""))?;
            let rules = &session.contract.window;
            let refuse = |message: String| Err(CommandError::new(Exit::Closed, message, "countersign builder plan"));
            if let Some(max) = rules.max_length.filter(|max| length > *max) {
                return refuse(format!(
                    "--for {} is longer than the contract's {}",
                    show_duration(length),
                    show_duration(max)
                ));
            }
            let until = composer.at().plus(length);
            if let Some(from) = rules.not_before.filter(|from| composer.at() < *from) {
                return refuse(format!("the contract allows no window before {from}"));
            }
            if let Some(end) = rules.not_after.filter(|end| until > *end) {
                return refuse(format!("a window until {until} ends after the contract's {end}"));
            }
            let seen = session.measure_before_acting(&report, &rules.requires)?;
            if !rules.requires.is_empty() {
                all_held(&seen, "the window stays closed")?;
            }
            (Some(until), seen)
        }
    };
    if until.is_none() {
        // Closing works also where it cannot be recorded.
        state.set_window(None)?;
    }
    let mut transaction = session.store.begin(Document::Status, &context.holder("builder window"))?;
    let mut ids = BTreeMap::new();
    for observation in &evidence {
        ids.insert(observation.criterion.clone(), composer.evidence(&mut transaction, None, observation, &key)?);
    }
    let words = until.map_or_else(
        || "The maintenance window is closed.".to_owned(),
        |until| format!("The maintenance window is open until {until}."),
    );
    let id = transaction.append(composer.draft(&words, Body::Window(Window { until, evidence: ids }), None), &key)?;
    transaction.publish()?;
    if let Some(until) = until {
        let (repository, phase) = (session.repository.root_commit.clone(), session.store.phase().clone());
        state.set_window(Some(&OpenWindow { repository, phase, id, until }))?;
    }
    let next = if until.is_some() { "countersign next" } else { "countersign sync" };
    let words = format!("{words}\nNext: {next}");
    Ok(Answer::ok(words, json!({ "until": until.map(|until| until.to_string()), "record": id.to_string() })))
}
