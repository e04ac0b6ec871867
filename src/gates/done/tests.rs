//! One story of a phase that is done, and every way in which it is not. It is long because the story tells each kind of record once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::gates::evaluate::evaluate;
use crate::gates::inputs::{Host, Inputs, Known};
use crate::model::claim::{plan_digest, subject_digest};
use crate::model::contract::{Contract, parse};
use crate::model::digest::Digest;
use crate::model::observation::{Outcome, Values, facts_digest};
use crate::model::record::{
    Act, Adoption, Block, BreakGlass, Claim, Ending, Evidence, Finding, From, Intent, Note, Output, SCHEMA, Severity,
    StepOutcome, Subject, Surroundings, Verdict, Veto, Waiver,
};
use crate::model::role::{Document, Role};
use crate::model::time::Time;

const KEYS: [(&str, &str); 3] = [
    ("builder", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("adversary", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"),
    ("operator", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"),
];

fn contract() -> Contract {
    let mut text =
        "schema = 1\nphase = \"demo\"\nversion = 1\ntitle = \"t\"\nengine = \"unix:///x\"\nseparation = \"clone\"\n"
            .to_owned();
    for (role, key) in KEYS {
        text += &format!("[roles.{role}]\nkeys = [\"{key}\"]\n");
    }
    for (gate, criterion) in [("M1", "c-m1"), ("M2", "c-m2")] {
        text += &format!("[[gate]]\nid = \"{gate}\"\ntitle = \"t\"\nmax_age = \"24h\"\n");
        text += &format!(
            "[[gate.criterion]]\nid = \"{criterion}\"\ntitle = \"t\"\nprobe = \"command\"\nargv = [\"true\"]\n"
        );
        text += "stdout = \"x\"\n";
    }
    for (step, more) in [("one", ""), ("back", "restores = true\n")] {
        text += &format!(
            "[[step]]\nid = \"{step}\"\ntitle = \"t\"\ngate = \"M1\"\nkind = \"command\"\nargv = [\"true\"]\n"
        );
        text += &format!("timeout = \"1m\"\n{more}[[step.postflight]]\nid = \"{step}-p\"\ntitle = \"t\"\n");
        text += "probe = \"command\"\nargv = [\"true\"]\nstdout = \"x\"\n";
    }
    parse::parse(&text, None).unwrap_or_else(|defects| panic!("{defects:?}"))
}

/// A phase as it is told, one record after the other, each linked to the one before.
struct Story {
    contract: Contract,
    records: Vec<Arc<Record>>,
    minutes: u64,
    pins: Vec<&'static str>,
    unjournaled: Vec<RecordId>,
    defects: usize,
}

fn object(c: char) -> crate::model::ids::ObjectId {
    c.to_string().repeat(40).parse().expect("an object id")
}

fn subject() -> Subject {
    Subject { commit: object('b'), tree: object('c') }
}

fn start() -> Time {
    "2026-06-13T05:00:00Z".parse().expect("a time")
}

impl Story {
    fn begin() -> Self {
        let contract = contract();
        let pins = vec![KEYS[1].1];
        let mut story = Self { contract, records: Vec::new(), minutes: 0, pins, unjournaled: Vec::new(), defects: 0 };
        for role in [Role::Builder, Role::Adversary] {
            let document = if role == Role::Builder { Document::Status } else { Document::Review };
            let keys = story.contract.keys.clone();
            let adoption = Adoption { version: 1, digest: story.contract.digest, replaces: None, keys };
            story.tell(role, document, Body::Contract(adoption));
        }
        story
    }

    fn now(&self) -> Time {
        start().plus(Duration::from_secs(60 * self.minutes))
    }

    fn tell(&mut self, role: Role, document: Document, body: Body) -> RecordId {
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
            subject: subject(),
            context: Surroundings { head: object('b'), dirty: false, system: None },
            from: From { machine: Digest::of(b"m"), uid: 0, clone: Digest::of(clone) },
            target: None,
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

    fn evidence(
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

    fn digest(&self, gate: &str) -> Digest {
        let criterion = format!("c-{}", gate.to_lowercase()).parse().expect("an id");
        let plan = plan_digest(&self.contract, &BTreeMap::new());
        let facts = BTreeMap::from([(criterion, facts_digest(&facts()))]);
        subject_digest(&self.contract.digest, &plan, &subject().tree, &facts)
    }

    fn claim(&mut self, gate: &str) -> RecordId {
        let evidence = self.evidence(gate, Role::Builder, Document::Status);
        let words = String::new;
        let body = Body::Claim(Claim {
            gate: gate.parse().expect("a gate"),
            contract: self.contract.digest,
            plan: plan_digest(&self.contract, &BTreeMap::new()),
            strategy: BTreeMap::new(),
            evidence,
            digest: self.digest(gate),
            what: words(),
            how: words(),
            expected: words(),
            place: words(),
        });
        self.tell(Role::Builder, Document::Status, body)
    }

    fn rule(&mut self, gate: &str, claim: RecordId, ruling: Ruling) -> RecordId {
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

    fn pass(&mut self, gate: &str) -> RecordId {
        let claim = self.claim(gate);
        self.rule(gate, claim, Ruling::Pass)
    }

    fn intent(&mut self, step: &str, permit: Option<RecordId>, break_glass: Option<RecordId>) -> RecordId {
        let plan = plan_digest(&self.contract, &BTreeMap::new());
        let step = step.parse().expect("a step");
        let body = Body::Intent(Intent { step, act: Act::Run, permit, break_glass, plan, strategy: None });
        self.tell(Role::Builder, Document::Journal, body)
    }

    fn outcome(&mut self, step: &str, intent: RecordId, ending: Ending) -> RecordId {
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

    fn step(&mut self, step: &str, permit: Option<RecordId>) {
        let intent = self.intent(step, permit, None);
        self.outcome(step, intent, Ending::Done);
    }

    /// Both steps under a PASS of M1, then a PASS of M2.
    fn whole() -> Self {
        let mut story = Self::begin();
        let pass = story.pass("M1");
        story.step("one", Some(pass));
        story.step("back", None);
        story.pass("M2");
        story
    }

    fn waive(&mut self, step: Option<&str>, accepts: Option<RecordId>) {
        let step = step.map(|step| step.parse().expect("a step"));
        let until = self.now().plus(Duration::from_secs(86_400));
        let body = Body::Waiver(Waiver { criterion: None, step, accepts, reason: "r".into(), until });
        self.tell(Role::Adversary, Document::Review, body);
    }

    fn object_to(&mut self, act: FindingAct) {
        let body = Body::Finding(Finding {
            act,
            name: "A1".into(),
            gate: None,
            severity: Some(Severity::Minor),
            text: "t".into(),
            owner: Some("ann".into()),
        });
        self.tell(Role::Adversary, Document::Review, body);
    }

    fn veto(&mut self, lifts: Option<RecordId>) -> RecordId {
        self.tell(Role::Adversary, Document::Review, Body::Veto(Veto { lifts, reason: "stop".into() }))
    }

    fn done(&self) -> Result<Done, Vec<Reason>> {
        let host = Host {
            target: Known::Unknown("no engine".into()),
            pins: Known::Is(self.pins.iter().map(|key| (*key).to_owned()).collect()),
            spent: Known::Is(BTreeSet::new()),
            window: Known::Is(None),
            unjournaled: Known::Is(self.unjournaled.clone()),
        };
        let inputs = Inputs {
            repository: &object('a'),
            contract: &self.contract,
            records: &self.records,
            defects: self.defects,
            host: &host,
            subject: &Known::Is(subject()),
            now: self.now(),
        };
        done(&evaluate(inputs))
    }

    /// That the phase is not done for this reason, and for no other.
    #[track_caller]
    fn is_not_done(&self, class: Class, words: &str) {
        let reasons = self.done().expect_err("it is not done");
        let right =
            reasons.iter().all(|reason| reason.class == class) && reasons.iter().any(|r| r.found.contains(words));
        assert!(right, "wanted {class:?} `{words}`, found {reasons:#?}");
    }
}

fn facts() -> Values {
    Values::from([("matched".into(), true.into())])
}

#[test]
fn a_whole_story_is_done() {
    let done = Story::whole().done().unwrap_or_else(|reasons| panic!("{reasons:#?}"));
    assert_eq!((done.passes.len(), done.steps.len(), done.deferred.len()), (2, 2, 0));
}

#[test]
fn every_step_has_an_outcome_done_or_a_waiver() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.pass("M2");
    story.is_not_done(Class::Closed, "step `back` is not begun");
    story.waive(Some("back"), None);
    assert!(story.done().is_ok());
    let mut story = Story::whole();
    let again = story.intent("one", None, None);
    story.outcome("one", again, Ending::Failed);
    assert!(story.done().is_err());
}

#[test]
fn a_waiver_does_not_settle_what_is_in_doubt() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.intent("back", None, None);
    story.waive(Some("back"), None);
    story.pass("M2");
    story.is_not_done(Class::InDoubt, "step `back` is in doubt");
}

#[test]
fn every_step_was_begun_under_a_pass_fresh_then() {
    let under = |tell: &dyn Fn(&mut Story) -> Option<RecordId>| {
        let mut story = Story::begin();
        let permit = tell(&mut story);
        story.step("one", permit);
        story.step("back", None);
        story.pass("M1");
        story.pass("M2");
        story
    };
    let words = "step `one` was not begun under a PASS of M1 fresh then";
    let never = |story: Story| story.is_not_done(Class::Closed, words);
    assert!(under(&|story| Some(story.pass("M1"))).done().is_ok());
    never(under(&|_| None));
    never(under(&|story| Some(story.pass("M2"))));
    never(under(&|story| Some(story.claim("M1"))));
    never(under(&|story| {
        let claim = story.claim("M1");
        Some(story.rule("M1", claim, Ruling::Fail))
    }));
    never(under(&|story| {
        let pass = story.pass("M1");
        story.minutes += 25 * 60;
        Some(pass)
    }));
    never(under(&|story| {
        let pass = story.pass("M1");
        story.claim("M1");
        Some(pass)
    }));
    never(under(&|story| {
        let claim = story.claim("M1");
        let pass = story.rule("M1", claim, Ruling::Pass);
        story.rule("M1", claim, Ruling::Fail);
        Some(pass)
    }));
    // Lifted later, it stood when the step was begun.
    let mut story = Story::begin();
    let pass = story.pass("M1");
    let veto = story.veto(None);
    story.step("one", Some(pass));
    story.veto(Some(veto));
    story.step("back", None);
    story.pass("M2");
    never(story);
}

#[test]
fn a_step_that_restores_comes_after_another_was_begun() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("back", None);
    story.step("one", Some(pass));
    story.pass("M2");
    story.is_not_done(Class::Closed, "step `back` is not begun");
    let mut story = Story::begin();
    story.step("back", None);
    story.waive(Some("one"), None);
    story.pass("M1");
    story.pass("M2");
    story.is_not_done(Class::Closed, "step `back` was not begun under a PASS of M1 fresh then");
}

#[test]
fn every_gate_has_a_pass_and_no_fail_after_it() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.step("back", None);
    story.is_not_done(Class::Closed, "gate M2 has no claim");
    let mut story = Story::begin();
    let claim = story.claim("M1");
    let pass = story.rule("M1", claim, Ruling::Pass);
    story.step("one", Some(pass));
    story.step("back", None);
    story.pass("M2");
    story.rule("M1", claim, Ruling::Fail);
    story.is_not_done(Class::Closed, "gate M1 has FAIL");
}

#[test]
fn the_last_pass_comes_after_the_last_outcome() {
    let mut story = Story::begin();
    let pass = story.pass("M1");
    story.step("one", Some(pass));
    story.pass("M2");
    story.step("back", None);
    story.is_not_done(Class::Stale, "did not see outcome");
}

#[test]
fn the_last_pass_is_fresh_and_pinned_now() {
    let mut story = Story::whole();
    story.minutes += 25 * 60;
    story.is_not_done(Class::Stale, "gate M2 is");
    let mut story = Story::whole();
    story.pins.clear();
    story.is_not_done(Class::Role, "which this host does not trust");
}

#[test]
fn no_veto_no_open_finding_no_defect_nothing_that_journal_lacks() {
    let mut story = Story::whole();
    let veto = story.veto(None);
    assert!(story.done().is_err_and(|reasons| reasons.iter().any(|reason| reason.found.starts_with("veto"))));
    story.veto(Some(veto));
    assert!(story.done().is_ok());
    story.object_to(FindingAct::Opened);
    story.is_not_done(Class::Closed, "finding A1 is open");
    story.object_to(FindingAct::Deferred);
    assert_eq!(story.done().expect("done").deferred, BTreeMap::from([("A1".into(), "ann".into())]));
    story.unjournaled = vec![RecordId::of_block(b"x")];
    story.is_not_done(Class::InDoubt, "that JOURNAL lacks");
    story.unjournaled.clear();
    story.defects = 1;
    story.is_not_done(Class::Invalid, "the documents have 1 defects");
}

#[test]
fn break_glass_counts_once_it_is_accepted() {
    let mut story = Story::begin();
    let (step, until) = ("one".parse().expect("a step"), story.now().plus(Duration::from_secs(3000)));
    let glass = BreakGlass { step, digest: Digest::of(b"d"), reason: "r".into(), until };
    let glass = story.tell(Role::Operator, Document::Journal, Body::BreakGlass(glass));
    let intent = story.intent("one", None, Some(glass));
    story.outcome("one", intent, Ending::Done);
    story.step("back", None);
    story.pass("M1");
    story.pass("M2");
    story.is_not_done(Class::Closed, "is not accepted");
    story.waive(None, Some(glass));
    assert!(story.done().is_ok());
}

#[test]
fn a_note_changes_nothing() {
    let mut story = Story::whole();
    story.tell(Role::Builder, Document::Journal, Body::Note(Note { text: "t".into() }));
    assert!(story.done().is_ok());
}
