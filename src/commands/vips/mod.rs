//! `countersign vips`

mod show;

use std::time::{Duration, Instant};

use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::probes::docker::vips::trend::{Trend, trend};
use crate::probes::docker::vips::walk::{Bounds, sweep};
use crate::probes::docker::vips::{NotSized, sizes, walker};
use crate::report::{Answer, say};

use super::earlier::of_phase;
use super::engine::{could_not_look, manager};
use super::maintenance::hold;
use super::target::runtime;

/// The longest that a walk of all the named networks may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Show who holds the addresses of each overlay network, and how many leaked
///
/// Needs no phase and no repository: it looks at the engine that --engine or DOCKER_HOST names. Below API 1.52 no engine tells
/// what leaked; --walk finds it exactly, and which addresses, by making and removing a service without replicas once for each
/// free address. How fast a network fills is told from earlier observations in the phase's documents, where the command stands in
/// one and there are any. The walk is refused while an update is in flight or maintenance is under way on this host.
///
/// Example: countersign vips
///
/// Example: countersign vips proxy --walk
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names or ids of overlay networks; all if none is named
    #[arg(value_name = "NETWORK")]
    networks: Vec<String>,
    /// Walk the free addresses with a canary (writes to the swarm)
    #[arg(long)]
    walk: bool,
}

/// Runs it.
///
/// # Errors
///
/// The engine does not answer, there is no such network, or a walk is not possible now.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    runtime()?.block_on(look(args, context))
}

async fn look(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let (engine, info) = manager(context).await?;
    let left = sweep(&engine, walker::is_dead).await.map_err(|error| could_not_look(&error))?;
    if left > 0 {
        say(&format!("removed {left} canary that a killed walk had left"));
    }
    let mut lock = None;
    let mut engine = engine;
    if args.walk {
        let held = hold(context, &info.engine_id, "vips --walk")?;
        engine = held.executor(engine);
        lock = Some(held);
    }
    let begin = Instant::now();
    let me = walker::this();
    let talks = context.talks_to_a_person();
    let bounds = Bounds {
        walker: &me,
        deadline: begin + LIMIT,
        progress: &|seen| {
            if talks && seen % 250 == 0 {
                say(&format!("  {seen} addresses seen, {:.1} s", begin.elapsed().as_secs_f32()));
            }
        },
    };
    let sized = sizes(&engine, &args.networks, args.walk.then_some(&bounds)).await;
    drop(lock);
    match sized {
        Ok(sized) => {
            let (earlier, now) = (of_phase(context), context.now());
            let trends: Vec<Trend> =
                sized.iter().map(|one| trend(&earlier, &one.point(now), one.held.capacity())).collect();
            Ok(Answer::ok(show::text(&sized, &trends), show::json(&sized, &trends, &info)))
        }
        Err(NotSized::Engine(error)) => Err(could_not_look(&error)),
        Err(error @ NotSized::NoNetwork { .. }) => {
            Err(CommandError::new(Exit::Failed, error.to_string(), "countersign vips"))
        }
        Err(error @ NotSized::NotNow(_)) => Err(CommandError::new(Exit::Closed, error.to_string(), "countersign vips")),
    }
}
