//! What address accounting reads: narrow views of the lists, so that tens of thousands of tasks are read in a moment, and the
//! allocator's own count where the engine tells it.

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::network::{Network, Scope};
use crate::engine::transport::filters;

/// A service, as far as it says who holds addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceUse {
    /// The id.
    #[serde(rename = "ID")]
    pub id: String,
    spec: SpecUse,
    previous_spec: Option<SpecUse>,
    endpoint: EndpointUse,
    update_status: Option<UpdateUse>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SpecUse {
    name: String,
    labels: Option<std::collections::BTreeMap<String, String>>,
    task_template: TaskSpecUse,
    networks: Option<Vec<TargetUse>>,
}

impl SpecUse {
    fn networks(&self) -> impl Iterator<Item = &str> {
        let both = self.task_template.networks.iter().chain(&self.networks);
        both.flatten().map(|network| network.target.as_str())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct EndpointUse {
    #[serde(rename = "VirtualIPs")]
    virtual_ips: Option<Vec<VirtualIp>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct VirtualIp {
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(rename = "Addr")]
    address: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UpdateUse {
    state: String,
}

impl ServiceUse {
    /// The name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// A label of the service.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.spec.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// What its spec names as its networks, in the new place and in the old one.
    pub fn networks(&self) -> impl Iterator<Item = &str> {
        self.spec.networks()
    }

    /// What the spec before its last update names as its networks: a rollback goes back to them.
    pub fn previous_networks(&self) -> impl Iterator<Item = &str> {
        self.previous_spec.iter().flat_map(SpecUse::networks)
    }

    /// Its virtual addresses: network id and address in CIDR notation, those without an address left out.
    pub fn virtual_ips(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.endpoint.virtual_ips.iter().flatten();
        all.filter_map(|vip| Some((vip.network_id.as_str(), vip.address.as_deref().filter(|a| !a.is_empty())?)))
    }

    /// The state of an update that has not come to its end, as in `updating` or `rollback_paused`.
    pub fn update_in_flight(&self) -> Option<&str> {
        let state = self.update_status.as_ref()?.state.as_str();
        (!matches!(state, "" | "completed" | "rollback_completed")).then_some(state)
    }
}

/// A task, as far as it says who holds addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskUse {
    /// The id.
    #[serde(rename = "ID")]
    pub id: String,
    /// The service's id; empty for a plain attached container.
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    /// The node's id; empty while it is not placed.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// What is wanted of it.
    pub desired_state: String,
    status: StatusUse,
    networks_attachments: Option<Vec<AttachmentUse>>,
    spec: TaskSpecUse,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StatusUse {
    state: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AttachmentUse {
    network: NetworkRef,
    addresses: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct NetworkRef {
    #[serde(rename = "ID")]
    id: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TaskSpecUse {
    networks: Option<Vec<TargetUse>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TargetUse {
    target: String,
}

impl TaskUse {
    /// Observed state, as in `running`.
    pub fn state(&self) -> &str {
        &self.status.state
    }

    /// Whether it has ended, so that it holds nothing although its answer still lists addresses. A state that is not known
    /// counts as not ended.
    pub fn is_terminal(&self) -> bool {
        let ended = ["complete", "shutdown", "failed", "rejected", "remove", "orphaned"];
        ended.contains(&self.state())
    }

    /// Its addresses: network id and address in CIDR notation.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.networks_attachments.iter().flatten();
        all.flat_map(|one| one.addresses.iter().flatten().map(|address| (one.network.id.as_str(), address.as_str())))
    }

    /// Ids of the networks that its spec names.
    pub fn spec_networks(&self) -> impl Iterator<Item = &str> {
        self.spec.networks.iter().flatten().map(|network| network.target.as_str())
    }
}

/// What the cluster lists about who holds addresses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lists {
    /// Every network this engine knows.
    pub networks: Vec<Network>,
    /// Every service.
    pub services: Vec<ServiceUse>,
    /// Every task, those of plain attached containers too.
    pub tasks: Vec<TaskUse>,
    /// The ids of all nodes.
    pub nodes: Vec<String>,
    /// The ids of those that are down: what they say of their tasks is old.
    pub down: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeUse {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Status")]
    status: StatusUse,
}

impl Engine {
    /// Everything that accounting needs, in five list calls at once, however large the swarm is.
    pub async fn address_lists(&self) -> Result<Lists, EngineError> {
        let attachments = format!("/tasks?{}", filters(&[("runtime", "attachment")]));
        let (networks, services, tasks, attached, nodes) = tokio::try_join!(
            self.networks(),
            self.transport.read_list::<ServiceUse>("/services"),
            self.transport.read_list::<TaskUse>("/tasks"),
            self.transport.read_list::<TaskUse>(&attachments),
            self.transport.read_list::<NodeUse>("/nodes"),
        )?;
        // A swarm has a node, and what is there has an id: an answer without was not the engine's whole word.
        let nameless = nodes.iter().map(|node| &node.id).chain(services.iter().map(|service| &service.id));
        if nodes.is_empty() || nameless.chain(tasks.iter().chain(&attached).map(|task| &task.id)).any(String::is_empty)
        {
            let why = "no node, or an object without id".to_owned();
            return Err(EngineError::Malformed { call: "lists of nodes, services and tasks".to_owned(), why });
        }
        let down = nodes.iter().filter(|node| node.status.state == "down").map(|node| node.id.clone()).collect();
        let nodes = nodes.into_iter().map(|node| node.id).collect();
        Ok(Lists { networks, services, tasks: tasks.into_iter().chain(attached).collect(), nodes, down })
    }

    /// Services that carry a label, whatever its value.
    pub async fn services_labelled(&self, label: &str) -> Result<Vec<ServiceUse>, EngineError> {
        self.transport.read_list(&format!("/services?{}", filters(&[("label", label)]))).await
    }

    /// The virtual address that a service has on a network, once it has one. On a network of both families it may be of either.
    pub async fn virtual_ip(&self, service: &str, network: &str) -> Result<Option<IpAddr>, EngineError> {
        let found = self.service(service).await?;
        let vips = found.map(|service| service.virtual_ips()).unwrap_or_default();
        let address = vips.into_iter().find(|(id, _)| id == network).map(|(_, address)| address);
        Ok(address.and_then(|cidr| cidr.split('/').next()?.parse().ok()))
    }

    /// The address of this node's own load balancer endpoint on a network, where the node takes part in it.
    pub async fn local_load_balancer(&self, network: &Network) -> Result<Option<Ipv4Addr>, EngineError> {
        let Some(here) = self.network(&network.id, Scope::Any).await? else { return Ok(None) };
        let key = if network.ingress { "ingress-sbox".to_owned() } else { format!("lb-{}", network.name) };
        let cidr = here.raw.get("Containers").and_then(|all| all.get(&key)?.get("IPv4Address")?.as_str());
        Ok(cidr.and_then(|cidr| cidr.split('/').next()?.parse().ok()))
    }

    /// Addresses in use and free by the leader's allocator, summed over the IPv4 subnets; `None` below API 1.52.
    ///
    /// Asked by name: by its full id, a node that takes part would answer with its own pool.
    pub async fn allocator_use(&self, network: &Network) -> Result<Option<(u64, u64)>, EngineError> {
        if !self.api_at_least(1, 52) {
            return Ok(None);
        }
        let Some(found) = self.network(&network.name, Scope::Swarm).await? else { return Ok(None) };
        if found.id != network.id {
            return Ok(None);
        }
        // An IPv6 pool has more addresses than a number here holds, and is not accounted.
        let subnets = found.subnets.iter().filter(|subnet| !subnet.contains(':'));
        let uses: Option<Vec<_>> = subnets.map(|subnet| found.exact_use(subnet)).collect();
        let sum = |a: (u64, u64), b: &(u64, u64)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1));
        Ok(uses.filter(|uses| !uses.is_empty()).map(|uses| uses.iter().fold((0, 0), sum)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nulls_and_missing_parts_are_read_as_nothing() {
        let service: ServiceUse = serde_json::from_value(json!({
            "ID": "s", "Spec": {"Name": "web", "Labels": null}, "Endpoint": {"VirtualIPs": [{"NetworkID": "n", "Addr": ""},
            {"NetworkID": "m", "Addr": "10.0.0.2/24"}]}, "UpdateStatus": {"State": "updating"}, "New": [1]}))
        .expect("read");
        assert_eq!(service.virtual_ips().collect::<Vec<_>>(), [("m", "10.0.0.2/24")]);
        assert_eq!((service.update_in_flight(), service.label("x")), (Some("updating"), None));
        let task: TaskUse = serde_json::from_value(json!({"ID": "t", "Status": {"State": "running"},
            "NetworksAttachments": [{"Network": {"ID": "n"}, "Addresses": null}]}))
        .expect("read");
        assert_eq!((task.addresses().count(), task.is_terminal()), (0, false));
        assert!(!TaskUse::default().is_terminal(), "an unknown state is not the end");
    }
}
