//! Calls about services, tasks and nodes.

use hyper::Method;
use serde_json::Value;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::networks::id_of;
use crate::engine::service::Service;
use crate::engine::task::Task;
use crate::engine::transport::{encode, filters, list};

impl Engine {
    /// All services of the swarm.
    pub async fn services(&self) -> Result<Vec<Service>, EngineError> {
        let answer = self.transport.call(Method::GET, "/services", None).await?;
        Ok(list("services", answer, "ID")?.into_iter().map(Service).collect())
    }

    /// One service by id or name; `None` when there is none.
    pub async fn service(&self, id_or_name: &str) -> Result<Option<Service>, EngineError> {
        match self.transport.call(Method::GET, &format!("/services/{}", encode(id_or_name)), None).await {
            Ok(raw) => Ok(Some(Service(raw))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a service from a raw spec and returns its id.
    pub async fn create_service(&self, spec: &Value) -> Result<String, EngineError> {
        let answer = self.transport.call(Method::POST, "/services/create", Some(spec)).await?;
        id_of("POST /services/create", &answer, "ID")
    }

    /// Replaces a service's spec. `version` is the one that was read: [`EngineError::OutOfSequence`] if it is no longer so.
    pub async fn update_service(&self, id: &str, version: u64, spec: &Value) -> Result<(), EngineError> {
        let path = format!("/services/{}/update?version={version}", encode(id));
        self.transport.call(Method::POST, &path, Some(spec)).await.map(|_| ())
    }

    /// Removes a service. Its tasks end later.
    pub async fn remove_service(&self, id: &str) -> Result<(), EngineError> {
        self.transport.call(Method::DELETE, &format!("/services/{}", encode(id)), None).await.map(|_| ())
    }

    /// Tasks of services that match all filters, as in `("desired-state", "running")`; ended ones too.
    pub async fn tasks(&self, wanted: &[(&str, &str)]) -> Result<Vec<Task>, EngineError> {
        let answer = self.transport.call(Method::GET, &format!("/tasks?{}", filters(wanted)), None).await?;
        Ok(list("tasks", answer, "ID")?.into_iter().map(Task).collect())
    }

    /// Tasks that stand for plain containers on attachable networks. The engine hides them from [`Engine::tasks`].
    pub async fn attachment_tasks(&self) -> Result<Vec<Task>, EngineError> {
        self.tasks(&[("runtime", "attachment")]).await
    }

    /// Replaces a node's spec. `version` is the one that was read: [`EngineError::OutOfSequence`] if it is no longer so.
    pub async fn update_node(&self, id: &str, version: u64, spec: &Value) -> Result<(), EngineError> {
        let path = format!("/nodes/{}/update?version={version}", encode(id));
        self.transport.call(Method::POST, &path, Some(spec)).await.map(|_| ())
    }

    /// All nodes of the swarm, raw.
    pub async fn nodes(&self) -> Result<Vec<Value>, EngineError> {
        let nodes = list("nodes", self.transport.call(Method::GET, "/nodes", None).await?, "ID")?;
        if nodes.is_empty() {
            let why = "no node, and this manager is one".to_owned();
            return Err(EngineError::Malformed { call: "nodes".to_owned(), why });
        }
        Ok(nodes)
    }
}
