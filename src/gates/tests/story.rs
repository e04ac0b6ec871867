//! A phase as it is told, one record after the other: the story that is done, and the ways to tell it otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::gates::done::done;
use crate::gates::evaluate::{PhaseReport, evaluate};
use crate::gates::inputs::{Host, Inputs, Known};
use crate::gates::reason::{Class, Reason};
use crate::model::claim::{plan_digest, subject_digest};
use crate::model::contract::{Contract, parse};
use crate::model::digest::Digest;
use crate::model::ids::{RecordId, StepId};
use crate::model::observation::{Observation, Outcome, Values, facts_digest};
use crate::model::record::{
    Act, Adoption, Block, Body, Claim, Done, Ending, Evidence, Finding, FindingAct, From, Intent, Output, Record,
    Ruling, SCHEMA, Severity, StepOutcome, Subject, Surroundings, Target, Verdict, Veto, Waiver,
};
use crate::model::role::{Document, Role};
use crate::model::time::Time;

/// A key that no first contract lists.
pub const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD";
/// The operator's.
pub const OPERATOR: &str = KEYS[2].1;
const KEYS: [(&str, &str); 3] = [
    ("builder", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("adversary", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"),
    ("operator", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"),
];

/// A contract of these gates, each with one criterion, and steps: id, gate, further lines.
pub fn contract(gates: &[&str], steps: &[(&str, &str, &str)]) -> Contract {
    parse::parse(&text(gates, steps), None).unwrap_or_else(|defects| panic!("{defects:?}"))
}

/// Its text.
pub fn text(gates: &[&str], steps: &[(&str, &str, &str)]) -> String {
    let mut text =
        "schema = 1\nphase = \"demo\"\nversion = 1\ntitle = \"t\"\nengine = \"unix:///x\"\nseparation = \"clone\"\n"
            .to_owned();
    for (role, key) in KEYS {
        text += &format!("[roles.{role}]\nkeys = [\"{key}\"]\n");
    }
    for gate in gates {
        let criterion = format!("c-{}", gate.to_lowercase());
        text += &format!("[[gate]]\nid = \"{gate}\"\ntitle = \"t\"\nmax_age = \"24h\"\n");
        text += &format!(
            "[[gate.criterion]]\nid = \"{criterion}\"\ntitle = \"t\"\nprobe = \"command\"\nargv = [\"true\"]\n"
        );
        text += "stdout = \"x\"\n";
    }
    for (step, gate, more) in steps {
        text += &format!(
            "[[step]]\nid = \"{step}\"\ntitle = \"t\"\ngate = \"{gate}\"\nkind = \"command\"\nargv = [\"true\"]\n"
        );
        text += &format!("timeout = \"1m\"\n{more}[[step.postflight]]\nid = \"{step}-p\"\ntitle = \"t\"\n");
        text += "probe = \"command\"\nargv = [\"true\"]\nstdout = \"x\"\n";
    }
    text
}

/// A phase as it is told, one record after the other, each linked to the one before.
pub struct Story {
    pub contract: Contract,
    pub records: Vec<Arc<Record>>,
    pub minutes: u64,
    pub host: Host,
    pub defects: usize,
    /// The strategies that the next intent runs with; claims name theirs.
    pub chosen: BTreeMap<StepId, String>,
    /// The strategies that the next claim names.
    pub claimed: BTreeMap<StepId, String>,
    /// The engine that the next records name.
    pub target: Option<Target>,
    /// The contract that the one in the work tree replaces.
    pub replaces: Option<Digest>,
    /// Every beginning of the repository.
    pub roots: Vec<crate::model::ids::ObjectId>,
    /// The subject's tree, by the digit that its id is made of.
    pub tree: char,
}

fn object(c: char) -> crate::model::ids::ObjectId {
    c.to_string().repeat(40).parse().expect("an object id")
}

fn subject(tree: char) -> Subject {
    Subject { commit: object('b'), tree: object(tree) }
}

fn start() -> Time {
    "2026-06-13T05:00:00Z".parse().expect("a time")
}

impl Story {
    pub fn begin() -> Self {
        let mut story = Self::unadopted();
        for role in [Role::Builder, Role::Adversary] {
            story.adopt(role);
        }
        story
    }

    /// Before anybody has said anything.
    pub fn unadopted() -> Self {
        Self::of(contract(&["M1", "M2"], &[("one", "M1", ""), ("back", "M1", "restores = true\n")]))
    }

    /// The same under some contract.
    pub fn of(contract: Contract) -> Self {
        let host = Host {
            pins: Known::Is(BTreeSet::from([KEYS[1].1.to_owned()])),
            spent: Known::Is(BTreeSet::new()),
            window: Known::Is(None),
            unjournaled: Known::Is(Vec::new()),
            vanished: Known::Is(Vec::new()),
            doors: Known::Is(Vec::new()),
            ..Host::unknown("no engine")
        };
        Self {
            contract,
            records: Vec::new(),
            minutes: 0,
            host,
            defects: 0,
            chosen: BTreeMap::new(),
            claimed: BTreeMap::new(),
            target: None,
            replaces: None,
            roots: Vec::new(),
            tree: 'c',
        }
    }

    /// Changes the record that was told last.
    pub fn last(&mut self) -> &mut Record {
        Arc::make_mut(self.records.last_mut().expect("a record"))
    }

    pub fn adopt(&mut self, role: Role) {
        self.adopt_as(role, None);
    }

    /// Adopts what stands in the work tree, with another key than the role's usual one where it is named.
    pub fn adopt_as(&mut self, role: Role, key: Option<&str>) {
        let document = if role == Role::Builder { Document::Status } else { Document::Review };
        let (keys, version) = (self.contract.keys.clone(), self.contract.version);
        let adoption = Adoption { version, digest: self.contract.digest, replaces: self.replaces, keys };
        self.tell(role, document, Body::Contract(adoption));
        if let (Some(key), Some(record)) = (key, self.records.last_mut()) {
            Arc::make_mut(record).signer = key.to_owned();
        }
    }

    /// The next version of the contract in the work tree, with these keys of the Adversary.
    pub fn amend(&mut self, adversary: &[&str]) {
        self.replaces = Some(self.contract.digest);
        self.contract.version += 1;
        self.contract.digest = Digest::of(format!("version {}", self.contract.version).as_bytes());
        let keys = adversary.iter().map(|key| (*key).to_owned()).collect();
        self.contract.keys.insert(Role::Adversary, keys);
    }

    pub fn now(&self) -> Time {
        start().plus(Duration::from_secs(60 * self.minutes))
    }

    pub fn tell(&mut self, role: Role, document: Document, body: Body) -> RecordId {
        self.minutes += 1;
        let digest = match &body {
            Body::Contract(adoption) => Some(adoption.digest),
            _ => None,
        };
        let clone = if role == Role::Builder { b"one" } else { b"two" };
        let block = Block {
            schema: SCHEMA,
            record: body.kind(),
            phase: "demo".parse().expect("a phase"),
            document,
            role,
            at: self.now(),
            repository: object('a'),
            tool: "0".into(),
            summary: String::new(),
            prev: self.records.last().map(|record| record.id).into_iter().collect(),
            seen: BTreeMap::new(),
            subject: subject(self.tree),
            context: Surroundings { head: object('b'), dirty: false, system: None },
            from: From { machine: Digest::of(b"m"), uid: 0, clone: Digest::of(clone) },
            target: self.target.clone(),
            output: digest.map(|sha256| Output { sha256, bytes: 1, redactions: 0, file: None }),
            body,
        };
        let id = RecordId::of_block(format!("{} {}", self.minutes, self.records.len()).as_bytes());
        let key = KEYS.iter().find(|(name, _)| *name == role.name()).expect("a key").1;
        let (signer, range) = (key.into(), 0..0);
        let record = Record { id, block, signer, checked: true, range, line: 0, output: None, remote_only: false };
        self.records.push(Arc::new(record));
        id
    }

    pub fn evidence(
        &mut self,
        gate: &str,
        role: Role,
        document: Document,
    ) -> BTreeMap<crate::model::ids::CriterionId, RecordId> {
        let criterion: crate::model::ids::CriterionId = format!("c-{}", gate.to_lowercase()).parse().expect("an id");
        let body = Body::Evidence(Evidence {
            gate: Some(gate.parse().expect("a gate")),
            criterion: criterion.clone(),
            probe: "command".into(),
            outcome: Outcome::Held,
            measured: self.now(),
            took_ms: 1,
            contract: self.contract.digest,
            facts: facts(),
            readings: Values::new(),
        });
        BTreeMap::from([(criterion, self.tell(role, document, body))])
    }

    pub fn digest(&self, gate: &str) -> Digest {
        let criterion = format!("c-{}", gate.to_lowercase()).parse().expect("an id");
        let plan = plan_digest(&self.contract, &self.claimed);
        let facts = BTreeMap::from([(criterion, facts_digest(&facts()))]);
        subject_digest(&self.contract.digest, &plan, &subject(self.tree).tree, &facts)
    }

    pub fn claim(&mut self, gate: &str) -> RecordId {
        let evidence = self.evidence(gate, Role::Builder, Document::Status);
        let words = String::new;
        let body = Body::Claim(Claim {
            gate: gate.parse().expect("a gate"),
            contract: self.contract.digest,
            plan: plan_digest(&self.contract, &self.claimed),
            strategy: self.claimed.clone(),
            evidence,
            digest: self.digest(gate),
            what: words(),
            how: words(),
            expected: words(),
            place: words(),
        });
        self.tell(Role::Builder, Document::Status, body)
    }

    pub fn rule(&mut self, gate: &str, claim: RecordId, ruling: Ruling) -> RecordId {
        let evidence = self.evidence(gate, Role::Adversary, Document::Review);
        let body = Body::Verdict(Verdict {
            gate: gate.parse().expect("a gate"),
            ruling,
            claim,
            digest: self.digest(gate),
            evidence,
            reason: Some("r".into()),
            supersedes: None,
            separation: None,
        });
        self.tell(Role::Adversary, Document::Review, body)
    }

    pub fn pass(&mut self, gate: &str) -> RecordId {
        let claim = self.claim(gate);
        self.rule(gate, claim, Ruling::Pass)
    }

    pub fn intent(&mut self, step: &str, permit: Option<RecordId>, break_glass: Option<RecordId>) -> RecordId {
        let plan = plan_digest(&self.contract, &self.chosen);
        let step = step.parse().expect("a step");
        let body = Body::Intent(Intent { step, act: Act::Run, permit, break_glass, plan, strategy: None });
        self.tell(Role::Builder, Document::Journal, body)
    }

    /// The intent of an act that needs no permit.
    pub fn act(&mut self, step: &str, act: Act) -> RecordId {
        let plan = plan_digest(&self.contract, &self.chosen);
        let step = step.parse().expect("a step");
        let body = Body::Intent(Intent { step, act, permit: None, break_glass: None, plan, strategy: None });
        self.tell(Role::Builder, Document::Journal, body)
    }

    pub fn outcome(&mut self, step: &str, intent: RecordId, ending: Ending) -> RecordId {
        let body = Body::Outcome(StepOutcome {
            step: step.parse().expect("a step"),
            intent,
            ending,
            finished: self.now(),
            took_ms: 1,
            facts: Values::new(),
            readings: Values::new(),
            said_by_person: None,
        });
        self.tell(Role::Builder, Document::Journal, body)
    }

    pub fn step(&mut self, step: &str, permit: Option<RecordId>) {
        let intent = self.intent(step, permit, None);
        self.outcome(step, intent, Ending::Done);
    }

    /// Both steps under a PASS of M1, then a PASS of M2.
    pub fn whole() -> Self {
        let mut story = Self::begin();
        let pass = story.pass("M1");
        story.step("one", Some(pass));
        story.step("back", None);
        story.pass("M2");
        story
    }

    pub fn waive(&mut self, step: Option<&str>, accepts: Option<RecordId>) {
        let step = step.map(|step| step.parse().expect("a step"));
        let until = self.now().plus(Duration::from_secs(86_400));
        let body = Body::Waiver(Waiver { criterion: None, step, accepts, reason: "r".into(), until });
        self.tell(Role::Adversary, Document::Review, body);
    }

    pub fn object_to(&mut self, act: FindingAct, severity: Severity) {
        let body = Body::Finding(Finding {
            act,
            name: "A1".into(),
            opening: None,
            gate: None,
            severity: Some(severity),
            text: "t".into(),
            owner: Some("ann".into()),
        });
        self.tell(Role::Adversary, Document::Review, body);
    }

    pub fn veto(&mut self, lifts: Option<RecordId>) -> RecordId {
        self.tell(Role::Adversary, Document::Review, Body::Veto(Veto { lifts, reason: "stop".into() }))
    }

    /// The Adversary's first key by the contract in the work tree.
    pub fn adversary(&self) -> String {
        self.contract.keys[&Role::Adversary][0].clone()
    }

    /// Why the newest record counts for nothing; none where it counts.
    pub fn why_not(&self) -> Option<String> {
        let id = self.records.last().expect("a record").id;
        self.report(|report| report.distrusted.iter().find(|of| of.record == id).map(|of| of.why.clone()))
    }

    pub fn done(&self) -> Result<Done, Vec<Reason>> {
        self.report(done)
    }

    /// What the rules make of it, now.
    pub fn report<T>(&self, then: impl FnOnce(&PhaseReport<'_>) -> T) -> T {
        let inputs = Inputs {
            repository: &object('a'),
            roots: &self.roots,
            contract: &self.contract,
            records: &self.records,
            defects: self.defects,
            host: &self.host,
            subject: &Known::Is(subject(self.tree)),
            now: self.now(),
        };
        then(&evaluate(inputs))
    }

    /// That the phase is not done for this reason, and for no other.
    #[track_caller]
    pub fn is_not_done(&self, class: Class, words: &str) {
        let reasons = self.done().expect_err("it is not done");
        let right =
            reasons.iter().all(|reason| reason.class == class) && reasons.iter().any(|r| r.found.contains(words));
        assert!(right, "wanted {class:?} `{words}`, found {reasons:#?}");
    }
}

pub fn facts() -> Values {
    Values::from([("matched".into(), true.into())])
}

/// A look at a criterion, right now.
pub fn saw(criterion: &str, outcome: Outcome) -> Observation {
    Observation {
        criterion: criterion.parse().expect("an id"),
        probe: "command".into(),
        outcome,
        says: "it says so".into(),
        facts: facts(),
        readings: Values::new(),
        raw: String::new(),
        redactions: 0,
        at: start(),
        took_ms: 1,
    }
}
