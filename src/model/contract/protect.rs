//! What an interlock guards: `[protect]` of the contract.

use serde::{Deserialize, Serialize};

/// What an interlock guards, by name. Names are compared without regard to case: the cluster's own collide that way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Protect {
    /// Networks: not removed, not made anew, nothing disconnected from them.
    pub networks: Vec<String>,
    /// Services: not removed, not scaled to nothing, not taken off their protected networks.
    pub services: Vec<String>,
    /// Stacks: the same for each of their services, and none of their networks is removed.
    pub stacks: Vec<String>,
    /// What is not done to the swarm and its nodes.
    pub swarm: Vec<SwarmAct>,
    /// When others may come to and leave a protected network.
    pub attachments: Attachments,
}

/// Something that is done to a swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SwarmAct {
    /// The engine leaves the swarm, a node is removed from it, or the swarm is made anew from one manager.
    Leave,
    /// A manager becomes a worker.
    Demote,
    /// A node is drained: its tasks go.
    Drain,
}

impl SwarmAct {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Leave, Self::Demote, Self::Drain];

    /// As the contract writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Demote => "demote",
            Self::Drain => "drain",
        }
    }
}

/// When services and containers that are not protected themselves may come to a protected network or leave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attachments {
    /// Not while a window is open or a step is under way: what is deployed day by day goes on before and after.
    #[default]
    Window,
    /// Never, as long as the phase is open.
    Always,
}

impl Attachments {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Window, Self::Always];

    /// As the contract writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Always => "always",
        }
    }
}

impl Protect {
    /// Whether it guards nothing.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.services.is_empty() && self.stacks.is_empty() && self.swarm.is_empty()
    }

    /// Takes in what another text of the same contract guards: what one of them names is guarded.
    pub fn take_in(&mut self, other: &Self) {
        let join = |mine: &mut Vec<String>, theirs: &[String]| {
            mine.extend(theirs.iter().filter(|name| !mine.contains(name)).cloned().collect::<Vec<_>>());
        };
        join(&mut self.networks, &other.networks);
        join(&mut self.services, &other.services);
        join(&mut self.stacks, &other.stacks);
        self.swarm.extend(&other.swarm);
        self.swarm.sort_unstable();
        self.swarm.dedup();
        if other.attachments == Attachments::Always {
            self.attachments = Attachments::Always;
        }
    }
}
