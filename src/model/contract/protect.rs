//! What is guarded: `[protect]` of the contract. An interlock holds what is the engine's; a hook before a shell all of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is guarded, by name. Names are compared without regard to case: the cluster's own collide that way.
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
    /// Units of the system that are not stopped, restarted, disabled or masked, beside the engine's own.
    #[serde(default)]
    pub units: Vec<String>,
    /// What is not done to the host and to the contract's repository.
    #[serde(default)]
    pub host: Vec<HostAct>,
    /// Pull requests that are not merged.
    #[serde(default)]
    pub merges: Vec<Pulls>,
}

/// Something that is done to the host or to the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostAct {
    /// The host is switched to another configuration.
    Switch,
    /// A branch of the repository's remote is forced or removed.
    ForcePush,
}

impl HostAct {
    /// Every one: what is guarded where `[protect]` does not say.
    pub const ALL: [Self; 2] = [Self::Switch, Self::ForcePush];

    /// As the contract writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::ForcePush => "force-push",
        }
    }
}

/// Pull requests: one, as in `coop/recipe#12`, all of a repository, as in `coop/recipe`, or all of an owner's, as in `coop/*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pulls {
    owner: String,
    repository: String,
    number: Option<u64>,
}

impl Pulls {
    /// Whether one is among them, as far as it is known: `Some(false)` if not, `None` if that cannot be told.
    pub fn hold(&self, repository: Option<&str>, number: Option<u64>) -> Option<bool> {
        let named = repository.map(|named| match named.split_once('/') {
            Some((owner, name)) => {
                owner.eq_ignore_ascii_case(&self.owner)
                    && (self.repository == "*" || name.eq_ignore_ascii_case(&self.repository))
            }
            None => false,
        });
        let numbered = match (self.number, number) {
            (None, _) => Some(true),
            (Some(own), Some(number)) => Some(own == number),
            (Some(_), None) => None,
        };
        match (named, numbered) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }
}

impl TryFrom<String> for Pulls {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wanted = || format!("`{text}` is no pull request; wanted OWNER/REPO#NUMBER, OWNER/REPO or OWNER/*");
        let (name, number) = match text.split_once('#') {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| wanted())?)),
            None => (text.as_str(), None),
        };
        let (owner, repository) = name.split_once('/').ok_or_else(wanted)?;
        let plain = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        if !plain(owner) || !(plain(repository) || repository == "*" && number.is_none()) {
            return Err(wanted());
        }
        Ok(Self { owner: owner.to_owned(), repository: repository.to_owned(), number })
    }
}

impl From<Pulls> for String {
    fn from(pulls: Pulls) -> Self {
        pulls.to_string()
    }
}

impl fmt::Display for Pulls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.repository)?;
        self.number.map_or(Ok(()), |number| write!(f, "#{number}"))
    }
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
    /// Whether it guards nothing of an engine: an interlock has nothing to hold.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.services.is_empty() && self.stacks.is_empty() && self.swarm.is_empty()
    }

    /// Whether it guards nothing at all: no hook has anything to hold.
    pub fn is_blank(&self) -> bool {
        self.is_empty() && self.units.is_empty() && self.host.is_empty() && self.merges.is_empty()
    }

    /// What it guards, as the contract writes it: keys and words. A key that names nothing is left out.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let lists = [
            ("networks", self.networks.join(", ")),
            ("services", self.services.join(", ")),
            ("stacks", self.stacks.join(", ")),
            ("swarm", self.swarm.iter().map(|act| act.word()).collect::<Vec<_>>().join(", ")),
            ("attachments", if self.is_empty() { String::new() } else { self.attachments.word().to_owned() }),
            ("units", self.units.join(", ")),
            ("host", self.host.iter().map(|act| act.word()).collect::<Vec<_>>().join(", ")),
            ("merges", self.merges.iter().map(Pulls::to_string).collect::<Vec<_>>().join(", ")),
        ];
        lists.into_iter().filter(|(_, words)| !words.is_empty()).collect()
    }

    /// Takes in what another text of the same contract guards: what one of them names is guarded.
    pub fn take_in(&mut self, other: &Self) {
        let join = |mine: &mut Vec<String>, theirs: &[String]| {
            mine.extend(theirs.iter().filter(|name| !mine.contains(name)).cloned().collect::<Vec<_>>());
        };
        join(&mut self.networks, &other.networks);
        join(&mut self.services, &other.services);
        join(&mut self.stacks, &other.stacks);
        join(&mut self.units, &other.units);
        self.host.extend(&other.host);
        self.host.sort_unstable();
        self.host.dedup();
        let new = other.merges.iter().filter(|pulls| !self.merges.contains(pulls)).cloned();
        self.merges.extend(new.collect::<Vec<_>>());
        self.swarm.extend(&other.swarm);
        self.swarm.sort_unstable();
        self.swarm.dedup();
        if other.attachments == Attachments::Always {
            self.attachments = Attachments::Always;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_requests_are_one_or_many() {
        let pulls = |text: &str| Pulls::try_from(text.to_owned());
        for (declared, repository, number, held) in [
            ("coop/recipe#12", Some("coop/recipe"), Some(12), Some(true)),
            ("coop/recipe#12", Some("Coop/Recipe"), Some(12), Some(true)),
            ("coop/recipe#12", Some("coop/recipe"), Some(13), Some(false)),
            ("coop/recipe#12", Some("coop/recipe"), None, None),
            ("coop/recipe#12", Some("coop/other"), None, Some(false)),
            ("coop/recipe#12", None, Some(12), None),
            ("coop/recipe#12", None, Some(13), Some(false)),
            ("coop/recipe", Some("coop/recipe"), None, Some(true)),
            ("coop/*", Some("coop/any"), Some(1), Some(true)),
            ("coop/*", Some("else/any"), Some(1), Some(false)),
            ("coop/*", None, None, None),
        ] {
            let declared = pulls(declared).expect("pull requests");
            assert_eq!(declared.hold(repository, number), held, "{declared} {repository:?} {number:?}");
        }
        for wrong in ["", "coop", "coop/", "/recipe", "coop/*#1", "coop/recipe#x", "https://x/coop/recipe", "a b/c"] {
            assert!(pulls(wrong).is_err(), "{wrong}");
        }
        for right in ["coop/recipe#12", "coop/*", "c.o-o_p/r.1"] {
            assert_eq!(pulls(right).map(String::from).as_deref(), Ok(right));
        }
    }
}
