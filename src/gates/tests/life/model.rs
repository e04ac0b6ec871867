//! The model: what design says in words, over numbered records, by searching; it knows nothing of how the rules find it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::world::{REVIEWERS, World, key};
use crate::gates::permit::Basis;
use crate::model::digest::Digest;
use crate::model::ids::{CriterionId, RecordId};
use crate::model::record::{Body, Ending, FindingAct, Record, Ruling, Severity};
use crate::model::role::Role;
use crate::model::time::Time;

/// A version of the contract that somebody validly adopted.
#[derive(Clone)]
pub struct Version {
    pub digest: Digest,
    pub version: u32,
    pub keys: BTreeMap<Role, Vec<String>>,
    replaces: Option<Digest>,
    by: BTreeMap<Role, Vec<usize>>,
}

impl Version {
    fn by_both(&self, knows: &BTreeSet<usize>) -> bool {
        let by = |role| self.by.get(&role).is_some_and(|all| all.iter().any(|at| knows.contains(at)));
        by(Role::Builder) && by(Role::Adversary)
    }
}

fn lists(keys: &BTreeMap<Role, Vec<String>>, role: Role, signer: &str) -> bool {
    keys.get(&role).is_some_and(|keys| keys.iter().any(|key| key == signer))
}

/// Every version, by the adoptions that are valid where they stand.
pub fn versions(records: &[Arc<Record>], ancestors: &[BTreeSet<usize>]) -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let Body::Contract(adoption) = &record.block.body else { continue };
        let role = record.block.document.role();
        let before = newest(&versions, &ancestors[at]);
        let valid = match before.as_slice() {
            [] => adoption.replaces.is_none() && lists(&adoption.keys, role, &record.signer),
            before if before.iter().any(|version| version.digest == adoption.digest) => false,
            before => before.iter().any(|version| {
                adoption.replaces == Some(version.digest)
                    && adoption.version > version.version
                    && [role, Role::Operator].iter().any(|role| lists(&version.keys, *role, &record.signer))
            }),
        };
        if !valid {
            continue;
        }
        let same = |version: &&mut Version| version.digest == adoption.digest && version.replaces == adoption.replaces;
        match versions.iter_mut().find(same) {
            Some(version) => version.by.entry(role).or_default().push(at),
            None => versions.push(Version {
                digest: adoption.digest,
                version: adoption.version,
                keys: adoption.keys.clone(),
                replaces: adoption.replaces,
                by: BTreeMap::from([(role, vec![at])]),
            }),
        }
    }
    versions
}

/// The versions of the highest number that both roles adopted as far as somebody knows: more than one where two were adopted
/// apart.
fn newest<'a>(versions: &'a [Version], knows: &BTreeSet<usize>) -> Vec<&'a Version> {
    let both = || versions.iter().filter(|version| version.by_both(knows));
    let highest = both().map(|version| version.version).max();
    both().filter(|version| Some(version.version) == highest).collect()
}

/// The one contract in force as far as somebody knows.
pub fn in_force<'a>(versions: &'a [Version], knows: &BTreeSet<usize>) -> Option<&'a Version> {
    newest(versions, knows).first().copied()
}

/// Whether a record was signed by who signed the one of this id.
fn own(world: &World, id: RecordId, at: usize) -> bool {
    world.records.iter().any(|other| other.id == id && other.signer == world.records[at].signer)
}

/// What the model makes of a world at some time.
pub struct Model<'a> {
    world: &'a World,
    now: Time,
    genuine: Vec<usize>,
    versions: Vec<Version>,
}

impl<'a> Model<'a> {
    pub fn of(world: &'a World, now: Time) -> Self {
        let versions = versions(&world.records, &world.ancestors);
        let all: BTreeSet<usize> = (0..world.records.len()).collect();
        let genuine = |at: &usize| {
            let record = &world.records[*at];
            let role = if matches!(record.block.body, Body::BreakGlass(_)) {
                Role::Operator
            } else {
                record.block.document.role()
            };
            let there = newest(&versions, &world.ancestors[*at]);
            let listing = |version: &&Version| lists(&version.keys, role, &record.signer);
            // An objection counts wherever it stands, but after a newer contract without its key.
            let objects = match &record.block.body {
                Body::Verdict(verdict) => verdict.ruling == Ruling::Fail,
                Body::Veto(veto) => veto.lifts.is_none(),
                Body::Finding(finding) => finding.act == FindingAct::Opened,
                _ => false,
            };
            if objects {
                let theirs = versions.iter().filter(|version| version.by.contains_key(&Role::Adversary));
                let last = theirs.filter(listing).map(|version| version.version).max();
                return last.is_some_and(|last| there.iter().all(|version| version.version <= last));
            }
            // The Adversary's own word is enough for the end of what it said itself.
            let ends = match &record.block.body {
                Body::Veto(veto) => veto.lifts.is_some_and(|id| own(world, id, *at)),
                Body::Finding(finding) => finding.opening.is_some_and(|id| own(world, id, *at)),
                _ => false,
            };
            let next = |version: &&Version| match version.replaces {
                None => there.is_empty(),
                Some(before) => there.iter().any(|version| version.digest == before),
            };
            let adopted = |version: &&Version| {
                version
                    .by
                    .get(&Role::Adversary)
                    .is_some_and(|ids| ids.iter().any(|id| world.ancestors[*at].contains(id)))
            };
            let by = there.iter().copied().find(listing);
            let by = by.or_else(|| versions.iter().filter(|_| ends).filter(next).filter(adopted).find(listing));
            // What a newer contract dropped, its every adoption by the Adversary must have known.
            by.is_some_and(|by| {
                let is_newer = |version: &&Version| version.by_both(&all) && version.version > by.version;
                let knew =
                    |version: &Version| version.by[&Role::Adversary].iter().all(|a| world.ancestors[*a].contains(at));
                role == Role::Builder
                    || newest(&versions, &all).iter().any(listing)
                    || versions.iter().filter(is_newer).all(|version| listing(&version) || knew(version))
            })
        };
        let genuine = (0..world.records.len()).filter(genuine).collect();
        Self { world, now, genuine, versions }
    }

    fn all(&self) -> impl Iterator<Item = (usize, &Body)> {
        self.genuine.iter().map(|at| (*at, &self.world.records[*at].block.body))
    }

    fn before(&self, one: usize, other: usize) -> bool {
        self.world.ancestors[other].contains(&one)
    }

    fn id(&self, at: usize) -> RecordId {
        self.world.records[at].id
    }

    fn signer(&self, at: usize) -> &str {
        &self.world.records[at].signer
    }

    /// The one contract that is in force, if it is the one in the work tree.
    fn contract(&self) -> Option<&Version> {
        match newest(&self.versions, &(0..self.world.records.len()).collect()).as_slice() {
            [one] if one.digest == self.world.contract().digest => {
                self.versions.iter().find(|version| version.digest == one.digest && version.replaces == one.replaces)
            }
            _ => None,
        }
    }

    fn vetoed(&self) -> bool {
        self.all().any(|(at, body)| {
            let lifts = |(by, body): (usize, &Body)| {
                matches!(body, Body::Veto(v) if v.lifts == Some(self.id(at))) && self.before(at, by)
            };
            matches!(body, Body::Veto(veto) if veto.lifts.is_none()) && !self.all().any(lifts)
        })
    }

    fn blocked(&self) -> bool {
        self.all().any(|(at, body)| {
            let Body::Finding(opened) = body else { return false };
            let ends = |(by, body): (usize, &Body)| {
                matches!(body, Body::Finding(f) if f.act != FindingAct::Opened
                    && f.opening.map_or(f.name == opened.name, |id| id == self.id(at)))
                    && self.before(at, by)
            };
            opened.act == FindingAct::Opened && opened.severity == Some(Severity::Blocking) && !self.all().any(ends)
        })
    }

    fn failed(&self, claim: usize) -> bool {
        self.all().any(|(at, body)| {
            let answers = |(by, body): (usize, &Body)| {
                matches!(body, Body::Verdict(v) if v.supersedes == Some(self.id(at)))
                    && self.signer(by) == self.signer(at)
                    && self.before(at, by)
            };
            matches!(body, Body::Verdict(fail) if fail.ruling == Ruling::Fail)
                && !self.before(at, claim)
                && !self.all().any(answers)
        })
    }

    /// Whether the evidence that a record names is its signer's, under the contract of today, and covers what is not waived.
    fn covered(&self, by: usize, named: &BTreeMap<CriterionId, RecordId>) -> bool {
        let waived = self.all().any(|(_, body)| {
            matches!(body, Body::Waiver(waiver) if waiver.criterion.as_ref().is_some_and(|id| id.as_str() == "guard") && self.now < waiver.until)
        });
        let holds = |id: &RecordId| {
            self.all().any(|(at, body)| {
                matches!(body, Body::Evidence(evidence) if evidence.contract == self.world.contract().digest)
                    && self.id(at) == *id
                    && self.signer(at) == self.signer(by)
            })
        };
        let has = |name: &str| named.iter().any(|(criterion, id)| criterion.as_str() == name && holds(id));
        has("shape") && (waived || has("guard"))
    }

    /// The PASSes that open the gate; none where it is closed.
    pub fn fresh(&self) -> Vec<RecordId> {
        let claims: Vec<_> = self.all().filter(|(_, body)| matches!(body, Body::Claim(_))).collect();
        let newest: Vec<_> =
            claims.iter().filter(|(at, _)| !claims.iter().any(|(other, _)| self.before(*at, *other))).collect();
        let [(claim, Body::Claim(body))] = newest[..] else { return Vec::new() };
        let closed = self.contract().is_none_or(|version| version.digest != body.contract)
            || self.vetoed()
            || self.blocked()
            || self.failed(*claim)
            || !self.covered(*claim, &body.evidence);
        let day = Duration::from_secs(24 * 3600);
        let passes = self.all().filter(|(at, pass)| match pass {
            Body::Verdict(pass) => {
                pass.ruling == Ruling::Pass
                    && pass.claim == self.id(*claim)
                    && self.covered(*at, &pass.evidence)
                    && self.now <= self.world.records[*at].block.at.plus(day)
            }
            _ => false,
        });
        if closed { Vec::new() } else { passes.map(|(at, _)| self.id(at)).collect() }
    }

    /// Whether something permitted a run that was not unwound after it.
    fn spent(&self, by: RecordId) -> bool {
        self.all().any(|(at, body)| {
            let unwound = |(later, body): (usize, &Body)| {
                matches!(body, Body::Outcome(outcome) if outcome.ending == Ending::Unwound) && self.before(at, later)
            };
            matches!(body, Body::Intent(intent) if intent.permit == Some(by) || intent.break_glass == Some(by))
                && !self.all().any(unwound)
        })
    }

    /// Whether this is a right answer to what the step may be run by.
    pub fn permits(&self, basis: Option<Basis>) -> bool {
        let last = self.all().filter_map(|(_, body)| match body {
            Body::Outcome(outcome) => Some(outcome.ending),
            _ => None,
        });
        let done = last.last() == Some(Ending::Done);
        let pinned = |at: &usize| REVIEWERS.iter().any(|letter| key(*letter) == self.signer(*at));
        let trusted = self.contract().is_some_and(|version| version.by[&Role::Adversary].iter().any(pinned));
        let may = trusted && !done;
        let fresh: Vec<RecordId> = self.fresh();
        let glasses: Vec<RecordId> = self
            .all()
            .filter(|(at, body)| match body {
                Body::BreakGlass(glass) => {
                    let began = self.world.records[*at].block.at;
                    let digest = crate::gates::break_glass::digest(self.world.contract(), &self.world.subject().tree);
                    self.now < glass.until
                        && glass.until <= began.plus(Duration::from_secs(3600))
                        && glass.digest == digest
                        && !self.spent(self.id(*at))
                }
                _ => false,
            })
            .map(|(at, _)| self.id(at))
            .collect();
        match basis {
            Some(Basis::Pass(pass)) => may && fresh.contains(&pass) && !self.spent(pass),
            Some(Basis::BreakGlass(glass)) => may && glasses.contains(&glass) && !self.vetoed(),
            Some(Basis::Recovery) => false,
            None => {
                let by_pass = !fresh.is_empty() && fresh.iter().all(|pass| !self.spent(*pass));
                let by_glass = !glasses.is_empty() && !self.vetoed();
                !(may && (by_pass || by_glass))
            }
        }
    }
}
