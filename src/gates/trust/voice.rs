//! Whose word counts, by the contracts that were adopted.
//!
//! An objection needs no links: what it came after may be damaged or cut off when it is written, and it must count once that is
//! mended. Whatever opens something counts by the contract in force where it stands, and by no key that a newer one dropped.

use super::{Adopted, newest};
use crate::gates::graph::Graph;
use crate::gates::objections::objects;
use crate::model::ids::RecordId;
use crate::model::record::{Body, FindingAct, Kind, Record};
use crate::model::role::Role;

/// What a record is held against.
pub(super) struct Court<'a, 'g> {
    pub(super) graph: &'a Graph<'g>,
    /// Every contract that somebody validly adopted.
    pub(super) contracts: &'a [Adopted],
    /// Whether the phase has several beginnings.
    pub(super) several: bool,
}

impl<'a> Court<'a, '_> {
    /// Whether a record counts, as far as its signer goes.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(super) fn hears(&self, record: &Record) -> Result<(), String> {
        let there = self.in_force_at(record);
        let heard = match (listed(record, there), there) {
            (Ok(()), Some(contract)) => contract,
            (Ok(()), None) => return Ok(()),
            (Err(_), _) if objects(&record.block.body) && self.objects(record) => return Ok(()),
            (Err(why), _) => self.ends_its_own(record).ok_or(why)?,
        };
        if objects(&record.block.body) { Ok(()) } else { self.not_dropped(record, heard) }
    }

    fn both(&self) -> impl Iterator<Item = &'a Adopted> {
        self.contracts.iter().filter(|contract| contract.by_both())
    }

    fn known_at(&self, record: &Record) -> Vec<&'a Adopted> {
        newest(self.contracts, |id| self.graph.is_at_or_before(id, &record.id))
    }

    /// The contract in force where a record stands: the newest there. Where there are rivals nothing opens, but an objection by any
    /// of them is heard.
    fn in_force_at(&self, record: &Record) -> Option<&'a Adopted> {
        let mut there = self.known_at(record);
        if self.several {
            let knows = |id: &RecordId| self.graph.is_at_or_before(id, &record.id);
            there.extend(self.both().filter(|contract| contract.by_both_where(knows)));
        }
        there.iter().copied().find(|contract| listed(record, Some(contract)).is_ok()).or(there.first().copied())
    }

    /// Whether an objection is by a key of the Adversary: one that a contract lists which the Adversary adopted, before or after,
    /// unless a newer one without that key is in force where the objection stands.
    fn objects(&self, record: &Record) -> bool {
        let adopted = |contract: &&Adopted| contract.by.contains_key(&Role::Adversary);
        let lists = self.contracts.iter().filter(adopted).filter(|contract| listed(record, Some(contract)).is_ok());
        let dropped = |newest: u32| self.known_at(record).iter().any(|there| there.version > newest);
        lists.map(|contract| contract.version).max().is_some_and(|newest| !dropped(newest))
    }

    /// The contract by which a record may end an objection that its own key made, before the Builder adopted: one that the Adversary
    /// has adopted by then.
    fn ends_its_own(&self, record: &Record) -> Option<&'a Adopted> {
        let own = |id: &RecordId| self.graph.get(id).is_some_and(|other| other.signer == record.signer);
        let ends = match &record.block.body {
            Body::Veto(veto) => veto.lifts.as_ref().is_some_and(own),
            Body::Finding(finding) if finding.act != FindingAct::Opened => finding.opening.as_ref().is_some_and(own),
            _ => false,
        };
        let there = self.known_at(record);
        let follows = |contract: &Adopted| match there.as_slice() {
            [] => contract.replaces.is_none(),
            there => there.iter().any(|before| contract.replaces == Some(before.digest)),
        };
        let adopted = |contract: &Adopted| {
            let by = contract.by.get(&Role::Adversary);
            by.is_some_and(|ids| ids.iter().any(|id| self.graph.is_at_or_before(id, &record.id)))
        };
        let by = |contract: &&Adopted| follows(contract) && adopted(contract) && listed(record, Some(contract)).is_ok();
        self.contracts.iter().filter(|_| ends).find(by)
    }

    /// Whether the contract now lists the key of a record that may open something, or the record was there before a newer contract
    /// dropped it: the Adversary's adoptions of that have it among their ancestors. Whoever still has such a key could write before
    /// an older contract for ever.
    fn not_dropped(&self, record: &Record, heard: &Adopted) -> Result<(), String> {
        let now = newest(self.contracts, |_| true);
        if signing_role(record) == Role::Builder || now.iter().any(|now| listed(record, Some(now)).is_ok()) {
            return Ok(());
        }
        let was_there = |contract: &Adopted| {
            let by = contract.by.get(&Role::Adversary);
            by.is_some_and(|ids| ids.iter().all(|id| self.graph.is_before(&record.id, id)))
        };
        let newer = self.both().filter(|contract| contract.version > heard.version);
        let mut dropped = newer.filter(|contract| listed(record, Some(contract)).is_err());
        match dropped.find(|contract| !was_there(contract)) {
            None => Ok(()),
            Some(contract) => Err(format!(
                "signed with a key that contract version {} dropped, and not there when the adversary adopted that",
                contract.version
            )),
        }
    }
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
