use super::*;
use crate::docs::store::tests::{Lab, lab, newer_record, note};
use crate::model::role::Document;

fn texts(lab: &Lab, count: usize) -> Vec<String> {
    let before = lab.store.load().expect("loads").records().count();
    let append = |number: usize| {
        lab.append(note(&format!("note {number}, {count} after {before}"))).expect("appended");
        std::fs::read_to_string(lab.journal()).expect("read")
    };
    (0..count).map(append).collect()
}

fn repaired(lab: &Lab, text: &str, others: &[(String, String)]) -> Repair {
    propose(text, others, |text| lab.store.read_as(Document::Journal, text))
}

/// Repairs, and checks that nothing is wrong with the result and that repairing it again changes nothing.
#[track_caller]
fn mends(lab: &Lab, text: &str, others: &[(String, String)], records: usize, change: &str) -> Repair {
    let repair = repaired(lab, text, others);
    assert_eq!(repair.left, Vec::<String>::new(), "{}", repair.text);
    assert_eq!(lab.store.read_as(Document::Journal, &repair.text).records.len(), records, "{}", repair.text);
    assert!(repair.changes.iter().any(|line| line.contains(change)), "{:?}", repair.changes);
    let again = repaired(lab, &repair.text, others);
    assert_eq!((again.text, again.changes), (repair.text.clone(), Vec::new()));
    repair
}

#[test]
fn conflict_markers_of_a_plain_merge_keep_both_sides() {
    let lab = lab();
    let base = texts(&lab, 2).pop().expect("a text");
    let ours = texts(&lab, 1).pop().expect("a text") + "\nmine\n";
    std::fs::write(lab.journal(), &base).expect("written");
    let theirs = texts(&lab, 2).pop().expect("a text");
    let (one, other) = (&ours[base.len()..], &theirs[base.len()..]);
    for middle in ["", "||||||| base\n"] {
        let marked = format!("{base}<<<<<<< HEAD\n{one}{middle}=======\n{other}>>>>>>> origin/main\n");
        let repair = mends(&lab, &marked, &[], 5, "conflict markers");
        assert!(repair.text.starts_with(&base) && repair.text.contains("\nmine\n"), "{}", repair.text);
    }
}

#[test]
fn text_before_the_first_record_of_one_side_and_after_that_of_the_other() {
    let lab = lab();
    let head = std::fs::read_to_string(lab.journal()).expect("read");
    std::fs::write(lab.journal(), format!("{head}\nmine\n")).expect("written");
    let ours = texts(&lab, 1).pop().expect("a text");
    std::fs::write(lab.journal(), &head).expect("written");
    let theirs = texts(&lab, 1).pop().expect("a text") + "\ntheirs\n";
    let marked = format!("{head}<<<<<<< HEAD\n{}=======\n{}>>>>>>> x\n", &ours[head.len()..], &theirs[head.len()..]);
    // The note is the same on both sides: it was written with the same words and links.
    let repair = mends(&lab, &marked, &[], 1, "conflict markers");
    for words in ["\nmine\n", "\ntheirs\n"] {
        assert!(repair.text.contains(words), "{words:?} in {}", repair.text);
    }
}

#[test]
fn a_doubled_record_goes_and_the_text_after_it_stays() {
    let lab = lab();
    let two = texts(&lab, 2);
    let second = &two[1][two[0].len()..];
    let doubled = format!("{}\nafter the first\n{second}\nafter the copy\n", two[1]);
    let repair = mends(&lab, &doubled, &[], 2, "doubled");
    assert!(repair.text.contains("after the first\n") && repair.text.contains("after the copy\n"), "{}", repair.text);
}

#[test]
fn a_record_cut_at_any_byte_comes_back_from_another_version() {
    let lab = lab();
    let three = texts(&lab, 3);
    let others = [("HEAD".to_owned(), three[2].clone())];
    let start = three[1].len() + 1;
    for at in (start..three[2].len() - 1).filter(|at| three[2].is_char_boundary(*at)) {
        let repair = repaired(&lab, &three[2][..at], &others);
        assert_eq!(repair.left, Vec::<String>::new(), "cut at {at}: {}", repair.text);
        assert_eq!(lab.store.read_as(Document::Journal, &repair.text).records.len(), 3, "cut at {at}");
    }
    // With nothing to bring it back from, what is whole stays.
    let cut = repaired(&lab, &three[2][..three[2].len() - 40], &[]);
    assert_eq!((cut.left, cut.text.trim_end()), (Vec::new(), three[1].trim_end()));
}

#[test]
fn an_altered_record_is_replaced_and_one_that_was_cut_out_comes_back() {
    let lab = lab();
    let three = texts(&lab, 3);
    let others = [("HEAD".to_owned(), three[2].clone())];
    let altered = three[2].replacen("\nnote 1, ", "\nnote 7, ", 1);
    assert_ne!(altered, three[2]);
    assert_eq!(mends(&lab, &altered, &others, 3, "no whole, valid record").text, three[2]);
    let without = format!("{}{}", three[0], &three[2][three[1].len()..]);
    assert_eq!(mends(&lab, &without, &others, 3, "brings back").text, three[2]);
}

#[test]
fn peoples_text_that_shows_a_record_is_no_debris() {
    let lab = lab();
    let text = texts(&lab, 1).pop().expect("a text");
    let shown = format!("{text}\n## How it looks\n\n~~~~\n```sshsig\nx\n```\n~~~~\n");
    let repair = repaired(&lab, &shown, &[]);
    assert_eq!((repair.text, repair.changes, repair.left), (shown, Vec::new(), Vec::new()));
}

/// Two forks of a journal, and a text in which a union merge has put their lines into each other.
fn interleaved(lab: &Lab, every: usize) -> (String, String, String) {
    let base = texts(lab, 2).pop().expect("a text");
    let ours = texts(lab, 2).pop().expect("a text");
    std::fs::write(lab.journal(), format!("{base}\nmine\n")).expect("written");
    let theirs = texts(lab, 3).pop().expect("a text");
    let (one, other): (Vec<&str>, Vec<&str>) =
        (ours[base.len()..].lines().collect(), theirs[base.len()..].lines().collect());
    let mut lines = Vec::new();
    for at in 0..one.len().max(other.len()).div_ceil(every) {
        for side in [&one, &other] {
            lines.extend(side.iter().skip(at * every).take(every).copied());
        }
    }
    let text = format!("{base}{}\n", lines.join("\n"));
    (ours, theirs, text)
}

#[test]
fn the_lines_of_a_union_merge_are_put_apart_again() {
    for every in [1, 3, 8, 21] {
        let lab = lab();
        let (ours, theirs, text) = interleaved(&lab, every);
        let others = [("HEAD^1".to_owned(), ours), ("HEAD^2".to_owned(), theirs)];
        let repair = mends(&lab, &text, &others, 7, "brings back note ");
        assert_eq!(repair.text.matches("```sshsig\n").count(), 7, "each once, every {every}: {}", repair.text);
        assert_eq!(repair.text.matches("\nmine\n").count(), 1, "every {every}: {}", repair.text);
        // With one side only, what the other had is gone, and is said so; what is proposed has no more defects than before.
        let half = repaired(&lab, &text, &others[..1]);
        let read = lab.store.read_as(Document::Journal, &half.text);
        assert!(read.records.len() >= 4, "every {every}: {}", half.text);
        assert!(half.left.len() <= lab.store.read_as(Document::Journal, &text).defects.len(), "{:?}", half.left);
    }
}

#[test]
fn a_record_that_a_version_hides_is_brought_out_and_what_hid_it_is_closed() {
    let lab = lab();
    let three = texts(&lab, 3);
    for (hides, closes) in [("<!-- x\n", "\n-->\n"), ("~~~~~\n", "\n~~~~~\n"), ("<pre>\n", "\n</pre>\n")] {
        for text in [
            format!("{hides}{}", three[2]),
            format!("{}\nwords\n{hides}{}", three[0], &three[2][three[0].len()..]),
            format!("{}\n{hides}{}", three[1], &three[2][three[1].len()..]),
        ] {
            let repair = mends(&lab, &text, &[], 3, "closes ");
            assert!(
                repair.changes.iter().any(|change| change.contains("which people's text hid")),
                "{:?}",
                repair.changes
            );
            assert!(repair.text.contains(hides) && repair.text.contains(closes), "{}", repair.text);
        }
    }
    // What hides nothing is people's own.
    let open = format!("{}\n<!-- a thought\n", three[2]);
    assert_eq!(repaired(&lab, &open, &[]).text, open);
}

#[test]
fn a_record_of_a_newer_schema_is_never_taken_out() {
    let lab = lab();
    let text = texts(&lab, 2).pop().expect("a text");
    let newer = newer_record(&lab);
    let with = format!("{text}\n{newer}");
    let left = repaired(&lab, &with, &[]);
    assert_eq!((left.text.as_str(), left.changes), (with.as_str(), Vec::new()));
    assert!(left.left[0].contains("upgrade countersign: schema 2 is written by a newer version"), "{:?}", left.left);
    // Nor with anything else that is mended, nor where another version has it.
    for (text, others) in [
        (format!("{with}\n<<<<<<< HEAD\n"), Vec::new()),
        (format!("{text}\n<<<<<<< HEAD\n"), vec![("HEAD".to_owned(), with.clone())]),
    ] {
        let repair = repaired(&lab, &text, &others);
        assert_eq!(repair.text.matches(newer.as_str()).count(), 1, "{}", repair.text);
        assert_eq!(repair.left.len(), 1, "{:?}", repair.left);
    }
}

#[test]
fn bytes_that_no_document_may_have_go() {
    let lab = lab();
    let text = texts(&lab, 2).pop().expect("a text");
    for damaged in [text.replace('\n', "\r\n"), format!("\u{feff}{text}"), format!("{text}\n\0a\r\n")] {
        let repair = mends(&lab, &damaged, &[], 2, "takes out byte order marks, carriage returns and NULs");
        assert!(repair.text.starts_with(text.as_str()), "{}", repair.text);
    }
}

#[test]
fn debris_that_a_comment_hides_goes_once_the_records_are_out() {
    let lab = lab();
    let text = texts(&lab, 3).pop().expect("a text");
    let opened = text.replacen("\n```toml", "\n<!-- x\n```toml", 1);
    let (whole, last) = opened.rsplit_once("```toml countersign\n").expect("a block");
    let damaged = format!("{whole}```toml countersign\n```\n\n```sshsig\n{last}");
    let repair = repaired(&lab, &damaged, &[("HEAD".to_owned(), text.clone())]);
    assert_eq!((repair.text.replace("\n\n\n", "\n\n"), repair.left), (text, Vec::new()), "{:?}", repair.changes);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
    /// Whatever is done to a text's lines: every record that the text or another version has whole is in the repair once, and
    /// there are no more defects than before.
    #[test]
    fn no_repair_loses_or_doubles_a_record_or_adds_a_defect(
        edits in proptest::collection::vec((0_usize..200, 0_usize..200, 0_usize..12, 0_u8..4), 1..6),
        known in proptest::bool::ANY,
    ) {
        let lab = lab();
        let text = texts(&lab, 3).pop().expect("a text");
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        for (from, to, count, act) in edits {
            let from = from % lines.len();
            let piece: Vec<&str> = lines[from..(from + count).min(lines.len())].to_vec();
            let to = to % lines.len();
            match act {
                0 => drop(lines.drain(from..from + piece.len().min(lines.len() - from - 1))),
                1 => drop(lines.splice(to..to, piece)),
                2 => lines.insert(to, "<!-- x\n"),
                _ => lines.insert(to, "```\n"),
            }
        }
        let damaged = lines.concat();
        let others = if known { vec![("HEAD".to_owned(), text.clone())] } else { Vec::new() };
        let read = |text: &str| lab.store.read_as(Document::Journal, text);
        let (before, repair) = (read(&damaged), repaired(&lab, &damaged, &others));
        let after = read(&repair.text);
        proptest::prop_assert!(after.defects.len() <= before.defects.len(), "{damaged}\n=>\n{}", repair.text);
        if known {
            proptest::prop_assert_eq!(after.defects, []);
        }
        let whole = before.records.iter().map(|record| record.id);
        let whole: Vec<_> = whole.chain(before.hidden.iter().map(|hidden| hidden.record.id)).collect();
        for id in whole.iter().chain(read(&text).records.iter().map(|record| &record.id).filter(|_| known)) {
            let count = after.records.iter().filter(|record| record.id == *id).count();
            let unseen = after.hidden.iter().filter(|hidden| hidden.record.id == *id).count();
            proptest::prop_assert_eq!(count + unseen, 1, "{} =>\n{}", damaged, repair.text);
        }
    }
}
