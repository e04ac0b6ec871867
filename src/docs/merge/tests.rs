use super::*;
use crate::docs::store::tests::{lab, note};

/// Two clones of one journal that each went on alone: base, ours, theirs.
fn forked(before: &[&str], ours: &[&str], theirs: &[&str]) -> (String, String, String) {
    let lab = lab();
    let journal = lab.journal();
    let read = || fs::read_to_string(&journal).expect("read");
    let append = |texts: &[&str]| {
        for text in texts {
            lab.append(note(text)).expect("appended");
        }
        read()
    };
    let base = append(before);
    let one = append(ours);
    fs::write(&journal, &base).expect("back to the base");
    let other = append(theirs);
    (base, one, other)
}

/// How many records a journal with this text has; it must have no defect.
fn records_of(text: &str) -> usize {
    let lab = lab();
    fs::write(lab.journal(), text).expect("written");
    assert_eq!(lab.defects(), [], "{text}");
    lab.store.load().expect("loads").records().count()
}

#[test]
fn records_of_both_sides_stay_and_both_clones_write_the_same_bytes() {
    let (base, ours, theirs) = forked(&["a", "b"], &["c", "d"], &["e", "f", "g"]);
    let merged = merge(&base, &ours, &theirs);
    assert_eq!(merged.conflicts, Vec::<String>::new());
    assert_eq!(merged, merge(&base, &theirs, &ours));
    assert_eq!(records_of(&merged.text), 7);
    assert!(merged.text.starts_with(&base));
    // Merging again, and merging with what is contained, changes nothing.
    assert_eq!(merge(&base, &merged.text, &theirs).text, merged.text);
    assert_eq!(merge(&base, &merged.text, &merged.text).text, merged.text);
}

#[test]
fn two_first_records_merge() {
    let (base, ours, theirs) = forked(&[], &["a"], &["b"]);
    assert_eq!(records_of(&merge(&base, &ours, &theirs).text), 2);
}

#[test]
fn a_record_that_one_side_removed_comes_back() {
    let (base, ours, _) = forked(&["a"], &["b"], &[]);
    let merged = merge(&ours, &ours, &base);
    assert_eq!((records_of(&merged.text), merged.conflicts.len()), (2, 0));
}

#[test]
fn peoples_text_of_both_sides_stays() {
    let (base, ours, theirs) = forked(&["a"], &["b"], &["c"]);
    let (ours, theirs) = (format!("{ours}\nours\n"), format!("{theirs}\ntheirs\n").replace("Prose.", "Other prose."));
    let merged = merge(&base, &ours, &theirs);
    assert_eq!(merged.conflicts, Vec::<String>::new());
    for kept in ["ours\n", "theirs\n", "Other prose."] {
        assert!(merged.text.contains(kept), "{kept} in {}", merged.text);
    }
    assert_eq!(records_of(&merged.text), 3);
}

#[test]
fn what_cannot_be_merged_is_marked_and_nothing_is_dropped() {
    let (base, ours, theirs) = forked(&["a"], &["b"], &["c"]);
    let (one, other) = (ours.replace("Prose.", "One."), theirs.replace("Prose.", "Two."));
    let merged = merge(&base, &one, &other);
    assert_eq!(merged.conflicts, ["both sides changed the text before the first record"]);
    assert!(merged.text.contains("One.") && merged.text.contains("Two.") && merged.text.contains("\n<<<<<<< ours\n"));
    let torn = &theirs[..theirs.len() - 5];
    let merged = merge(&base, &ours, torn);
    assert_eq!(merged.conflicts.len(), 1, "{:?}", merged.conflicts);
    assert!(merged.text.contains(&ours) && merged.text.contains(torn));
}

#[test]
fn the_driver_replaces_this_sides_file_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let (base, ours, theirs) = forked(&["a"], &["b"], &["c"]);
    let [o, a, b] = ["O", "A", "B"].map(|name| directory.path().join(name));
    for (path, text) in [(&o, &base), (&a, &ours), (&b, &theirs)] {
        fs::write(path, text).expect("written");
    }
    assert_eq!(merge_files(&o, &a, &b).expect("merged"), Vec::<String>::new());
    assert_eq!(fs::read_to_string(&a).expect("read"), merge(&base, &ours, &theirs).text);
    assert_eq!(fs::read_to_string(&b).expect("read"), theirs);
    assert!(matches!(merge_files(&directory.path().join("none"), &a, &b), Err(MergeError::Read { .. })));
}
