//! Calls that make a swarm of an engine.

use hyper::Method;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::engine::error::EngineError;

impl Engine {
    /// Makes this engine the one manager of a new swarm that listens at `advertise` (`address` or `address:port`).
    pub async fn swarm_init(&self, advertise: &str) -> Result<(), EngineError> {
        let request = json!({"ListenAddr": advertise, "AdvertiseAddr": advertise, "Spec": {}});
        self.transport.call(Method::POST, "/swarm/init", Some(&request)).await.map(|_| ())
    }

    /// Asks the API for anything else by a GET, raw. `path` begins with `/` and is not encoded here.
    pub async fn get(&self, path: &str) -> Result<Value, EngineError> {
        self.transport.call(Method::GET, path, None).await
    }
}
