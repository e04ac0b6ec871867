//! What a command line would do that could touch something guarded.

use std::path::PathBuf;

use super::word::Word;
use crate::interlock::classify::Ask;

/// Something that a command would do.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// It asks an engine for something.
    Engine(Deed),
    /// It does this to a unit of the system.
    Unit {
        /// As in `stop`.
        verb: String,
        /// The unit.
        unit: Word,
    },
    /// The host is switched to another configuration; as in `nixos-rebuild switch`.
    Switch {
        /// As typed.
        typed: String,
    },
    /// A branch of a remote is forced or removed.
    ForcePush {
        /// How, as in `--force`.
        how: String,
        /// Of which repository, by its git directory; `None` where only the shell knows.
        repository: Option<PathBuf>,
    },
    /// A pull request is merged.
    Merge {
        /// `OWNER/REPO`, where it is known.
        repository: Option<String>,
        /// Its number, where it is known.
        number: Option<u64>,
    },
    /// Code of another language is run.
    Code {
        /// By this program.
        program: String,
        /// The code.
        code: String,
    },
    /// It cannot be told what it would do; what stands in the way.
    Unread(String),
}

/// What an engine is asked for, in words of which some may be open.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// A network is made.
    CreateNetwork(Word),
    /// A network is removed.
    RemoveNetwork(Word),
    /// Unused networks are removed.
    Prune,
    /// A container comes to a network.
    Connect(Word),
    /// A container leaves a network.
    Disconnect(Word),
    /// Containers are made or started, perhaps on these networks, with these places of the host; on others too where that is not told.
    Contain {
        /// Networks that are named.
        networks: Vec<Word>,
        /// Places of the host.
        mounts: Vec<Word>,
        /// Perhaps on networks that are not named here.
        more: bool,
    },
    /// A service is made.
    CreateService {
        /// Its networks.
        networks: Vec<Word>,
        /// Places of the host.
        mounts: Vec<Word>,
        /// Perhaps on networks that are not named here.
        more: bool,
    },
    /// A service is changed.
    UpdateService {
        /// Its name.
        service: Word,
        /// Networks that it comes to.
        joins: Vec<Word>,
        /// Networks that it leaves.
        leaves: Vec<Word>,
        /// What becomes of its tasks.
        tasks: Tasks,
        /// It goes back to its earlier spec.
        rollback: bool,
        /// Perhaps something else too.
        more: bool,
    },
    /// A service is removed.
    RemoveService(Word),
    /// A stack is made or brought to what a file says.
    DeployStack(Word),
    /// A stack is removed.
    RemoveStack(Word),
    /// A node is changed.
    UpdateNode {
        /// The node.
        node: Word,
        /// It is no manager any more.
        demote: bool,
        /// Its tasks go.
        drain: bool,
    },
    /// A node is removed.
    RemoveNode(Word),
    /// A request that was written out.
    Request(Ask),
    /// The engine leaves its swarm.
    LeaveSwarm,
    /// The swarm is made anew.
    NewSwarm,
}

/// What becomes of a service's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tasks {
    /// As many as before, or some number above nothing.
    Some,
    /// None.
    None,
    /// Only the shell knows.
    Open,
}

/// An act, and where it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What would be done.
    pub act: Act,
    /// The command as it was read.
    pub said: String,
    /// Why it is not certain that the command is run as it was read; empty where it is.
    pub doubt: String,
}
