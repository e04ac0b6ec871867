//! `countersign guard`: the safety net of a shared overlay, done so that it does not make what it cures.

mod canary;
mod leader;
mod marks;
mod reach;
mod show;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::context::Context;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::info::EngineInfo;
use crate::error::{CommandError, Exit};
use crate::interrupt;
use crate::model::time::parse_duration;
use crate::probes::docker::fields::{other_leader, short, text};
use crate::probes::docker::look::tasks;
use crate::probes::docker::prune::{Rules, Unused, meant, stopping, unused};
use crate::probes::docker::signatures::asked::log_of;
use crate::probes::docker::signatures::classes::Severity;
use crate::probes::docker::signatures::source::Log;
use crate::probes::docker::signatures::{Signs, signs};
use crate::probes::docker::unit;
use crate::probes::docker::vips::account::Use;
use crate::probes::docker::vips::walk::sweep;
use crate::probes::docker::vips::walker;
use crate::process::{self, Spec};
use crate::report::{Answer, say};

use self::canary::{Asked, Full, ask, canaries};
use self::leader::Cure;
use self::reach::{Reached, another_manager, reach};
use super::engine::could_not_look;
use super::target::runtime;

/// How long reading the log and each of the engine's calls may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the engine may take to come back.
const RESTART: Duration = Duration::from_secs(180);
/// A task in `New` for longer counts as stuck.
const NEW_FOR: Duration = Duration::from_secs(60);

/// Prune what stacks left behind, and free the addresses that leaked away
///
/// Dry unless --apply is given. Prunes only networks of removed stacks whose tasks have all ended, and none while any task is
/// still stopping. What leaked is freed only when there is exhaustion since the engine's last start, the engine refuses a canary an
/// address and says so in its log, and what is missing is held by nobody, of one IPv4 subnet without a range of its own: a network
/// that is merely full is not helped. With three managers another one comes to lead, and no container stops; with fewer the engine
/// is restarted, by its unit only where that is known to be this engine's. It runs on the leader's machine: no other log says anything of the leader's allocator. Where a guard was killed
/// while the leader moved, the same command makes the old leader a manager again, once it is certain that no guard is at work on it. Where
/// the journal dropped messages, a refusal may be among them: a canary is asked. Nothing is changed while maintenance is under way
/// on this host. Exits with 0 (healthy or cured), 14 (exhausted and not cured, a task waits in New, or a guard's worker is
/// still one), 10 (not allowed now), 13 (could not look, or another node leads), 2 (a network to keep is not there, or --through names
/// no other manager of the swarm). An error says what was found and done before it.
///
/// `docker stack rm` followed by a prune is what leaks: it removes networks under tasks that still run. To take a stack down
/// without a leak, remove its services (docker service rm), wait until `docker network inspect --verbose` and `docker ps` show
/// none of their tasks any more, and only then remove its networks (docker network rm, or this command). In a phase a step of
/// kind docker.stack.drain does exactly that, captures the stack first and brings it back.
///
/// Example: countersign guard --json
///
/// Example: countersign guard --apply --keep proxy
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do it, instead of saying what would be done
    #[arg(long)]
    apply: bool,
    /// A network that stays (name, id, or the id's first 12 characters or more), beside those with the label countersign.keep and those that no stack made
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
    /// The engine of another manager, through which a leader that is this engine's node steps down; with three managers or more it must answer
    #[arg(long, value_name = "ENGINE")]
    through: Option<String>,
}

/// What a run saw and did.
#[derive(Debug, Default)]
struct Report {
    apply: bool,
    signs: Signs,
    unused: Vec<Unused>,
    pruned: Vec<String>,
    not_pruned: Vec<String>,
    /// Networks that give a canary an address.
    giving: Vec<String>,
    /// Networks that refused a canary, by the engine's own word.
    full: Vec<Full>,
    /// Networks that gave a canary none, without a word of the engine: slow, or something else.
    silent: Vec<String>,
    /// Who leads, where this engine's node does not: the log here says nothing of its allocator.
    elsewhere: Option<String>,
    restarted: bool,
    /// Tasks that still wait in `New` after all that was done.
    still_stuck: Vec<String>,
    /// The node that led, and the one that leads now.
    moved: Option<(String, String)>,
    /// Nodes that a killed guard had left as workers, and that are managers again.
    promoted: Vec<String>,
    /// Nodes that a guard made workers, and that still are.
    demoted: Vec<String>,
    /// Managers that carried the mark of a worker, and do no more.
    unmarked: Vec<String>,
    /// Managers that carry the mark of a worker.
    marked: Vec<String>,
    /// Why the other manager that was named is of no use, where it is not needed.
    no_through: Option<String>,
    /// Why nothing could be cured from here, if it came to that.
    no_cure: Option<String>,
    /// Whether the log lacks messages, of which each may be a refusal.
    dropped: bool,
    /// Whether there is a fresh sign that addresses were refused.
    refused: bool,
    /// Full after all that was done.
    still_full: Vec<String>,
    /// Those of them of which nothing is leaked: who waited took what came back.
    in_earnest: Vec<String>,
    /// Why nothing was changed, if something stood in the way.
    not_now: Option<String>,
}

impl Report {
    /// Whether addresses were refused, or may have been, as far as this engine's log tells of the leader's allocator.
    fn may_refuse(&self) -> bool {
        self.refused || self.dropped && self.elsewhere.is_none()
    }
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
    let mut report = Report { apply: args.apply, ..Report::default() };
    match act(args, context, &mut report).await {
        Ok(()) => Ok(show::answer(&report)),
        Err(mut error) => {
            error.details.extend(show::done(&report));
            Err(error)
        }
    }
}

/// Looks and acts; whatever was done is in the report, also where it ends in an error.
async fn act(args: &Args, context: &Context, report: &mut Report) -> Result<(), CommandError> {
    let Reached { engine, info, lock: _lock } = reach(args, context, report).await?;
    let could = |error: EngineError| could_not_look(&error);
    let keep = kept(args, &engine).await?;
    let log = read_log(args, &engine).await?;
    let now = info.system_time.unwrap_or_else(|| context.now());
    report.signs = signs(&log, &tasks(&engine, true).await.map_err(could)?, NEW_FOR, now);
    report.dropped = log.dropped;
    report.still_stuck = report.signs.stuck.iter().map(|(task, _)| task.clone()).collect();
    if args.apply {
        sweep(&engine, walker::is_dead).await.map_err(could)?;
        marks::sweep(&engine, report).await?;
    }
    let nodes = engine.nodes().await.map_err(could)?;
    (report.demoted, report.marked) = (marks::demoted(&nodes), marks::marked(&nodes));
    report.elsewhere = other_leader(&nodes, &info.node_id);
    let exhausted = report.signs.of(Severity::Exhaustion);
    report.refused = report.elsewhere.is_none() && exhausted.iter().any(|class| class.ends_with("-exhaustion"));
    if report.elsewhere.is_none()
        && report.demoted.is_empty()
        && let Cure::NotHere(why) = choose(args, &info, &nodes)
    {
        report.no_cure = Some(why);
    }
    let lists = engine.address_lists().await.map_err(could)?;
    let rules = Rules { keep: &keep, older_than: args.older_than, now };
    report.unused = unused(&lists, &rules);
    let stopping = stopping(&lists);
    if let Some(first) = stopping.first() {
        let why =
            format!("a removal is under way: {first} ({} such tasks); try again when they have ended", stopping.len());
        report.not_now = Some(why);
        return Ok(());
    }
    if args.apply {
        prune(&engine, report).await;
    }
    if args.apply && report.may_refuse() {
        let asked = ask(args, &engine).await?;
        report.still_full = asked.full.iter().map(|one| one.name.clone()).collect();
        Asked { giving: report.giving, full: report.full, silent: report.silent } = asked;
        if report.full.iter().any(Full::is_curable) {
            cure(args, &engine, &info, report).await?;
        }
    }
    wait_still(&engine, report).await;
    Ok(())
}

/// The ids of the networks that are to stay, of those that every manager lists.
async fn kept(args: &Args, engine: &Engine) -> Result<BTreeSet<String>, CommandError> {
    let mut networks = engine.networks().await.map_err(|error| could_not_look(&error))?;
    networks.retain(|network| network.scope == "swarm");
    meant(&networks, &args.keep)
        .map_err(|why| CommandError::new(Exit::Usage, format!("--keep {why}"), "docker network ls"))
}

async fn read_log(args: &Args, engine: &Engine) -> Result<Log, CommandError> {
    let read = log_of(engine, args.log.clone(), args.unit.clone(), None, PATIENCE).await;
    read.map_err(|why| {
        CommandError::new(Exit::Unknown, why, "name the engine's log file with --log, or its unit with --unit")
    })
}

/// Removes what may go, by id. The engine refuses one that came into use in this moment: it is told and stays.
async fn prune(engine: &Engine, report: &mut Report) {
    for network in report.unused.iter().filter(|network| network.stays.is_none()) {
        let _held = interrupt::finish_first();
        match engine.remove_network(&network.id).await {
            Ok(()) => {
                interrupt::note(show::removed(&network.name));
                report.pruned.push(network.name.clone());
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => report.not_pruned.push(format!("{}: {error}", network.name)),
        }
    }
}

/// What would free what leaked.
fn choose(args: &Args, info: &EngineInfo, nodes: &[Value]) -> Cure {
    leader::cure(nodes, &info.node_id, info.node_machine_is_local, args.through.is_some())
}

/// Frees what leaked, by another leader or by a restart, and looks whether the networks that were full give addresses again.
async fn cure(args: &Args, engine: &Engine, info: &EngineInfo, report: &mut Report) -> Result<(), CommandError> {
    let nodes = engine.nodes().await.map_err(|error| could_not_look(&error))?;
    report.no_cure = None;
    match choose(args, info, &nodes) {
        Cure::NotHere(why) => report.not_now = Some(why),
        Cure::Restart => {
            if args.restart_with.is_none() {
                let hint = "name the engine's own unit with --unit, or what restarts it with --restart-with";
                unit::is_the_engine_s(&args.unit, engine, PATIENCE)
                    .await
                    .map_err(|why| CommandError::new(Exit::Unknown, format!("nothing was restarted: {why}"), hint))?;
            }
            restart(args).await?;
            report.restarted = true;
            look_again(engine, report).await;
        }
        Cure::Move(old) => {
            let other = match &args.through {
                Some(address) => Some(another_manager(address, info).await?),
                None => None,
            };
            if other.as_ref().is_some_and(|other| other.node_id == old) {
                report.not_now = Some(format!("node {old}, whose engine --through names, leads by now"));
                return Ok(());
            }
            let through = other.as_ref().map_or(engine, |other| &other.engine);
            say("another manager comes to lead: its new allocator has what leaked free again");
            let failed = |why: String| CommandError::new(Exit::Failed, why, "docker node ls");
            let new = leader::move_from(through, &old).await.map_err(failed)?;
            report.moved = Some((old, new));
            look_again(through, report).await;
            // Where this engine led, whoever asks it next is to find a manager again.
            leader::answers(engine).await;
        }
    }
    Ok(())
}

/// What restarts the engine, and where it says why it did not.
fn restarter(args: &Args) -> (Vec<OsString>, String) {
    match &args.restart_with {
        Some(program) => {
            let next = format!("run {} by hand: it ends with 0 when the engine was restarted", program.display());
            (vec![program.as_os_str().to_owned()], next)
        }
        None => {
            let argv = ["systemctl", "restart", "--", &args.unit];
            (argv.map(Into::into).to_vec(), format!("journalctl -u {}", args.unit))
        }
    }
}

/// Restarts the engine. Half of a restart is an engine that is down, so an interrupt waits for its end, and where this process is
/// killed the program goes on. It does not keep the run lock: an engine that it starts would have it for ever.
async fn restart(args: &Args) -> Result<(), CommandError> {
    let _held = interrupt::step("restarting the engine");
    let (argv, next) = restarter(args);
    let ran: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
    let ran = ran.join(" ");
    say("restarting the engine: its leaked addresses come back with a new allocator");
    let failed = |why: String| {
        CommandError::new(Exit::Failed, format!("the engine was not restarted by `{ran}`: {why}"), next.as_str())
    };
    let spec = Spec::new(argv).timeout(RESTART);
    let ran = tokio::task::spawn_blocking(move || process::follow(&spec, &mut |_| {})).await;
    match ran.map_err(|error| failed(error.to_string()))? {
        Ok(done) if done.ok() => {}
        Ok(done) => return Err(failed(done.complaint())),
        Err(error) => return Err(failed(error.to_string())),
    }
    interrupt::note(show::RESTARTED);
    Ok(())
}

/// Asks the new allocator, until what was full gives an address or is full without a leak: what waited is served first. By no log: that
/// of another leader is on its machine.
async fn look_again(engine: &Engine, report: &mut Report) {
    let begin = Instant::now();
    let was_full: Vec<String> = report.full.iter().map(|one| one.name.clone()).collect();
    while begin.elapsed() < RESTART {
        if let Ok(tried) = canaries(engine).await {
            let still = |name: &&String| !tried.giving.contains(*name);
            report.still_full = was_full.iter().filter(still).cloned().collect();
            let done =
                |(one, _): &(Use, Vec<String>)| !was_full.contains(&one.name) || one.missing_where_full() == Ok(0);
            let earnest = tried.without.iter().filter(|(one, _)| was_full.contains(&one.name));
            let earnest = earnest.filter(|(one, _)| one.missing_where_full() == Ok(0));
            report.in_earnest = earnest.map(|(one, _)| one.name.clone()).collect();
            if tried.without.iter().all(done) {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Which of the tasks that waited in `New` do so still, after all that was done.
async fn wait_still(engine: &Engine, report: &mut Report) {
    if report.still_stuck.is_empty() {
        return;
    }
    // One that cannot be asked for any more is taken to wait.
    if let Ok(tasks) = tasks(engine, true).await {
        let waits = |id: &String| {
            tasks.iter().any(|task| short(text(task, &["ID"])) == id && text(task, &["Status", "State"]) == "new")
        };
        report.still_stuck.retain(waits);
    }
}
