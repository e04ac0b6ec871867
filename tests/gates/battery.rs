//! The battery: every hazard of documents and gates by its number, with the tests that try it. A number that is missing here, or a
//! test that is not there, fails.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Number, hazard, tests. H39 to H44 are the executor's.
const BATTERY: &[(u32, &str, &[&str])] = &[
    (
        1,
        "PASS for a plan, then the plan is edited",
        &["h1_a_contract_that_is_edited_after_the_pass_opens_nothing", "a_patch_after_the_pass_makes_it_stale"],
    ),
    (2, "approval given while probes still run", &["h2_h13_a_pass_of_an_earlier_claim_does_not_open_a_later_one"]),
    (3, "empty, short or merely well-shaped digest", &["h3_a_digest_is_twelve_digits_and_those"]),
    (
        4,
        "vacuous pass",
        &[
            "h4_a_gate_without_criteria_and_a_contract_without_gates_are_no_contract",
            "a_claim_needs_a_clean_tree_and_true_criteria",
        ],
    ),
    (
        5,
        "a late PASS masks a FAIL",
        &[
            "h5_h7_a_fail_beats_a_pass_beside_it_whichever_comes_first",
            "h5_h6_a_fail_that_only_the_remote_has_counts_where_it_matters",
        ],
    ),
    (
        6,
        "a FAIL never expires",
        &["h6_a_fail_never_expires_and_its_own_key_alone_supersedes_it", "a_fail_closes_until_a_newer_claim_is_passed"],
    ),
    (7, "two live verdicts", &["h5_h7_a_fail_beats_a_pass_beside_it_whichever_comes_first"]),
    (
        8,
        "a digest of a file re-read after the decision",
        &[
            "forty_processes_on_one_document_and_forty_on_two",
            "h9_h25_a_document_that_is_a_link_a_pipe_or_huge_is_not_opened",
        ],
    ),
    (
        9,
        "hash, then reopen",
        &[
            "h9_h25_a_document_that_is_a_link_a_pipe_or_huge_is_not_opened",
            "evidence_that_is_a_link_or_a_pipe_is_not_opened",
        ],
    ),
    (
        10,
        "text outside the hashed region",
        &["h10_text_around_a_record_is_nobodys_word", "one_changed_byte_is_found_with_its_place"],
    ),
    (
        11,
        "the wrong file attested",
        &["h11_a_subdirectory_is_the_same_phase_and_a_neighbour_is_not", "a_work_tree_is_the_same_clone"],
    ),
    (
        12,
        "a valid signature over something else",
        &[
            "a_pass_of_another_repository_opens_nothing",
            "a_review_pasted_into_another_document_or_phase_is_refused",
            "stock_ssh_keygen_accepts_ours_and_ours_accepts_its",
        ],
    ),
    (13, "replay of an earlier round's PASS", &["h2_h13_a_pass_of_an_earlier_claim_does_not_open_a_later_one"]),
    (
        14,
        "one key as both roles",
        &[
            "h14_one_key_as_both_roles_is_no_contract",
            "a_pass_signed_with_the_builders_key_is_refused",
            "one_clone_cannot_be_both_parties",
        ],
    ),
    (
        15,
        "only some of duplicated evidence looked at",
        &["h15_evidence_beside_the_claim_changes_nothing_and_a_fail_among_it_is_not_hidden"],
    ),
    (16, "fuzzy names", &["h16_names_are_exact"]),
    (17, "explicit-empty and absent confused", &["h17_empty_is_not_absent"]),
    (
        18,
        "an older contract put back",
        &["h18_an_older_contract_that_is_put_back_opens_nothing", "a_contract_that_went_back_is_named"],
    ),
    (19, "freshness chosen by the governed party", &["h19_who_is_judged_does_not_choose_how_long_a_pass_is_fresh"]),
    (20, "expiry crossed between check and act", &["h20_a_pass_ends_with_its_age"]),
    (
        21,
        "clocks",
        &[
            "h21_a_clock_that_goes_back_opens_nothing_and_stops_no_objection",
            "a_clock_that_was_off_is_a_warning_with_both_times",
        ],
    ),
    (
        22,
        "a verdict changes what it certifies",
        &[
            "h22_h23_a_verdict_and_an_unrelated_note_leave_the_digest_as_it_was",
            "a_rebase_of_state_commits_keeps_the_pass",
        ],
    ),
    (
        23,
        "tip equality where ancestry is meant",
        &[
            "h22_h23_a_verdict_and_an_unrelated_note_leave_the_digest_as_it_was",
            "the_subject_survives_state_commits_and_their_rebase_and_changes_with_code",
        ],
    ),
    (24, "could not look counted as good", &["h24_what_could_not_be_looked_at_never_holds"]),
    (
        25,
        "evidence symlink, FIFO, huge file",
        &[
            "h9_h25_a_document_that_is_a_link_a_pipe_or_huge_is_not_opened",
            "evidence_that_is_a_link_or_a_pipe_is_not_opened",
        ],
    ),
    (26, "a poisoned PATH", &["h26_h27_neither_a_poisoned_path_nor_the_directory_changes_what_runs"]),
    (
        27,
        "configuration from the current directory",
        &[
            "h26_h27_neither_a_poisoned_path_nor_the_directory_changes_what_runs",
            "nothing_that_a_repository_configures_is_run",
        ],
    ),
    (
        28,
        "output that tries to become state",
        &[
            "h28_ten_megabytes_of_everything_stay_words",
            "whatever_a_note_says_it_stays_a_note",
            "a_veto_can_say_anything_in_its_heading",
            "a_record_in_a_quote_list_or_fence_does_not_count",
        ],
    ),
    (
        29,
        "secrets",
        &[
            "h29_a_secret_in_words_is_not_written",
            "a_forced_remote_is_seen_and_an_absent_one_is_an_error_without_credentials",
        ],
    ),
    (
        30,
        "classification by substring",
        &["headings_of_the_wild_are_recognised", "headings_typed_by_hand_count_for_nothing"],
    ),
    (
        31,
        "unresolved conflict markers",
        &["a_conflict_marker_is_named_with_its_place", "conflict_markers_of_a_plain_merge_keep_both_sides"],
    ),
    (
        32,
        "duplicate records after a union merge",
        &[
            "a_doubled_record_of_a_union_merge_is_named_and_repaired",
            "a_doubled_record_goes_and_the_text_after_it_stays",
        ],
    ),
    (
        33,
        "a merge that drops a side",
        &[
            "the_table_with_the_driver",
            "the_table_without_the_driver",
            "what_cannot_be_merged_is_marked_and_nothing_is_dropped",
        ],
    ),
    (
        34,
        "torn tail after a crash",
        &[
            "killed_at_every_point_there_is_the_old_document_or_the_new_one",
            "a_document_cut_at_every_byte_of_its_last_record_is_never_read_as_less",
            "a_cut_at_any_byte_is_never_read_as_a_record",
        ],
    ),
    (
        35,
        "history rewritten, truncated, reordered",
        &[
            "a_tail_that_was_cut_off_is_missed_though_nothing_here_links_to_it",
            "records_in_another_order_are_named",
            "a_fail_that_was_cut_out_is_missed",
        ],
    ),
    (
        36,
        "lost update with 40 writers",
        &["forty_processes_on_one_document_and_forty_on_two", "forty_writers_lose_nothing"],
    ),
    (
        37,
        "reformatting a person's prose",
        &["prose_of_people_stays_as_it_is", "tasks_go_to_the_end_of_their_section_and_nothing_else_moves"],
    ),
    (
        38,
        "two Markdown readers that disagree",
        &["h38_what_two_readers_may_read_differently_hides_no_record", "comrak_composes_the_same"],
    ),
    (45, "unattended run with no prompt", &["h45_without_a_word_from_anybody_nothing_is_signed"]),
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_number_is_missing_and_every_test_is_there() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("tests"), &mut files);
    let all: String = files.iter().map(|file| fs::read_to_string(file).expect("read")).collect();
    let numbers: Vec<u32> = BATTERY.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=38).chain([45]).collect::<Vec<_>>());
    for (number, hazard, tests) in BATTERY {
        assert!(!tests.is_empty(), "H{number}, {hazard}: no test");
        for test in *tests {
            let at = all.find(&format!("fn {test}(")).unwrap_or_else(|| panic!("H{number}, {hazard}: no test {test}"));
            // Nothing skips it.
            let before: Vec<&str> = all[..at].lines().rev().take(2).collect();
            assert!(
                before.iter().any(|line| line.contains("#[test]")),
                "H{number}: {test} is no test, or one that is skipped"
            );
        }
    }
}
