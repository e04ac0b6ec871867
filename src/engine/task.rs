//! A task as the engine describes it: raw JSON with accessors.

use serde_json::Value;

/// A task. The value inside is the engine's answer, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Task(pub Value);

/// States of a task in the order they are gone through (the cluster's own order, api/types.proto).
const ORDER: [&str; 15] = [
    "new",
    "allocated",
    "pending",
    "assigned",
    "accepted",
    "preparing",
    "ready",
    "starting",
    "running",
    "complete",
    "shutdown",
    "failed",
    "rejected",
    "remove",
    "orphaned",
];

impl Task {
    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The id; empty if the engine sent none.
    pub fn id(&self) -> &str {
        self.text("/ID")
    }

    /// The service's id; empty for an attachment.
    pub fn service_id(&self) -> &str {
        self.text("/ServiceID")
    }

    /// The node's id; empty while it is not placed.
    pub fn node_id(&self) -> &str {
        self.text("/NodeID")
    }

    /// Observed state, as in `running`.
    pub fn state(&self) -> &str {
        self.text("/Status/State")
    }

    /// Wanted state.
    pub fn desired_state(&self) -> &str {
        self.text("/DesiredState")
    }

    /// What the engine says is wrong; empty if nothing.
    pub fn error(&self) -> &str {
        self.text("/Status/Err")
    }

    /// When the state was entered, as the engine writes it.
    pub fn state_since(&self) -> &str {
        self.text("/Status/Timestamp")
    }

    /// When it was created, as the engine writes it.
    pub fn created(&self) -> &str {
        self.text("/CreatedAt")
    }

    /// The container's id, once there is one.
    pub fn container_id(&self) -> &str {
        self.text("/Status/ContainerStatus/ContainerID")
    }

    /// The plain container's id that an attachment stands for; empty for a service's task.
    pub fn attached_container(&self) -> &str {
        self.text("/Spec/NetworkAttachmentSpec/ContainerID")
    }

    /// Whether it has ended. A state that is not known counts as not ended: nothing is torn down on a guess.
    pub fn is_terminal(&self) -> bool {
        let running = ORDER.iter().position(|state| *state == "running");
        ORDER.iter().position(|state| *state == self.state()) > running
    }

    /// Whether it holds addresses: not ended, whatever is wanted of it.
    pub fn holds_addresses(&self) -> bool {
        !self.is_terminal()
    }

    /// Ids of the networks its spec names.
    pub fn spec_networks(&self) -> Vec<&str> {
        let entries = self.0.pointer("/Spec/Networks").and_then(Value::as_array).into_iter().flatten();
        entries.into_iter().filter_map(|entry| entry.get("Target")?.as_str()).collect()
    }

    /// Its addresses: network id, network name, address in CIDR notation. An ended task keeps them in the answer without
    /// holding them.
    pub fn addresses(&self) -> Vec<(String, String, String)> {
        let entries = self.0.get("NetworksAttachments").and_then(Value::as_array).into_iter().flatten();
        let read = |entry: &Value| {
            let id = entry.pointer("/Network/ID")?.as_str()?.to_owned();
            let name = entry.pointer("/Network/Spec/Name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let address = entry.get("Addresses")?.as_array()?.first()?.as_str()?.to_owned();
            Some((id, name, address))
        };
        entries.into_iter().filter_map(read).collect()
    }

    /// Whether spec or attachments name the network of this id.
    pub fn is_on(&self, network_id: &str) -> bool {
        self.spec_networks().contains(&network_id) || self.addresses().iter().any(|(id, _, _)| id == network_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_states_after_running_are_terminal() {
        let task = |state: &str| Task(serde_json::json!({"Status": {"State": state}, "DesiredState": "shutdown"}));
        for live in ["new", "pending", "running", "unheard-of", ""] {
            assert!(!task(live).is_terminal(), "{live}");
        }
        for ended in ["complete", "shutdown", "failed", "rejected", "remove", "orphaned"] {
            assert!(task(ended).is_terminal(), "{ended}");
        }
    }
}
