//! The repository, its phase, contract and documents.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use rustix::fs::{Access, access};

use super::line::Line;
use crate::commands::open::{self, Session};
use crate::commands::status::strays;
use crate::context::Context;
use crate::docs::store::DIRECTORY;
use crate::error::Exit;
use crate::gates::reason::Class;
use crate::git::Repository;

/// Looks; gives the session where a phase can be opened.
pub fn look(context: &Context, lines: &mut Vec<Line>) -> Option<Session> {
    let repository = match open::repository(context) {
        Ok(repository) => repository,
        Err(error) => {
            lines.push(Line::refused(
                "repository",
                &error,
                "a clone of this user's own, with a work tree and a commit",
            ));
            return None;
        }
    };
    lines.push(Line::ok("repository", repository.root.display().to_string()));
    ownership(context, &repository, lines);
    author(&repository, lines);
    if let Err(error) = open::phase(context, &repository) {
        lines.push(Line::refused("phase", &error, "one phase, or one that is named"));
        return None;
    }
    let session = match Session::open(context) {
        Ok(session) => session,
        Err(error) => {
            lines.push(Line::refused("contract", &error, "a contract without defects"));
            return None;
        }
    };
    documents(&session, lines);
    Some(session)
}

/// Whose the repository is: git of another user leaves files in it that this one cannot replace.
fn ownership(context: &Context, repository: &Repository, lines: &mut Vec<Line>) {
    let documents = repository.root.join(DIRECTORY);
    let places = [&repository.root, &repository.common_dir, &documents];
    for place in places.into_iter().filter(|place| place.exists()) {
        let what = "repository's owner";
        match fs::metadata(place) {
            Err(error) => lines.push(Line::unknown(what, format!("{}: {error}", place.display()), "ls -ld DIR")),
            Ok(metadata) if metadata.uid() != context.uid() => {
                let found =
                    format!("{} belongs to uid {}, this is uid {}", place.display(), metadata.uid(), context.uid());
                let next = format!("work as uid {}, or in a clone of your own", metadata.uid());
                lines.push(Line::wrong(Exit::Write, what, found, "one owner for clone and user", next));
                return;
            }
            Ok(_) if access(place, Access::WRITE_OK).is_err() => {
                let found = format!("{} cannot be written", place.display());
                lines.push(Line::wrong(Exit::Write, what, found, "a clone that can be written", "mount, ls -ld DIR"));
                return;
            }
            Ok(_) => {}
        }
    }
    lines.push(Line::ok("repository's owner", format!("uid {}, and it can be written", context.uid())));
}

fn author(repository: &Repository, lines: &mut Vec<Line>) {
    lines.push(match repository.identity() {
        // git writes the time after the address.
        Ok(name) => Line::ok("git's author", format!("{}>", name.split('>').next().unwrap_or_default())),
        Err(error) => {
            let next = "git config user.name NAME, git config user.email ADDRESS";
            Line::wrong(Exit::Usage, "git's author", error.to_string(), "a name for the commits of `sync`", next)
        }
    });
}

fn documents(session: &Session, lines: &mut Vec<Line>) {
    let gathered = match session.gather(false) {
        Ok(gathered) => gathered,
        Err(error) => {
            lines.push(Line::refused("documents", &error, "the four documents"));
            return;
        }
    };
    let report = session.evaluate(&gathered);
    let contract = &session.contract;
    let name = format!("version {} ({})", contract.version, contract.digest.short());
    lines.push(match report.general.iter().find(|reason| reason.class == Class::Contract) {
        // A phase that is being opened is not adopted yet: nothing is wrong with that.
        Some(reason) if report.in_force.is_none() => {
            Line::advice("contract", &reason.found, &reason.wanted, &reason.next)
        }
        Some(reason) => Line::wrong(Exit::Contract, "contract", &reason.found, &reason.wanted, &reason.next),
        None => Line::ok("contract", format!("{name}, adopted by both roles")),
    });
    lines.push(match report.general.iter().find(|reason| reason.class == Class::Invalid) {
        Some(reason) => Line::wrong(Exit::Invalid, "documents", &reason.found, &reason.wanted, &reason.next),
        None => Line::ok("documents", format!("{} records, no defect", gathered.records.len())),
    });
    let strays = strays(&session.repository.root);
    if !strays.is_empty() {
        let found = format!("outside {DIRECTORY}/, read by nothing: {}", strays.join(", "));
        lines.push(Line::advice("stray documents", found, "documents in one place", "git mv or git rm them"));
    }
}
