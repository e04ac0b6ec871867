//! What a twin's maker leaves behind for whoever uses or removes it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::twin::error::TwinError;
use crate::twin::place::{Node, Place};
use crate::twin::processes::start_time;

/// A process that can be told from a later one of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub started: Option<u64>,
}

impl Process {
    /// The process of this id.
    pub fn of(pid: u32) -> Self {
        Self { pid, started: start_time(pid) }
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        self.started.is_some() && start_time(self.pid) == self.started
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeState {
    /// Its number, from 1.
    pub number: usize,
    /// Its address: its engine advertises it.
    pub address: String,
    /// Whether it joined as a manager.
    pub manager: bool,
    /// Its engine; absent while it is being made, and while it is stopped.
    pub engine: Option<Process>,
}

/// A twin's state file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Version of this file's form.
    pub schema: u32,
    /// Whether it was made to its end.
    pub complete: bool,
    /// Who makes it.
    pub maker: Option<Process>,
    /// The host's address on the twin's network.
    pub host_address: String,
    /// In order.
    pub nodes: Vec<NodeState>,
    /// The socket of the interlock that its engines ask before they carry out a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interlock: Option<PathBuf>,
}

/// The version of this form.
pub const SCHEMA: u32 = 2;

impl State {
    /// Reads a twin's state; `None` when there is no file.
    pub fn read(place: &Place) -> Result<Option<Self>, TwinError> {
        let path = place.state_file();
        match std::fs::read(&path) {
            // A maker killed while it wrote leaves a torn file: the directory is a twin's all the same.
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or_default())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(TwinError::file(path)(error)),
        }
    }

    /// Reads the state of a twin that is there.
    pub fn of_twin(place: &Place) -> Result<Self, TwinError> {
        Self::read(place)?.ok_or_else(|| TwinError::NoTwin { dir: place.dir().to_owned() })
    }

    /// Writes it.
    pub fn write(&self, place: &Place) -> Result<(), TwinError> {
        let path = place.state_file();
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| TwinError::Directory { dir: place.dir().to_owned(), why: error.to_string() })?;
        std::fs::write(&path, text).map_err(TwinError::file(path))
    }

    /// Whether any of its engines runs.
    pub fn is_alive(&self) -> bool {
        self.nodes.iter().any(|node| node.engine.is_some_and(|engine| engine.is_alive()))
    }

    /// The maker, if it is still at work.
    pub fn at_work(&self) -> Option<u32> {
        self.maker.filter(|maker| !self.complete && maker.is_alive()).map(|maker| maker.pid)
    }

    /// The node of this name.
    pub fn node(&self, place: &Place, name: &str) -> Result<Node, TwinError> {
        let all: Vec<Node> = self.nodes.iter().map(|node| place.node(node.number)).collect();
        let names = all.iter().map(Node::name).collect::<Vec<_>>().join(", ");
        all.into_iter().find(|node| node.name() == name).ok_or_else(|| TwinError::Directory {
            dir: place.dir().to_owned(),
            why: format!("the twin has no node `{name}`; wanted one of {names}"),
        })
    }

    /// Sets or clears a node's engine.
    pub fn set_engine(&mut self, node: &Node, engine: Option<Process>) {
        for one in self.nodes.iter_mut().filter(|one| one.number == node.number()) {
            one.engine = engine;
        }
    }
}
