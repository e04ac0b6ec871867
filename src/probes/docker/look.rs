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
use crate::probes::place;
use crate::probes::prober::Prober;
use crate::probes::seen::Seen;

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
    let info = engine.get("/info").await?;
    if let Some(leader) = fields::other_leader(&engine.nodes().await?, fields::text(&info, &["Swarm", "NodeID"])) {
        return Ok(Seen::unknown(format!(
            "docker.signatures: {leader} leads, and only its engine's log tells what its allocator refuses: ask it there"
        )));
    }
    let tasks = tasks(engine, true).await?;
    let now = (prober.now)();
    let since = match params.text("since").map(str::parse::<Time>).transpose() {
        Ok(since) => since,
        Err(error) => return Ok(Seen::unknown(format!("docker.signatures: since: {error}"))),
    };
    if let Some(since) = since.filter(|since| *since > now) {
        return Ok(Seen::unknown(format!("docker.signatures: since {since} is still to come: it is {now}")));
    }
    let file = params.text("log").map(PathBuf::from).or_else(|| prober.engine_log.clone());
    let unit = params.text("unit").unwrap_or("docker.service").to_owned();
    Ok(match signatures::asked::log_of(engine, file, unit, since, timeout).await {
        Ok(log) => signatures::judge(params, &log, &tasks, now),
        Err(why) => Seen::unknown(format!("docker.signatures: {why}")),
    })
}

/// The engine of another node, by its name under `[nodes]`, with what it says of itself; an error text begins with the node.
async fn engine_of(
    prober: &Prober<'_>,
    nodes: &[Value],
    node: &Value,
    timeout: Duration,
) -> Result<(Engine, Value), String> {
    let name = fields::text(node, &["Description", "Hostname"]);
    let address =
        prober.nodes.get(name).ok_or_else(|| format!("node {name}: name its engine under [nodes] in the contract"))?;
    if nodes.iter().filter(|other| fields::text(other, &["Description", "Hostname"]) == name).count() > 1 {
        return Err(format!("node {name}: several are called so, and [nodes] cannot tell them apart"));
    }
    let failed = |error: EngineError| format!("node {name}: {error}");
    let engine = Engine::connect(address, timeout).await.map_err(failed)?;
    let told = engine.get("/info").await.map_err(failed)?;
    match (fields::text(node, &["ID"]), fields::text(&told, &["Swarm", "NodeID"])) {
        (wanted, found) if wanted.is_empty() || wanted != found => {
            Err(format!("node {name}: the engine that [nodes] names is that of node `{found}`, wanted `{wanted}`"))
        }
        _ => Ok((engine, told)),
    }
}

/// The engines of all nodes but the one of this engine.
///
/// # Errors
///
/// One is not named under `[nodes]`, does not answer, or is that of another node.
pub async fn others(prober: &Prober<'_>, engine: &Engine, timeout: Duration) -> Result<Vec<Engine>, String> {
    let told = |error: EngineError| error.to_string();
    let info = engine.get("/info").await.map_err(told)?;
    let (nodes, own) = (engine.nodes().await.map_err(told)?, fields::text(&info, &["Swarm", "NodeID"]).to_owned());
    let mut engines = Vec::new();
    for node in nodes.iter().filter(|node| fields::text(node, &["ID"]) != own) {
        engines.push(engine_of(prober, &nodes, node, timeout).await?.0);
    }
    Ok(engines)
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
    let mut taken = Vec::new();
    let (mut declared, mut hidden) = (Vec::new(), Vec::new());
    let own = fields::text(&info, &["Swarm", "NodeID"]).to_owned();
    for node in nodes.iter().filter(|node| fields::text(node, &["ID"]) != own) {
        let name = fields::text(node, &["Description", "Hostname"]);
        let (there, told) = match engine_of(prober, &nodes, node, timeout).await {
            Ok(there) => there,
            Err(why) => return Ok(Seen::unknown(format!("docker.subnet cannot see the networks of {why}"))),
        };
        let theirs = networks(&there).await?;
        listed.extend(theirs.into_iter().filter(|network| fields::text(network, &["Scope"]) == "local"));
        match gather::pools(&told, &format!("pool of future bridges of node {name}")) {
            Ok(pools) => taken.extend(pools),
            Err(gap) => return Ok(Seen::unknown(format!("docker.subnet: node {name}: {gap}"))),
        }
        let told = params.map("nodes_declared").is_some_and(|all| all.contains_key(name));
        if told { declared.push(name.to_owned()) } else { hidden.push(name.to_owned()) }
    }
    let namespace = match place::server(engine).await.and_then(|server| place::network_of(&server)) {
        Ok(namespace) => namespace,
        Err(why) => return Ok(Seen::unknown(format!("docker.subnet: {why}"))),
    };
    let elsewhere = namespace.is_some();
    match everything(params, &info, &nodes, &listed) {
        Ok(rest) => taken.extend(rest),
        Err(why) => return Ok(Seen::unknown(format!("docker.subnet: {why}"))),
    }
    match subnet::kernel::ranges(namespace).await {
        Ok(ranges) => taken.extend(ranges),
        Err(why) => return Ok(Seen::unknown(format!("docker.subnet: {why}"))),
    }
    let mut seen = subnet::judge(params, &taken);
    if seen.outcome == Outcome::Held && !hidden.is_empty() {
        // Their networks were compared, but their engines do not tell what their hosts route or resolve.
        return Ok(Seen::unknown(format!(
            "docker.subnet cannot see routes, addresses and DNS servers of {}: declare them in `nodes_declared`; everything else \
             is clear",
            hidden.join(", ")
        )));
    }
    if elsewhere {
        seen.says.push_str("; routes and addresses are those of the engine's own network namespace");
    }
    if gather::hides_name_servers(&taken) {
        seen.says.push_str("; whom this host's own name server asks is not seen: declare them in `reserved`");
    }
    if !declared.is_empty() {
        seen.says.push_str(&format!("; of {} the contract's word counts, not a look", declared.join(", ")));
    }
    Ok(seen)
}

/// Every range in use that the engine and the resolver tell, and what the contract adds.
fn everything(params: &Params, info: &Value, nodes: &[Value], listed: &[Value]) -> Result<Vec<Taken>, String> {
    let gap = |gap: gather::Gap| gap.to_string();
    let mut taken = gather::networks(listed, params.text("replaces")).map_err(gap)?;
    taken.extend(gather::engine(info, nodes).map_err(gap)?);
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
