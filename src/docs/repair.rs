//! Repairing a document that something else damaged: conflict markers of a plain merge, doubled records, a torn or altered record,
//! records that were cut out. The result is proposed and written only when told.
//!
//! Records are kept from wherever they are whole: both sides of a conflict, and other versions of the document (HEAD, the
//! remote's). People's text stays. Only pieces that look like a record's and are none go, and each is named.

use super::merge::merge;
use super::read::{ReadDocument, conflict_markers};
use crate::model::ids::RecordId;

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The new text.
    pub text: String,
    /// What was changed, a line each.
    pub changes: Vec<String>,
    /// What is still wrong with the new text.
    pub left: Vec<String>,
}

/// A document's text without what is no whole record.
struct Cleaned {
    text: String,
    removed: Vec<String>,
}

/// Proposes a repair of a text. `read` reads a text as the document; `others` are other versions of it, each with its name.
pub fn propose(text: &str, others: &[(String, String)], read: impl Fn(&str) -> ReadDocument) -> Repair {
    let mut changes = Vec::new();
    let sides = match sides(text, &read(text)) {
        Some((ours, theirs, count)) => {
            changes.push(format!("takes out {count} conflict markers and keeps the records of both sides"));
            vec![ours, theirs]
        }
        None => vec![text.to_owned()],
    };
    let ids = |text: &str| -> Vec<RecordId> { read(text).records.iter().map(|record| record.id).collect() };
    let doubled = sides.iter().map(|side| doubles(&read(side))).max().unwrap_or(0);
    if doubled > 0 {
        let records = if doubled == 1 { "record" } else { "records" };
        changes.push(format!("takes out the second copy of {doubled} {records} (doubled)"));
    }
    let mut merged = String::new();
    for side in &sides {
        let cleaned = clean(side, &read(side));
        for piece in cleaned.removed {
            if !changes.contains(&piece) {
                changes.push(piece);
            }
        }
        merged = if merged.is_empty() { cleaned.text } else { both(&merged, &cleaned.text) };
    }
    // Once with itself: what is doubled goes, and records stand in the order of their links.
    merged = both(&merged, &merged);
    // Whatever is whole in the text stays, wherever the markers stand.
    let itself = [("between the markers".to_owned(), text.to_owned())];
    for (name, other) in itself.iter().filter(|_| sides.len() > 1).chain(others) {
        let before = ids(&merged);
        let sections = sections(other, &read(other));
        let torn_tail = torn_tail(&merged, &read(&merged), &sections);
        merged.truncate(torn_tail.unwrap_or(merged.len()));
        let more = both(&merged, &sections.concat());
        let missing = ids(&more).into_iter().filter(|id| !before.contains(id)).map(|id| id.short()).collect::<Vec<_>>();
        if !missing.is_empty() {
            merged = more;
            changes.push(format!("brings back {} from {name}", missing.join(", ")));
        }
    }
    let after = ids(&merged);
    if ids(text).iter().any(|id| !after.contains(id)) {
        // Text with an open fence or HTML block would hide a record that is whole: a person has to close it first.
        let left = read(text).defects.iter().map(ToString::to_string).collect();
        return Repair { text: text.to_owned(), changes: Vec::new(), left };
    }
    let left = read(&merged).defects.iter().map(ToString::to_string).collect();
    if changes.is_empty() && merged != text {
        changes.push("puts the records into the order of their links".to_owned());
    }
    Repair { text: merged, changes, left }
}

/// Two texts as one; where a person would have to choose between two texts, both stay.
fn both(one: &str, other: &str) -> String {
    let merged = merge("", one, other);
    if merged.conflicts.is_empty() {
        return merged.text;
    }
    let marker =
        |line: &str| ["<<<<<<< ", ">>>>>>> "].iter().any(|marker| line.starts_with(marker)) || line == "=======\n";
    merged.text.split_inclusive('\n').filter(|line| !marker(line)).collect()
}

/// Where a line stands between git's conflict markers.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Both,
    Ours,
    Base,
    Theirs,
}

/// Both sides of a text with git's conflict markers, and how many markers there are.
fn sides(text: &str, read: &ReadDocument) -> Option<(String, String, usize)> {
    let ranges: Vec<_> = read.records.iter().map(|record| record.range.clone()).collect();
    let marked = conflict_markers(text, &ranges);
    let mut at = 0;
    let (mut ours, mut theirs, mut markers, mut side) = (String::new(), String::new(), 0, Side::Both);
    for line in text.split_inclusive('\n') {
        let is_marker = marked.binary_search(&at).is_ok();
        at += line.len();
        side = match (line.as_bytes().first(), side) {
            (Some(b'<'), _) if is_marker => Side::Ours,
            (Some(b'|'), _) if is_marker => Side::Base,
            (Some(b'>'), _) if is_marker => Side::Both,
            (_, Side::Ours | Side::Base) if line == "=======\n" => Side::Theirs,
            _ => {
                ours.push_str(if matches!(side, Side::Both | Side::Ours) { line } else { "" });
                theirs.push_str(if matches!(side, Side::Both | Side::Theirs) { line } else { "" });
                continue;
            }
        };
        markers += 1;
    }
    (markers > 0).then_some((ours, theirs, markers))
}

/// How many records stand in a text a second time.
fn doubles(read: &ReadDocument) -> usize {
    read.defects.iter().filter(|defect| defect.what.contains("stands here a second time")).count()
}

/// The sections of a text's valid records, a blank line after each.
fn sections(text: &str, read: &ReadDocument) -> Vec<String> {
    read.records.iter().map(|record| format!("{}\n", &text[record.range.clone()])).collect()
}

/// The text with its valid records and people's text, without pieces that look like a record's and are none.
fn clean(text: &str, read: &ReadDocument) -> Cleaned {
    let mut cleaned = Cleaned { text: String::new(), removed: Vec::new() };
    let mut at = 0;
    let end = text.len()..text.len();
    for range in read.records.iter().map(|record| &record.range).chain([&end]) {
        let mut line = text[..at].matches('\n').count() + 1;
        for piece in pieces(&text[at..range.start]) {
            let lines = piece.lines().count();
            let copy = read.records.iter().any(|record| text[record.range.clone()].trim_end() == piece.trim_end());
            let last = (line + lines).saturating_sub(1).max(line);
            let wrong = || read.defects.iter().any(|defect| (line..=last).contains(&defect.line));
            if copy || !(is_debris(piece) && wrong()) {
                cleaned.text.push_str(if copy { "" } else { piece });
            } else {
                cleaned.removed.push(format!("takes out lines {line} to {last}: no whole, valid record"));
            }
            line += lines;
        }
        cleaned.text.push_str(&text[range.clone()]);
        at = range.end;
    }
    cleaned
}

/// A text cut before each H2 heading and after each signature fence.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut at) = (Vec::new(), 0, 0);
    let mut ended = false;
    for line in text.split_inclusive('\n') {
        let after_signature = ended && !line.starts_with("```");
        if (line.starts_with("## ") || after_signature) && at > start {
            pieces.push(&text[start..at]);
            start = at;
        }
        ended = line.starts_with("-----END SSH SIGNATURE-----") || (ended && line.starts_with("```"));
        at += line.len();
    }
    pieces.push(&text[start..]);
    pieces
}

fn is_debris(piece: &str) -> bool {
    let marks = ["```toml countersign", "```sshsig", "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"];
    piece.lines().any(|line| marks.iter().any(|mark| line.contains(mark)))
}

/// Where a text ends in the beginning of a section that another version has whole.
fn torn_tail(text: &str, read: &ReadDocument, sections: &[String]) -> Option<usize> {
    let tail = &text[read.end_of_last_section..];
    let torn = tail.trim();
    let begun = |section: &String| torn.len() > 2 && torn.starts_with("##") && section.starts_with(torn);
    sections.iter().any(begun).then_some(read.end_of_last_section)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::store::tests::{Lab, lab, note};
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
        let marked =
            format!("{head}<<<<<<< HEAD\n{}=======\n{}>>>>>>> x\n", &ours[head.len()..], &theirs[head.len()..]);
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
        assert!(
            repair.text.contains("after the first\n") && repair.text.contains("after the copy\n"),
            "{}",
            repair.text
        );
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
}
