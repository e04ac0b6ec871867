//! Calls about networks.

use hyper::Method;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::network::{Network, NetworkName, Scope};
use crate::engine::transport::{encode, filters, list};

impl Engine {
    /// All networks this engine knows, of every scope. Their endpoints are not filled in: inspect for those.
    pub async fn networks(&self) -> Result<Vec<Network>, EngineError> {
        let answer = self.transport.call(Method::GET, "/networks", None).await?;
        list("networks", answer, "Id")?.into_iter().map(Network::from_raw).collect()
    }

    /// What networks are called: of every one that this engine knows, or where ids are named of each whose id begins with one of
    /// them (letters and digits, lower case). By the filter `id` the cluster gives those that begin so
    /// (`ListNetworksRequest.IDPrefixes`, moby `daemon/cluster/networks.go`), the engine those of its own that hold it anywhere.
    pub async fn network_names(&self, ids: &[&str]) -> Result<Vec<NetworkName>, EngineError> {
        let wanted: Vec<(&str, &str)> = ids.iter().map(|id| ("id", *id)).collect();
        let path = if ids.is_empty() { "/networks".to_owned() } else { format!("/networks?{}", filters(&wanted)) };
        let names: Vec<NetworkName> = self.transport.read_list(&path).await?;
        match names.iter().any(|network| network.id.is_empty() || network.name.is_empty()) {
            true => Err(EngineError::Malformed { call: path, why: "a network without id or name".to_owned() }),
            false => Ok(names),
        }
    }

    /// One network by name or id; `None` when there is none. By name and [`Scope::Swarm`] the leader answers.
    pub async fn network(&self, name_or_id: &str, scope: Scope) -> Result<Option<Network>, EngineError> {
        let scope = match scope {
            Scope::Swarm => "?scope=swarm",
            Scope::Local => "?scope=local",
            Scope::Any => "",
        };
        let path = format!("/networks/{}{scope}", encode(name_or_id));
        match self.transport.call(Method::GET, &path, None).await {
            Ok(raw) => Network::from_raw(raw).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All networks, of every scope, whose name equals `name` without regard to case: the cluster's names collide that way.
    pub async fn networks_named(&self, name: &str) -> Result<Vec<Network>, EngineError> {
        // The engine's own name filter matches parts and is case-sensitive: all are listed and compared here.
        let all = self.networks().await?;
        Ok(all.into_iter().filter(|network| network.name.eq_ignore_ascii_case(name)).collect())
    }

    /// Creates a network from the API's own request and returns its id. A swarm network is allocated later: wait for
    /// [`Network::is_allocated_overlay`].
    pub async fn create_network(&self, request: &Value) -> Result<String, EngineError> {
        let answer = self.transport.call(Method::POST, "/networks/create", Some(request)).await?;
        id_of("POST /networks/create", &answer, "Id")
    }

    /// Removes a network by id. A name could mean two networks.
    pub async fn remove_network(&self, id: &str) -> Result<(), EngineError> {
        self.transport.call(Method::DELETE, &format!("/networks/{}", encode(id)), None).await.map(|_| ())
    }

    /// Connects a container of this node to a network. `endpoint` is the API's own: aliases, links, driver options.
    pub async fn connect_container(&self, network: &str, container: &str, endpoint: &Value) -> Result<(), EngineError> {
        let request = json!({ "Container": container, "EndpointConfig": endpoint });
        let path = format!("/networks/{}/connect", encode(network));
        self.transport.call(Method::POST, &path, Some(&request)).await.map(|_| ())
    }

    /// Disconnects a container of this node from a network.
    pub async fn disconnect_container(&self, network: &str, container: &str) -> Result<(), EngineError> {
        let request = json!({ "Container": container, "Force": false });
        let path = format!("/networks/{}/disconnect", encode(network));
        self.transport.call(Method::POST, &path, Some(&request)).await.map(|_| ())
    }

    /// A container of this node, inspected; `None` when there is none.
    pub async fn container(&self, id: &str) -> Result<Option<Value>, EngineError> {
        match self.transport.call(Method::GET, &format!("/containers/{}/json", encode(id)), None).await {
            Ok(container) => Ok(Some(container)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Containers of this node that carry all of these labels (`key` or `key=value`), running ones only unless `all`.
    pub async fn containers(&self, labels: &[&str], all: bool) -> Result<Vec<Value>, EngineError> {
        let wanted: Vec<(&str, &str)> = labels.iter().map(|label| ("label", *label)).collect();
        let path = format!("/containers/json?all={}&{}", u8::from(all), filters(&wanted));
        list("containers", self.transport.call(Method::GET, &path, None).await?, "Id")
    }
}

/// The id in an answer to a creation.
pub(super) fn id_of(call: &str, answer: &Value, key: &str) -> Result<String, EngineError> {
    let id = answer.get(key).and_then(Value::as_str).filter(|id| !id.is_empty());
    let missing = || EngineError::Malformed { call: call.to_owned(), why: "no id in the answer".to_owned() };
    id.map(str::to_owned).ok_or_else(missing)
}
