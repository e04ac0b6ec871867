//! A service as the engine describes it: raw JSON with accessors.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::network::strings;

/// A service. The value inside is the engine's answer, whole; edit its `Spec` in place and send that back.
#[derive(Debug, Clone, PartialEq)]
pub struct Service(pub Value);

/// One entry of a service's networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The network's id (the engine stores ids, whatever was sent).
    pub target: String,
    /// Names of the service on that network.
    pub aliases: Vec<String>,
}

impl Service {
    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The id; empty if the engine sent none.
    pub fn id(&self) -> &str {
        self.text("/ID")
    }

    /// The name; empty if the engine sent none.
    pub fn name(&self) -> &str {
        self.text("/Spec/Name")
    }

    /// The version an update must name.
    pub fn version(&self) -> Option<u64> {
        self.0.pointer("/Version/Index")?.as_u64()
    }

    /// The whole spec.
    pub fn spec(&self) -> &Value {
        self.0.get("Spec").unwrap_or(&Value::Null)
    }

    /// The service's labels (not its containers').
    pub fn labels(&self) -> BTreeMap<String, String> {
        strings(self.0.pointer("/Spec/Labels"))
    }

    /// The stack it belongs to: the label `com.docker.stack.namespace`.
    pub fn stack(&self) -> Option<&str> {
        self.spec().get("Labels")?.get("com.docker.stack.namespace")?.as_str()
    }

    /// The networks its tasks join, in the spec's order: those of the task template, else the old place.
    pub fn networks(&self) -> Vec<Attachment> {
        let of = |pointer: &str| self.0.pointer(pointer).and_then(Value::as_array).filter(|list| !list.is_empty());
        let entries = of("/Spec/TaskTemplate/Networks").or_else(|| of("/Spec/Networks"));
        let read = |entry: &Value| {
            let aliases = entry.get("Aliases").and_then(Value::as_array).into_iter().flatten();
            Some(Attachment {
                target: entry.get("Target")?.as_str()?.to_owned(),
                aliases: aliases.filter_map(|alias| alias.as_str().map(str::to_owned)).collect(),
            })
        };
        entries.into_iter().flatten().filter_map(read).collect()
    }

    /// Whether its tasks join the network of this id.
    pub fn is_on(&self, network_id: &str) -> bool {
        self.networks().iter().any(|attachment| attachment.target == network_id)
    }

    /// Its virtual addresses: network id and address in CIDR notation. One without an address is not listed.
    pub fn virtual_ips(&self) -> Vec<(String, String)> {
        let entries = self.0.pointer("/Endpoint/VirtualIPs").and_then(Value::as_array);
        let read = |entry: &Value| {
            let address = entry.get("Addr")?.as_str().filter(|address| !address.is_empty())?;
            Some((entry.get("NetworkID")?.as_str()?.to_owned(), address.to_owned()))
        };
        entries.into_iter().flatten().filter_map(read).collect()
    }

    /// Wanted replicas; `None` for a global service or a job.
    pub fn replicas(&self) -> Option<u64> {
        let replicated = self.0.pointer("/Spec/Mode/Replicated")?;
        // The engine's default where the spec leaves it out.
        Some(replicated.get("Replicas").and_then(Value::as_u64).unwrap_or(1))
    }

    /// Whether one task runs on each node.
    pub fn is_global(&self) -> bool {
        self.0.pointer("/Spec/Mode/Global").is_some()
    }

    /// State of the last update: `updating`, `completed`, `paused`, `rollback_started` and so on; `None` if never updated.
    pub fn update_state(&self) -> Option<&str> {
        self.0.pointer("/UpdateStatus/State")?.as_str()
    }

    /// What the engine says about the last update.
    pub fn update_message(&self) -> Option<&str> {
        self.0.pointer("/UpdateStatus/Message")?.as_str()
    }

    /// How long a task may take to stop, in nanoseconds, where the spec says so (else the engine's 10 s).
    pub fn stop_grace_nanos(&self) -> Option<u64> {
        self.0.pointer("/Spec/TaskTemplate/ContainerSpec/StopGracePeriod")?.as_u64()
    }

    /// The image.
    pub fn image(&self) -> &str {
        self.text("/Spec/TaskTemplate/ContainerSpec/Image")
    }

    /// Whether a port is published on the nodes themselves, which forbids two tasks side by side on one node.
    pub fn has_host_port(&self) -> bool {
        let ports = self.0.pointer("/Spec/EndpointSpec/Ports").and_then(Value::as_array).into_iter().flatten();
        ports.into_iter().any(|port| port.get("PublishMode").and_then(Value::as_str) == Some("host"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_read_where_the_engine_writes_it() {
        let service = Service(serde_json::json!({
            "ID": "s1", "Version": {"Index": 7},
            "Spec": {"Name": "web", "Labels": {"com.docker.stack.namespace": "recipe"},
                "TaskTemplate": {"Networks": [{"Target": "n1", "Aliases": ["app"]}]},
                "Mode": {"Replicated": {}}},
            "Endpoint": {"VirtualIPs": [{"NetworkID": "n1", "Addr": "10.0.1.2/24"}, {"NetworkID": "n2"}]},
        }));
        assert_eq!((service.id(), service.name(), service.version()), ("s1", "web", Some(7)));
        assert_eq!(service.stack(), Some("recipe"));
        assert_eq!(service.networks(), [Attachment { target: "n1".into(), aliases: vec!["app".into()] }]);
        assert_eq!(service.virtual_ips(), [("n1".to_owned(), "10.0.1.2/24".to_owned())]);
        assert_eq!((service.replicas(), service.is_global()), (Some(1), false));
    }
}
