//! Reading documents of 500, 10,000 and 100,000 records, beside one bare pulldown-cmark pass over the same bytes, in one run.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use countersign::docs::read::{self, Signatures, Source};
use countersign::docs::section;
use countersign::model::digest::Digest;
use countersign::model::ids::{ObjectId, RecordId};
use countersign::model::record::{Block, Body, From, Kind, Note, SCHEMA, Subject, Surroundings};
use countersign::model::role::{Document, Role};
use countersign::sign;
use countersign::sign::key_file::Key;

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    for count in [500, 10_000, 100_000] {
        let text = journal(count);
        let bare = fastest(|| &text, |text| pulldown_cmark::Parser::new(text).into_offset_iter().count());
        let phase = "demo".parse().expect("a phase");
        let source = Source {
            document: Document::Journal,
            phase: &phase,
            file: "JOURNAL-demo.md",
            evidence: &|_| Err("no evidence file is expected".to_owned()),
            remote: false,
            signatures: Signatures::All,
        };
        let some = Source { signatures: Signatures::Deciding, ..source };
        let found = read::read(&source, text.clone().into_bytes());
        assert_eq!((found.records.len(), found.defects.len()), (count, 0));
        let read = |source: &Source<'_>, bytes| read::read(source, bytes).records.len();
        let whole = fastest(|| text.clone().into_bytes(), |bytes| read(&source, bytes));
        let shown = fastest(|| text.clone().into_bytes(), |bytes| read(&some, bytes));
        writeln!(
            out,
            "{count:>6} records, {:>5.1} MB: bare pass {:>7.2} ms, read for status {:>8.2} ms ({:.1} x), \
             read with all signatures {:>8.2} ms ({:.1} x, {:.0} records/s)",
            text.len() as f64 / 1e6,
            bare.as_secs_f64() * 1e3,
            shown.as_secs_f64() * 1e3,
            shown.as_secs_f64() / bare.as_secs_f64(),
            whole.as_secs_f64() * 1e3,
            whole.as_secs_f64() / bare.as_secs_f64(),
            count as f64 / whole.as_secs_f64(),
        )?;
    }
    Ok(())
}

/// The fastest of five runs, without what they are given.
fn fastest<T>(mut given: impl FnMut() -> T, mut run: impl FnMut(T) -> usize) -> Duration {
    let times = (0..5).map(|_| {
        let given = given();
        let start = Instant::now();
        black_box(run(given));
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

/// A journal with this many notes, each after the one before.
fn journal(count: usize) -> String {
    let object = |c: &str| -> ObjectId { c.repeat(40).parse().expect("an object id") };
    let key = Key::generate("bench").expect("a key");
    let mut text = String::from("# JOURNAL\n");
    let mut prev = Vec::new();
    for number in 0..count {
        let words = format!("note {number}: the proxy answered on both routes");
        let block = Block {
            schema: SCHEMA,
            record: Kind::Note,
            phase: "demo".parse().expect("a phase"),
            document: Document::Journal,
            role: Role::Builder,
            at: "2026-06-13T05:34:13Z".parse().expect("a time"),
            repository: object("a"),
            tool: "0.1.0".into(),
            summary: words.clone(),
            prev,
            seen: BTreeMap::new(),
            subject: Subject { commit: object("b"), tree: object("c") },
            context: Surroundings { head: object("d"), dirty: false, system: None },
            from: From { machine: Digest::of(b"m"), uid: 0, clone: Digest::of(b"c") },
            target: None,
            output: None,
            body: Body::Note(Note { text: words }),
        };
        let block_text = toml::to_string(&block).expect("TOML");
        let armor = sign::sign(&key, block_text.as_bytes()).expect("a signature");
        text.push('\n');
        text.push_str(&section::render(&block, &block_text, None, &armor));
        prev = vec![RecordId::of_block(block_text.as_bytes())];
    }
    text
}
