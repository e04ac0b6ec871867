//! Which contract is in force where, and so which records count.
//!
//! A contract is in force at a record when a valid adoption of it by both roles is among the record's ancestors. The first is
//! adopted with keys that its own text lists (a host anchors them by its pins); each later one with keys of the one before. Whose
//! word counts by that is in `voice`.

use std::collections::{BTreeMap, HashSet};

use self::texts::Texts;
use self::voice::Court;
use super::graph::Graph;
use super::objections::objects;
use crate::model::digest::Digest;
use crate::model::ids::{ObjectId, RecordId};
use crate::model::record::{Adoption, Body, Kind, Record};
use crate::model::role::Role;

mod texts;
mod voice;

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
    /// The adoptions by each role, valid ones only: a role's clones may each have adopted it, or the operator before the role.
    pub by: BTreeMap<Role, Vec<RecordId>>,
    /// The contract that it replaces; absent for the first.
    pub replaces: Option<Digest>,
}

impl Adopted {
    /// Whether both roles have adopted it.
    pub fn by_both(&self) -> bool {
        self.by_both_where(|_| true)
    }

    /// Whether each role has adopted it in a record of which this holds.
    fn by_both_where(&self, holds: impl Fn(&RecordId) -> bool) -> bool {
        let by = |role| self.by.get(&role).is_some_and(|ids| ids.iter().any(&holds));
        by(Role::Builder) && by(Role::Adversary)
    }
}

/// Contracts of which only one can count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rivals {
    /// Several first ones: a phase begins once, and whoever made the second would choose the keys.
    First(Vec<Digest>),
    /// Several newest ones of one version.
    Newest(Vec<Digest>),
}

/// What trust was established.
pub struct Trust<'a> {
    /// The contract in force now: the newest version that both roles adopted.
    pub in_force: Option<Adopted>,
    /// Contracts that both roles adopted without knowing of one another.
    pub rivals: Option<Rivals>,
    /// Adopted by one role only, or not yet valid.
    pub pending: Vec<Adopted>,
    /// The records that count, each after those it links to.
    pub counted: Vec<&'a Record>,
    /// The others.
    pub distrusted: Vec<Distrusted>,
    /// Those whose signature nobody looked at: they count for nothing, and nothing is held against them.
    pub unchecked: Vec<&'a Record>,
}

/// Whether a record is of this repository: written under the root commit that names it, or an objection under another of its
/// beginnings, for which `roots` are all. Which of several counts can be made to look otherwise; whoever objected meant this one.
pub fn is_of(record: &Record, repository: &ObjectId, roots: &[ObjectId]) -> bool {
    let of = &record.block.repository;
    of == repository || (objects(&record.block.body) && roots.contains(of))
}

/// Goes through the graph once and establishes what counts in the repository of this root commit; `roots` are all that it has.
pub fn establish<'a>(graph: &Graph<'a>, repository: &ObjectId, roots: &[ObjectId]) -> Trust<'a> {
    let mut contracts: Vec<Adopted> = Vec::new();
    let (mut distrusted, mut unchecked, mut counted) = (Vec::new(), Vec::new(), Vec::new());
    let (mut valid, mut texts) = (HashSet::new(), Texts::default());
    for record in graph.records() {
        if let Body::Contract(adoption) = &record.block.body
            && record.block.repository == *repository
        {
            match texts.agree(record, adoption).and_then(|()| adopt(graph, &mut contracts, record, adoption)) {
                Ok(()) => {
                    valid.insert(record.id);
                }
                Err(why) => distrusted.push(Distrusted { record: record.id, why }),
            }
        }
    }
    let both = || contracts.iter().filter(|contract| contract.by_both());
    let roots_of_phase: Vec<Digest> =
        both().filter(|contract| contract.replaces.is_none()).map(|contract| contract.digest).collect();
    let several = roots_of_phase.len() > 1;
    let court = Court { graph, contracts: &contracts, several };
    for record in graph.records() {
        if !record.checked {
            unchecked.push(record);
        } else if !is_of(record, repository, roots) {
            let why = format!("written in another repository ({})", record.block.repository.short());
            distrusted.push(Distrusted { record: record.id, why });
        } else if record.block.body.kind() == Kind::Contract {
            if valid.contains(&record.id) {
                counted.push(record);
            }
        } else {
            match court.hears(record) {
                Err(why) => distrusted.push(Distrusted { record: record.id, why }),
                Ok(()) => counted.push(record),
            }
        }
    }
    let newest: Vec<Adopted> = newest(&contracts, |_| true).into_iter().cloned().collect();
    let rivals = if several {
        Some(Rivals::First(roots_of_phase))
    } else {
        (newest.len() > 1).then(|| Rivals::Newest(newest.iter().map(|contract| contract.digest).collect()))
    };
    let in_force = newest.into_iter().next();
    let version = in_force.as_ref().map_or(0, |contract| contract.version);
    let pending = contracts.into_iter().filter(|contract| contract.version > version).collect();
    Trust { in_force, rivals, pending, counted, distrusted, unchecked }
}

/// The contracts of the highest version that both roles adopted in records of which this holds: more than one where two were
/// adopted without knowing of one another.
fn newest(contracts: &[Adopted], holds: impl Fn(&RecordId) -> bool) -> Vec<&Adopted> {
    let both = || contracts.iter().filter(|contract| contract.by_both_where(&holds));
    let highest = both().map(|contract| contract.version).max();
    both().filter(|contract| Some(contract.version) == highest).collect()
}

fn adopt(graph: &Graph<'_>, contracts: &mut Vec<Adopted>, record: &Record, adoption: &Adoption) -> Result<(), String> {
    let role = record.block.document.role();
    if record.block.role != role {
        return Err(format!("adopted as {} in the {role}'s document", record.block.role));
    }
    if record.block.output.as_ref().map(|output| output.sha256) != Some(adoption.digest) {
        return Err("the text it carries is not the contract whose digest it adopts".into());
    }
    let there = newest(contracts, |id| graph.is_before(id, &record.id));
    if there.iter().any(|before| before.digest == adoption.digest) {
        // The second party's adoption may already see the first party's, but never a contract of both before version one.
        return Ok(());
    }
    let replaced = there.iter().find(|before| adoption.replaces == Some(before.digest));
    let keys = match (there.first(), replaced, &adoption.replaces) {
        (None, _, None) => &adoption.keys,
        (None, _, Some(replaces)) => {
            return Err(format!("it replaces contract {}, which both never adopted", replaces.short()));
        }
        (Some(before), None, _) => {
            return Err(format!("it does not replace contract {}, which is in force there", before.digest.short()));
        }
        (Some(_), Some(before), _) if adoption.version <= before.version => {
            return Err(format!("its version {} does not rise above {}", adoption.version, before.version));
        }
        (Some(_), Some(before), _) => &before.keys.clone(),
    };
    let allowed = |role: Role| keys.get(&role).is_some_and(|keys| keys.contains(&record.signer));
    if !(allowed(role) || (replaced.is_some() && allowed(Role::Operator))) {
        return Err(format!("signed with a key that is not listed for the {role}"));
    }
    let same_text = |contract: &&mut Adopted| {
        contract.digest == adoption.digest && contract.keys == adoption.keys && contract.version == adoption.version
    };
    // Adopted once before and once after another version came into force, one text replaces two: those are two adoptions.
    match contracts.iter_mut().filter(same_text).find(|contract| contract.replaces == adoption.replaces) {
        Some(contract) => {
            contract.by.entry(role).or_default().push(record.id);
        }
        None => contracts.push(Adopted {
            digest: adoption.digest,
            version: adoption.version,
            keys: adoption.keys.clone(),
            by: BTreeMap::from([(role, vec![record.id])]),
            replaces: adoption.replaces,
        }),
    }
    Ok(())
}

#[cfg(test)]
mod amendments;
#[cfg(test)]
mod rivals;
#[cfg(test)]
mod tests;
