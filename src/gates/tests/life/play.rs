//! What may happen in the four clones, legal and not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::model;
use super::world::{BUILDERS, REVIEWERS, World, contract, facts};
use crate::gates::break_glass;
use crate::model::claim::{plan_digest, subject_digest};
use crate::model::ids::{CriterionId, RecordId};
use crate::model::observation::{Outcome, facts_digest};
use crate::model::record::{
    Act, Adoption, Body, BreakGlass, Claim, Ending, Evidence, Finding, FindingAct, Intent, Ruling, Severity,
    StepOutcome, Verdict, Veto, Waiver,
};
use crate::model::role::Document;

/// What one clone does next. Numbers pick among what there is to pick from; `lacks` leaves the evidence for `guard` out.
#[derive(Debug, Clone)]
pub enum Event {
    Claim {
        lacks: bool,
    },
    Pass {
        claim: usize,
        replaces: Option<usize>,
        lacks: bool,
    },
    Fail {
        claim: usize,
    },
    Raise,
    Lift {
        veto: usize,
    },
    Open {
        minor: bool,
    },
    Close {
        finding: usize,
        defer: bool,
    },
    Sync {
        other: usize,
    },
    /// Another contract in the work tree, with the Builder's or the Adversary's keys exchanged; `rises` or not.
    Amend {
        builder: bool,
        adversary: bool,
        rises: bool,
    },
    /// An older or newer contract that was written before is put back.
    PutBack {
        which: usize,
    },
    Adopt,
    /// The Adversary waives `guard` for some hours.
    Waive {
        hours: u64,
    },
    Glass {
        minutes: u64,
    },
    /// The step is run by what the host would run it by, or all the same.
    Run {
        anyway: bool,
        ending: Ending,
    },
    Wait {
        hours: u64,
    },
}

fn criterion(name: &str) -> CriterionId {
    name.parse().expect("a criterion")
}

impl World {
    /// Both roles adopt what stands in the work tree, everybody knowing everything.
    pub fn adopt_by_both(&mut self) {
        for clone in [0, 2] {
            self.sync();
            self.play(clone, &Event::Adopt, None);
        }
        self.sync();
    }

    fn evidence(&mut self, clone: usize, document: Document, lacks: bool) -> BTreeMap<CriterionId, RecordId> {
        let names = if lacks { &["shape"][..] } else { &["guard", "shape"] };
        let mut evidence = BTreeMap::new();
        for name in names {
            let body = Body::Evidence(Evidence {
                gate: Some("M1".parse().expect("a gate")),
                criterion: criterion(name),
                probe: "file.contains".into(),
                outcome: Outcome::Held,
                measured: self.at,
                took_ms: 1,
                contract: self.contract().digest,
                facts: facts(),
                readings: BTreeMap::new(),
            });
            let at = self.append(clone, document, body, None);
            evidence.insert(criterion(name), self.records[at].id);
        }
        evidence
    }

    pub fn play(&mut self, clone: usize, event: &Event, forger: Option<char>) {
        let pick = |from: Vec<usize>, at: usize| from.get(at % from.len().max(1)).copied();
        let (builder, reviewer) = (clone % 2, clone % 2 + 2);
        let reviewed = Document::Review;
        match event {
            Event::Sync { other } => {
                let both: BTreeSet<usize> = self.knows[clone].union(&self.knows[*other]).copied().collect();
                self.knows[clone] = both.clone();
                self.knows[*other] = both;
            }
            Event::Claim { lacks } => self.claim(builder, *lacks, forger),
            Event::Pass { claim, replaces, lacks } => {
                self.rule(reviewer, *claim, Ruling::Pass, *replaces, *lacks, forger);
            }
            Event::Fail { claim } => self.rule(reviewer, *claim, Ruling::Fail, None, true, forger),
            Event::Raise => {
                self.append(reviewer, reviewed, Body::Veto(Veto { lifts: None, reason: "r".into() }), forger);
            }
            Event::Lift { veto } => {
                let raised = self.known(reviewer, |body| matches!(body, Body::Veto(veto) if veto.lifts.is_none()));
                if let Some(at) = pick(raised, *veto) {
                    let lifts = Some(self.records[at].id);
                    self.append(reviewer, reviewed, Body::Veto(Veto { lifts, reason: "r".into() }), forger);
                }
            }
            Event::Open { minor } => {
                let severity = Some(if *minor { Severity::Minor } else { Severity::Blocking });
                // Two clones that do not know of one another give one name twice.
                let known =
                    self.known(reviewer, |body| matches!(body, Body::Finding(f) if f.act == FindingAct::Opened));
                let name = format!("A{}", known.len() + 1);
                self.append(reviewer, reviewed, finding(FindingAct::Opened, name, severity, None), forger);
            }
            Event::Close { finding: at, defer } => {
                let is_open = |body: &Body| matches!(body, Body::Finding(f) if f.act == FindingAct::Opened);
                if let Some(at) = pick(self.known(reviewer, is_open), *at)
                    && let Body::Finding(known) = &self.records[at].block.body
                {
                    let act = if *defer { FindingAct::Deferred } else { FindingAct::Closed };
                    // Each of both ways to say which is meant.
                    let opening = (at % 2 == 0).then_some(self.records[at].id);
                    let closed = finding(act, known.name.clone(), None, opening);
                    self.append(reviewer, reviewed, closed, forger);
                }
            }
            Event::Wait { hours } => self.at = self.at.plus(Duration::from_secs(3600 * hours)),
            Event::Amend { .. } | Event::PutBack { .. } | Event::Adopt => self.contracts(clone, event, forger),
            Event::Waive { .. } | Event::Glass { .. } | Event::Run { .. } => {
                self.steps(clone, event, forger);
            }
        }
    }

    fn contracts(&mut self, clone: usize, event: &Event, forger: Option<char>) {
        match event {
            Event::Amend { builder, adversary, rises } => {
                let version = self.contract().version + u32::from(*rises);
                let title = format!("written {}", self.contracts.len());
                let builders = if *builder { &BUILDERS[1..] } else { &BUILDERS[..1] };
                let reviewers = if *adversary { &REVIEWERS[1..] } else { &REVIEWERS[..2] };
                self.file = self.contracts.len();
                self.contracts.push(contract(version, &title, builders, reviewers));
            }
            Event::PutBack { which } => self.file = which % self.contracts.len(),
            _ => {
                let document = if clone < 2 { Document::Status } else { Document::Review };
                let versions = model::versions(&self.records, &self.ancestors);
                let believed = model::in_force(&versions, &self.knows[clone]);
                let contract = self.contract();
                let body = Body::Contract(Adoption {
                    version: contract.version,
                    digest: contract.digest,
                    replaces: believed.map(|version| version.digest),
                    keys: contract.keys.clone(),
                });
                self.append(clone, document, body, forger);
            }
        }
    }

    fn steps(&mut self, clone: usize, event: &Event, forger: Option<char>) {
        let (builder, reviewer) = (clone % 2, clone % 2 + 2);
        let step = || "one".parse().expect("a step");
        match event {
            Event::Waive { hours } => {
                let until = self.at.plus(Duration::from_secs(3600 * hours));
                let criterion = Some(criterion("guard"));
                let waiver = Waiver { criterion, step: None, accepts: None, reason: "r".into(), until };
                self.append(reviewer, Document::Review, Body::Waiver(waiver), forger);
            }
            Event::Glass { minutes } => {
                let digest = break_glass::digest(self.contract(), &self.subject().tree);
                let until = self.at.plus(Duration::from_secs(60 * minutes));
                let glass = BreakGlass { step: step(), digest, reason: "r".into(), until };
                self.append(builder, Document::Journal, Body::BreakGlass(glass), forger);
            }
            Event::Run { anyway, ending } => {
                let by = self.permitted(self.at);
                if by.is_none() && !anyway {
                    return;
                }
                let basis = |basis| match basis {
                    crate::gates::permit::Basis::Pass(id) => (Some(id), None),
                    crate::gates::permit::Basis::BreakGlass(id) => (None, Some(id)),
                    crate::gates::permit::Basis::Recovery => (None, None),
                };
                let (permit, break_glass) = by.map_or((None, None), basis);
                let plan = plan_digest(self.contract(), &BTreeMap::new());
                // One host runs the steps, from the first clone.
                self.sync();
                let intent = Intent { step: step(), act: Act::Run, permit, break_glass, plan, strategy: None };
                let at = self.append(0, Document::Journal, Body::Intent(intent), forger);
                let outcome = StepOutcome {
                    step: step(),
                    intent: self.records[at].id,
                    ending: *ending,
                    finished: self.at,
                    took_ms: 1,
                    facts: BTreeMap::new(),
                    readings: BTreeMap::new(),
                    said_by_person: None,
                };
                self.append(0, Document::Journal, Body::Outcome(outcome), forger);
            }
            _ => {}
        }
    }

    fn claim(&mut self, clone: usize, lacks: bool, forger: Option<char>) {
        let evidence = self.evidence(clone, Document::Status, lacks);
        let plan = plan_digest(self.contract(), &BTreeMap::new());
        let digests = evidence.keys().map(|name| (name.clone(), facts_digest(&facts()))).collect();
        let claim = Claim {
            gate: "M1".parse().expect("a gate"),
            contract: self.contract().digest,
            plan,
            strategy: BTreeMap::new(),
            evidence,
            digest: subject_digest(&self.contract().digest, &plan, &self.subject().tree, &digests),
            what: String::new(),
            how: String::new(),
            expected: String::new(),
            place: String::new(),
        };
        self.append(clone, Document::Status, Body::Claim(claim), forger);
    }

    fn rule(
        &mut self,
        clone: usize,
        claim: usize,
        ruling: Ruling,
        replaces: Option<usize>,
        lacks: bool,
        forger: Option<char>,
    ) {
        let claims = self.known(clone, |body| matches!(body, Body::Claim(_)));
        let fails = self.known(clone, |body| matches!(body, Body::Verdict(v) if v.ruling == Ruling::Fail));
        let Some(&at) = claims.get(claim % claims.len().max(1)) else { return };
        let Body::Claim(of) = &self.records[at].block.body else { return };
        let (digest, id) = (of.digest, self.records[at].id);
        let supersedes = replaces.and_then(|at| fails.get(at % fails.len().max(1))).map(|at| self.records[*at].id);
        let evidence = match ruling {
            Ruling::Pass => self.evidence(clone, Document::Review, lacks),
            Ruling::Fail => BTreeMap::new(),
        };
        let gate = "M1".parse().expect("a gate");
        let verdict = Verdict { gate, ruling, claim: id, digest, evidence, reason: None, supersedes, separation: None };
        self.append(clone, Document::Review, Body::Verdict(verdict), forger);
    }

    /// Everybody knows everything, both adopt what is in the work tree where it is not in force, the Builder claims again, and it
    /// passes.
    pub fn end_well(&mut self) {
        self.sync();
        let versions = model::versions(&self.records, &self.ancestors);
        if model::in_force(&versions, &self.knows[0]).is_none_or(|version| version.digest != self.contract().digest) {
            self.adopt_by_both();
        }
        self.play(0, &Event::Claim { lacks: false }, None);
        self.sync();
        let claims = self.known(2, |body| matches!(body, Body::Claim(_))).len();
        self.play(2, &Event::Pass { claim: claims - 1, replaces: None, lacks: false }, None);
        self.sync();
    }
}

fn finding(act: FindingAct, name: String, severity: Option<Severity>, opening: Option<RecordId>) -> Body {
    Body::Finding(Finding { act, name, opening, gate: None, severity, text: "t".into(), owner: None })
}
