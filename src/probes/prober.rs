//! What probes are given to look with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::engine::Engine;
use crate::git::Repository;
use crate::model::time::Time;
use crate::probes::docker::vips::trend::Point;

/// The place that probes look at, and what they may use to look.
pub struct Prober<'a> {
    /// The engine, or why there is none to ask.
    pub engine: Result<Engine, String>,
    /// The repository, if there is one.
    pub repository: Option<Repository>,
    /// Whether this machine is the target's node. Elsewhere a probe of the host is `unknown`.
    pub here: bool,
    /// Where the engine writes its log, if it is a file and the contract does not name it.
    pub engine_log: Option<PathBuf>,
    /// Name to engine address of the further nodes that the contract lists.
    pub nodes: BTreeMap<String, String>,
    /// What `{subject}` and `{step.ID.NAME}` stand for now.
    pub values: BTreeMap<String, String>,
    /// The user who may evaluate Nix, if the contract names one.
    pub nix_eval_uid: Option<u32>,
    /// Whether a canary may walk now, or why not: a window is open, a step is run or in doubt, or that is not known.
    pub may_walk: Result<(), String>,
    /// What earlier observations of networks' addresses had counted, by the documents.
    pub earlier: Vec<Point>,
    /// Whether a system may be asked what a switch to it would stop and start, or why not: that runs a program of its own.
    pub may_activate: Result<(), String>,
    /// The clock.
    pub now: &'a dyn Fn() -> Time,
}

impl<'a> Prober<'a> {
    /// A prober that has nothing but a clock; everything else is filled in with the struct update syntax.
    pub fn without_engine(now: &'a dyn Fn() -> Time, reason: &str) -> Self {
        Self {
            engine: Err(reason.to_owned()),
            repository: None,
            here: false,
            engine_log: None,
            nodes: BTreeMap::new(),
            values: BTreeMap::new(),
            nix_eval_uid: None,
            may_walk: Err("whether a maintenance window is open on this host is not known".to_owned()),
            earlier: Vec::new(),
            may_activate: Err(
                "it runs the new system's own program: only for the window and right before a step, as one of the \
                               criteria that the window requires"
                    .to_owned(),
            ),
            now,
        }
    }
}
