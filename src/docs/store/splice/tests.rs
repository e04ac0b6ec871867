use std::fs;

use super::*;
use crate::docs::store::Transaction;
use crate::docs::store::tests::{Lab, lab, note};

/// What leaves something open, or is not text at all.
const SWALLOWS: [&[u8]; 14] = [
    b"<!-- a thought\n",
    b"<!-- x\r\n",
    b"```text\n",
    b"~~~~~~~~~~~~~~\n",
    b"<pre>",
    b"<script>\n",
    b"<?x\n",
    b"<![CDATA[\n",
    b"x\xff\n",
    b"\xff\xfe\x00\xc3",
    b"\0\n",
    b"- x\n\n  ```\n",
    b"<<<<<<< x\n~~~\n",
    b"[a]: <b\n",
];

fn append(lab: &Lab, words: &str) -> RecordId {
    let mut transaction: Transaction<'_> = lab.store.begin(Document::Journal, "test").expect("begun");
    transaction.tolerate_defects();
    let id = transaction.append(note(words), &lab.key).unwrap_or_else(|error| panic!("{words}: {error}"));
    transaction.publish().expect("published");
    id
}

/// Whether the bytes are those of before with one piece put in.
fn is_one_insertion(before: &[u8], after: &[u8]) -> bool {
    let same = before.iter().zip(after).take_while(|(one, other)| one == other).count();
    let end = before.iter().rev().zip(after.iter().rev()).take_while(|(one, other)| one == other).count();
    after.len() > before.len() && same + end >= before.len()
}

#[test]
fn no_text_of_people_makes_an_append_impossible_or_loses_a_byte() {
    let lab = lab();
    let empty = fs::read(lab.journal()).expect("read");
    append(&lab, "one");
    append(&lab, "two");
    let two = fs::read(lab.journal()).expect("read");
    let last = two.windows(4).rposition(|window| window == b"\n## ").expect("a section") + 1;
    for swallows in SWALLOWS {
        for (document, at) in [(&empty, 0), (&empty, empty.len()), (&two, 0), (&two, last), (&two, two.len())] {
            let damaged = [&document[..at], swallows, &document[at..]].concat();
            fs::write(lab.journal(), &damaged).expect("written");
            let before = lab.store.load().expect("loads").records().count();
            let shown = String::from_utf8_lossy(swallows);
            let ids = [append(&lab, &format!("{shown:?} at {at}")), append(&lab, "and again")];
            let after = fs::read(lab.journal()).expect("read");
            let documents = lab.store.load().expect("loads");
            assert!(ids.iter().all(|id| documents.records().any(|record| record.id == *id)), "{shown:?} at {at}");
            assert_eq!(documents.records().count(), before + 2, "{shown:?} at {at}");
            assert!(is_one_insertion(&damaged, &after), "{shown:?} at {at}");
        }
    }
}

#[test]
fn what_is_written_beside_hidden_records_follows_them() {
    let lab = lab();
    append(&lab, "one");
    let hidden = append(&lab, "two");
    let text = fs::read_to_string(lab.journal()).expect("read");
    fs::write(lab.journal(), format!("<!-- x\n{text}")).expect("written");
    assert_eq!(lab.store.load().expect("loads").records().count(), 0);
    let id = append(&lab, "three");
    let documents = lab.store.load().expect("loads");
    let three = documents.records().find(|record| record.id == id).expect("it is read");
    assert_eq!(three.block.prev, [hidden]);
    // Once a person takes the line out, nothing is missing.
    let mended = fs::read_to_string(lab.journal()).expect("read").replace("<!-- x\n", "");
    fs::write(lab.journal(), mended).expect("written");
    assert_eq!((lab.defects(), lab.store.load().expect("loads").records().count()), (Vec::new(), 3));
}

#[test]
fn what_is_open_is_said_with_its_place_and_is_a_defect_where_it_hides_a_record() {
    let lab = lab();
    append(&lab, "one");
    let text = fs::read_to_string(lab.journal()).expect("read");
    fs::write(lab.journal(), format!("{text}\nwords\n<!-- a thought\n")).expect("written");
    let read = &lab.store.load().expect("loads").0[&Document::Journal];
    assert_eq!(read.defects, []);
    // The comment ends a paragraph's line, so it opens a block of its own.
    let [warning] = read.warnings.as_slice() else { panic!("{:?}", read.warnings) };
    let line = text.lines().count() + 3;
    assert_eq!((warning.line, warning.column), (line, 1));
    assert!(warning.what.starts_with("an HTML comment opened here is never closed"), "{}", warning.what);
    fs::write(lab.journal(), text.replacen("Prose.\n", "Prose.\n\n~~~ x\n", 1)).expect("written");
    let [defect] = &lab.defects()[..] else { panic!("{:?}", lab.defects()) };
    assert_eq!(
        (defect.line, defect.what.contains("a code fence opened here is never closed (~~~ is missing)")),
        (5, true)
    );
}

#[test]
fn bytes_that_are_no_text_hide_no_other_defect_and_no_other_record() {
    let lab = lab();
    append(&lab, "one");
    append(&lab, "two");
    let bytes = fs::read(lab.journal()).expect("read");
    fs::write(lab.journal(), [b"\xef\xbb\xbfa\xffb\r\n".as_slice(), &bytes, b"\nx\0\xfe\n<<<<<<< HEAD\n"].concat())
        .expect("written");
    let found: Vec<String> = lab.defects().iter().map(|defect| format!("{}:{}", defect.column, defect.what)).collect();
    for wanted in ["1:a byte order mark", "3:a byte that is not UTF-8: 2 in", ":a carriage", ":a NUL", ":an unresolved"]
    {
        assert!(found.iter().any(|defect| defect.contains(wanted)), "{wanted}: {found:?}");
    }
    assert_eq!(lab.store.load().expect("loads").records().count(), 2);
    // Inside a record such a byte makes it none, even where the byte that stood there was like what is read for it.
    let at = bytes.len() - 200;
    let inside = [&bytes[..at], b"\xff", &bytes[at + 1..]].concat();
    fs::write(lab.journal(), inside).expect("written");
    assert!(lab.defects().iter().any(|defect| defect.what == "a byte that is not UTF-8 inside a record"));
    assert_eq!(lab.store.load().expect("loads").records().count(), 1);
}
