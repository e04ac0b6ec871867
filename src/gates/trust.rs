//! Which contract is in force where, and so which records count.
//!
//! A contract is in force at a record when a valid adoption of it by both roles is among the record's ancestors. The first is
//! adopted with keys that its own text lists (a host anchors them by its pins); each later one with keys of the one before.

use std::collections::{BTreeMap, HashSet};

use super::graph::Graph;
use crate::model::digest::Digest;
use crate::model::ids::{ObjectId, RecordId};
use crate::model::record::{Adoption, Body, Kind, Record};
use crate::model::role::Role;

/// Why a record does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrusted {
    /// The record.
    pub record: RecordId,
    /// Why, one line.
    pub why: String,
}

/// One version of the contract as its adoptions carry it.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// Digest of the contract's text.
    pub digest: Digest,
    /// Its version.
    pub version: u32,
    /// The keys of each role.
    pub keys: BTreeMap<Role, Vec<String>>,
    /// The adoption by each role, valid ones only.
    pub by: BTreeMap<Role, RecordId>,
    replaces: Option<Digest>,
}

impl Adopted {
    /// Whether both roles have adopted it.
    pub fn by_both(&self) -> bool {
        self.by.contains_key(&Role::Builder) && self.by.contains_key(&Role::Adversary)
    }
}

/// What trust was established.
pub struct Trust<'a> {
    /// The contract in force now: the newest version that both roles adopted.
    pub in_force: Option<Adopted>,
    /// First contracts that both roles adopted without knowing of one another, where there are several: a phase begins once, and
    /// whoever made the second would choose the keys.
    pub rivals: Vec<Digest>,
    /// Adopted by one role only, or not yet valid.
    pub pending: Vec<Adopted>,
    /// The records that count, each after those it links to.
    pub counted: Vec<&'a Record>,
    /// The others.
    pub distrusted: Vec<Distrusted>,
    /// Those whose signature nobody looked at: they count for nothing, and nothing is held against them.
    pub unchecked: Vec<&'a Record>,
}

/// Goes through the graph once and establishes what counts.
pub fn establish<'a>(graph: &Graph<'a>, repository: &ObjectId) -> Trust<'a> {
    let mut contracts: Vec<Adopted> = Vec::new();
    let (mut distrusted, mut unchecked, mut counted) = (Vec::new(), Vec::new(), Vec::new());
    let mut valid = HashSet::new();
    let here = |record: &Record| record.block.repository == *repository;
    for record in graph.records() {
        if let Body::Contract(adoption) = &record.block.body
            && here(record)
        {
            match adopt(graph, &mut contracts, record, adoption) {
                Ok(()) => {
                    valid.insert(record.id);
                }
                Err(why) => distrusted.push(Distrusted { record: record.id, why }),
            }
        }
    }
    let roots = contracts.iter().filter(|contract| contract.by_both() && contract.replaces.is_none());
    let rivals: Vec<Digest> = roots.map(|contract| contract.digest).collect();
    let mut both: Vec<&Adopted> = contracts.iter().filter(|contract| contract.by_both()).collect();
    both.sort_by_key(|contract| std::cmp::Reverse(contract.version));
    // The newest of each line: where there are rival first contracts nothing opens, but an objection by any of them is heard.
    let in_force_at = |record: &Record| {
        let reached = |contract: &&Adopted| contract.by.values().all(|id| graph.is_at_or_before(id, &record.id));
        let mut there = both.iter().copied().filter(reached);
        let newest = there.next();
        let rival = |contract: &&Adopted| rivals.len() > 1 && listed(record, Some(contract)).is_ok();
        newest.filter(|contract| listed(record, Some(contract)).is_ok()).or_else(|| there.find(rival)).or(newest)
    };
    for record in graph.records() {
        if !record.checked {
            unchecked.push(record);
        } else if !here(record) {
            let why = format!("written in another repository ({})", record.block.repository.short());
            distrusted.push(Distrusted { record: record.id, why });
        } else if record.block.body.kind() == Kind::Contract {
            if valid.contains(&record.id) {
                counted.push(record);
            }
        } else {
            match listed(record, in_force_at(record)) {
                Ok(()) => counted.push(record),
                Err(why) => distrusted.push(Distrusted { record: record.id, why }),
            }
        }
    }
    let in_force =
        contracts.iter().filter(|contract| contract.by_both()).max_by_key(|contract| contract.version).cloned();
    let newest = in_force.as_ref().map_or(0, |contract| contract.version);
    let pending = contracts.into_iter().filter(|contract| !contract.by_both() && contract.version > newest).collect();
    let rivals = if rivals.len() > 1 { rivals } else { Vec::new() };
    Trust { in_force, rivals, pending, counted, distrusted, unchecked }
}

/// The role whose keys must have signed a record.
fn signing_role(record: &Record) -> Role {
    match record.block.body.kind() {
        Kind::BreakGlass => Role::Operator,
        _ => record.block.document.role(),
    }
}

fn listed(record: &Record, contract: Option<&Adopted>) -> Result<(), String> {
    let role = signing_role(record);
    let Some(contract) = contract else {
        return Err("no contract was in force where it stands: both roles adopt first".into());
    };
    if record.block.role != role {
        return Err(format!("signed as {} in a document that is written by the {role}", record.block.role));
    }
    if contract.keys.get(&role).is_some_and(|keys| keys.contains(&record.signer)) {
        return Ok(());
    }
    let other = contract.keys.iter().find(|(_, keys)| keys.contains(&record.signer)).map(|(role, _)| *role);
    Err(match other {
        Some(other) => format!("signed with a key of the {other}; this document's records are the {role}'s"),
        None => format!("signed with a key that contract version {} does not list for the {role}", contract.version),
    })
}

fn adopt(graph: &Graph<'_>, contracts: &mut Vec<Adopted>, record: &Record, adoption: &Adoption) -> Result<(), String> {
    let role = record.block.document.role();
    if record.block.role != role {
        return Err(format!("adopted as {} in the {role}'s document", record.block.role));
    }
    if record.block.output.as_ref().map(|output| output.sha256) != Some(adoption.digest) {
        return Err("the text it carries is not the contract whose digest it adopts".into());
    }
    let before = contracts
        .iter()
        .filter(|contract| contract.by_both())
        .filter(|contract| contract.by.values().all(|id| graph.is_before(id, &record.id)))
        .max_by_key(|contract| contract.version)
        .cloned();
    let keys = match (&before, &adoption.replaces) {
        (None, None) => &adoption.keys,
        // The second party's adoption may already see the first party's, but never a contract of both before version one.
        (Some(before), _) if before.digest == adoption.digest => return Ok(()),
        (Some(before), Some(replaces)) if before.digest == *replaces => {
            if adoption.version <= before.version {
                return Err(format!("its version {} does not rise above {}", adoption.version, before.version));
            }
            &before.keys
        }
        (Some(before), _) => {
            return Err(format!("it does not replace contract {}, which is in force there", before.digest.short()));
        }
        (None, Some(replaces)) => {
            return Err(format!("it replaces contract {}, which both never adopted", replaces.short()));
        }
    };
    let allowed = |role: Role| keys.get(&role).is_some_and(|keys| keys.contains(&record.signer));
    if !(allowed(role) || (before.is_some() && allowed(Role::Operator))) {
        return Err(format!("signed with a key that is not listed for the {role}"));
    }
    match contracts.iter_mut().find(|contract| contract.digest == adoption.digest && contract.keys == adoption.keys) {
        Some(contract) if contract.version == adoption.version && contract.replaces == adoption.replaces => {
            contract.by.entry(role).or_insert(record.id);
        }
        Some(_) => return Err("the other role adopted the same text as another version".into()),
        None => contracts.push(Adopted {
            digest: adoption.digest,
            version: adoption.version,
            keys: adoption.keys.clone(),
            by: BTreeMap::from([(role, record.id)]),
            replaces: adoption.replaces,
        }),
    }
    Ok(())
}
