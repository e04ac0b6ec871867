//! What every fuzz target holds, in one place: `fuzz/fuzz_targets/` run it under libFuzzer, `tests/docs/fuzz.rs` on every test run.

use countersign::docs::read::{self, ReadDocument, Signatures, Source};
use countersign::docs::structure::{self, Structure};
use countersign::docs::{merge, repair, section};
use countersign::model::contract::parse;
use countersign::model::digest::Digest;
use countersign::model::ids::{ObjectId, RecordId};
use countersign::model::record::{Block, Body, From, Kind, Note, SCHEMA, Subject, Surroundings, Veto};
use countersign::model::role::{Document, Role};
use countersign::sign;
use countersign::sign::key_file::Key;

/// The targets by name.
pub const TARGETS: [(&str, fn(&[u8])); 6] = [
    ("document", document),
    ("splice", splice),
    ("merging", merging),
    ("repairing", repairing),
    ("contract", contract),
    ("armor", armor),
];

fn read_journal(text: &str) -> ReadDocument {
    let phase = "demo".parse().expect("a phase");
    let source = Source {
        document: Document::Journal,
        phase: &phase,
        file: "JOURNAL-demo.md",
        evidence: &|_| Err("no evidence file is expected".to_owned()),
        remote: false,
        signatures: Signatures::All,
    };
    read::read(&source, text.as_bytes().to_vec())
}

fn read_bytes(bytes: &[u8]) -> ReadDocument {
    let phase = "demo".parse().expect("a phase");
    let source = Source {
        document: Document::Journal,
        phase: &phase,
        file: "JOURNAL-demo.md",
        evidence: &|_| Err("no evidence file is expected".to_owned()),
        remote: false,
        signatures: Signatures::All,
    };
    read::read(&source, bytes.to_vec())
}

/// Any bytes are read without a panic; records lie in order and apart; reading in pieces is reading the whole, by both readers.
pub fn document(bytes: &[u8]) {
    let read = read_bytes(bytes);
    assert!(read.records.windows(2).all(|two| two[0].range.end <= two[1].range.start));
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(!read.defects.is_empty());
        return;
    };
    // A BOM is something special only where a text begins, and CR ends a line for one reader; any of either is a defect.
    if !text.contains(['\u{feff}', '\r']) {
        for by in [structure::by_comrak, structure::by_pulldown] {
            if let Some(pieces) = in_pieces(text, by) {
                let whole = by(text);
                assert_eq!((pieces.candidates, pieces.torn), (whole.candidates, whole.torn));
            }
        }
    }
    for record in &read.records {
        let section = &text[record.range.clone()];
        assert_eq!(structure::by_comrak(section).candidates, structure::by_pulldown(section).candidates);
    }
}

fn in_pieces(text: &str, by: fn(&str) -> Structure<'_>) -> Option<Structure<'_>> {
    let ranges = structure::pieces(text, 16);
    let mut all = Structure::default();
    for (at, range) in ranges.iter().enumerate() {
        let mut piece = by(&text[range.clone()]);
        if at + 1 < ranges.len() && !piece.ends_whole {
            return None;
        }
        for candidate in &mut piece.candidates {
            candidate.range = candidate.range.start + range.start..candidate.range.end + range.start;
        }
        all.candidates.append(&mut piece.candidates);
        all.torn.extend(piece.torn.into_iter().map(|(at, what)| (at + range.start, what)));
    }
    Some(all)
}

/// A record that says anything, after any prose, reads back as that record or is not written; all that was there stays.
pub fn splice(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (prose, words) = text.split_once('\u{1}').unwrap_or(("", &text));
    let words: String = words.chars().filter(|c| !countersign::docs::clean::is_hidden(*c)).collect();
    let mut block = block(&words);
    let output = (!words.is_empty()).then(|| format!("{}\n", words.trim_end_matches('\n')));
    block.output = output.as_ref().map(|text| countersign::model::record::Output {
        sha256: Digest::of(text.as_bytes()),
        bytes: text.len() as u64,
        redactions: 0,
        file: None,
    });
    let (section, id) = signed(&block, output.as_deref());
    let alone = read_journal(&section);
    assert_eq!(alone.defects, [], "{section}");
    assert_eq!(alone.records.len(), 1);
    assert_eq!((alone.records[0].id, alone.records[0].range.clone()), (id, 0..section.len()));
    let mut read = read_journal(prose);
    if !read.defects.is_empty() || !read.records.is_empty() {
        return;
    }
    let phase = "demo".parse().expect("a phase");
    let source = Source {
        document: Document::Journal,
        phase: &phase,
        file: "JOURNAL-demo.md",
        evidence: &|_| Err("no evidence file is expected".to_owned()),
        remote: false,
        signatures: Signatures::All,
    };
    match read::grow(&source, &mut read, &section) {
        Err(_) => assert_eq!(read.bytes, prose.as_bytes()),
        Ok(()) => {
            assert!(read.bytes.starts_with(prose.as_bytes()));
            let again = read_bytes(&read.bytes);
            assert_eq!((again.defects.len(), &again.records, &again.heads), (0, &read.records, &read.heads));
        }
    }
}

/// Three versions merge to the same either way round; merging again changes nothing; no record of either side is gone.
pub fn merging(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\u{1}');
    let [base, one, other] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let merged = merge::merge(base, one, other);
    if !merged.conflicts.is_empty() {
        return;
    }
    assert_eq!(merged, merge::merge(base, other, one));
    let again = merge::merge(base, &merged.text, &merged.text);
    assert_eq!(again.text, merged.text);
    let after = read_journal(&merged.text);
    for record in read_journal(one).records.iter().chain(&read_journal(other).records) {
        assert!(after.records.iter().any(|kept| kept.id == record.id), "record {} is gone", record.id);
    }
}

/// A repair loses no valid record, and repairing again changes nothing.
pub fn repairing(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let repaired = repair::propose(&text, &[], read_journal);
    let after = read_journal(&repaired.text);
    for record in &read_journal(&text).records {
        assert!(after.records.iter().any(|kept| kept.id == record.id), "record {} is gone", record.id);
    }
}

/// Any text is parsed as a contract or refused, twice the same.
pub fn contract(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (one, other) = (parse::parse(&text, None), parse::parse(&text, None));
    match (one, other) {
        (Ok(one), Ok(other)) => assert_eq!(one.digest, other.digest),
        (Err(one), Err(other)) => assert!(!one.is_empty() && one.len() == other.len()),
        _ => panic!("one text, two answers"),
    }
}

/// What is accepted as a signature is what the general decoder accepts, and is written the one way.
pub fn armor(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let accepted = sign::verify(&text, b"block\n");
    let general = ssh_key::SshSig::from_pem(text.as_bytes()).ok().filter(|signature| {
        let again = signature.to_pem(ssh_key::LineEnding::LF).unwrap_or_default();
        let key = ssh_key::PublicKey::new(signature.public_key().clone(), "");
        again.trim_end() == text.trim_end()
            && signature.version() == ssh_key::SshSig::VERSION
            && key.verify(sign::NAMESPACE, b"block\n", signature).is_ok()
    });
    if accepted.is_ok() {
        assert!(general.is_some(), "only this program accepts {text}");
    }
}

fn block(words: &str) -> Block {
    let object = |c: &str| -> ObjectId { c.repeat(40).parse().expect("an object id") };
    Block {
        schema: SCHEMA,
        record: Kind::Note,
        phase: "demo".parse().expect("a phase"),
        document: Document::Journal,
        role: Role::Builder,
        at: "2026-06-13T05:34:13Z".parse().expect("a time"),
        repository: object("a"),
        tool: "0.1.0".into(),
        summary: words.to_owned(),
        prev: Vec::new(),
        seen: std::collections::BTreeMap::new(),
        subject: Subject { commit: object("b"), tree: object("c") },
        context: Surroundings { head: object("d"), dirty: false, system: None },
        from: From { machine: Digest::of(b"m"), uid: 0, clone: Digest::of(b"c") },
        target: None,
        output: None,
        body: Body::Note(Note { text: words.to_owned() }),
    }
}

fn key() -> &'static Key {
    static KEY: std::sync::OnceLock<Key> = std::sync::OnceLock::new();
    KEY.get_or_init(|| Key::generate("fuzz").expect("a key"))
}

fn signed(block: &Block, output: Option<&str>) -> (String, RecordId) {
    let text = toml::to_string(block).expect("TOML");
    let armor = sign::sign(key(), text.as_bytes()).expect("a signature");
    (section::render(block, &text, output, &armor), RecordId::of_block(text.as_bytes()))
}

/// Texts to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut document = String::from("# JOURNAL\n\nProse.\n");
    let mut prev = Vec::new();
    let mut versions = vec![document.clone()];
    for words in ["one", "## DONE\n\n```toml countersign\nx\n```", "> quote\n- list <pre> | a |\n"] {
        let mut block = block(words);
        block.prev = prev;
        let (section, id) = signed(&block, None);
        document += &format!("\n{section}\nBetween.\n");
        prev = vec![id];
        versions.push(document.clone());
    }
    let mut heading = block("x");
    heading.body = Body::Veto(Veto { lifts: None, reason: "1. *a* & <b>".into() });
    seeds.push(section::render(&heading, "x = 1\n", Some("out ``` put"), "armor\n"));
    seeds.extend(versions.iter().cloned());
    seeds.push(format!("{}\u{1}{}\u{1}{}", versions[1], versions[2], versions[3]));
    seeds.push(format!("{}\u{1}{}\u{1}{}", versions[2], versions[3], versions[2].clone() + "mine\n"));
    seeds.push("# J\n\n<details>\u{1}```\n~~~~ a\n===\n".to_owned());
    seeds.push(format!(
        "{}<<<<<<< HEAD\n{}=======\nother\n>>>>>>> x\n",
        versions[1],
        &versions[2][versions[1].len()..]
    ));
    seeds.push(include_str!("../templates/pvfix.toml").replace("{phase}", "demo"));
    seeds.push(include_str!("../templates/blank.toml").replace("{phase}", "demo"));
    seeds.push(sign::sign(key(), b"block\n").expect("a signature"));
    seeds.into_iter().map(String::into_bytes).collect()
}
