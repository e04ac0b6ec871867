//! Two clones over a bare origin, with real git.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{GitError, Repository};
use crate::process::{Spec, run};

const PATIENCE: Duration = Duration::from_secs(20);
const STATUS: &str = "machine-docs/STATUS-demo.md";
const REVIEW: &str = "machine-docs/REVIEW-demo.md";

struct Lab {
    directory: tempfile::TempDir,
}

impl Lab {
    /// A bare origin with one commit, cloned as `a` and `b`.
    fn new() -> Self {
        let lab = Self { directory: tempfile::tempdir().expect("a directory") };
        git(lab.directory.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "origin"]);
        lab.clone_as("a");
        lab.write("a", "code.sh", "echo one\n");
        git(&lab.path("a"), &["add", "."]);
        git(&lab.path("a"), &["commit", "--quiet", "-m", "code"]);
        git(&lab.path("a"), &["push", "--quiet", "origin", "HEAD:main"]);
        lab.clone_as("b");
        lab
    }

    fn clone_as(&self, name: &str) {
        git(self.directory.path(), &["clone", "--quiet", "origin", name]);
        let clone = self.path(name);
        git(&clone, &["config", "user.name", name]);
        git(&clone, &["config", "user.email", "nobody@example.org"]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, clone: &str, file: &str, text: &str) {
        let path = self.path(clone).join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn read(&self, clone: &str, file: &str) -> String {
        fs::read_to_string(self.path(clone).join(file)).expect("read")
    }

    fn open(&self, clone: &str) -> Repository {
        Repository::discover(&self.path(clone), Vec::new()).expect("a repository")
    }
}

fn git(directory: &Path, args: &[&str]) -> String {
    let finished = run(&Spec::new(["git"].iter().chain(args)).in_dir(directory)).expect("git ran");
    assert!(finished.ok(), "git {args:?}: {}", String::from_utf8_lossy(&finished.stderr));
    finished.text()
}

#[test]
fn the_same_repository_from_a_subdirectory_and_a_work_tree() {
    let lab = Lab::new();
    lab.write("a", "deep/er/file", "x\n");
    let top = lab.open("a");
    let below = Repository::discover(&lab.path("a").join("deep/er"), Vec::new()).expect("a repository");
    assert_eq!((&below.root, &below.common_dir, &below.root_commit), (&top.root, &top.common_dir, &top.root_commit));
    git(&lab.path("a"), &["worktree", "add", "--quiet", "../w"]);
    let tree = lab.open("w");
    assert_eq!((&tree.common_dir, &tree.root_commit), (&top.common_dir, &top.root_commit));
    assert_ne!((&tree.root, &tree.git_dir), (&top.root, &top.git_dir));
}

#[test]
fn what_cannot_carry_a_phase_is_refused_by_what_it_is() {
    let lab = Lab::new();
    let origin = format!("file://{}", lab.path("origin").display());
    lab.write("b", "code.sh", "echo two\n");
    git(&lab.path("b"), &["commit", "--quiet", "-a", "-m", "two"]);
    git(&lab.path("b"), &["push", "--quiet", "origin", "HEAD:main"]);
    git(lab.directory.path(), &["clone", "--quiet", "--depth=1", &origin, "cut"]);
    git(lab.directory.path(), &["init", "--quiet", "empty"]);
    fs::create_dir(lab.path("none")).expect("made");
    for (name, found) in [("origin", "is bare"), ("cut", "is shallow"), ("empty", "has no commit yet")] {
        match Repository::discover(&lab.path(name), Vec::new()) {
            Err(GitError::Unsuitable { found: seen, .. }) => assert!(seen.starts_with(found), "{name}: {seen}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(Repository::discover(&lab.path("none"), Vec::new()), Err(GitError::NoRepository(_))));
}

/// Nobody else writes here.
fn nobody() -> Result<Box<dyn std::any::Any>, String> {
    Ok(Box::new(()))
}

#[test]
fn the_subject_survives_state_commits_and_their_rebase_and_changes_with_code() {
    let lab = Lab::new();
    let (a, b) = (lab.open("a"), lab.open("b"));
    let before = a.subject().expect("a subject");
    lab.write("a", STATUS, "status\n");
    lab.write("b", REVIEW, "review\n");
    lab.write("b", "machine-docs/evidence/demo/x.txt", "raw\n");
    a.sync("origin", "main", "status(demo): a", None, &nobody).expect("synced");
    let own = b.head().expect("a head");
    let synced = b.sync("origin", "main", "review(demo): b", None, &nobody).expect("synced");
    assert!(synced.committed && synced.pulled && synced.pushed);
    assert_ne!(b.head().expect("a head"), own);
    assert_eq!(b.subject().expect("a subject"), before);
    assert_eq!((lab.read("b", STATUS), lab.read("b", REVIEW)), ("status\n".into(), "review\n".into()));
    lab.write("b", "machine-docs/notes.md", "not a state document\n");
    git(&lab.path("b"), &["add", "."]);
    git(&lab.path("b"), &["commit", "--quiet", "-m", "notes"]);
    let after = b.subject().expect("a subject");
    assert!(after.commit != before.commit && after.tree != before.tree);
}

#[test]
fn what_is_written_while_a_sync_is_on_its_way_is_published_too() {
    let lab = Lab::new();
    let (a, b) = (lab.open("a"), lab.open("b"));
    lab.write("a", REVIEW, "review\n");
    a.sync("origin", "main", "review(demo): a", None, &nobody).expect("synced");
    lab.write("b", STATUS, "status\n");
    // The second time that writers are kept waiting is when the work tree is moved forward: one of them was there just before.
    let (times, root) = (std::cell::Cell::new(0), lab.path("b"));
    let late = || {
        times.set(times.get() + 1);
        if times.get() == 2 {
            std::fs::write(root.join(STATUS), "status\nand more\n").expect("written");
        }
        nobody()
    };
    let synced = b.sync("origin", "main", "status(demo): b", None, &late).expect("synced");
    assert!(synced.committed && synced.pulled && synced.pushed && times.get() == 4, "{synced:?} {}", times.get());
    assert_eq!((lab.read("b", STATUS), lab.read("b", REVIEW)), ("status\nand more\n".into(), "review\n".into()));
    a.sync("origin", "main", "nothing", None, &nobody).expect("synced");
    assert_eq!(lab.read("a", STATUS), "status\nand more\n");
}

#[test]
fn the_subject_tree_is_what_an_index_without_state_documents_writes() {
    let lab = Lab::new();
    let a = lab.open("a");
    let by_index = || {
        git(&lab.path("a"), &["read-tree", "HEAD"]);
        let state: Vec<String> = super::subject::only_state();
        let mut args = vec!["rm", "-r", "-q", "--cached", "--ignore-unmatch", "--"];
        args.extend(state.iter().map(String::as_str));
        git(&lab.path("a"), &args);
        let tree = git(&lab.path("a"), &["write-tree"]);
        git(&lab.path("a"), &["read-tree", "HEAD"]);
        tree
    };
    for (file, text) in [
        ("deep/er/file", "x\n"),
        (STATUS, "status\n"),
        ("machine-docs/evidence/demo/x.txt", "raw\n"),
        ("machine-docs/notes.md", "mine\n"),
        ("machine-docs/more/STATUS-x.md", "mine\n"),
        ("machine-docs.md", "beside\n"),
    ] {
        lab.write("a", file, text);
        git(&lab.path("a"), &["add", "--force", "."]);
        git(&lab.path("a"), &["commit", "--quiet", "-m", file]);
        assert_eq!(a.subject().expect("a subject").tree.as_str(), by_index(), "{file}");
    }
}

#[test]
fn asking_for_the_subject_leaves_the_index_alone() {
    let lab = Lab::new();
    let a = lab.open("a");
    lab.write("a", "staged.sh", "new\n");
    git(&lab.path("a"), &["add", "staged.sh"]);
    let index = fs::read(a.git_dir.join("index")).expect("read");
    a.subject().expect("a subject");
    assert_eq!(fs::read(a.git_dir.join("index")).expect("read"), index);
    assert_eq!(a.dirt().expect("looked"), ["staged.sh"]);
}

#[test]
fn sync_leaves_staged_changed_and_untracked_work_as_it_is() {
    let lab = Lab::new();
    let (a, b) = (lab.open("a"), lab.open("b"));
    lab.write("b", "other.sh", "from b\n");
    git(&lab.path("b"), &["add", "."]);
    git(&lab.path("b"), &["commit", "--quiet", "-m", "other"]);
    b.sync("origin", "main", "status(demo): b", None, &nobody).expect("synced");
    lab.write("a", STATUS, "status\n");
    lab.write("a", "staged.sh", "staged\n");
    git(&lab.path("a"), &["add", "staged.sh"]);
    lab.write("a", "code.sh", "echo changed\n");
    lab.write("a", "new.sh", "untracked\n");
    let work = || git(&lab.path("a"), &["status", "--porcelain", "--", ".", ":!machine-docs"]);
    let before = work();
    let synced = a.sync("origin", "main", "status(demo): a", None, &nobody).expect("synced");
    assert!(synced.committed && synced.pulled && synced.pushed);
    assert_eq!(work(), before);
    assert_eq!(lab.read("a", "other.sh"), "from b\n");
    assert_eq!(git(&lab.path("a"), &["show", "--format=", "--name-only", "HEAD"]), STATUS);
    assert_eq!(git(&lab.path("a"), &["stash", "list"]), "");
}

#[test]
fn work_that_stands_in_the_way_stops_the_sync_and_is_kept() {
    let lab = Lab::new();
    let (a, b) = (lab.open("a"), lab.open("b"));
    lab.write("b", "code.sh", "echo from b\n");
    git(&lab.path("b"), &["commit", "--quiet", "-a", "-m", "code"]);
    b.sync("origin", "main", "status(demo): b", None, &nobody).expect("synced");
    lab.write("a", "code.sh", "echo changed\n");
    let head = a.head().expect("a head");
    assert!(matches!(a.sync("origin", "main", "status(demo): a", None, &nobody), Err(GitError::Failed { .. })));
    assert_eq!((lab.read("a", "code.sh").as_str(), a.head().expect("a head")), ("echo changed\n", head));
}

#[test]
fn conflicting_documents_stop_the_sync_and_both_sides_are_kept() {
    let lab = Lab::new();
    let (a, b) = (lab.open("a"), lab.open("b"));
    lab.write("a", STATUS, "from a\n");
    lab.write("b", STATUS, "from b\n");
    a.sync("origin", "main", "status(demo): a", None, &nobody).expect("synced");
    assert!(matches!(b.sync("origin", "main", "status(demo): b", None, &nobody), Err(GitError::Failed { .. })));
    assert_eq!(lab.read("b", STATUS), "from b\n");
    assert_eq!(git(&lab.path("b"), &["status", "--porcelain"]), "");
    assert_eq!(git(&lab.path("b"), &["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    assert_eq!(git(&lab.path("origin"), &["show", &format!("main:{STATUS}")]), "from a");
}

#[test]
fn a_forced_remote_is_seen_and_an_absent_one_is_an_error_without_credentials() {
    let lab = Lab::new();
    let (a, b) = (lab.open("a"), lab.open("b"));
    assert!(!a.ask("origin", "main", PATIENCE).expect("asked").forced);
    lab.write("b", "code.sh", "echo two\n");
    git(&lab.path("b"), &["commit", "--quiet", "-a", "-m", "two"]);
    git(&lab.path("b"), &["push", "--quiet", "origin", "HEAD:main"]);
    let tip = a.ask("origin", "main", PATIENCE).expect("asked");
    assert!(!tip.forced && tip.commit == b.head().expect("a head"));
    assert_eq!(a.show(&tip.reference, "code.sh").expect("shown").as_deref(), Some(b"echo two\n".as_slice()));
    git(&lab.path("b"), &["commit", "--quiet", "--amend", "-m", "rewritten"]);
    git(&lab.path("b"), &["push", "--quiet", "--force", "origin", "HEAD:main"]);
    for _ in 0..3 {
        assert!(a.ask("origin", "main", PATIENCE).expect("asked").forced, "not once only");
    }
    git(&lab.path("b"), &["push", "--quiet", "--force", "origin", "HEAD@{1}:main"]);
    let back = a.ask("origin", "main", PATIENCE).expect("asked");
    assert!(!back.forced, "what was there is there again");
    git(&lab.path("b"), &["push", "--quiet", "--force", "origin", "HEAD:main"]);
    assert!(a.ask("origin", "main", PATIENCE).expect("asked").forced);
    git(&lab.path("a"), &["update-ref", "-d", &back.known]);
    assert!(!a.ask("origin", "main", PATIENCE).expect("asked").forced, "a person accepted it");
    git(&lab.path("a"), &["remote", "set-url", "origin", "http://user:hunter2@127.0.0.1:1/x.git"]);
    let error = a.ask("origin", "main", PATIENCE).expect_err("out of reach");
    assert!(matches!(error, GitError::Remote { .. }) && !error.to_string().contains("hunter2"), "{error}");
    assert!(!a.remote_url("origin").expect("a url").contains("hunter2"));
}

#[test]
fn a_file_of_any_length_is_read_whole() {
    let lab = Lab::new();
    let a = lab.open("a");
    let text = "0123456789abcde\n".repeat((64 << 16) + 1);
    lab.write("a", REVIEW, &text);
    git(&lab.path("a"), &["add", "."]);
    git(&lab.path("a"), &["commit", "--quiet", "-m", "long"]);
    let read = a.show("HEAD", REVIEW).expect("shown").expect("there");
    assert!(read == text.as_bytes(), "{} of {} bytes", read.len(), text.len());
    let object = a.objects_at(&[&a.head().expect("a head")], REVIEW).expect("looked").remove(0).expect("there");
    assert_eq!(a.blob(&object).expect("read").len(), text.len());
    assert!(
        a.show("HEAD", "code.sh/x").expect("looked").is_none() && a.show("HEAD^^", REVIEW).expect("looked").is_none()
    );
}

#[test]
fn a_merge_of_ones_own_is_kept_with_what_only_it_holds() {
    let lab = Lab::new();
    let (a, b) = (lab.open("a"), lab.open("b"));
    let at = lab.path("a");
    git(&at, &["checkout", "--quiet", "-b", "side"]);
    lab.write("a", "side.txt", "side\n");
    git(&at, &["add", "."]);
    git(&at, &["commit", "--quiet", "-m", "side"]);
    git(&at, &["checkout", "--quiet", "main"]);
    git(&at, &["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    lab.write("a", "evil.txt", "only in the merge\n");
    git(&at, &["add", "."]);
    git(&at, &["commit", "--quiet", "-m", "merged"]);
    let merged = a.head().expect("a head");
    lab.write("b", REVIEW, "review\n");
    b.sync("origin", "main", "review(demo): b", None, &nobody).expect("synced");
    let synced = a.sync("origin", "main", "status(demo): a", None, &nobody).expect("synced");
    assert!(synced.pulled && synced.pushed);
    assert!(a.is_ancestor(&merged, &a.head().expect("a head")).expect("looked"), "the merge itself is there");
    assert_eq!((lab.read("a", "evil.txt"), lab.read("a", REVIEW)), ("only in the merge\n".into(), "review\n".into()));
    assert_eq!(git(&lab.path("origin"), &["show", "main:evil.txt"]), "only in the merge");
}

#[test]
fn what_is_pushed_elsewhere_is_not_called_pushed() {
    let lab = Lab::new();
    let a = lab.open("a");
    git(lab.directory.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "elsewhere"]);
    let elsewhere = lab.path("elsewhere").display().to_string();
    git(&lab.path("a"), &["remote", "set-url", "--push", "origin", &elsewhere]);
    lab.write("a", STATUS, "status\n");
    let error = a.sync("origin", "main", "status(demo): a", None, &nobody).expect_err("not there").to_string();
    assert!(error.contains(&elsewhere) && error.contains("which is asked, has "), "{error}");
    git(&lab.path("a"), &["remote", "set-url", "--delete", "--push", "origin", &elsewhere]);
    assert!(a.sync("origin", "main", "status(demo): a", None, &nobody).expect("synced").pushed);
}

#[test]
fn a_checkout_is_the_commit_alone_and_goes_when_dropped() {
    let lab = Lab::new();
    let a = lab.open("a");
    lab.write("a", "code.sh", "echo changed\n");
    let checkout = a.checkout(&a.head().expect("a head"), lab.directory.path()).expect("checked out");
    let path = checkout.path();
    assert_eq!(fs::read_to_string(path.join("code.sh")).expect("read"), "echo one\n");
    drop(checkout);
    assert!(!path.exists());
    assert_eq!(git(&lab.path("a"), &["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
}

#[test]
fn nothing_that_a_repository_configures_is_run() {
    let lab = Lab::new();
    let a = lab.open("a");
    let mark = lab.path("ran");
    let hook = a.git_dir.join("hooks/pre-commit");
    let script = format!("#!/bin/sh\ntouch {}\n", mark.display());
    fs::write(&hook, &script).expect("written");
    fs::write(lab.path("helper"), &script).expect("written");
    for file in [&hook, &lab.path("helper")] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(file, mode).expect("set");
    }
    let helper = lab.path("helper").display().to_string();
    for key in ["core.fsmonitor", "diff.external"] {
        git(&lab.path("a"), &["config", key, &helper]);
    }
    lab.write("a", STATUS, "status\n");
    a.dirt().expect("looked");
    let base = a.head().expect("a head");
    a.sync("origin", "main", "status(demo): a", None, &nobody).expect("synced");
    a.patch(&base, &a.head().expect("a head")).expect("a patch");
    assert!(!mark.exists());
}

#[test]
fn a_history_shows_what_was_removed_again_and_what_calls_itself_binary() {
    let lab = Lab::new();
    let a = lab.open("a");
    let base = a.head().expect("a head");
    let commit = |message: &str| {
        git(&lab.path("a"), &["add", "-A"]);
        git(&lab.path("a"), &["commit", "--quiet", "-m", message]);
    };
    lab.write("a", "secret.txt", "now you see me\n");
    commit("added");
    git(&lab.path("a"), &["rm", "--quiet", "secret.txt"]);
    commit("removed again\n\nwith a body");
    lab.write("a", ".gitattributes", "*.bin -diff\n");
    lab.write("a", "x.bin", "looked into\n\0odd\n");
    commit("binary");
    git(&lab.path("a"), &["checkout", "--quiet", "-b", "side", base.as_str()]);
    lab.write("a", "side.txt", "from the side\n");
    commit("side");
    git(&lab.path("a"), &["checkout", "--quiet", "main"]);
    git(&lab.path("a"), &["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    lab.write("a", "evil.txt", "only in the merge\n");
    commit("merge");
    // Its .gitmodules would have it passed over.
    lab.write("a", ".gitmodules", "[submodule \"v\"]\n\tpath = v\n\turl = ../v\n\tignore = all\n");
    fs::create_dir(lab.path("a").join("v")).expect("made");
    git(&lab.path("a"), &["update-index", "--add", "--cacheinfo", &format!("160000,{base},v")]);
    commit("bumped");
    assert!(a.changed_paths(&base, &a.head().expect("a head")).expect("paths").iter().any(|path| path == "v"));
    let history = a.history(&base, &a.head().expect("a head")).expect("a history");
    let all: String = history.iter().map(|change| change.patch.as_str()).collect();
    for line in ["+now you see me", "-now you see me", "+looked into", "+from the side", "+only in", "+Subproject"] {
        assert!(all.contains(line), "{line} is missing in {all}");
    }
    assert!(history.iter().any(|change| change.message.starts_with("removed again\n\nwith a body")));
    assert!(!a.patch(&base, &a.head().expect("a head")).expect("a patch").contains("now you see me"), "the two ends");
    // A commit without a message, alone and last of the answer.
    let before = a.head().expect("a head");
    git(&lab.path("a"), &["commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", ""]);
    let unsaid = a.history(&before, &a.head().expect("a head")).expect("a history");
    assert_eq!((unsaid.len(), unsaid[0].message.trim()), (1, ""));
}
