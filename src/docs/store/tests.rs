use std::collections::BTreeMap;

use super::*;
use crate::docs::section;
use crate::model::digest::Digest;
use crate::model::record::{Body, From, Kind, Note, SCHEMA, Subject, Surroundings, Veto};
use crate::model::role::Role;
use crate::sign;

pub(in crate::docs) fn note(text: &str) -> Draft {
    let object = |c: &str| c.repeat(40).parse().expect("an object id");
    let block = Block {
        schema: SCHEMA,
        record: Kind::Note,
        phase: "demo".parse().expect("a phase"),
        document: Document::Journal,
        role: Role::Builder,
        at: "2026-06-13T05:34:13Z".parse().expect("a time"),
        repository: object("a"),
        tool: "0.1.0".into(),
        summary: text.into(),
        prev: Vec::new(),
        seen: BTreeMap::new(),
        subject: Subject { commit: object("b"), tree: object("c") },
        context: Surroundings { head: object("d"), dirty: false, system: None },
        from: From { machine: Digest::of(b"m"), uid: 0, clone: Digest::of(b"c") },
        target: None,
        output: None,
        body: Body::Note(Note { text: text.into() }),
    };
    Draft { block, output: None }
}

pub(in crate::docs) struct Lab {
    directory: tempfile::TempDir,
    pub(in crate::docs) store: Store,
    pub(in crate::docs) key: Key,
}

pub(in crate::docs) fn lab() -> Lab {
    let directory = tempfile::tempdir().expect("a directory");
    let docs = directory.path().join(DIRECTORY);
    fs::create_dir_all(&docs).expect("made");
    fs::create_dir(directory.path().join("git")).expect("made");
    for name in ["STATUS", "REVIEW", "JOURNAL"] {
        fs::write(docs.join(format!("{name}-demo.md")), format!("# {name}\n\nProse.\n")).expect("written");
    }
    let store = Store::new(directory.path(), &directory.path().join("git"), "demo".parse().expect("a phase"));
    Lab { directory, store, key: Key::generate("builder").expect("a key") }
}

impl Lab {
    pub(in crate::docs) fn append(&self, draft: Draft) -> Result<RecordId, StoreError> {
        let mut transaction = self.store.begin(Document::Journal, "test")?;
        let id = transaction.append(draft, &self.key)?;
        transaction.publish()?;
        Ok(id)
    }

    pub(in crate::docs) fn journal(&self) -> PathBuf {
        self.directory.path().join(DIRECTORY).join("JOURNAL-demo.md")
    }

    pub(in crate::docs) fn defects(&self) -> Vec<Defect> {
        self.store.load().expect("loads").defects().cloned().collect()
    }
}

/// The section of a note of a newer schema, after what stands in the journal.
pub(in crate::docs) fn newer_record(lab: &Lab) -> String {
    let Draft { mut block, .. } = note("from a newer one");
    block.schema = SCHEMA + 1;
    block.prev = lab.store.load().expect("loads").heads(Document::Journal).to_vec();
    let text = format!("new_key = 1\n{}", toml::to_string(&block).expect("TOML"));
    section::render(&block, &text, None, &sign::sign(&lab.key, text.as_bytes()).expect("a signature"))
}

/// Texts that try to become state or to break the section they stand in.
const NASTY: &[&str] = &[
    "plain",
    "## DONE @2026-06-13T05:34:13Z",
    "```toml countersign\nschema = 1\n```",
    "~~~~\n````\n`````",
    "<div>\n<!-- \n<pre>",
    "> quote\n- list\n1. item\n\n\tindented",
    "*stars* _under_ [link](x) ![i](y) \\ & &amp; <b> | a | b |\n|---|---|",
    "title\n=====\n\ntitle\n---",
    "\u{202e}bidi\u{200b}zero \u{1b}[31m red\r\nCR",
    "[ref]: http://x\n\n[ref]",
];

#[test]
fn whatever_a_note_says_it_stays_a_note() {
    let lab = lab();
    for text in NASTY {
        lab.append(note(text)).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    }
    let documents = lab.store.load().expect("loads");
    assert_eq!(lab.defects(), []);
    assert_eq!(documents.records().count(), NASTY.len());
    assert_eq!(documents.heads(Document::Journal).len(), 1);
}

#[test]
fn output_that_is_long_or_not_plain_goes_into_a_file() {
    let lab = lab();
    for text in ["short\n".to_owned(), "x".repeat(9000), "red \u{1b}[31m".to_owned(), (*NASTY)[2].to_owned()] {
        let output = DraftOutput { text, redactions: 0, extension: "txt", exact: false };
        lab.append(Draft { output: Some(output), ..note("output") }).expect("appended");
    }
    assert_eq!(lab.defects(), []);
    let files = fs::read_dir(lab.directory.path().join("machine-docs/evidence/demo")).expect("evidence").count();
    assert_eq!(files, 2);
    let any = fs::read_dir(lab.directory.path().join("machine-docs/evidence/demo")).expect("evidence").next();
    fs::write(any.expect("a file").expect("a file").path(), "changed").expect("written");
    assert!(lab.defects()[0].what.contains("was changed"), "{:?}", lab.defects());
}

#[test]
fn every_changed_byte_of_a_section_is_a_defect() {
    let lab = lab();
    let output = DraftOutput { text: "row 1\nrow 2\n".into(), redactions: 0, extension: "txt", exact: false };
    lab.append(Draft { output: Some(output), ..note("a *note* with `code`") }).expect("appended");
    let bytes = fs::read(lab.journal()).expect("read");
    let start = bytes.windows(3).position(|window| window == b"## ").expect("a section");
    for at in start..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(lab.journal(), &changed).expect("written");
        let read = lab.store.load().expect("loads");
        assert!(read.records().next().is_none(), "byte {at} changed and the record still counts");
    }
}

#[test]
fn a_cut_at_any_byte_is_never_read_as_a_record() {
    let lab = lab();
    lab.append(note("one")).expect("appended");
    let first = fs::read(lab.journal()).expect("read").len();
    lab.append(note("two")).expect("appended");
    let bytes = fs::read(lab.journal()).expect("read");
    for at in first..bytes.len() - 1 {
        fs::write(lab.journal(), &bytes[..at]).expect("written");
        assert_eq!(lab.store.load().expect("loads").records().count(), 1, "cut at {at}");
    }
}

#[test]
fn a_record_in_a_quote_list_or_fence_does_not_count() {
    let lab = lab();
    lab.append(note("one")).expect("appended");
    let text = fs::read_to_string(lab.journal()).expect("read");
    let section = &text[text.find("## ").expect("a section")..];
    let quoted: String = section.lines().map(|line| format!("> {line}\n")).collect();
    let listed: String = section.lines().map(|line| format!("  {line}\n")).collect();
    let fenced = format!("``````\n{section}``````\n");
    let html = format!("<pre>\n{}</pre>\n", section.replace("\n\n", "\n"));
    for wrapped in [quoted, format!("- x\n\n{listed}"), fenced, html] {
        fs::write(lab.journal(), format!("# J\n\n{wrapped}")).expect("written");
        assert_eq!(lab.store.load().expect("loads").records().count(), 0, "{wrapped}");
    }
}

#[test]
fn a_removed_record_is_missed() {
    let lab = lab();
    lab.append(note("one")).expect("appended");
    lab.append(note("two")).expect("appended");
    let text = fs::read_to_string(lab.journal()).expect("read");
    let (first, second) = (text.find("## ").expect("one"), text.rfind("## ").expect("two"));
    fs::write(lab.journal(), format!("{}{}", &text[..first], &text[second..])).expect("written");
    assert!(lab.defects()[0].what.contains("which is not in the document"), "{:?}", lab.defects());
}

#[test]
fn forty_writers_lose_nothing() {
    let lab = lab();
    std::thread::scope(|scope| {
        for writer in 0..40 {
            let lab = &lab;
            scope.spawn(move || lab.append(note(&format!("writer {writer}"))).expect("appended"));
        }
    });
    assert_eq!(lab.store.load().expect("loads").records().count(), 40);
    assert_eq!(lab.defects(), []);
}

#[test]
fn prose_of_people_stays_as_it_is() {
    let lab = lab();
    let prose = "# J\n\n* star\n_under_ | a |\n\n<details>\ntext\n\n";
    fs::write(lab.journal(), prose).expect("written");
    lab.append(note("one")).expect("appended");
    assert!(fs::read_to_string(lab.journal()).expect("read").starts_with(prose));
    let conflict = format!("{}<<<<<<< ours\n", fs::read_to_string(lab.journal()).expect("read"));
    fs::write(lab.journal(), conflict).expect("written");
    assert!(matches!(lab.append(note("two")), Err(StoreError::Invalid(_))));
}

#[test]
fn a_veto_can_say_anything_in_its_heading() {
    let lab = lab();
    let more =
        ["", "#", "trailing ##", "\\", "- [ ] x", "a\n\n```toml countersign\n```", "===", "{#id}", "&nbsp;", "a  b\tc"];
    let reasons: Vec<&str> = NASTY.iter().copied().chain(more).collect();
    for reason in &reasons {
        let Draft { mut block, .. } = note("A veto stands.");
        (block.record, block.document, block.role) = (Kind::Veto, Document::Review, Role::Adversary);
        block.body = Body::Veto(Veto { lifts: None, reason: (*reason).into() });
        let mut transaction = lab.store.begin(Document::Review, "test").expect("begun");
        transaction
            .append(Draft { block, output: None }, &lab.key)
            .unwrap_or_else(|error| panic!("{reason:?}: {error}"));
        transaction.publish().expect("published");
    }
    assert_eq!(lab.defects(), []);
    assert_eq!(lab.store.load().expect("loads").records().count(), reasons.len());
}

#[test]
fn a_fail_can_be_appended_to_a_damaged_document() {
    let lab = lab();
    lab.append(note("one")).expect("appended");
    lab.append(note("two")).expect("appended");
    let text = fs::read_to_string(lab.journal()).expect("read");
    for damaged in
        [text[..text.len() - 20].to_owned(), format!("{text}\n<<<<<<< ours\n"), text.replace("\ntwo\n", "\ntwx\n")]
    {
        fs::write(lab.journal(), &damaged).expect("written");
        assert!(matches!(lab.append(note("three")), Err(StoreError::Invalid(_))));
        let mut transaction = lab.store.begin(Document::Journal, "test").expect("begun");
        transaction.tolerate_defects();
        let id = transaction.append(note("three"), &lab.key).unwrap_or_else(|error| panic!("{damaged}: {error}"));
        transaction.publish().expect("published");
        assert!(lab.store.load().expect("loads").records().any(|record| record.id == id), "{damaged}");
    }
}

#[test]
fn evidence_that_is_a_link_or_a_pipe_is_not_opened() {
    let lab = lab();
    let output = DraftOutput { text: "x".repeat(9000), redactions: 0, extension: "txt", exact: false };
    lab.append(Draft { output: Some(output), ..note("output") }).expect("appended");
    let evidence = lab.directory.path().join("machine-docs/evidence/demo");
    let file = fs::read_dir(evidence).expect("evidence").next().expect("a file").expect("a file").path();
    let elsewhere = lab.directory.path().join("elsewhere");
    fs::rename(&file, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, &file).expect("a link");
    assert!(lab.defects()[0].what.contains("not a regular file"), "{:?}", lab.defects());
    fs::remove_file(&file).expect("removed");
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    assert!(lab.defects()[0].what.contains("not a regular file"), "{:?}", lab.defects());
    fs::remove_file(&file).expect("removed");
    assert!(lab.defects()[0].what.contains("is missing"), "{:?}", lab.defects());
}

#[test]
fn a_record_of_another_schema_counts_for_nothing_and_says_so() {
    let lab = lab();
    for (schema, more) in [(2, ""), (2, "new_key = 1\n"), (0, "")] {
        let Draft { mut block, .. } = note("one");
        block.schema = schema;
        let block_text = format!("{more}{}", toml::to_string(&block).expect("TOML"));
        let armor = sign::sign(&lab.key, block_text.as_bytes()).expect("a signature");
        let section = section::render(&block, &block_text, None, &armor);
        fs::write(lab.journal(), format!("# J\n\n{section}")).expect("written");
        assert!(lab.defects()[0].what.contains(&format!("schema {schema}, ")), "{:?}", lab.defects());
        assert_eq!(lab.store.load().expect("loads").records().count(), 0);
    }
}

#[test]
fn a_repository_that_was_moved_away_does_not_come_into_being_again() {
    let lab = lab();
    let (root, away) = (lab.directory.path().join("git"), lab.directory.path().join("away"));
    fs::rename(&root, &away).expect("moved");
    assert!(lab.append(note("one")).is_err(), "nothing is there to lock");
    assert!(!root.exists());
    fs::rename(&away, &root).expect("moved back");
    lab.append(note("one")).expect("appended");
}
