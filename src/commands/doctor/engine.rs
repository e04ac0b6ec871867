//! The engine: reached, a manager, new enough, with the images that a recreate starts again.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::guarded;
use super::line::Line;
use super::{engine_address, recreated};
use crate::commands::engine::leads_on;
use crate::commands::open::Session;
use crate::commands::target::runtime;
use crate::context::Context;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::info::EngineInfo;
use crate::engine::network::Scope;
use crate::engine::service::Service;
use crate::error::Exit;
use crate::gates::evaluate::CLOCK_TOLERANCE_SECONDS;

/// How long one call may take.
const CALL: Duration = Duration::from_secs(10);

/// What the engine said, for what else is looked at.
#[derive(Debug, Default)]
pub struct Seen {
    /// Its id, if it is a manager that answers.
    pub engine_id: Option<String>,
    /// What to do first where something needs the engine and it is not there, or is no manager.
    pub remedy: String,
    /// Where it keeps its data, if that is on this machine.
    pub data_root: Option<String>,
    /// Whether its node is (as far as one can tell) this machine.
    pub here: bool,
    /// Whether the swarm's nodes could be listed.
    pub nodes_known: bool,
    /// Their addresses.
    pub node_addresses: BTreeSet<String>,
}

/// Looks.
pub fn look(context: &Context, session: Option<&Session>, lines: &mut Vec<Line>) -> Seen {
    let address = engine_address(context, session);
    let mut seen = Seen::default();
    let remedy = match address.strip_prefix("unix://") {
        Some(path) if !Path::new(path).exists() => "systemctl start docker, or name the engine with --engine ADDRESS",
        Some(_) => "docker info, as this user; its group must own the socket",
        None => "docker info on the engine's machine",
    };
    let unreachable = |why: String| Line::unknown("engine", why, remedy);
    seen.remedy = remedy.to_owned();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            lines.push(unreachable(error.message));
            return seen;
        }
    };
    if let Err(error) = runtime.block_on(ask(context, session, &address, &mut seen, lines)) {
        let remedy = leads_on(&error, remedy);
        seen.remedy = remedy.to_owned();
        lines.push(Line::unknown("engine", error.to_string(), remedy));
        for what in ["swarm manager", "images"] {
            lines.push(Line::unknown(what, "the engine could not be asked", remedy));
        }
    }
    seen
}

async fn ask(
    context: &Context,
    session: Option<&Session>,
    address: &str,
    seen: &mut Seen,
    lines: &mut Vec<Line>,
) -> Result<(), EngineError> {
    let engine = Engine::connect(address, CALL).await?;
    let info = engine.info().await?;
    lines.push(Line::ok("engine", format!("{address}, version {}, id {}", info.server_version, info.engine_id)));
    seen.here = info.node_machine_is_local;
    seen.data_root = seen.here.then(|| info.data_root.clone()).filter(|path| !path.is_empty());
    lines.push(api(&engine, &info));
    lines.push(clock(context, &info));
    let manager = match (info.is_swarm, info.is_manager) {
        (true, true) => Ok(()),
        (true, false) => Err((
            "a worker: only managers answer for the swarm",
            "docker node ls, on a manager; then --engine or `engine` in the contract",
        )),
        (false, _) => Err(("not part of a swarm", "docker swarm init")),
    };
    if let Err((found, next)) = manager {
        lines.push(Line::wrong(Exit::Unknown, "swarm manager", found, "the engine of a swarm manager", next));
        lines.push(Line::unknown("images", "services are known to managers only", next));
        seen.remedy = next.to_owned();
        return Ok(());
    }
    lines.push(Line::ok("swarm manager", format!("node {} at {}", info.host_name, info.node_address)));
    seen.engine_id = Some(info.engine_id.clone());
    if !seen.here {
        let found = format!("{address} is not known to be on this machine: probes of the host itself are unknown");
        lines.push(Line::advice("engine's machine", found, "both parties on the engine's own machine", "work there"));
    }
    match engine.nodes().await {
        Ok(nodes) => nodes_line(session, &info, &nodes, seen, lines),
        Err(error) => lines.push(Line::unknown("nodes", error.to_string(), "docker node ls")),
    }
    if let Some(session) = session {
        for network in recreated(session) {
            images(&engine, network, lines).await;
        }
        lines.extend(guarded::line(&engine, &session.contract.protect).await);
    }
    Ok(())
}

fn api(engine: &Engine, info: &EngineInfo) -> Line {
    let version = &info.api_version;
    if engine.api_at_least(1, 52) {
        Line::ok("API", format!("{version}: addresses are counted by the engine itself"))
    } else if engine.api_at_least(1, 41) {
        Line::ok("API", format!("{version} (from 1.52 on the engine itself counts a network's addresses)"))
    } else {
        Line::wrong(Exit::Unknown, "API", version, "1.41 or newer (Engine 20.10)", "upgrade the engine")
    }
}

fn clock(context: &Context, info: &EngineInfo) -> Line {
    let now = context.now();
    let Some(theirs) = info.system_time else {
        return Line::unknown("clock", "the engine named no time", "timedatectl status");
    };
    let apart = now.since(theirs).or_else(|| theirs.since(now)).unwrap_or_default();
    if apart.as_secs() <= CLOCK_TOLERANCE_SECONDS {
        return Line::ok("clock", format!("{} s from the engine's", apart.as_secs()));
    }
    let found = format!("this clock says {now}, the engine's {theirs}");
    Line::wrong(Exit::Unknown, "clock", found, "clocks within two minutes of each other", "timedatectl status")
}

/// Every node of the swarm, and whether the contract says how to look at it.
fn nodes_line(session: Option<&Session>, info: &EngineInfo, nodes: &[Value], seen: &mut Seen, lines: &mut Vec<Line>) {
    let text =
        |node: &Value, pointer: &str| node.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    seen.nodes_known = true;
    seen.node_addresses =
        nodes.iter().map(|node| text(node, "/Status/Addr")).filter(|address| !address.is_empty()).collect();
    let others: Vec<String> = nodes
        .iter()
        .filter(|node| text(node, "/ID") != info.node_id)
        .map(|node| text(node, "/Description/Hostname"))
        .collect();
    let Some(session) = session else { return };
    let listed = &session.contract.nodes;
    let missing: Vec<&str> = others.iter().map(String::as_str).filter(|name| !listed.contains_key(*name)).collect();
    lines.push(if missing.is_empty() {
        Line::ok("nodes", format!("{} in the swarm; each can be looked at", nodes.len()))
    } else {
        let found = format!("the contract names no engine address for {}", missing.join(", "));
        let wanted = "one for each: a subnet cannot be proven on a node that cannot be looked at";
        Line::wrong(Exit::Unknown, "nodes", found, wanted, "add them under [nodes] in the contract")
    });
}

/// Whether this node has the image of every service that the recreate stops and starts again.
async fn images(engine: &Engine, network: &str, lines: &mut Vec<Line>) {
    let what = format!("images on {network}");
    let found = async {
        let Some(found) = engine.network(network, Scope::Swarm).await? else { return Ok(None) };
        let services = engine.services().await?;
        let on: Vec<Service> = services.into_iter().filter(|service| service.is_on(&found.id)).collect();
        Ok::<_, EngineError>(Some((on, engine.images().await?)))
    };
    lines.push(match found.await {
        Err(error) => Line::unknown(what, error.to_string(), "docker image ls"),
        Ok(None) => {
            let next =
                format!("docker network ls; or `network` under [values], if it is called otherwise than {network}");
            Line::wrong(
                Exit::Failed,
                what,
                format!("there is no network {network}"),
                "the network that is recreated",
                next,
            )
        }
        Ok(Some((services, images))) => here(what, &services, &images),
    });
}

fn here(what: String, services: &[Service], images: &[Value]) -> Line {
    let names: BTreeSet<&str> = images
        .iter()
        .flat_map(|image| ["RepoTags", "RepoDigests"].map(|key| image.get(key).and_then(Value::as_array)))
        .flatten()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let missing: BTreeSet<&str> = services
        .iter()
        .map(Service::image)
        .filter(|image| !spellings(image).iter().any(|name| names.contains(name.as_str())))
        .collect();
    if missing.is_empty() {
        return Line::ok(what, format!("all of {} services, on this node", services.len()));
    }
    let list: Vec<&str> = missing.iter().copied().take(5).collect();
    let found = format!("{} are not on this node: {}", missing.len(), list.join(", "));
    let wanted = "every image, before the network goes that a registry may sit behind";
    Line::wrong(Exit::Failed, what, found, wanted, format!("docker pull {}", list.first().unwrap_or(&"IMAGE")))
}

/// The names under which the engine lists an image that a spec calls so: a digest counts before a tag.
fn spellings(image: &str) -> Vec<String> {
    let short = |name: &str| name.trim_start_matches("docker.io/").trim_start_matches("library/").to_owned();
    let tagged = |name: &str| name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    match image.split_once('@') {
        Some((name, digest)) => {
            let bare = match name.rsplit_once(':') {
                Some((bare, tag)) if !tag.contains('/') => bare,
                _ => name,
            };
            vec![format!("{}@{digest}", short(bare))]
        }
        None if tagged(image) => vec![short(image)],
        None => vec![format!("{}:latest", short(image))],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_is_there_by_digest_or_tag() {
        let images =
            [json!({"RepoTags": ["traefik:v3"], "RepoDigests": ["traefik@sha256:aa"]}), json!({"RepoTags": null})];
        let service = |image: &str| Service(json!({"Spec": {"TaskTemplate": {"ContainerSpec": {"Image": image}}}}));
        let table = [
            ("traefik:v3", true),
            ("docker.io/library/traefik:v3", true),
            ("traefik:v3@sha256:aa", true),
            ("traefik:v3@sha256:bb", false),
            ("traefik", false),
            ("forge.example.org:5000/traefik@sha256:aa", false),
        ];
        for (image, there) in table {
            let line = here("images".into(), &[service(image)], &images);
            assert_eq!(line.exit == Exit::Ok, there, "{image}: {}", line.found);
        }
    }
}
