//! Asks the engine, and hands the answers to the pure judgements.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::subnet::{Taken, gather};
use super::{fields, network, services, signatures, stacks, subnet, vips};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::network::Scope;
use crate::model::contract::Params;
use crate::model::observation::Outcome;
use crate::model::time::Time;
use crate::probes::prober::Prober;
use crate::probes::runner::blocking;
use crate::probes::seen::Seen;
use crate::process::{self, Spec};

/// Lists networks, services and tasks raw, as the cluster knows them.
///
/// A list gives the cluster's view of a swarm network; inspecting it by id on a node that takes part would give that
/// node's copy, with its own time of creation.
pub async fn networks(engine: &Engine) -> Result<Vec<Value>, EngineError> {
    Ok(engine.networks().await?.into_iter().map(|network| network.raw).collect())
}

/// All services, raw.
pub async fn services(engine: &Engine) -> Result<Vec<Value>, EngineError> {
    Ok(engine.services().await?.into_iter().map(|service| service.0).collect())
}

/// All tasks, raw; those that stand for plain attached containers too when asked for.
pub async fn tasks(engine: &Engine, attachments: bool) -> Result<Vec<Value>, EngineError> {
    let mut tasks: Vec<_> = engine.tasks(&[]).await?.into_iter().map(|task| task.0).collect();
    if attachments {
        tasks.extend(engine.attachment_tasks().await?.into_iter().map(|task| task.0));
    }
    Ok(tasks)
}

/// Runs one of the engine's probes.
pub async fn look(prober: &Prober<'_>, probe: &str, params: &Params, timeout: Duration) -> Seen {
    let engine = match &prober.engine {
        Ok(engine) => engine,
        Err(why) => return Seen::unknown(format!("{probe}: no engine to ask: {why}")),
    };
    let seen = match probe {
        "docker.network" => one_network(engine, params).await,
        "docker.services" => named_services(engine, params).await,
        "docker.stacks" => services(engine).await.map(|services| stacks::judge(params, &services)),
        "docker.subnet" => one_subnet(prober, engine, params, timeout).await,
        "docker.signatures" => log_and_tasks(prober, engine, params, timeout).await,
        "docker.vips" => vips::look(prober, engine, params, timeout).await,
        other => Ok(Seen::unknown(format!("{other}: not built yet in this version"))),
    };
    seen.unwrap_or_else(|error| Seen::unknown(format!("{probe}: {error}")))
}

async fn one_network(engine: &Engine, params: &Params) -> Result<Seen, EngineError> {
    let (mut all, services, tasks) = (networks(engine).await?, services(engine).await?, tasks(engine, true).await?);
    let name = params.text("network").unwrap_or_default();
    for network in all.iter_mut().filter(|network| fields::text(network, &["Name"]) == name) {
        let id = fields::text(network, &["Id"]).to_owned();
        let here = engine.network(&id, Scope::Any).await?;
        if let (Some(Value::Object(here)), Value::Object(listed)) = (here.map(|here| here.raw), network)
            && let Some(containers) = here.get("Containers")
        {
            listed.insert("Containers".to_owned(), containers.clone());
        }
    }
    Ok(network::judge(params, &all, &services, &tasks))
}

async fn named_services(engine: &Engine, params: &Params) -> Result<Seen, EngineError> {
    let (services, tasks, networks) = (services(engine).await?, tasks(engine, false).await?, networks(engine).await?);
    Ok(services::judge(params, &services, &tasks, &networks))
}

async fn log_and_tasks(
    prober: &Prober<'_>,
    engine: &Engine,
    params: &Params,
    timeout: Duration,
) -> Result<Seen, EngineError> {
    let tasks = tasks(engine, true).await?;
    let now = (prober.now)();
    let since = match params.text("since").map(str::parse::<Time>).transpose() {
        Ok(since) => since,
        Err(error) => return Ok(Seen::unknown(format!("docker.signatures: since: {error}"))),
    };
    let file = params.text("log").map(PathBuf::from).or_else(|| prober.engine_log.clone());
    let unit = params.text("unit").unwrap_or("docker.service").to_owned();
    let params = params.clone();
    let judged = blocking(move || {
        let log = match file {
            Some(file) => signatures::source::from_file(&file, since),
            None => signatures::source::from_journal(&unit, since, timeout),
        };
        match log {
            Ok(log) => signatures::judge(&params, &log, &tasks, now),
            Err(error) => Seen::unknown(format!("docker.signatures: {error}")),
        }
    });
    Ok(judged.await)
}

async fn one_subnet(
    prober: &Prober<'_>,
    engine: &Engine,
    params: &Params,
    timeout: Duration,
) -> Result<Seen, EngineError> {
    let info = engine.get("/info").await?;
    let nodes = engine.nodes().await?;
    let mut listed = networks(engine).await?;
    let own = fields::text(&info, &["Swarm", "NodeID"]).to_owned();
    for node in nodes.iter().filter(|node| fields::text(node, &["ID"]) != own) {
        let name = fields::text(node, &["Description", "Hostname"]);
        let Some(address) = prober.nodes.get(name) else {
            return Ok(Seen::unknown(format!(
                "docker.subnet cannot see the networks of node {name}: name its engine under [nodes] in the contract"
            )));
        };
        let theirs = networks(&Engine::connect(address, timeout).await?).await?;
        let local = theirs.into_iter().filter(|network| fields::text(network, &["Scope"]) == "local");
        listed.extend(local);
    }
    let params = params.clone();
    let others = nodes.len().saturating_sub(1);
    let judged = blocking(move || match everything(&params, &info, &nodes, &listed, timeout) {
        Ok(taken) => subnet::judge(&params, &taken),
        Err(why) => Seen::unknown(format!("docker.subnet: {why}")),
    });
    let seen = judged.await;
    if others > 0 && seen.outcome == Outcome::Held {
        // Their networks were compared, but their engines do not tell what their hosts route or resolve.
        return Ok(Seen::unknown(format!(
            "docker.subnet cannot see routes, addresses and DNS servers of {others} other nodes; everything else is clear"
        )));
    }
    Ok(seen)
}

fn everything(
    params: &Params,
    info: &Value,
    nodes: &[Value],
    listed: &[Value],
    timeout: Duration,
) -> Result<Vec<Taken>, String> {
    let gap = |gap: gather::Gap| gap.to_string();
    let mut taken = gather::networks(listed, params.text("replaces")).map_err(gap)?;
    taken.extend(gather::engine(info, nodes).map_err(gap)?);
    for family in ["-4", "-6"] {
        let routes = kernel(&["ip", "-j", family, "route", "show", "table", "all"], timeout)?;
        taken.extend(gather::routes(&routes).map_err(gap)?);
    }
    taken.extend(gather::addresses(&kernel(&["ip", "-j", "addr"], timeout)?).map_err(gap)?);
    for from in ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"] {
        match std::fs::read_to_string(from) {
            Ok(text) => taken.extend(gather::name_servers(&text, from).map_err(gap)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{from} cannot be read: {error}")),
        }
    }
    taken.extend(gather::reserved(params).map_err(gap)?);
    Ok(taken)
}

/// One JSON answer of `ip`. With no route of a family it prints an empty list, or nothing.
fn kernel(argv: &[&str], timeout: Duration) -> Result<Value, String> {
    let done = process::run(&Spec::new(argv).timeout(timeout)).map_err(|error| error.to_string())?;
    if !done.ok() || done.truncated {
        return Err(format!("`{}`: {}", argv.join(" "), done.complaint()));
    }
    match done.text().trim() {
        "" => Ok(Value::Array(Vec::new())),
        text => serde_json::from_str(text).map_err(|error| format!("`{}`: {error}", argv.join(" "))),
    }
}
