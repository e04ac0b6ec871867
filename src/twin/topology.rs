//! The control plane of `pvfix`, as it is before the phase: everything on one `proxy` overlay of a /24.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::json;

use crate::engine::Engine;
use crate::twin::control::{network_ready, routes_answer, services_running};
use crate::twin::error::TwinError;
use crate::twin::place::Place;
use crate::twin::spec::{Wanted, as_front, overlay, service};

/// The shared network.
pub const PROXY: &str = "proxy";
/// Its subnet before the phase: what an engine gives by default.
pub const OLD_SUBNET: &str = "10.0.1.0/24";
/// Stack, host name, status. Each stack has one service, `app`.
const CONTROL: [(&str, &str, u16); 5] = [
    ("drone", "drone.ci.test", 303),
    ("ccci-dashboard", "ci.ci.test", 200),
    ("ccci-bridge", "bridge.ci.test", 200),
    ("ccci-reports", "report.ci.test", 200),
    ("warm-keycloak", "keycloak.ci.test", 200),
];

/// Live recipes: each is on `proxy` and on an internal network of its own.
const RECIPES: [(&str, &str); 2] = [("recipe-hedgedoc", "hedgedoc.ci.test"), ("recipe-cryptpad", "cryptpad.ci.test")];

/// Host names and the statuses that they give when all is well.
pub fn routes() -> Vec<(String, u16)> {
    let control = CONTROL.iter().map(|(_, host, status)| ((*host).to_owned(), *status));
    let recipes = RECIPES.iter().map(|(_, host)| ((*host).to_owned(), 200));
    std::iter::once(("traefik.ci.test".to_owned(), 200)).chain(control).chain(recipes).collect()
}

/// The arguments of a backend.
pub fn backend_args(name: &str, status: u16) -> Vec<String> {
    ["backend", "--name", name, "--status", &status.to_string()].map(str::to_owned).to_vec()
}

/// Builds the topology and waits until every route answers. The front is on the first node, whose address the routes have; the
/// other services are wherever the swarm puts them.
pub async fn build(place: &Place, engine: &Engine, address: &str, say: &dyn Fn(&str)) -> Result<(), TwinError> {
    let proxy = engine.create_network(&overlay(PROXY, "", Some(OLD_SUBNET), true)).await?;
    network_ready(engine, &proxy).await?;
    say(&format!("network {PROXY} on {OLD_SUBNET}"));
    let mut specs = vec![front(place, &proxy)];
    for (stack, host, status) in CONTROL {
        specs.push(service(&wanted(stack, host, status, vec![proxy.clone()])));
    }
    for (stack, host) in RECIPES {
        let internal = engine.create_network(&overlay(&format!("{stack}_internal"), stack, None, false)).await?;
        network_ready(engine, &internal).await?;
        specs.push(service(&wanted(stack, host, 200, vec![proxy.clone(), internal])));
    }
    let ids = try_join_all(specs.iter().map(|spec| engine.create_service(spec))).await?;
    say(&format!("{} services created", ids.len()));
    services_running(engine, &ids, Duration::from_secs(60)).await?;
    routes_answer(&format!("{address}:80"), &routes(), Duration::from_secs(30)).await?;
    say(&format!("{} routes answer at {address}:80", routes().len()));
    Ok(())
}

fn wanted<'a>(stack: &'a str, host: &'a str, status: u16, networks: Vec<String>) -> Wanted<'a> {
    Wanted { stack, app: "app", args: backend_args(stack, status), networks, replicas: 1, host, grace_seconds: 2 }
}

fn front(place: &Place, proxy: &str) -> serde_json::Value {
    let socket = place.socket().display().to_string();
    let mut front = wanted("traefik", "", 200, vec![proxy.to_owned()]);
    front.args = ["front", "--own-host", "traefik.ci.test", "--network", PROXY, "--engine", &place.engine_address()]
        .map(str::to_owned)
        .to_vec();
    let mut spec = service(&front);
    as_front(&mut spec, &socket);
    spec["TaskTemplate"]["Placement"] = json!({"Constraints": [format!("node.hostname == {}", place.node(1).name())]});
    spec
}
