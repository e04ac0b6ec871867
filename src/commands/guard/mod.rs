//! `countersign guard`: the safety net of a shared overlay, done so that it does not make what it cures.

mod show;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::info::EngineInfo;
use crate::error::{CommandError, Exit};
use crate::model::time::parse_duration;
use crate::probes::docker::look::tasks;
use crate::probes::docker::prune::{Rules, Unused, stopping, unused};
use crate::probes::docker::signatures::classes::Severity;
use crate::probes::docker::signatures::source::{Log, from_file, from_journal};
use crate::probes::docker::signatures::{Signs, signs};
use crate::probes::docker::vips::account::account;
use crate::probes::docker::vips::walk::{sweep, try_one};
use crate::probes::docker::vips::walker;
use crate::process::{self, Spec};
use crate::report::{Answer, say};

use super::engine::{could_not_look, manager};
use super::maintenance;
use super::target::runtime;

/// How long reading the log and each of the engine's calls may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the engine may take to come back.
const RESTART: Duration = Duration::from_secs(180);
/// A task in `New` for longer counts as stuck.
const NEW_FOR: Duration = Duration::from_secs(60);

/// Prune what stacks left behind, and restart an engine whose addresses leaked away
///
/// Dry unless --apply is given. Prunes only networks of removed stacks whose tasks have all ended, and none while any task is
/// still stopping. Restarts the engine only when its log shows exhaustion since its last start, a canary gets no address, and
/// what is missing is held by nobody: a network that is merely full is not helped by a restart. Nothing is changed while
/// maintenance is under way on this host. Exits with 0 (healthy or cured), 14 (exhausted and not cured), 10 (not allowed now),
/// 13 (could not look).
///
/// Example: countersign guard --json
/// Example: countersign guard --apply --keep proxy
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do it, instead of saying what would be done
    #[arg(long)]
    apply: bool,
    /// A network that stays, beside those with the label countersign.keep and those that no stack made
    #[arg(long, value_name = "NETWORK")]
    keep: Vec<String>,
    /// The age from which on a network may go
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    older_than: Duration,
    /// The engine's log file, instead of the journal of its unit
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The engine's systemd unit
    #[arg(long, value_name = "UNIT", default_value = "docker.service")]
    unit: String,
    /// A program that restarts the engine, instead of systemctl
    #[arg(long, value_name = "PROGRAM")]
    restart_with: Option<PathBuf>,
}

/// What a run saw and did.
#[derive(Debug, Default)]
struct Report {
    apply: bool,
    signs: Signs,
    unused: Vec<Unused>,
    pruned: Vec<String>,
    not_pruned: Vec<String>,
    /// Networks that gave a canary no address, with how many addresses nobody holds.
    full: Vec<(String, u64)>,
    restarted: bool,
    /// Full after all that was done.
    still_full: Vec<String>,
    /// Why nothing was changed, if something stood in the way.
    not_now: Option<String>,
}

/// Runs it.
///
/// # Errors
///
/// The engine or its log cannot be looked at, or maintenance is under way.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    runtime()?.block_on(guard(args, context))
}

async fn guard(args: &Args, context: &Context) -> Result<Answer, CommandError> {
    let (engine, info) = manager(context).await?;
    // Held to the end, so that no step begins while something is changed here.
    let _lock = if args.apply { Some(maintenance::hold(context, &info.engine_id, "guard --apply")?) } else { None };
    if !args.apply {
        maintenance::look(context, &info.engine_id)?;
    }
    let log = read_log(args).await?;
    let could = |error: EngineError| could_not_look(&error);
    let now = info.system_time.unwrap_or_else(|| context.now());
    let mut report = Report { apply: args.apply, ..Report::default() };
    report.signs = signs(&log, &tasks(&engine, true).await.map_err(could)?, NEW_FOR, now);
    if args.apply {
        sweep(&engine, walker::is_dead).await.map_err(could)?;
    }
    let lists = engine.address_lists().await.map_err(could)?;
    let rules = Rules { keep: &args.keep, older_than: args.older_than, now };
    report.unused = unused(&lists, &rules);
    let stopping = stopping(&lists);
    if let Some(first) = stopping.first() {
        let why =
            format!("a removal is under way: {first} ({} such tasks); try again when they have ended", stopping.len());
        report.not_now = Some(why);
        return Ok(show::answer(&report));
    }
    if args.apply {
        prune(&engine, &mut report).await;
    }
    if report.signs.of(Severity::Exhaustion).iter().any(|class| class.ends_with("-exhaustion")) && args.apply {
        report.full = full(&engine).await.map_err(could)?;
        report.still_full = report.full.iter().map(|(name, _)| name.clone()).collect();
        if report.full.iter().any(|(_, leaked)| *leaked > 0) {
            restart(args, &engine, &info, &mut report).await?;
        }
    }
    Ok(show::answer(&report))
}

async fn read_log(args: &Args) -> Result<Log, CommandError> {
    let (file, unit) = (args.log.clone(), args.unit.clone());
    let read = tokio::task::spawn_blocking(move || match file {
        Some(file) => from_file(&file, None),
        None => from_journal(&unit, None, PATIENCE),
    });
    let unknown = |why: String| {
        CommandError::new(Exit::Unknown, why, "name the engine's log file with --log, or its unit with --unit")
    };
    read.await.map_err(|error| unknown(error.to_string()))?.map_err(|error| unknown(error.to_string()))
}

/// Removes what may go, by id. The engine refuses one that came into use in this moment: it is told and stays.
async fn prune(engine: &Engine, report: &mut Report) {
    for network in report.unused.iter().filter(|network| network.stays.is_none()) {
        match engine.remove_network(&network.id).await {
            Ok(()) => report.pruned.push(network.name.clone()),
            Err(error) if error.is_not_found() => {}
            Err(error) => report.not_pruned.push(format!("{}: {error}", network.name)),
        }
    }
}

/// The overlays that give a canary no address, each with how many of its addresses nobody holds.
async fn full(engine: &Engine) -> Result<Vec<(String, u64)>, EngineError> {
    let me = walker::this();
    let mut full = Vec::new();
    for one in account(&engine.address_lists().await?).into_iter().filter(|one| !one.is_dead() && !one.ingress) {
        // Asked twice: the allocator may only have been busy.
        if try_one(engine, &one, &me).await?.is_none() && try_one(engine, &one, &me).await?.is_none() {
            let leaked = one.capacity().saturating_sub(one.accounted());
            full.push((one.name, leaked));
        }
    }
    Ok(full)
}

/// Restarts the engine and looks whether the networks that were full give addresses again.
async fn restart(args: &Args, engine: &Engine, info: &EngineInfo, report: &mut Report) -> Result<(), CommandError> {
    let nodes = engine.nodes().await.map_err(|error| could_not_look(&error))?;
    let leads = |node: &&serde_json::Value| {
        node.pointer("/ManagerStatus/Leader").and_then(serde_json::Value::as_bool) == Some(true)
    };
    let leader = nodes.iter().find(leads).and_then(|node| node.get("ID")?.as_str());
    if leader != Some(info.node_id.as_str()) {
        report.not_now = Some(format!(
            "only the leader's allocator counts, and this engine's node is not the leader ({}): run guard there",
            leader.unwrap_or("none is known")
        ));
        return Ok(());
    }
    if !info.node_machine_is_local {
        report.not_now = Some("the engine is on another machine, where it cannot be restarted from here".to_owned());
        return Ok(());
    }
    let argv = match &args.restart_with {
        Some(program) => vec![program.as_os_str().to_owned()],
        None => ["systemctl", "restart", "--", &args.unit].map(Into::into).to_vec(),
    };
    say("restarting the engine: its leaked addresses come back with a new allocator");
    let spec = Spec::new(argv).timeout(RESTART);
    let ran = tokio::task::spawn_blocking(move || process::run(&spec)).await;
    let failed = |why: String| {
        CommandError::new(Exit::Failed, format!("the engine was not restarted: {why}"), "journalctl -u docker")
    };
    match ran.map_err(|error| failed(error.to_string()))? {
        Ok(done) if done.ok() => {}
        Ok(done) => return Err(failed(done.complaint())),
        Err(error) => return Err(failed(error.to_string())),
    }
    report.restarted = true;
    let begin = Instant::now();
    loop {
        // A new allocator counts anew; what waited is served first, so a few moments may pass.
        if let Ok(full) = full(engine).await {
            report.still_full = full.into_iter().map(|(name, _)| name).collect();
            if report.still_full.is_empty() {
                return Ok(());
            }
        }
        if begin.elapsed() > RESTART {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The networks as accounting names them, for the text.
fn names(full: &[(String, u64)]) -> Vec<String> {
    full.iter().map(|(name, leaked)| format!("{name} ({leaked} leaked)")).collect()
}
