//! Which engine is asked, and whether this machine is its node.

use std::time::Duration;

use crate::engine::Engine;
use crate::error::{CommandError, Exit};
use crate::gates::inputs::Known;
use crate::model::record::Target;
use crate::model::time::Time;

use super::open::Session;

/// How long the engine may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// A runtime for what asks the engine or the network.
///
/// # Errors
///
/// The system does not give the threads.
pub fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|error| CommandError::new(Exit::Bug, format!("the async runtime: {error}"), ""))
}

impl Session {
    /// The engine's address: the one that was named, else the contract's.
    pub fn engine_address(&self) -> &str {
        self.context.global.engine.as_deref().unwrap_or(&self.contract.engine)
    }

    /// The engine's identity, or why it could not be asked. Only a swarm manager will do.
    pub fn target(&self) -> Known<Target> {
        match self.engine_asked() {
            Known::Is((target, _)) => Known::Is(target),
            Known::Unknown(why) => Known::Unknown(why),
        }
    }

    /// The engine's identity and what its clock says.
    pub fn engine_asked(&self) -> Known<(Target, Known<Time>)> {
        let address = self.engine_address();
        // A socket that is not there needs no runtime to find out.
        if let Some(path) = address.strip_prefix("unix://")
            && !std::path::Path::new(path).exists()
        {
            return Known::Unknown(format!("engine {address}: there is no socket {path}"));
        }
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return Known::Unknown(error.message),
        };
        let asked = runtime.block_on(async { Engine::connect(address, PATIENCE).await?.manager_info().await });
        match asked {
            Err(error) => Known::Unknown(format!("engine {address}: {error}")),
            Ok(info) => match info.cluster_id {
                None => Known::Unknown(format!("engine {address} did not name its swarm")),
                Some(cluster) => {
                    let silent = || Known::Unknown("its answer holds none that can be read".to_owned());
                    let target = Target {
                        engine: info.engine_id,
                        cluster,
                        machine: info.node_machine_is_local.then(|| self.context.machine().ok()).flatten(),
                    };
                    Known::Is((target, info.system_time.map_or_else(silent, Known::Is)))
                }
            },
        }
    }

    /// The engine's identity for what cannot be done without it; `why` says what needs it.
    ///
    /// # Errors
    ///
    /// The engine could not be asked (13).
    pub fn needed_target(&self, why: &str) -> Result<Target, CommandError> {
        match self.target() {
            Known::Is(target) => Ok(target),
            Known::Unknown(found) => {
                Err(CommandError::new(Exit::Unknown, format!("{why}: {found}"), "countersign doctor"))
            }
        }
    }
}
