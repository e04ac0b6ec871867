//! What a request asks the engine for.

use super::body::{self, ContainerSpec, ServiceSpec};
use super::lenient::{Json, Unclear};
use super::prune::Filters;
use super::request::{Address, Request};
use super::routes::{self, Route};

/// From this API version on the engine takes no configuration when a container is started: `1.24`.
const NO_BODY_ON_START: u32 = 24;

/// What kind of request it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Class {
    /// It reads, or changes nothing that can be guarded.
    Harmless,
    /// It may do something to what is guarded; where a path fits several routes, everything that it could be.
    Judged(Vec<Ask>),
    /// It may do something to what is guarded, and what cannot be read from what was shown; why.
    Unreadable(String),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// A network is made.
    CreateNetwork {
        /// Its name.
        name: String,
    },
    /// A network is removed.
    RemoveNetwork {
        /// Its name, id or beginning of its id.
        network: String,
    },
    /// Unused networks are removed.
    PruneNetworks(Filters),
    /// A container comes to a network.
    Connect {
        /// The network.
        network: String,
    },
    /// A container leaves a network.
    Disconnect {
        /// The network.
        network: String,
    },
    /// A service is made.
    CreateService(ServiceSpec),
    /// A service is changed.
    UpdateService {
        /// Its name, id or beginning of its id.
        service: String,
        /// What it is to be.
        spec: ServiceSpec,
        /// It goes back to its earlier spec instead.
        rollback: bool,
    },
    /// A service is removed.
    RemoveService {
        /// The service.
        service: String,
    },
    /// A container is made.
    CreateContainer(ContainerSpec),
    /// A container is started.
    StartContainer {
        /// The container.
        container: String,
        /// What an old engine API takes with the start.
        spec: ContainerSpec,
    },
    /// An image is built.
    Build {
        /// On this network.
        network: String,
    },
    /// A volume is made, or a plugin is granted or set something.
    Show {
        /// Directories and files of the host that it sees.
        places: Vec<String>,
    },
    /// A node is changed.
    UpdateNode {
        /// The node.
        node: String,
        /// Its role is to be.
        role: String,
        /// Its availability is to be.
        availability: String,
    },
    /// A node is removed.
    RemoveNode {
        /// The node.
        node: String,
    },
    /// The engine leaves its swarm.
    LeaveSwarm,
    /// The swarm is made anew from this manager.
    NewSwarm,
}

/// Says what a request asks for.
pub fn classify(request: &Request) -> Class {
    if matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
        return Class::Harmless;
    }
    let Some(address) = Address::read(&request.uri) else {
        return Class::Unreadable("its address cannot be read".into());
    };
    let routes = routes::judged(&request.method, &address.parts);
    if routes.is_empty() {
        if let Some(why) = routes::refused(&request.method, &address.parts) {
            return Class::Unreadable(why.into());
        }
        if routes::is_harmless(&request.method, &address.parts) {
            return Class::Harmless;
        }
        let path = address.parts.join("/");
        return Class::Unreadable(format!("`{} /{path}` is no request that this version knows", request.method));
    }
    if request.has_form() {
        return Class::Unreadable("its parameters may stand in its body, which was not shown".into());
    }
    let mut asks = Vec::new();
    for (route, name) in routes {
        match ask(request, &address, route, name) {
            Ok(ask) => asks.extend(ask),
            Err(why) => return Class::Unreadable(why),
        }
    }
    if asks.is_empty() { Class::Harmless } else { Class::Judged(asks) }
}

/// What one route asks for; nothing where it turns out to touch nothing.
fn ask(request: &Request, address: &Address, route: Route, name: String) -> Result<Option<Ask>, String> {
    let unclear = |error: Unclear| error.to_string();
    let json = || shown(request);
    Ok(Some(match route {
        Route::CreateNetwork => Ask::CreateNetwork { name: json()?.text("Name").map_err(unclear)?.to_owned() },
        Route::RemoveNetwork => Ask::RemoveNetwork { network: name },
        Route::PruneNetworks => {
            // The engine takes the first; two of them are not a prune that anybody means.
            let filters: Vec<&str> = address.values("filters").collect();
            Ask::PruneNetworks(if filters.len() == 1 { Filters::read(filters[0]) } else { Filters::default() })
        }
        Route::Connect => Ask::Connect { network: name },
        Route::Disconnect => Ask::Disconnect { network: name },
        Route::CreateService => Ask::CreateService(body::service(&json()?).map_err(unclear)?),
        Route::UpdateService => Ask::UpdateService {
            service: name,
            spec: body::service(&json()?).map_err(unclear)?,
            rollback: address.values("rollback").any(|value| !value.is_empty()),
        },
        Route::RemoveService => Ask::RemoveService { service: name },
        Route::CreateContainer => Ask::CreateContainer(body::container(&json()?).map_err(unclear)?),
        Route::StartContainer => Ask::StartContainer { container: name, spec: on_start(request, address)? },
        Route::Build => {
            let named = address.values("networkmode").find(|network| !network.is_empty());
            return Ok(named.map(|network| Ask::Build { network: network.to_owned() }));
        }
        Route::CreateVolume => {
            // A volume without any configuration is a plain one.
            if request.body.as_ref().is_none_or(Vec::is_empty) && request.header("Content-Length") == "0" {
                return Ok(None);
            }
            return Ok(showing(body::volume(&json()?).map_err(unclear)?));
        }
        Route::SetPlugin => return Ok(showing(body::plugin(&json()?))),
        Route::UpdateNode => {
            let json = json()?;
            let text = |key: &str| json.text(key).map(str::to_owned).map_err(unclear);
            Ask::UpdateNode { node: name, role: text("Role")?, availability: text("Availability")? }
        }
        Route::RemoveNode => Ask::RemoveNode { node: name },
        Route::LeaveSwarm => Ask::LeaveSwarm,
        Route::InitSwarm => match json()?.get("ForceNewCluster").map_err(unclear)? {
            Json::Null | Json::Flag(false) => return Ok(None),
            _ => Ask::NewSwarm,
        },
    }))
}

fn showing(places: Vec<String>) -> Option<Ask> {
    (!places.is_empty()).then_some(Ask::Show { places })
}

/// The body, which must have been shown: an engine passes none on that is chunked, longer than it hands to plugins, or not called
/// JSON, and goes on to read it all the same.
fn shown(request: &Request) -> Result<Json, String> {
    match &request.body {
        Some(bytes) if !bytes.is_empty() => Json::read(bytes).map_err(|error| error.to_string()),
        _ => {
            Err("its body was not shown: an engine hands on only a body that is called application/json, below 1 MiB, \
                  with its length before it"
                .into())
        }
    }
}

/// What an API before 1.24 takes when a container is started.
fn on_start(request: &Request, address: &Address) -> Result<ContainerSpec, String> {
    match &request.body {
        Some(bytes) if !bytes.is_empty() => {
            let json = Json::read(bytes).map_err(|error| error.to_string())?;
            body::container(&json).map_err(|error| error.to_string())
        }
        _ if address.is_below(NO_BODY_ON_START) && request.header("Content-Length") != "0" => {
            Err("an API before 1.24 takes a configuration here, which may be there and was not shown".into())
        }
        _ => Ok(ContainerSpec::default()),
    }
}

impl Ask {
    /// The container that must be looked at.
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::StartContainer { container, .. } => Some(container),
            _ => None,
        }
    }
}
