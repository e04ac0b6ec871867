//! Service specs of a twin, raw as the API takes them.

use serde_json::{Value, json};

use crate::twin::image::{ENTRY, REPOSITORY, TAG};

/// The label that says which stack a service or network belongs to.
pub const STACK: &str = "com.docker.stack.namespace";
/// The label by which the front learns the host name of a service.
pub const ROUTE: &str = "route.host";
/// The label by which a service names another network for the front to reach it on.
pub const ROUTE_NETWORK: &str = "route.network";

/// What is particular to one service.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Its stack.
    pub stack: &'a str,
    /// Its name within the stack.
    pub app: &'a str,
    /// Arguments after `twin-serve`.
    pub args: Vec<String>,
    /// Network ids; it is called `app` on each.
    pub networks: Vec<String>,
    /// How many tasks.
    pub replicas: u64,
    /// The host name that the front routes to it; none if empty.
    pub host: &'a str,
    /// How long it may take to stop.
    pub grace_seconds: u64,
}

/// The spec of a service.
pub fn service(wanted: &Wanted<'_>) -> Value {
    let command: Vec<Value> = [ENTRY, "twin-serve"]
        .into_iter()
        .map(Value::from)
        .chain(wanted.args.iter().cloned().map(Value::from))
        .collect();
    let networks: Vec<Value> =
        wanted.networks.iter().map(|id| json!({"Target": id, "Aliases": [wanted.app]})).collect();
    let mut labels = json!({STACK: wanted.stack});
    if !wanted.host.is_empty() {
        labels[ROUTE] = wanted.host.into();
    }
    json!({
        "Name": format!("{}_{}", wanted.stack, wanted.app),
        "Labels": labels,
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": format!("{REPOSITORY}:{TAG}"),
                "Labels": {STACK: wanted.stack},
                "Command": command,
                "StopGracePeriod": wanted.grace_seconds * 1_000_000_000,
            },
            "RestartPolicy": {"Condition": "any", "Delay": 500_000_000},
            "Networks": networks,
        },
        "Mode": {"Replicated": {"Replicas": wanted.replicas}},
        "UpdateConfig": {"Parallelism": 1, "FailureAction": "pause", "Order": "start-first"},
        "EndpointSpec": {"Mode": "vip"},
    })
}

/// Makes a service the front: port 80 of the node itself, the engine's socket, stop-first, rollback on failure (as the
/// recipes of real fronts have it).
pub fn as_front(spec: &mut Value, socket: &str) {
    spec["TaskTemplate"]["ContainerSpec"]["Mounts"] = json!([{"Type": "bind", "Source": socket, "Target": socket}]);
    spec["UpdateConfig"] = json!({"Parallelism": 1, "FailureAction": "rollback", "Order": "stop-first"});
    spec["EndpointSpec"]["Ports"] =
        json!([{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 80, "PublishMode": "host"}]);
}

/// The request for an overlay network. Without a subnet the engine picks a /24.
pub fn overlay(name: &str, stack: &str, subnet: Option<&str>, attachable: bool) -> Value {
    let labels = if stack.is_empty() { json!({}) } else { json!({STACK: stack}) };
    let mut request =
        json!({"Name": name, "Driver": "overlay", "Attachable": attachable, "CheckDuplicate": true, "Labels": labels});
    if let Some(subnet) = subnet {
        request["IPAM"] = json!({"Driver": "default", "Config": [{"Subnet": subnet}]});
    }
    request
}
