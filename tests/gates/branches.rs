//! An objection that the remote holds counts, whichever branch a clone stands on and whatever a later commit took away.

use std::fs;

use crate::support::steps::Steps;
use crate::support::{CONTRACT, GUARD, World, engine};

pub(super) const REVIEW: &str = "builder/machine-docs/REVIEW-demo.md";
pub(super) const TOLD: [&[&str]; 3] = [
    &["adversary", "veto", "raise", "--reason", "wait"],
    &["adversary", "fail", "M1", "--reason", "broken"],
    &["adversary", "finding", "open", "the net has a hole"],
];

/// A phase whose one gate has a fresh PASS, in both clones; the engine is a stand-in, and the Adversary's key is pinned.
pub(super) fn passed() -> Steps {
    let world = World::new();
    engine::listen(&world.path("engine.sock"));
    world.open(GUARD);
    let socket = world.path("engine.sock").to_string_lossy().into_owned();
    world.write(CONTRACT, &world.read(CONTRACT).replace("/nonexistent/docker.sock", &socket));
    world.adopt();
    world.claim();
    world.pass();
    let steps = Steps { world };
    steps.pin();
    steps
}

/// The Adversary says something and publishes it on its branch.
pub(super) fn object(world: &World, objection: &[&str]) {
    world.run_in("adversary", objection).expect(0, "");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
}

/// The Builder pulls, takes everything from the first of these words on out of REVIEW, and pushes: no force, nothing signed.
fn cut(world: &World, from: &str) {
    world.git("builder", &["pull", "-q", "--rebase"]);
    let text = world.read(REVIEW);
    world.write(REVIEW, &text[..text.find(from).expect("it is there")]);
    world.git("builder", &["commit", "-qam", "docs: tidy"]);
    world.git("builder", &["push", "-q", "origin", "HEAD"]);
}

#[test]
fn a_branch_of_ones_own_hides_no_objection() {
    for objection in TOLD {
        let steps = passed();
        let world = &steps.world;
        object(world, objection);
        world.git("builder", &["checkout", "-q", "-b", "mine"]);
        world.git("builder", &["push", "-q", "-u", "origin", "mine"]);
        let done = steps.builder(&["builder", "done"]).expect(10, "is on branch main of the remote");
        assert!(done.stderr.contains("Hint: git merge "), "{}", done.stderr);
        steps.builder(&["builder", "claim", "M1"]).expect(10, "on branch main");
        steps.builder(&["check", "--against"]).expect(30, "on branch main");
        steps.builder(&["sync"]).expect(0, "! ").expect(0, "on branch main");
        steps.builder(&["status"]).expect(0, "M1");
        // The branch may go: what was seen there stays known.
        world.git("origin.git", &["update-ref", "-d", "refs/heads/main"]);
        steps.builder(&["builder", "done"]).expect(10, "that was there before");
        let merge = done.stderr.split("Hint: git merge ").nth(1).and_then(|rest| rest.split(',').next());
        world.git("builder", &["merge", "-q", "--no-edit", merge.expect("a commit")]);
        steps.builder(&["sync"]).expect(0, "pushed");
        let done = steps.builder(&["builder", "done"]).expect(10, "is not done");
        assert!(!done.stderr.contains("on branch"), "{}", done.stderr);
    }
}

#[test]
fn what_was_withdrawn_on_another_branch_is_no_objection() {
    let steps = passed();
    let world = &steps.world;
    let raised = world.run_in("adversary", TOLD[0]).expect(0, "raised");
    let id = raised.stdout.split(['(', ')']).nth(1).expect("an id").to_owned();
    world.run_in("adversary", &["adversary", "veto", "lift", &id, "--reason", "over"]).expect(0, "lifted");
    world.run_in("adversary", TOLD[2]).expect(0, "");
    world.run_in("adversary", &["adversary", "finding", "close", "A1", "--reason", "mended"]).expect(0, "");
    world.run_in("adversary", &["sync"]).expect(0, "pushed");
    world.git("builder", &["checkout", "-q", "-b", "mine"]);
    world.git("builder", &["push", "-q", "-u", "origin", "mine"]);
    steps.builder(&["builder", "done"]).expect(0, "is done");
}

#[test]
fn claims_of_a_branch_that_was_left_behind_close_nothing() {
    let steps = passed();
    let world = &steps.world;
    world.git("builder", &["checkout", "-q", "-b", "aside"]);
    steps.builder(&["builder", "claim", "M1"]).expect(0, "is claimed");
    steps.builder(&["sync"]).expect(0, "pushed");
    world.git("builder", &["checkout", "-q", "main"]);
    steps.builder(&["builder", "done"]).expect(0, "is done");
}

#[test]
fn a_stranger_on_another_branch_has_no_voice() {
    let steps = passed();
    let world = &steps.world;
    // Somebody who may push begins the phase again on a branch, with keys of their own, and objects to it there.
    world.git(".", &["clone", "-q", "origin.git", "stranger"]);
    world.git("stranger", &["checkout", "-q", "-b", "theirs", "HEAD~3"]);
    let other = World::claimed();
    other.run_in("adversary", TOLD[0]).expect(0, "raised");
    let docs = other.path("adversary/machine-docs");
    fs::remove_dir_all(world.path("stranger/machine-docs")).ok();
    let copied = std::process::Command::new("cp").arg("-a").args([docs, world.path("stranger/machine-docs")]).status();
    assert!(copied.is_ok_and(|status| status.success()));
    world.git("stranger", &["add", "-A"]);
    world.git("stranger", &["commit", "-qm", "theirs"]);
    world.git("stranger", &["push", "-q", "origin", "theirs"]);
    steps.builder(&["builder", "done"]).expect(0, "is done");
}

#[test]
fn what_a_plain_commit_cuts_off_is_missed_by_everybody() {
    for objection in TOLD {
        let steps = passed();
        let world = &steps.world;
        let size = world.read(REVIEW).len();
        object(world, objection);
        world.git("builder", &["pull", "-q", "--rebase"]);
        let from = world.read(REVIEW)[size..].to_owned();
        cut(world, &from);
        let cut = world.git("builder", &["rev-parse", "--short=12", "HEAD"]);
        for command in [&["builder", "done"][..], &["builder", "claim", "M1"], &["check"], &["check", "--against"]] {
            let answer = steps.builder(command).expect(30, "is in the history and in no document");
            assert!(answer.stderr.contains(&cut), "{command:?}: {}", answer.stderr);
        }
        steps.builder(&["sync"]).expect(30, "is in the history and in no document");
        world.git(".", &["clone", "-q", "origin.git", "fresh"]);
        world.run_as("builder", "fresh", &["builder", "claim", "M1"]).expect(30, &cut);
        world.git("adversary", &["pull", "-q", "--rebase"]);
        // This clone knows it from the history or from what it saw of the remote: either names the way back.
        world.run_in("adversary", &["adversary", "pass", "M1"]).expect(30, "countersign check --repair");
        let proposed = world.run_as("builder", "fresh", &["check", "--repair"]).expect(0, "brings back").stdout;
        let digest = proposed.trim().rsplit(' ').next().expect("a digest").to_owned();
        world.run_as("builder", "fresh", &["check", "--repair", "--yes", &digest]).expect(0, "written");
        world.run_as("builder", "fresh", &["sync"]).expect(0, "pushed");
        world.git("builder", &["pull", "-q", "--rebase"]);
        steps.builder(&["builder", "done"]).expect(10, "is not done");
    }
}

#[test]
fn what_a_merge_drops_is_missed() {
    for side in ["ours", "theirs"] {
        let steps = passed();
        let world = &steps.world;
        world.git(".", &["clone", "-q", "origin.git", "other"]);
        object(world, TOLD[2]);
        // A second clone of the Adversary's settles a conflict by dropping one side.
        world.run_as("adversary", "other", TOLD[0]).expect(0, "raised");
        world.git("other", &["commit", "-qam", "veto"]);
        world.git("other", &["fetch", "-q"]);
        let theirs = world.git("other", &["rev-parse", "origin/main"]);
        let (one, kept) = if side == "ours" { ("HEAD", "HEAD") } else { ("HEAD", theirs.as_str()) };
        let tree = world.git("other", &["rev-parse", &format!("{kept}^{{tree}}")]);
        let parents = ["-p", one, "-p", theirs.as_str()];
        let merged = world.git("other", &[&["commit-tree", &tree, "-m", "merged"], &parents[..]].concat());
        world.git("other", &["reset", "-q", "--hard", &merged]);
        let lost = if side == "ours" { "finding" } else { "veto" };
        let answer = world.run_as("adversary", "other", &["check"]).expect(30, "is in the history and in no document");
        assert!(answer.stderr.contains(&format!(": {lost} ")), "{side}: {}", answer.stderr);
        world.run_as("adversary", "other", &["sync"]).expect(30, "are not published");
    }
}

#[test]
fn a_remote_that_was_forced_gets_back_what_it_had_and_says_so() {
    let steps = passed();
    let world = &steps.world;
    let old = world.git("origin.git", &["rev-parse", "main"]);
    object(world, TOLD[0]);
    let new = world.git("origin.git", &["rev-parse", "--short=12", "main"]);
    world.git("builder", &["push", "-q", "--force", "origin", &format!("{old}:main")]);
    let said = world.run_in("adversary", &["sync"]).expect(0, "the remote's branch had been forced: it was ");
    for words in [&*new, &old[..12], "put back 1 commits with veto "] {
        assert!(said.stdout.contains(words), "{words} in {}", said.stdout);
    }
    world.run_in("adversary", &["sync"]).expect(0, "nothing to be pushed");
}

#[test]
fn damage_that_the_remote_lacks_is_not_published_and_damage_that_it_has_keeps_nothing_back() {
    let steps = passed();
    let world = &steps.world;
    let damaged = world.read(REVIEW).replacen("cold-verified", "warm-verified", 1);
    world.write(REVIEW, &damaged);
    world.git("builder", &["commit", "-qam", "a person settled something"]);
    steps.builder(&["sync"]).expect(30, "that the remote's have not, and are not published");
    assert!(!world.git("origin.git", &["log", "-1", "--format=%s", "main"]).contains("settled"));
    world.git("builder", &["push", "-q", "origin", "HEAD:main"]);
    world.run_in("adversary", &["sync"]).expect(30, "pulled").expect(30, "not whole");
    world.run_in("adversary", TOLD[0]).expect(0, "raised");
    world.run_in("adversary", &["sync"]).expect(30, "pushed").expect(30, "not whole");
    let published = world.git("origin.git", &["show", "main:machine-docs/REVIEW-demo.md"]);
    assert!(published.contains("## VETO wait"), "{published}");
    // Mended by another clone: who is only behind takes that in.
    world.git(".", &["clone", "-q", "origin.git", "other"]);
    let file = "other/machine-docs/REVIEW-demo.md";
    world.write(file, &world.read(file).replacen("warm-verified", "cold-verified", 1));
    world.git("other", &["commit", "-qam", "as it was signed"]);
    world.git("other", &["push", "-q", "origin", "HEAD:main"]);
    for clone in ["builder", "adversary"] {
        world.run_in(clone, &["check"]).expect(30, "REVIEW-demo.md");
        world.run_in(clone, &["sync"]).expect(0, "nothing to be committed; pulled; nothing to be pushed");
        world.run_in(clone, &["check"]).expect(0, "every byte, signature and link");
    }
}

#[test]
fn a_tag_that_is_called_like_the_branch_diverts_nothing() {
    let steps = passed();
    let world = &steps.world;
    world.git("builder", &["push", "-q", "origin", "HEAD:refs/tags/main"]);
    world.git("adversary", &["fetch", "-q", "--tags"]);
    object(world, TOLD[0]);
    assert_eq!(world.git("origin.git", &["for-each-ref", "--format=%(refname)", "refs/heads"]), "refs/heads/main");
    steps.builder(&["builder", "done"]).expect(10, "wait");
}

#[test]
fn a_branch_of_a_name_that_is_a_payload_is_only_named() {
    let steps = passed();
    let world = &steps.world;
    object(world, TOLD[0]);
    let name = "refs/heads/--upload-pack=touch\u{202e}$(touch${IFS}pwn);x";
    let tip = world.git("origin.git", &["rev-parse", "main"]);
    world.git("origin.git", &["update-ref", name, &tip]);
    world.git("builder", &["checkout", "-q", "-b", "mine"]);
    world.git("builder", &["push", "-q", "-u", "origin", "mine"]);
    let done = steps.builder(&["builder", "done"]).expect(10, "VETO wait");
    assert!(!done.all().contains('\u{202e}') && done.stderr.contains("Hint: git merge "), "{}", done.stderr);
    assert!(!world.path("builder/pwn").exists());
}

#[test]
fn a_revision_that_is_none_is_named_with_those_that_are() {
    let steps = passed();
    let answer = steps.builder(&["check", "--against", "nonsense"]).expect(2, "`nonsense` names no commit");
    assert!(answer.stderr.contains("origin/main"), "{}", answer.stderr);
    steps.builder(&["check", "--against=--upload-pack=touch x"]).expect(2, "names no commit");
    // Git takes a tag before a branch of the same name.
    for (tag, branch) in [("main", "refs/heads/main"), ("origin/main", "refs/remotes/origin/main")] {
        steps.world.git("builder", &["tag", tag, "HEAD"]);
        steps
            .builder(&["check", "--against", tag])
            .expect(2, &format!("`{tag}` is a tag and a branch"))
            .expect(2, &format!("for the branch: {branch}"));
        steps.builder(&["check", "--against", branch]).expect(0, "none is gone");
        steps.world.git("builder", &["tag", "-d", tag]);
    }
}

#[test]
fn what_git_is_in_the_middle_of_is_named_with_the_command_that_ends_it() {
    let steps = passed();
    let world = &steps.world;
    let git = |args: &[&str]| world.git("builder", args);
    git(&["switch", "-q", "-c", "side"]);
    world.write("builder/f", "a\n");
    world.commit("builder", "a");
    git(&["switch", "-q", "main"]);
    world.write("builder/f", "b\n");
    world.commit("builder", "b");
    steps.builder(&["builder", "note", "x"]).expect(0, "Note");
    let head = git(&["rev-parse", "HEAD"]);
    let mut merge = world.command("git", "builder", "none");
    assert!(!merge.args(["merge", "-q", "side"]).output().expect("runs").status.success());
    steps.builder(&["sync"]).expect(2, "a merge is under way").expect(2, "git merge --abort");
    git(&["merge", "--abort"]);
    let mut rebase = world.command("git", "builder", "none");
    git(&["stash", "-q"]);
    assert!(!rebase.args(["rebase", "-q", "side"]).output().expect("runs").status.success());
    steps.builder(&["sync"]).expect(2, "a rebase is under way").expect(2, "git rebase --continue");
    git(&["rebase", "--abort"]);
    git(&["stash", "pop", "-q"]);
    world.write("builder/.git/index.lock", "");
    steps.builder(&["sync"]).expect(75, "index.lock").expect(75, "rm ");
    fs::remove_file(world.path("builder/.git/index.lock")).expect("removed");
    git(&["checkout", "-q", "--detach"]);
    steps.builder(&["sync"]).expect(2, "HEAD is on no branch").expect(2, "git switch");
    git(&["switch", "-q", "main"]);
    assert_eq!(git(&["rev-parse", "HEAD"]), head);
}
