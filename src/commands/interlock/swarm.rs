//! The swarm as it is after a request came, and of it what judging the request needs.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::interlock::needs::{Needs, Networks};
use crate::interlock::world::{Container, Network, Node, Service, World};

use super::fresh::Fresh;
use super::look;

/// How many may ask for a few networks at once: more wait for one look at all of them.
const NARROW: usize = 2;

type Seen<T> = Fresh<Result<Arc<Vec<T>>, String>>;

/// One look for all who wait for the same.
pub struct Swarm {
    networks: Seen<Network>,
    services: Seen<Service>,
    nodes: Seen<Node>,
    narrow: Semaphore,
}

impl Swarm {
    /// Nothing was looked at yet.
    pub fn new() -> Self {
        Self { networks: Fresh::new(), services: Fresh::new(), nodes: Fresh::new(), narrow: Semaphore::new(NARROW) }
    }

    /// What is needed, all asked for at once; a container where it is needed and there.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or what it says cannot be read.
    pub async fn look(
        &self,
        engine: &Engine,
        begun: Instant,
        needs: &Needs,
        container: Option<&str>,
    ) -> Result<(World, Option<Container>), String> {
        let services = async {
            match needs.services {
                true => {
                    let look = || async { look::services(engine).await.map(Arc::new).map_err(|e| e.to_string()) };
                    self.services.since(begun, look).await.map(|seen| seen.to_vec())
                }
                false => Ok(Vec::new()),
            }
        };
        let nodes = async {
            match needs.nodes {
                true => {
                    let look = || async { look::nodes(engine).await.map(Arc::new).map_err(|e| e.to_string()) };
                    self.nodes.since(begun, look).await.map(|seen| seen.to_vec())
                }
                false => Ok(Vec::new()),
            }
        };
        let made = async {
            match container.filter(|_| needs.container) {
                Some(name) => look::container(engine, name).await,
                None => Ok(None),
            }
        };
        let (networks, services, nodes, container) =
            tokio::try_join!(self.networks(engine, begun, &needs.networks), services, nodes, made)?;
        Ok((World { networks, services, nodes }, container))
    }

    async fn networks(&self, engine: &Engine, begun: Instant, which: &Networks) -> Result<Vec<Network>, String> {
        if matches!(which, Networks::None) {
            return Ok(Vec::new());
        }
        if let (Networks::Ids(ids), Ok(_one)) = (which, self.narrow.try_acquire()) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            return look::networks(engine, &ids).await.map_err(|error| error.to_string());
        }
        let look = || async { look::networks(engine, &[]).await.map(Arc::new).map_err(|error| error.to_string()) };
        self.networks.since(begun, look).await.map(|seen| seen.to_vec())
    }
}
