//! What the contract asks of one recreate.

use std::time::Duration;

use crate::model::contract::Params;

/// How often a front looks at the swarm unless the contract says otherwise.
const POLL: Duration = Duration::from_secs(15);
/// How long the engine lets a task serve on after it was taken out of service discovery (swarm executor,
/// `defaultGossipConvergeDelay`).
pub const GOSSIP: Duration = Duration::from_secs(2);

/// How the network is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Everything off the network, network away and made again, everything back: one stop, one start.
    BreakBeforeMake,
    /// Everything over to a holding network and from there to the new one: two restarts, with the old task serving until the
    /// new one runs where a service allows it.
    MakeBeforeBreak,
}

impl Strategy {
    /// As contracts and claims write it.
    pub fn label(self) -> &'static str {
        match self {
            Self::BreakBeforeMake => "break-before-make",
            Self::MakeBeforeBreak => "make-before-break",
        }
    }

    /// Reads it as contracts write it; `None` for anything else.
    pub fn of(label: &str) -> Option<Self> {
        [Self::BreakBeforeMake, Self::MakeBeforeBreak].into_iter().find(|strategy| strategy.label() == label)
    }
}

/// What is to be done with jobs on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// Nothing is begun while there is one.
    Refuse,
    /// They run once more at the end: the engine runs a job again at each update.
    RunAgain,
}

/// What is to be done with plain containers on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attached {
    /// Nothing is begun while there is one.
    Refuse,
    /// They leave the old network right before it goes, and come to the new one.
    Reconnect,
}

/// What one step is to do.
#[derive(Debug, Clone)]
pub struct Goal {
    /// The network's exact name.
    pub network: String,
    /// The subnet it is to have.
    pub subnet: String,
    /// How.
    pub strategy: Strategy,
    /// Names of the services that route to the others.
    pub front: Vec<String>,
    /// How often the front looks for services.
    pub front_poll: Duration,
    /// The holding network's subnet; absent: the engine picks one.
    pub hold_subnet: Option<String>,
    /// The service label by which the front chooses the network on which it reaches a service; while services are on the holding
    /// network it names that one.
    pub network_label: Option<String>,
    /// The image of the throwaway service; absent: that of a captured service.
    pub check_image: Option<String>,
    /// What the throwaway service must run to a good end on the network; empty: nothing but what stays there.
    pub check_argv: Vec<String>,
    /// What it must reach, handed to it as arguments.
    pub reaches: Vec<String>,
    /// What to do with plain containers.
    pub attached: Attached,
    /// What to do with jobs.
    pub jobs: Jobs,
    /// How long the step may take until the old network goes; then it walks back. After that it takes as long as it takes.
    pub timeout: Duration,
}

impl Goal {
    /// Reads the step's parameters; `strategy` is the one that was claimed, if any.
    pub fn new(params: &Params, strategy: Option<&str>) -> Self {
        let text = |name: &str| params.text(name).unwrap_or_default().to_owned();
        let named = strategy.or(params.text("strategy")).and_then(Strategy::of);
        Self {
            network: text("network"),
            subnet: text("subnet"),
            strategy: named.unwrap_or(Strategy::BreakBeforeMake),
            front: params.list("front").to_vec(),
            front_poll: params.duration("front_poll").unwrap_or(POLL),
            hold_subnet: params.text("hold_subnet").map(str::to_owned),
            network_label: params.text("network_label").map(str::to_owned),
            check_image: params.text("check_image").map(str::to_owned),
            check_argv: params.list("check_argv").to_vec(),
            reaches: params.list("reaches").to_vec(),
            attached: match params.text("attached") {
                Some("reconnect") => Attached::Reconnect,
                _ => Attached::Refuse,
            },
            timeout: Duration::MAX,
            jobs: if params.text("jobs") == Some("run-again") { Jobs::RunAgain } else { Jobs::Refuse },
        }
    }

    /// Whether the contract names a program that is to end well on the network.
    pub fn asks_program(&self) -> bool {
        !self.check_argv.is_empty()
    }

    /// Whether the front sees a new task while the old one still serves. It is then started with all others. One that looks less
    /// often is started last, since the list it makes at its start is then complete.
    pub fn front_looks_often(&self) -> bool {
        self.front_poll <= GOSSIP
    }

    /// Whether services that start first are on both networks while the front moves from one to the other: there must be a front,
    /// it must look often, and a label must tell it which of the two networks to use.
    pub fn bridges(&self) -> bool {
        !self.front.is_empty() && self.front_looks_often() && self.network_label.is_some()
    }

    /// Whether a service routes to the others.
    pub fn is_front(&self, name: &str) -> bool {
        self.front.iter().any(|front| front == name)
    }
}
