//! A front that learns its routes from the swarm by polling, as Traefik does: tasks that run and are wanted to, their
//! addresses on one network by its name, host names from service labels.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, LOCATION};
use hyper::{Request, Response};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::twin::http::get;
use crate::twin::serve::{answer, serve};
use crate::twin::spec::{ROUTE, ROUTE_NETWORK};

/// What a front does.
#[derive(Debug, Clone)]
pub struct Front {
    /// The host name that it answers itself.
    pub own_host: String,
    /// The engine's address.
    pub engine: String,
    /// The name of the network on which it reaches tasks.
    pub network: String,
    /// How long it waits between two looks at the swarm.
    pub refresh: Duration,
    /// Where it listens.
    pub port: u16,
}

type Routes = BTreeMap<String, Vec<String>>;

/// Serves until SIGTERM. The first list is complete before the first request is taken; when the swarm gives no answer, the
/// last list stays.
pub async fn run(front: Front) -> std::io::Result<()> {
    let routes = Arc::new(RwLock::new(look(&front).await.unwrap_or_default()));
    let (polled, poller) = (routes.clone(), front.clone());
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(poller.refresh).await;
            if let Ok(seen) = look(&poller).await {
                *polled.write().unwrap_or_else(PoisonError::into_inner) = seen;
            }
        }
    });
    let (port, own) = (front.port, front.own_host);
    serve(port, false, move |request| {
        let host = host_of(&request);
        let targets = routes.read().unwrap_or_else(PoisonError::into_inner).get(&host).cloned();
        let (is_own, path) = (host == own, request.uri().path().to_owned());
        async move {
            match targets {
                _ if is_own => answer(200, "front\n".to_owned()),
                None => answer(404, format!("no route for {host}\n")),
                Some(targets) => forward(&targets, &host, &path).await,
            }
        }
    })
    .await
}

fn host_of(request: &Request<Incoming>) -> String {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    host.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

async fn forward(targets: &[String], host: &str, path: &str) -> Response<Full<Bytes>> {
    for target in targets {
        if let Some(got) = get(target, host, path, Duration::from_secs(5)).await {
            let mut response = Response::new(Full::new(got.body));
            if let Ok(status) = hyper::StatusCode::from_u16(got.status) {
                *response.status_mut() = status;
            }
            if let Some(location) = got.headers.get(LOCATION) {
                response.headers_mut().insert(LOCATION, location.clone());
            }
            return response;
        }
    }
    answer(502, format!("no backend of {host} answers\n"))
}

async fn look(front: &Front) -> Result<Routes, EngineError> {
    let engine = Engine::connect(&front.engine, Duration::from_secs(5)).await?;
    let services = engine.services().await?;
    let tasks = engine.tasks(&[("desired-state", "running")]).await?;
    let mut routes = Routes::new();
    for service in &services {
        let mut labels = service.labels();
        let Some(host) = labels.remove(ROUTE) else { continue };
        let network = labels.remove(ROUTE_NETWORK).unwrap_or_else(|| front.network.clone());
        let own = tasks.iter().filter(|task| task.service_id() == service.id() && task.state() == "running");
        let on_network = own.flat_map(|task| task.addresses()).filter(|(_, name, _)| *name == network);
        let address = |text: &str| {
            let ip: IpAddr = text.split('/').next()?.parse().ok()?;
            Some(SocketAddr::new(ip, 80).to_string())
        };
        let addresses: Vec<String> = on_network.filter_map(|(_, _, text)| address(&text)).collect();
        if !addresses.is_empty() {
            routes.entry(host).or_default().extend(addresses);
        }
    }
    Ok(routes)
}
