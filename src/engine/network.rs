//! A network as the engine describes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::engine::error::EngineError;

/// Where to look for a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The cluster's own object.
    Swarm,
    /// The node's own object.
    Local,
    /// Whatever the engine finds first.
    Any,
}

/// What a network is called, and nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NetworkName {
    /// The full id.
    #[serde(rename = "Id")]
    pub id: String,
    /// The name.
    #[serde(rename = "Name")]
    pub name: String,
    /// Labels.
    #[serde(rename = "Labels", default, deserialize_with = "or_none")]
    pub labels: BTreeMap<String, String>,
}

/// Engines write an empty map as null here and there.
fn or_none<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A network, read from `raw`, which keeps every field the engine sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The full id.
    pub id: String,
    /// The name.
    pub name: String,
    /// When it was created, as the engine writes it.
    pub created: String,
    /// The driver. Empty for a swarm network that could not be allocated: it exists, holds its name, and is dead.
    pub driver: String,
    /// `swarm`, `local` or `global`.
    pub scope: String,
    /// Whether plain containers may join.
    pub attachable: bool,
    /// Whether it has no way out.
    pub internal: bool,
    /// Whether it is the routing mesh.
    pub ingress: bool,
    /// Subnets in CIDR notation, in the engine's order.
    pub subnets: Vec<String>,
    /// Gateways, in the engine's order.
    pub gateways: Vec<String>,
    /// Driver options; an allocated overlay has `com.docker.network.driver.overlay.vxlanid_list`.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Endpoints on this node, name to address. Filled by inspection only: a list carries none.
    pub containers: BTreeMap<String, String>,
    /// The engine's answer.
    pub raw: Value,
}

impl Network {
    /// Reads the engine's description; refuses one without id or name.
    pub fn from_raw(raw: Value) -> Result<Self, EngineError> {
        let text = |key: &str| raw.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| raw.get(key).and_then(Value::as_bool).unwrap_or(false);
        let (id, name) = (text("Id"), text("Name"));
        if id.is_empty() || name.is_empty() {
            let why = "a network without id or name".to_owned();
            return Err(EngineError::Malformed { call: "networks".to_owned(), why });
        }
        let config = |key: &str| -> Vec<String> {
            let pools = raw.pointer("/IPAM/Config").and_then(Value::as_array);
            pools.into_iter().flatten().filter_map(|p| p.get(key)?.as_str().map(str::to_owned)).collect()
        };
        Ok(Self {
            created: text("Created"),
            driver: text("Driver"),
            scope: text("Scope"),
            attachable: flag("Attachable"),
            internal: flag("Internal"),
            ingress: flag("Ingress"),
            subnets: config("Subnet"),
            gateways: config("Gateway"),
            options: strings(raw.get("Options")),
            labels: strings(raw.get("Labels")),
            containers: endpoints(&raw),
            id,
            name,
            raw,
        })
    }

    /// Whether it is a swarm network that the allocator has given driver, subnet and VXLAN id. Creation answers before that,
    /// and a network that never gets there is dead.
    pub fn is_allocated_overlay(&self) -> bool {
        let vxlan = self.options.get("com.docker.network.driver.overlay.vxlanid_list");
        self.driver == "overlay" && !self.subnets.is_empty() && vxlan.is_some_and(|list| !list.is_empty())
    }

    /// Whether this is its one IPv4 subnet (CIDR), whatever IPv6 subnets it has beside.
    pub fn is_of(&self, subnet: &str) -> bool {
        self.subnets.iter().filter(|own| !own.contains(':')).eq([subnet])
    }

    /// Addresses in use in a subnet and addresses still free, as the leader's allocator counts them. `None` below API 1.52
    /// and for the node's own view.
    pub fn exact_use(&self, subnet: &str) -> Option<(u64, u64)> {
        let status = self.raw.pointer("/Status/IPAM/Subnets")?.get(subnet)?;
        Some((status.get("IPsInUse")?.as_u64()?, status.get("DynamicIPsAvailable")?.as_u64()?))
    }
}

/// A JSON object of strings as a map; anything else is empty.
pub(super) fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn endpoints(raw: &Value) -> BTreeMap<String, String> {
    let entries = raw.get("Containers").and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(key, value)| {
            let name = value.get("Name").and_then(Value::as_str).unwrap_or(key).to_owned();
            Some((name, value.get("IPv4Address")?.as_str()?.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_network_is_not_allocated() {
        let raw = serde_json::json!({"Id": "a", "Name": "proxy", "Driver": "", "IPAM": {"Driver": "", "Config": null}});
        let network = Network::from_raw(raw).unwrap();
        assert!(!network.is_allocated_overlay() && network.subnets.is_empty());
        assert!(Network::from_raw(serde_json::json!({"Name": "proxy"})).is_err());
    }
}
