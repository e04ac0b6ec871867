//! Calls that make a swarm of an engine.

use std::path::PathBuf;

use hyper::Method;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::server::{self, Server};

impl Engine {
    /// Makes this engine the one manager of a new swarm that listens at `advertise` (`address` or `address:port`).
    pub async fn swarm_init(&self, advertise: &str) -> Result<(), EngineError> {
        let request = json!({"ListenAddr": advertise, "AdvertiseAddr": advertise, "Spec": {}});
        self.transport.call(Method::POST, "/swarm/init", Some(&request)).await.map(|_| ())
    }

    /// The secret by which another engine joins this swarm. It belongs in no log.
    pub async fn join_token(&self, manager: bool) -> Result<String, EngineError> {
        let swarm = self.transport.call(Method::GET, "/swarm", None).await?;
        let role = if manager { "Manager" } else { "Worker" };
        let token = swarm.pointer(&format!("/JoinTokens/{role}")).and_then(Value::as_str);
        let why =
            || EngineError::Malformed { call: "GET /swarm".to_owned(), why: "no join token in the answer".to_owned() };
        token.map(str::to_owned).ok_or_else(why)
    }

    /// Makes this engine a node, listening at `advertise`, of the swarm that has a manager at `remote`.
    pub async fn swarm_join(&self, advertise: &str, remote: &str, token: &str) -> Result<(), EngineError> {
        let remote = format!("{remote}:2377");
        let request =
            json!({"ListenAddr": advertise, "AdvertiseAddr": advertise, "RemoteAddrs": [remote], "JoinToken": token});
        self.transport.call(Method::POST, "/swarm/join", Some(&request)).await.map(|_| ())
    }

    /// The process that listens at the engine's unix socket, as this process sees it: the engine's own, or the init that started it
    /// by its socket ([`Engine::server`] tells for whom). 0: it is not seen from here, so that this process is in a pid namespace of its own, and sees nothing of what
    /// runs on the engine's machine. `None` over the network.
    ///
    /// # Errors
    ///
    /// Nobody listens there, or the kernel does not say who.
    pub async fn listener(&self) -> Result<Option<u32>, EngineError> {
        self.transport.listener().await
    }

    /// Who serves at the engine's unix socket: the listener, or the process to which an init that listens handed it. `None` over the
    /// network.
    ///
    /// # Errors
    ///
    /// As [`Engine::listener`].
    pub async fn server(&self) -> Result<Option<Server>, EngineError> {
        let Some(listener) = self.listener().await? else { return Ok(None) };
        let socket = PathBuf::from(self.address().trim_start_matches("unix://"));
        let lost = |why: String| EngineError::Unreachable { address: self.address().to_owned(), why };
        let looked = tokio::task::spawn_blocking(move || server::of(listener, &socket)).await;
        looked.map(Some).map_err(|error| lost(error.to_string()))
    }

    /// Asks the API for anything else by a GET, raw. `path` begins with `/` and is not encoded here.
    pub async fn get(&self, path: &str) -> Result<Value, EngineError> {
        self.transport.call(Method::GET, path, None).await
    }
}
