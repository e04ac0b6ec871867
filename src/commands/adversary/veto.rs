//! `countersign adversary veto`

use serde_json::json;

use super::objection::{Saying, say};
use crate::commands::adopted::say_clocks;
use crate::commands::compose::plain;
use crate::commands::open::Session;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::model::record::{Body, Veto};
use crate::report::Answer;

/// Raise or lift a veto
///
/// While a veto stands no gate opens and the next step does not run.
///
/// Example: countersign adversary veto raise --reason "a sweep is running"
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

/// Raise or lift.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Close every gate now
    ///
    /// Example: countersign adversary veto raise --reason "a sweep is running"
    Raise {
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Lift a veto that stands
    ///
    /// Example: countersign adversary veto lift 3f9c0a1be2d4 --reason "it ended"
    Lift {
        /// The veto, its first 12 digits
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Runs it.
///
/// # Errors
///
/// The reason is empty, or no such veto stands.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let (session, key) = Session::for_objection(context)?;
    let gathered = session.gather(false)?;
    let report = session.evaluate(&gathered);
    say_clocks(&report);
    let (lifts, reason) = match &args.act {
        Act::Raise { reason } => (None, reason),
        Act::Lift { id, reason } => {
            let standing = report.vetoes.iter().find(|veto| veto.id.short() == *id);
            let message = format!("no veto `{id}` stands");
            let veto = standing.ok_or_else(|| CommandError::new(Exit::Usage, message, "countersign status"))?;
            (Some(veto.id), reason)
        }
    };
    let reason = plain(reason.trim());
    if reason.is_empty() {
        return Err(CommandError::new(Exit::Usage, "--reason is empty", "say why"));
    }
    let body = Body::Veto(Veto { lifts, reason: reason.clone() });
    let id = say(&session, &key, Saying { command: "adversary veto", words: &reason, body, tolerant: true })?;
    let word = if lifts.is_some() { "lifted" } else { "raised" };
    Ok(Answer::ok(
        format!("Veto {word} ({}): {reason}\nNext: countersign sync", id.short()),
        json!({ "record": id.to_string() }),
    ))
}
