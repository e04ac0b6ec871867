//! The one door to the Docker Engine.
//!
//! Objects whose loss of a field would do harm (networks, services, tasks) are raw JSON in newtypes with accessors: a typed
//! round trip drops fields that the model does not know, and an updated service would restart or change without a word.
//! What is only read or handed over (version, info, nodes, containers, images) goes through bollard.
//! Both ways use the API version that bollard negotiated with the engine, and each call ends within one timeout.

pub mod error;
mod here;
mod images;
pub mod info;
pub mod ipam;
pub mod network;
mod networks;
pub mod server;
pub mod service;
mod services;
mod swarm;
pub mod task;
mod transport;

use std::time::Duration;

use bollard::Docker;

use crate::engine::error::EngineError;
use crate::engine::transport::Transport;

pub use crate::engine::transport::TOKEN_HEADER;

/// A connection to one engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    transport: Transport,
    timeout: Duration,
}

impl Engine {
    /// Connects, and agrees with the engine on an API version.
    ///
    /// `address` is `unix:///path` or `tcp://host:port`; `timeout` bounds this and each later call.
    /// Fails with [`EngineError::Address`], [`EngineError::Unreachable`] or [`EngineError::Timeout`].
    pub async fn connect(address: &str, timeout: Duration) -> Result<Self, EngineError> {
        let wrong = |why: String| EngineError::Address { address: address.to_owned(), why };
        let seconds = timeout.as_secs().max(1);
        let newest = bollard::API_DEFAULT_VERSION;
        let docker = if address.starts_with("unix://") {
            Docker::connect_with_unix(address, seconds, newest)
        } else if address.starts_with("tcp://") {
            Docker::connect_with_http(address, seconds, newest)
        } else {
            let over_ssh = if address.starts_with("ssh://") { "; over ssh, run countersign there" } else { "" };
            return Err(wrong(format!("wanted unix:///path or tcp://host:port{over_ssh}")));
        };
        let unreachable = |why: String| EngineError::Unreachable { address: address.to_owned(), why };
        let docker = docker.map_err(|error| unreachable(error.to_string()))?;
        let docker = tokio::time::timeout(timeout, docker.negotiate_version())
            .await
            .map_err(|_| EngineError::Timeout { call: format!("version of {address}"), after: timeout })?
            .map_err(|error| unreachable(error::with_sources(&error)))?;
        let version = docker.client_version();
        let prefix = format!("/v{}.{}", version.major_version, version.minor_version);
        Ok(Self { docker, transport: Transport::new(address, prefix, timeout), timeout })
    }

    /// The same connection for the executor: each raw call shows an interlock this token.
    #[must_use]
    pub fn as_executor(mut self, token: &str) -> Self {
        self.transport = self.transport.with_token(token);
        self
    }

    /// The address that was connected to, as it was given.
    pub fn address(&self) -> &str {
        self.transport.address()
    }

    /// Whether the engine's API version is at least `major.minor`.
    pub fn api_at_least(&self, major: usize, minor: usize) -> bool {
        let version = self.docker.client_version();
        (version.major_version, version.minor_version) >= (major, minor)
    }

    /// Runs one bollard call within the timeout.
    async fn typed<T>(
        &self,
        call: &str,
        future: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        match tokio::time::timeout(self.timeout, future).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(error::of_bollard(self.address(), call, self.timeout, &error)),
            Err(_) => Err(EngineError::Timeout { call: call.to_owned(), after: self.timeout }),
        }
    }
}
