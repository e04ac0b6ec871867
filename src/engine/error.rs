//! Why a call to the engine did not give an answer.

use std::time::Duration;

/// Why a call to the engine failed. Each variant calls for another reaction of the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The address has no form that is understood.
    #[error("engine address `{address}`: {why}")]
    Address {
        /// The address as it was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// No connection, or it broke. Whether a changing call was carried out is not known.
    #[error("engine {address} is out of reach: {why}")]
    Unreachable {
        /// The engine's address.
        address: String,
        /// The transport's reason.
        why: String,
    },
    /// No whole answer in time. Whether a changing call was carried out is not known.
    #[error("engine call `{call}` gave no answer within {after:?}")]
    Timeout {
        /// The call.
        call: String,
        /// The limit.
        after: Duration,
    },
    /// 404: the object does not exist.
    #[error("engine call `{call}`: not found: {message}")]
    NotFound {
        /// The call.
        call: String,
        /// The engine's message.
        message: String,
    },
    /// 409: the name is taken, or the object is in a state that forbids it.
    #[error("engine call `{call}`: conflict: {message}")]
    Conflict {
        /// The call.
        call: String,
        /// The engine's message.
        message: String,
    },
    /// The object was changed since it was read: read it again, check the intent again.
    #[error("engine call `{call}`: the object was changed since it was read")]
    OutOfSequence {
        /// The call.
        call: String,
    },
    /// The engine is no member of a swarm.
    #[error("engine call `{call}`: this engine is not part of a swarm")]
    NotASwarm {
        /// The call.
        call: String,
    },
    /// The engine is a worker: only managers answer for the cluster.
    #[error("engine call `{call}`: this engine is a worker, a manager was wanted")]
    NotAManager {
        /// The call.
        call: String,
    },
    /// Any other refusal.
    #[error("engine call `{call}` was refused ({status}): {message}")]
    Refused {
        /// The call.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The engine's message.
        message: String,
    },
    /// The answer is not what the API promises.
    #[error("engine call `{call}`: malformed answer: {why}")]
    Malformed {
        /// The call.
        call: String,
        /// What is wrong with it.
        why: String,
    },
}

impl EngineError {
    /// Whether the engine asked an authorization plugin that did not answer: moby `pkg/authorization/authz.go` names the method.
    pub fn is_of_a_plugin(&self) -> bool {
        self.to_string().contains("AuthZPlugin.AuthZReq")
    }

    /// Whether the object was not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether a changing call may have been carried out although it failed.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. } | Self::Malformed { .. })
    }
}

/// The error that an HTTP status and the engine's message mean.
///
/// The texts are the engine's own (Engine 20.10 to 29): a version mismatch and a missing swarm have no status of their own.
pub(super) fn of_status(call: &str, status: u16, message: &str) -> EngineError {
    let call = call.to_owned();
    let message = message.trim().to_owned();
    if message.contains("update out of sequence") {
        return EngineError::OutOfSequence { call };
    }
    if message.contains("Worker nodes can't be used") {
        return EngineError::NotAManager { call };
    }
    if message.contains("is not a swarm manager") || message.contains("is not part of a swarm") {
        return EngineError::NotASwarm { call };
    }
    match status {
        404 => EngineError::NotFound { call, message },
        409 => EngineError::Conflict { call, message },
        _ => EngineError::Refused { call, status, message },
    }
}

/// The error that a failed bollard call means.
pub(super) fn of_bollard(address: &str, call: &str, timeout: Duration, error: &bollard::errors::Error) -> EngineError {
    use bollard::errors::Error;
    match error {
        Error::DockerResponseServerError { status_code, message } => of_status(call, *status_code, message),
        Error::RequestTimeoutError => EngineError::Timeout { call: call.to_owned(), after: timeout },
        Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => {
            EngineError::Malformed { call: call.to_owned(), why: error.to_string() }
        }
        _ => EngineError::Unreachable { address: address.to_owned(), why: with_sources(error) },
    }
}

/// An error's message and those of its sources, in one line.
pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_status_and_text() {
        let cases: [(u16, &str, fn(&EngineError) -> bool); 6] = [
            (404, "network x not found", |e| matches!(e, EngineError::NotFound { .. })),
            (409, "network with name proxy already exists", |e| matches!(e, EngineError::Conflict { .. })),
            (500, "rpc error: code = Unknown desc = update out of sequence", |e| {
                matches!(e, EngineError::OutOfSequence { .. })
            }),
            (503, "This node is not a swarm manager. Use \"docker swarm init\"", |e| {
                matches!(e, EngineError::NotASwarm { .. })
            }),
            (
                503,
                "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state.",
                |e| matches!(e, EngineError::NotAManager { .. }),
            ),
            (400, "network proxy is in use by service x", |e| matches!(e, EngineError::Refused { status: 400, .. })),
        ];
        for (status, text, right) in cases {
            assert!(right(&of_status("call", status, text)), "{status} {text}");
        }
    }
}
