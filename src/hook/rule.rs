//! What is decided about a line: by the interlock's own judge where an engine is asked, in the least and in the most that the swarm
//! could be. What would be refused even in the least is denied; what would be refused only in the most, only the engine could tell.

use std::path::PathBuf;

use super::act::{Act, Found};
use super::engine;
use super::word::Word;
use crate::model::contract::protect::{HostAct, Protect};

/// The engine's own units, and the interlock's: without them nothing of what is guarded stands.
const ENGINE_UNITS: &[&str] = &[
    "docker.service",
    "docker.socket",
    "containerd.service",
    "countersign-interlock.service",
    "countersign-interlock.socket",
];

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ruling {
    /// Nothing that is guarded is touched.
    Allow,
    /// It cannot be told: a person decides.
    Ask,
    /// Something that is guarded would be touched.
    Deny,
}

impl Ruling {
    /// The word in answers.
    pub fn label(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// A phase that guards something.
#[derive(Debug, Clone)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// The git directory of its repository, where that is here.
    pub repository: Option<PathBuf>,
    /// What it guards; `None` where that cannot be known.
    pub protect: Option<Protect>,
    /// A window is open, or a step is not at its end.
    pub window: bool,
    /// A step is not at its end.
    pub step: bool,
    /// Places of the host that no container gets to see.
    pub places: Vec<PathBuf>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is decided.
    pub ruling: Ruling,
    /// Which of the phases it is about, by its place; none where it is allowed.
    pub phase: Option<usize>,
    /// What the line would do to what is guarded, or what stands in the way of telling; in words that follow "this command".
    pub acts: Vec<String>,
}

/// What would be done for certain, and what perhaps.
#[derive(Debug, Default)]
pub struct Acts {
    /// For certain.
    pub certain: Vec<String>,
    /// Perhaps.
    pub possible: Vec<String>,
}

impl Acts {
    /// What is done for certain.
    pub fn certain(acts: Vec<String>) -> Self {
        Self { certain: acts, possible: Vec::new() }
    }

    /// Takes in what else would be done.
    pub fn and(mut self, other: Self) -> Self {
        self.certain.extend(other.certain);
        self.possible.extend(other.possible);
        self
    }
}

/// Decides.
pub fn decide(found: &[Found], phases: &[Phase]) -> Decision {
    let mut decision = Decision { ruling: Ruling::Allow, phase: None, acts: Vec::new() };
    for (at, phase) in phases.iter().enumerate() {
        for found in found {
            let acts = acts(found, phase);
            let (ruling, words) = match (acts.certain.is_empty(), acts.possible.is_empty()) {
                (false, _) => (Ruling::Deny, acts.certain),
                (true, false) => (Ruling::Ask, acts.possible),
                (true, true) => continue,
            };
            if ruling > decision.ruling {
                decision = Decision { ruling, phase: Some(at), acts: words };
            } else if ruling == decision.ruling && decision.phase == Some(at) {
                decision.acts.extend(words);
            }
        }
    }
    let mut seen = Vec::new();
    decision.acts.retain(|act| {
        !seen.contains(act) && {
            seen.push(act.clone());
            true
        }
    });
    decision
}

fn acts(found: &Found, phase: &Phase) -> Acts {
    let mut acts = match (&found.act, &phase.protect) {
        (_, Some(protect)) if protect.is_blank() => return Acts::default(),
        (Act::Unread(why), Some(_)) => {
            Acts { certain: Vec::new(), possible: vec![format!("does what cannot be read: {why}")] }
        }
        (Act::Code { program, code }, protect) => in_code(program, code, protect.as_ref()),
        (_, None) => Acts {
            certain: Vec::new(),
            possible: vec!["may touch what the phase guards, which is not known: its contract cannot be read".into()],
        },
        (Act::Engine(deed), Some(protect)) => engine::acts(deed, phase, protect),
        (Act::Unit { verb, unit }, Some(protect)) => units(verb, unit, protect),
        (Act::Switch { typed }, Some(protect)) => match protect.host.contains(&HostAct::Switch) {
            true => Acts::certain(vec![format!("switches the host's configuration (`{typed}`)")]),
            false => Acts::default(),
        },
        (Act::ForcePush { how, repository }, Some(protect)) => {
            let words = vec![format!("forces or removes a branch of the remote (`{how}`)")];
            match (protect.host.contains(&HostAct::ForcePush), repository) {
                (true, Some(_)) if *repository == phase.repository => Acts::certain(words),
                (true, None) => Acts { certain: Vec::new(), possible: words },
                _ => Acts::default(),
            }
        }
        (Act::Merge { repository, number }, Some(protect)) => {
            let held = protect.merges.iter().map(|pulls| pulls.hold(repository.as_deref(), *number));
            let name = repository.as_deref().unwrap_or("a repository that is not known");
            let number = number.map_or_else(|| " by its branch".to_owned(), |number| format!(" {number}"));
            let words = vec![format!("merges pull request{number} of {name}")];
            // One declaration that holds it is enough; one that cannot be told is more than none.
            match held.max_by_key(|held| match held {
                Some(true) => 2,
                None => 1,
                Some(false) => 0,
            }) {
                Some(Some(true)) => Acts::certain(words),
                Some(None) => Acts { certain: Vec::new(), possible: words },
                _ => Acts::default(),
            }
        }
    };
    if !found.doubt.is_empty() {
        let doubted = acts.certain.drain(..).chain(acts.possible.drain(..));
        acts.possible = doubted.map(|act| format!("{act}, if it is run so: {}", found.doubt)).collect();
    }
    acts
}

/// Code that names what could touch something together with something that is guarded.
fn in_code(program: &str, code: &str, protect: Option<&Protect>) -> Acts {
    let words: Vec<&str> = code.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)).collect();
    let acting = ["docker", "systemctl", "nixos-rebuild"].into_iter().find(|name| words.contains(name));
    let guarded = |protect: &Protect| {
        let names = protect.networks.iter().chain(&protect.services).chain(&protect.stacks).chain(&protect.units);
        names.into_iter().find(|name| words.contains(&name.as_str())).cloned()
    };
    // Code that calls nothing, as a substitution in a text, runs nothing.
    match (acting.filter(|_| code.contains(['(', '`'])), protect.and_then(guarded)) {
        (Some(acting), Some(name)) => Acts {
            certain: Vec::new(),
            possible: vec![format!("runs code by `{program}` that names `{acting}` and `{name}`")],
        },
        _ => Acts::default(),
    }
}

fn units(verb: &str, unit: &Word, protect: &Protect) -> Acts {
    let engine = ENGINE_UNITS.iter().filter(|_| !protect.is_empty()).map(|unit| (*unit).to_owned());
    let mut acts = Acts::default();
    for guarded in protect.units.iter().cloned().chain(engine) {
        let short = guarded.strip_suffix(".service").unwrap_or(&guarded);
        let words = format!("does `{verb}` to unit `{short}`");
        match unit.text() {
            // systemctl itself knows patterns.
            Some(text) if text.contains(['*', '?', '[']) => {
                let start = text.split(['*', '?', '[']).next().unwrap_or_default();
                if guarded.starts_with(start) {
                    acts.possible.push(words);
                }
            }
            Some(text) if text.strip_suffix(".service").unwrap_or(text) == short => acts.certain.push(words),
            None if unit.may_be(&guarded) || unit.may_be(short) => acts.possible.push(words),
            _ => {}
        }
    }
    acts
}
