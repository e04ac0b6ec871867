//! The swarm as far as it is needed to judge a request: what the engine listed a moment ago.

/// What is known of the swarm. What was not asked for is empty.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Every network that the engine knows, of every scope.
    pub networks: Vec<Network>,
    /// Every service.
    pub services: Vec<Service>,
    /// Every node.
    pub nodes: Vec<Node>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Its full id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Its full id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its stack, by its label.
    pub stack: Option<String>,
    /// Ids of the networks that its tasks join.
    pub networks: Vec<String>,
    /// The same by the spec that a rollback would bring back; `None` where there is none.
    pub earlier: Option<Vec<String>>,
    /// Whether it has tasks at all: not scaled to nothing.
    pub has_tasks: bool,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Its full id.
    pub id: String,
    /// Its host name.
    pub name: String,
    /// Whether it is a manager.
    pub manager: bool,
    /// Whether it is drained.
    pub drained: bool,
}

/// A container, as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Names and ids of the networks that it joins when it starts.
    pub networks: Vec<String>,
    /// Directories and files of the host that it sees.
    pub mounts: Vec<String>,
}
