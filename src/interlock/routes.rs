//! The engine's API, request by request: which are judged, and which change nothing that is guarded.
//!
//! What only reads is not listed: GET, HEAD and OPTIONS change nothing. What cannot be judged by what is shown, and everything that is in none of the tables, is
//! refused, so that a route of a newer engine is never let through unread; a test holds the tables against the engine's published
//! descriptions.

/// What a judged route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A network is made.
    CreateNetwork,
    /// A network is removed.
    RemoveNetwork,
    /// Unused networks are removed.
    PruneNetworks,
    /// A container comes to a network.
    Connect,
    /// A container leaves a network.
    Disconnect,
    /// A service is made.
    CreateService,
    /// A service is changed or rolled back.
    UpdateService,
    /// A service is removed.
    RemoveService,
    /// A container is made, with its networks.
    CreateContainer,
    /// A container is started, and joins its networks.
    StartContainer,
    /// An image is built, perhaps on a network.
    Build,
    /// A volume is made, perhaps of a directory of the host.
    CreateVolume,
    /// A plugin is granted or set something, perhaps a directory of the host.
    SetPlugin,
    /// A node's role or availability is changed.
    UpdateNode,
    /// A node is removed.
    RemoveNode,
    /// The engine leaves its swarm.
    LeaveSwarm,
    /// A swarm is made, perhaps anew from this manager.
    InitSwarm,
}

/// Routes that are judged. `{}` stands for any number of parts, none too: the engine takes a name with slashes.
pub const JUDGED: &[(&str, &str, Route)] = &[
    ("POST", "networks/create", Route::CreateNetwork),
    ("DELETE", "networks/{}", Route::RemoveNetwork),
    ("POST", "networks/prune", Route::PruneNetworks),
    ("POST", "networks/{}/connect", Route::Connect),
    ("POST", "networks/{}/disconnect", Route::Disconnect),
    ("POST", "services/create", Route::CreateService),
    ("POST", "services/{}/update", Route::UpdateService),
    ("DELETE", "services/{}", Route::RemoveService),
    ("POST", "containers/create", Route::CreateContainer),
    ("POST", "containers/{}/start", Route::StartContainer),
    ("POST", "containers/{}/restart", Route::StartContainer),
    ("POST", "build", Route::Build),
    ("POST", "volumes/create", Route::CreateVolume),
    ("POST", "plugins/pull", Route::SetPlugin),
    ("POST", "plugins/{}/set", Route::SetPlugin),
    ("POST", "plugins/{}/upgrade", Route::SetPlugin),
    ("POST", "nodes/{}/update", Route::UpdateNode),
    ("DELETE", "nodes/{}", Route::RemoveNode),
    ("POST", "swarm/leave", Route::LeaveSwarm),
    ("POST", "swarm/init", Route::InitSwarm),
];

/// Routes that change something, and nothing that can be guarded.
///
/// Ending or removing a container is among them: a service's task is made again by the swarm, and a plain container is its owner's.
/// A program that is run in a container reaches the engine only by requests, which come here. A build over `session` or `grpc` has
/// no network but the builder's own, the host's or none. A swarm that is joined, unlocked or configured keeps its networks.
pub const HARMLESS: &[(&str, &str)] = &[
    ("POST", "auth"),
    ("POST", "build/cancel"),
    ("POST", "build/prune"),
    ("POST", "commit"),
    ("POST", "configs/create"),
    ("POST", "configs/{}/update"),
    ("DELETE", "configs/{}"),
    ("POST", "containers/prune"),
    ("DELETE", "containers/{}"),
    ("PUT", "containers/{}/archive"),
    ("POST", "containers/{}/attach"),
    ("POST", "containers/{}/checkpoints"),
    ("DELETE", "containers/{}/checkpoints/{}"),
    ("POST", "containers/{}/copy"),
    ("POST", "containers/{}/exec"),
    ("POST", "containers/{}/kill"),
    ("POST", "containers/{}/pause"),
    ("POST", "containers/{}/rename"),
    ("POST", "containers/{}/resize"),
    ("POST", "containers/{}/stop"),
    ("POST", "containers/{}/unpause"),
    ("POST", "containers/{}/update"),
    ("POST", "containers/{}/wait"),
    ("POST", "exec/{}/resize"),
    ("POST", "exec/{}/start"),
    ("POST", "grpc"),
    ("POST", "images/create"),
    ("POST", "images/load"),
    ("POST", "images/prune"),
    ("DELETE", "images/{}"),
    ("POST", "images/{}/push"),
    ("POST", "images/{}/tag"),
    ("DELETE", "plugins/{}"),
    ("POST", "plugins/{}/disable"),
    ("POST", "plugins/{}/enable"),
    ("POST", "plugins/{}/push"),
    ("POST", "secrets/create"),
    ("POST", "secrets/{}/update"),
    ("DELETE", "secrets/{}"),
    ("POST", "session"),
    ("POST", "swarm/join"),
    ("POST", "swarm/unlock"),
    ("POST", "swarm/update"),
    ("POST", "volumes/prune"),
    ("PUT", "volumes/{}"),
    ("DELETE", "volumes/{}"),
];

/// Routes that could do something to what is guarded and do not show what; why.
pub const REFUSED: &[(&str, &str, &str)] = &[(
    "POST",
    "plugins/create",
    "what of the host a plugin sees stands in the archive that is sent, which is not shown",
)];

/// Every judged route that a request could be, with what stands for `{}`.
pub fn judged(method: &str, parts: &[String]) -> Vec<(Route, String)> {
    let row = |(verb, pattern, route): &(&str, &str, Route)| {
        let name = (*verb == method).then(|| matches(pattern, parts)).flatten()?;
        Some((*route, name))
    };
    JUDGED.iter().filter_map(row).collect()
}

/// Whether a request is known to change nothing that is guarded.
pub fn is_harmless(method: &str, parts: &[String]) -> bool {
    HARMLESS.iter().any(|(verb, pattern)| *verb == method && matches(pattern, parts).is_some())
}

/// Why a request is refused unread, where it is one that always is.
pub fn refused(method: &str, parts: &[String]) -> Option<&'static str> {
    let row = REFUSED.iter().find(|(verb, pattern, _)| *verb == method && matches(pattern, parts).is_some())?;
    Some(row.2)
}

/// What stands for the first `{}` of a pattern; empty where it has none.
fn matches(pattern: &str, parts: &[String]) -> Option<String> {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let Some(hole) = pattern.iter().position(|part| *part == "{}") else {
        return parts.iter().eq(&pattern).then(String::new);
    };
    let (before, after) = (&pattern[..hole], &pattern[hole + 1..]);
    let names = parts.len().checked_sub(before.len() + after.len())?;
    let (head, rest) = parts.split_at(before.len());
    let (name, tail) = rest.split_at(names);
    let end = tail.iter().zip(after).all(|(part, wanted)| *wanted == "{}" || part == wanted);
    (head.iter().eq(before) && end).then(|| name.join("/"))
}
