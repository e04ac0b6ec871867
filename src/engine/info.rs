//! What an engine says about itself.

use bollard::models::{LocalNodeState, SystemInfo};
use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::here;
use crate::model::time::Time;

/// What an engine says about itself and its swarm.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineInfo {
    /// The engine's own id.
    pub engine_id: String,
    /// The swarm's id; `None` outside a swarm, and on a worker, which is not told.
    pub cluster_id: Option<String>,
    /// This node's id in the swarm; empty outside one.
    pub node_id: String,
    /// This node's address in the swarm; empty outside one.
    pub node_address: String,
    /// Host name.
    pub host_name: String,
    /// Whether the engine is an active member of a swarm.
    pub is_swarm: bool,
    /// Whether it is a manager, so that it answers for the cluster.
    pub is_manager: bool,
    /// Whether the engine was reached over a unix socket and is, as far as one can tell, on this machine.
    pub node_machine_is_local: bool,
    /// The negotiated API version, as in `1.41`.
    pub api_version: String,
    /// The engine's version, as in `20.10.24`.
    pub server_version: String,
    /// The engine's clock; `None` when it sent none that can be read.
    pub system_time: Option<Time>,
    /// Pools for local networks (CIDR); empty when they are the built-in ones.
    pub default_pools: Vec<String>,
    /// Pools for swarm networks (CIDR); empty when it is the built-in 10.0.0.0/8.
    pub swarm_default_pools: Vec<String>,
    /// Prefix length of automatic swarm networks; `None` outside a swarm.
    pub subnet_size: Option<u32>,
    /// Whether containers outlive the daemon. Not possible in a swarm.
    pub live_restore: bool,
    /// Managers' addresses (`address:port`), as far as this node knows them.
    pub managers: Vec<String>,
    /// Where the engine keeps its data.
    pub data_root: String,
}

impl Engine {
    /// Asks the engine about itself. An engine without an id is refused as malformed.
    pub async fn info(&self) -> Result<EngineInfo, EngineError> {
        let info = self.typed("info", self.docker.info()).await?;
        let here = self.server().await?.is_some_and(|server| here::is_here(&info, &server));
        let version = self.docker.client_version();
        read(info, here, format!("{}.{}", version.major_version, version.minor_version))
    }

    /// The same, but refuses an engine that is no swarm manager.
    pub async fn manager_info(&self) -> Result<EngineInfo, EngineError> {
        let info = self.info().await?;
        info.manages().map(|()| info)
    }
}

impl EngineInfo {
    /// Refuses an engine that is no swarm manager.
    ///
    /// # Errors
    ///
    /// It is a worker, or in no swarm.
    pub fn manages(&self) -> Result<(), EngineError> {
        match (self.is_swarm, self.is_manager) {
            (true, true) => Ok(()),
            (true, false) => Err(EngineError::NotAManager { call: "info".to_owned() }),
            (false, _) => Err(EngineError::NotASwarm { call: "info".to_owned() }),
        }
    }
}

fn read(info: SystemInfo, here: bool, api_version: String) -> Result<EngineInfo, EngineError> {
    let swarm = info.swarm.unwrap_or_default();
    let cluster = swarm.cluster.unwrap_or_default();
    let engine_id = info
        .id
        .filter(|id| !id.is_empty())
        .ok_or_else(|| EngineError::Malformed { call: "info".to_owned(), why: "the engine has no id".to_owned() })?;
    let clock = info.system_time.and_then(|text| DateTime::parse_from_rfc3339(&text).ok());
    Ok(EngineInfo {
        engine_id,
        cluster_id: cluster.id.filter(|id| !id.is_empty()),
        node_id: swarm.node_id.unwrap_or_default(),
        node_address: swarm.node_addr.unwrap_or_default(),
        host_name: info.name.unwrap_or_default(),
        is_swarm: swarm.local_node_state == Some(LocalNodeState::ACTIVE),
        is_manager: swarm.control_available == Some(true),
        node_machine_is_local: here,
        api_version,
        server_version: info.server_version.unwrap_or_default(),
        system_time: clock.map(|moment| Time::from_utc(moment.with_timezone(&Utc))),
        default_pools: info.default_address_pools.unwrap_or_default().into_iter().filter_map(|p| p.base).collect(),
        swarm_default_pools: cluster.default_addr_pool.unwrap_or_default(),
        subnet_size: cluster.subnet_size,
        live_restore: info.live_restore_enabled == Some(true),
        managers: swarm.remote_managers.unwrap_or_default().into_iter().filter_map(|peer| peer.addr).collect(),
        data_root: info.docker_root_dir.unwrap_or_default(),
    })
}
