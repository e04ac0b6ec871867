//! `git.pushed`: the subject is clean and on the remote's branch, which was not forced; or another checkout is at the subject
//! tree and clean.

use std::path::Path;
use std::time::Duration;

use crate::git::{GitError, Repository};
use crate::model::contract::Params;
use crate::probes::seen::Seen;

/// How long the remote may take; the criterion's own timeout is the outer bound.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks.
pub fn look(repository: &Repository, params: &Params) -> Seen {
    match params.text("repo") {
        None => own(repository, params),
        Some(path) => other(repository, Path::new(path)),
    }
}

fn unknown(error: &GitError) -> Seen {
    Seen::unknown(error.to_string())
}

fn own(repository: &Repository, params: &Params) -> Seen {
    let subject = match repository.subject() {
        Ok(subject) => subject,
        Err(error) => return unknown(&error),
    };
    match repository.differences() {
        Err(error) => return unknown(&error),
        Ok(dirt) if !dirt.is_empty() => {
            return Seen::failed(format!(
                "{} files differ from HEAD, first {}: wanted a clean tree; git commit",
                dirt.len(),
                dirt[0]
            ));
        }
        Ok(_) => {}
    }
    let remote = params.text("remote").unwrap_or("origin");
    let Some(branch) = params.text("branch").map(str::to_owned).or_else(|| repository.branch()) else {
        return Seen::unknown("HEAD is detached and the criterion names no branch");
    };
    let tip = match repository.ask(remote, &branch, PATIENCE) {
        Ok(tip) => tip,
        Err(error) => return unknown(&error),
    };
    if tip.forced {
        let tip = &tip.known;
        return Seen::failed(format!(
            "{remote}'s {branch} was forced: what was there before ({tip}) is not in its history; countersign sync settles it"
        ));
    }
    match repository.is_ancestor(&subject.commit, &tip.commit) {
        Err(error) => unknown(&error),
        Ok(false) => Seen::failed(format!(
            "commit {} is not on {remote}'s {branch} ({}): git push",
            subject.commit.short(),
            tip.commit.short()
        )),
        Ok(true) => match repository.subject_at(&tip.reference) {
            Err(error) => unknown(&error),
            Ok(there) if there.tree != subject.tree => Seen::failed(format!(
                "{remote}'s {branch} has subject tree {}, and here it is {}: pull",
                there.tree.short(),
                subject.tree.short()
            )),
            Ok(_) => Seen::held(format!("subject {} is on {remote}'s {branch}", subject.commit.short()))
                .fact("tree", subject.tree.to_string())
                .fact("on_remote", true)
                .reading("remote_tip", tip.commit.to_string())
                .raw(format!(
                    "subject commit {}\nsubject tree {}\nremote tip {}\n",
                    subject.commit, subject.tree, tip.commit
                )),
        },
    }
}

fn other(repository: &Repository, path: &Path) -> Seen {
    let wanted = match repository.subject() {
        Ok(subject) => subject,
        Err(error) => return unknown(&error),
    };
    if !path.is_dir() {
        return Seen::unknown(format!("checkout {} is not there, or is no directory", path.display()));
    }
    let there = match Repository::discover(path, repository.credentials.clone()) {
        Ok(there) => there,
        Err(error) => return unknown(&error),
    };
    match (there.subject(), there.differences()) {
        (Err(error), _) | (_, Err(error)) => unknown(&error),
        (Ok(subject), _) if subject.tree != wanted.tree => Seen::failed(format!(
            "checkout {} has subject tree {}; wanted {}: git -C {} pull",
            path.display(),
            subject.tree.short(),
            wanted.tree.short(),
            path.display()
        )),
        (_, Ok(dirt)) if !dirt.is_empty() => Seen::failed(format!(
            "checkout {} differs from its HEAD in {} files, first {}",
            path.display(),
            dirt.len(),
            dirt[0]
        )),
        (Ok(subject), Ok(_)) => Seen::held(format!("checkout {} is at the subject tree, clean", path.display()))
            .fact("tree", subject.tree.to_string())
            .raw(format!("{}: subject commit {}, tree {}\n", path.display(), subject.commit, subject.tree)),
    }
}
