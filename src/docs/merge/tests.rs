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

#[test]
fn lines_like_markers_inside_a_record_are_its_own() {
    let lab = lab();
    let output = "<<<<<<< HEAD\nour text\n=======\ntheirs\n>>>>>>> x\n".to_owned();
    let output = crate::docs::store::DraftOutput { text: output, redactions: 0, extension: "txt", exact: false };
    lab.append(crate::docs::store::Draft { output: Some(output), ..note("a") }).expect("appended");
    let base = fs::read_to_string(lab.journal()).expect("read");
    let side = |words: &str| {
        fs::write(lab.journal(), &base).expect("written");
        lab.append(note(words)).expect("appended");
        fs::read_to_string(lab.journal()).expect("read")
    };
    let (ours, theirs) = (side("b"), side("c"));
    let merged = merge(&base, &ours, &theirs);
    assert_eq!((merged.conflicts.len(), records_of(&merged.text)), (0, 3), "{:?}", merged.conflicts);
    // Outside of records they are what they look like.
    assert_eq!(merge(&base, &format!("{ours}\n<<<<<<< HEAD\n"), &theirs).conflicts.len(), 1);
}

#[test]
fn what_one_side_leaves_open_hides_no_record_of_the_other() {
    let (base, ours, theirs) = forked(&["a"], &["b"], &["c"]);
    for open in ["\nwords\n<!-- a thought\n", "\n```\ncode\n", "\n<pre>\n"] {
        let theirs = format!("{theirs}{open}");
        let merged = merge(&base, &ours, &theirs);
        assert_eq!((merged.conflicts.len(), records_of(&merged.text)), (0, 3), "{:?}", merged.conflicts);
        assert_eq!(merged, merge(&base, &theirs, &ours));
        assert!(merged.text.ends_with(open.trim_start_matches("\nwords\n").trim_start()), "{}", merged.text);
    }
}

#[test]
fn three_stretches_of_text_become_one() {
    let merge = |base: Option<&str>, ours: &str, theirs: &str| merge_prose(base, Some(ours), Some(theirs));
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(merge_prose(Some("x"), None, Some("b")), ok("b"));
    assert_eq!(merge_prose(Some("x"), Some("a"), None), ok("a"));
    assert_eq!(merge_prose(None, None, None), ok(""));
    assert_eq!(merge(Some("a\n"), "a\n", "a\nb\n"), ok("a\nb\n"));
    assert_eq!(merge(Some("a\n"), "a\nb\n", "a\n"), ok("a\nb\n"));
    assert_eq!(merge(Some("x\n"), "b\n", "b\n"), ok("b\n"));
    // Both added to the end: in the order of their bytes, whichever side is asked.
    for (ours, theirs) in [("a\nc\n", "a\nb\n"), ("a\nb\n", "a\nc\n")] {
        assert_eq!(merge(Some("a\n"), ours, theirs), ok("a\nb\nc\n"));
        assert_eq!(merge(None, ours, theirs), ok("a\nb\nc\n"), "what both begin with is what they had in common");
    }
    assert_eq!(merge(Some("a\n"), "a\nb", "a\nc"), ok("a\nb\nc"));
    assert_eq!(merge(Some(""), "b\n", "c\n"), ok("b\nc\n"));
    // To the end of a line that is not whole both cannot have added.
    assert_eq!(merge(Some("a"), "ab\n", "ac\n"), Err("\n<<<<<<< ours\nab\n=======\nac\n>>>>>>> theirs\n".to_owned()));
    assert_eq!(merge(Some("a\n"), "b", ""), Err("\n<<<<<<< ours\nb\n=======\n>>>>>>> theirs\n".to_owned()));
}

#[test]
fn what_cannot_be_cut_says_why() {
    let (base, ours, _) = forked(&["a"], &["b"], &[]);
    let conflicts = |text: &str| merge(&base, text, &ours).conflicts;
    let end = |text: &str| text.replacen("-----END SSH SIGNATURE-----\n```\n", "", 1);
    assert!(conflicts(&end(&ours))[0].starts_with("this side: line "), "{:?}", conflicts(&end(&ours)));
    for marker in ["<<<<<<< ours\n", ">>>>>>> theirs\n", "||||||| base\n"] {
        assert_eq!(conflicts(&format!("{ours}\n{marker}")), ["this side: it has an unresolved conflict marker"]);
    }
    assert_eq!(
        merge(&base, &ours, &format!("{ours}\n>>>>>>> x\n")).conflicts,
        ["the other side: it has an unresolved conflict marker"]
    );
    // A second copy is left out; one with another text around the same block is another version of the record.
    let section = &ours[base.len() + 1..];
    assert_eq!(merge(&base, &format!("{ours}\n{section}"), &ours).text, ours);
    let altered = section.replacen("\nb\n", "\nB\n", 1);
    assert_ne!(altered, section);
    assert!(conflicts(&format!("{ours}\n{altered}"))[0].contains("stands twice with different text"));
    assert!(
        merge(&base, &ours, &ours.replacen("\nb\n", "\nB\n", 1)).conflicts[0]
            .contains("stands differently on the two sides")
    );
    let no_record = ours.replacen("schema = 1\n", "schema = \"x\"\n", 1);
    assert!(conflicts(&no_record)[0].contains("a block is no record"), "{:?}", conflicts(&no_record));
}

#[test]
fn records_follow_their_links_then_their_rank_and_runs_stay_together() {
    let id = |name: &str| RecordId::of_block(name.as_bytes());
    let links =
        [("a", vec![]), ("b", vec!["a"]), ("c", vec!["b"]), ("d", vec!["a"]), ("e", vec!["d"]), ("f", vec!["c", "e"])];
    let section = |prev: &Vec<&str>| Section { text: String::new(), prev: prev.iter().map(|name| id(name)).collect() };
    let sections: BTreeMap<RecordId, Section> = links.iter().map(|(name, prev)| (id(name), section(prev))).collect();
    let name = |found: RecordId| links.iter().find(|(name, _)| id(name) == found).map_or("?", |(name, _)| name);
    let names = |ids: Vec<RecordId>| ids.into_iter().map(name).collect::<String>();
    let by_links = names(order(&sections, |_| 0));
    let wanted = if id("b") < id("d") { "abcdef" } else { "adebcf" };
    assert_eq!(by_links, wanted);
    let rank = |wanted: &'static str| move |found: &RecordId| wanted.find(name(*found)).unwrap_or(usize::MAX);
    for ranked in ["abdcef", "adbecf", "abcdef", "adebcf"] {
        assert_eq!(names(order(&sections, rank(ranked))), ranked, "an order that keeps the links stays");
    }
    assert_eq!(names(order(&sections, rank("fbacde"))), "abcdef");
    assert_eq!(names(order(&sections, rank("abcef"))), "abcdef", "what has no place yet comes where its links allow");
}
