use std::cell::RefCell;

use super::super::{Defect, ReadDocument, Signatures, Source, check_signatures, read};
use crate::docs::section;
use crate::docs::store::tests::note;
use crate::model::digest::Digest;
use crate::model::record::{Block, Body, BreakGlass, Kind, Output, Veto};
use crate::model::role::Document;
use crate::sign;
use crate::sign::key_file::Key;

const TEXT: &str = "row 1\nrow 2\n";

/// A section that its block renders to, signed, whatever the block says.
fn signed(key: &Key, block: &Block, output: Option<&str>) -> String {
    let text = toml::to_string(block).expect("TOML");
    let armor = sign::sign(key, text.as_bytes()).expect("a signature");
    section::render(block, &text, output, &armor)
}

/// Read as phase demo's JOURNAL; `file` is what an evidence file holds.
fn read_it(section: &str, signatures: Signatures, file: Result<&str, &str>) -> ReadDocument {
    let phase = "demo".parse().expect("a phase");
    let evidence = |_: &Output| file.map(|text| text.as_bytes().to_vec()).map_err(str::to_owned);
    let source = Source {
        document: Document::Journal,
        phase: &phase,
        file: "JOURNAL-demo.md",
        evidence: &evidence,
        remote: false,
        signatures,
    };
    read(&source, format!("# J\n\n{section}").into_bytes())
}

fn only(read: &ReadDocument) -> &Defect {
    assert_eq!(read.records.len(), 0, "it counts");
    let [defect] = read.defects.as_slice() else { panic!("{:?}", read.defects) };
    defect
}

fn output(text: &str, bytes: usize, file: Option<&str>) -> Output {
    Output { sha256: Digest::of(text.as_bytes()), bytes: bytes as u64, redactions: 0, file: file.map(str::to_owned) }
}

#[test]
fn a_well_signed_block_counts_only_where_it_belongs() {
    let key = Key::generate("builder").expect("a key");
    let own = note("words").block;
    let veto = Body::Veto(Veto { reason: "no".into(), lifts: None });
    let cases: [(&str, Block); 5] = [
        ("", own.clone()),
        ("the block says `veto` and holds a note", Block { record: Kind::Veto, ..own.clone() }),
        (
            "the record belongs to phase other; this document is phase demo's",
            Block { phase: "other".parse().expect("a phase"), ..own.clone() },
        ),
        ("the note record belongs into STATUS, not into JOURNAL", Block { document: Document::Status, ..own.clone() }),
        ("the veto record belongs into REVIEW, not into JOURNAL", Block { record: Kind::Veto, body: veto, ..own }),
    ];
    for (wanted, block) in cases {
        let read = read_it(&signed(&key, &block, None), Signatures::All, Err("none"));
        if wanted.is_empty() {
            assert_eq!((read.records.len(), read.defects.as_slice()), (1, &[][..]));
        } else {
            let defect = only(&read);
            assert_eq!((defect.what.as_str(), defect.line, defect.column), (wanted, 3, 1));
        }
    }
}

#[test]
fn an_output_is_in_the_document_or_in_its_file_and_is_the_signed_one() {
    let key = Key::generate("builder").expect("a key");
    let file = |text: &str, bytes: usize| Some(output(text, bytes, Some("txt")));
    let here = |text: &str, bytes: usize| Some(output(text, bytes, None));
    let whole = TEXT.len();
    let cases = [
        ("", None, None, Err("none")),
        ("", here(TEXT, whole), Some(TEXT), Err("none")),
        ("", file(TEXT, whole), None, Ok(TEXT)),
        ("an output stands here that the record does not bind", None, Some(TEXT), Err("none")),
        ("its digest is not the signed one", here("other", whole), Some(TEXT), Err("none")),
        ("its digest is not the signed one", here(TEXT, whole + 1), Some(TEXT), Err("none")),
        ("the output stands here and in a file", file(TEXT, whole), Some(TEXT), Ok(TEXT)),
        ("the output that the record binds is not here", here(TEXT, whole), None, Ok(TEXT)),
        (".txt was changed", file("other", whole), None, Ok(TEXT)),
        (".txt was changed", file(TEXT, whole - 1), None, Ok(TEXT)),
        ("the record's evidence file: it is away", file(TEXT, whole), None, Err("it is away")),
    ];
    for (wanted, bound, shown, kept) in cases {
        let block = Block { output: bound, ..note("words").block };
        let read = read_it(&signed(&key, &block, shown), Signatures::All, kept);
        if wanted.is_empty() {
            assert_eq!(read.defects, []);
            assert_eq!(read.records[0].output.as_deref(), block.output.map(|_| TEXT));
        } else {
            let defect = only(&read);
            assert!(defect.what.contains(wanted), "{wanted}: {defect}");
            // Pointed out where the text stands, and else at the heading; a file is put back, a document restored.
            assert_eq!(defect.line, if shown.is_some() { 8 } else { 3 }, "{defect}");
            let of_file = wanted.contains(".txt") || wanted.contains("evidence file");
            assert_eq!(defect.remedy.starts_with("put that file back"), of_file, "{defect}");
        }
    }
}

#[test]
fn what_decides_nothing_by_itself_is_looked_at_when_it_is_wanted() {
    let (key, stranger) = (Key::generate("builder").expect("a key"), Key::generate("builder").expect("a key"));
    let block = note("words").block;
    let whole = signed(&key, &block, None);
    // Another's signature of other bytes in the place of its own.
    let other = sign::sign(&stranger, b"something else").expect("a signature");
    let text = toml::to_string(&block).expect("TOML");
    let forged = section::render(&block, &text, None, &other);
    for (section, is_right) in [(&whole, true), (&forged, false)] {
        let mut read = read_it(section, Signatures::Deciding, Err("none"));
        assert_eq!((read.records.len(), read.records[0].checked), (1, false), "a note is not checked yet");
        let id = read.records[0].id;
        let asked = RefCell::new(Vec::new());
        check_signatures(&mut read, "JOURNAL-demo.md", |one| {
            asked.borrow_mut().push(*one);
            false
        });
        assert_eq!((asked.take(), read.records.len(), read.records[0].checked), (vec![id], 1, false));
        check_signatures(&mut read, "JOURNAL-demo.md", |one| *one == id);
        assert_eq!((read.records.len(), read.defects.len()), if is_right { (1, 0) } else { (0, 1) });
        if is_right {
            assert!(read.records[0].checked);
            check_signatures(&mut read, "JOURNAL-demo.md", |_| panic!("it was looked at already"));
        } else {
            let defect = only(&read);
            assert_eq!((defect.file.as_str(), defect.line, defect.column), ("JOURNAL-demo.md", 3, 1));
        }
        // With all signatures it is looked at while reading; so is whatever decides, always.
        assert_eq!(read_it(section, Signatures::All, Err("none")).records.len(), usize::from(is_right));
    }
    let body = Body::BreakGlass(BreakGlass {
        step: "recreate".parse().expect("a step"),
        digest: Digest::of(b"subject"),
        reason: "why".into(),
        until: block.at,
    });
    let deciding = Block { record: Kind::BreakGlass, body, ..block };
    let text = toml::to_string(&deciding).expect("TOML");
    let forged = section::render(&deciding, &text, None, &other);
    assert_eq!(read_it(&forged, Signatures::Deciding, Err("none")).records.len(), 0);
}
