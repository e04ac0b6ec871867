//! Where things stand: which of the networks in question the cluster has.

use serde_json::Value;

use super::work::Work;
use crate::engine::error::EngineError;
use crate::engine::network::Network;
use crate::steps::capture::Capture;
use crate::steps::wait::patiently;

/// The label of the holding network and of the throwaway service; its value names the step that made them.
pub const OURS: &str = "countersign.step";

/// What that label of the trial network says.
pub fn trial_of(step: &str) -> String {
    format!("trial of {step}")
}

/// Which networks there are.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The old network, in the cluster.
    pub old: bool,
    /// This node's own copy of the old network, which the cluster has no longer. It goes with its last endpoint, unless its
    /// removal was lost: then only a restart of the engine removes it.
    pub leftover: bool,
    /// Another network of the same name, in the cluster.
    pub named: Option<Network>,
    /// A network of the same name that is this node's alone.
    pub local: bool,
    /// The holding network.
    pub hold: Option<Network>,
    /// The network on which the wanted subnet is tried.
    pub trial: Option<Network>,
}

impl Standing {
    /// Sorts a list of networks.
    pub fn of(networks: Vec<Network>, name: &str, capture: &Capture, step: &str) -> Self {
        let mut standing = Self::default();
        let created = capture.network.get("Created").and_then(Value::as_str).unwrap_or_default();
        for network in networks {
            if network.id == capture.network_id() {
                // The list prefers the cluster's object; a node's copy of it has a time of its own.
                standing.old |= network.created == created;
                standing.leftover |= network.created != created;
            } else if network.labels.get(OURS).is_some_and(|of| of == step) {
                standing.hold = Some(network);
            } else if network.labels.get(OURS).is_some_and(|of| *of == trial_of(step)) {
                standing.trial = Some(network);
            } else if network.name.eq_ignore_ascii_case(name) {
                match network.scope.as_str() {
                    "swarm" => standing.named = Some(network),
                    _ => standing.local = true,
                }
            }
        }
        standing
    }
}

/// Looks.
///
/// # Errors
///
/// The engine refused or stayed away.
pub async fn look(work: &Work<'_>) -> Result<Standing, EngineError> {
    let networks = patiently(|| work.engine.networks()).await?;
    Ok(Standing::of(networks, &work.goal.network, &work.capture, &work.ground.capture))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nodes_own_copy_is_not_the_clusters_network() {
        let capture = Capture { network: json!({ "Id": "a", "Name": "n", "Created": "then" }), ..Capture::default() };
        let network = |id: &str, created: &str, labels: Value| {
            Network::from_raw(json!({ "Id": id, "Name": "n", "Created": created, "Scope": "swarm", "Labels": labels }))
                .expect("a network")
        };
        let of = |networks: Vec<Network>| Standing::of(networks, "N", &capture, "demo-recreate");
        let there = of(vec![network("a", "then", json!({}))]);
        assert!(there.old && !there.leftover && there.named.is_none());
        let gone = of(vec![network("a", "later", json!({})), network("b", "x", json!({}))]);
        assert!(!gone.old && gone.leftover);
        assert_eq!(gone.named.map(|network| network.id), Some("b".into()));
        let hold =
            of(vec![network("c", "x", json!({ OURS: "demo-recreate" })), network("d", "x", json!({ OURS: "z" }))]);
        assert_eq!(hold.hold.map(|network| network.id), Some("c".into()));
        assert_eq!(hold.named.map(|network| network.id), Some("d".into()), "another step's is not ours");
        let trial = of(vec![network("e", "x", json!({ OURS: trial_of("demo-recreate") }))]);
        assert_eq!((trial.trial.map(|network| network.id), trial.hold), (Some("e".into()), None));
    }
}
